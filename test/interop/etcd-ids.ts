/** How etcd names its members and clusters, and the entries that its clusters are born with. */
import { createHash } from 'node:crypto';
import { ConfChangeType, type Entry, EntryType, encodeConfChange, type NodeId } from '@raft-ts/proto';

/** A member as etcd's flags name it. */
export interface EtcdMember {
  readonly name: string;
  readonly id: NodeId;
  readonly peerUrls: readonly string[];
}

function firstBytesOfHash(...parts: readonly (string | Uint8Array)[]): bigint {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest().readBigUInt64BE(0);
}

/** Of a member that the cluster is born with. One that is added later gets another, from the time too. */
export function memberId(peerUrls: readonly string[], token: string): NodeId {
  return firstBytesOfHash([...peerUrls].sort().join(''), token);
}

export function clusterId(members: readonly NodeId[]): bigint {
  const ids = [...members]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((id) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(id);
      return bytes;
    });
  return firstBytesOfHash(...ids);
}

/** One change for each member, in ascending order of ids, as every member of a new cluster writes them for itself. */
export function firstEntries(members: readonly EtcdMember[]): Entry[] {
  const inOrder = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  return inOrder.map(({ id, name, peerUrls }, i) => {
    // JSON of this project's numbers would lose digits of the id.
    const context = `{"id":${id},"peerURLs":${JSON.stringify(peerUrls)},"name":${JSON.stringify(name)}}`;
    const change = {
      type: ConfChangeType.ConfChangeAddNode,
      nodeId: id,
      id: 0n,
      context: new TextEncoder().encode(context),
    };
    return {
      type: EntryType.EntryConfChange,
      term: 1,
      index: i + 1,
      data: encodeConfChange(change, { explicit: true }),
    };
  });
}
