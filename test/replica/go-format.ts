import { type NodeId, RaftError } from '@raft-ts/raft';
import {
  type EntryContent,
  ERR_ENTRY_FORMAT,
  ERR_SNAPSHOT_FORMAT,
  type Format,
  type RequestId,
  type SnapshotHead,
} from '@raft-ts/replica';
import { collect } from '@raft-ts/replica/internal';

/** What clients of the Go member of test/reference ask for. */
export interface KvCommand {
  readonly op: string;
  readonly key: string;
  readonly value?: string;
  readonly ifIndex?: number;
}

interface GoEntry extends KvCommand {
  readonly id: string;
}

interface GoSnapshot {
  readonly kv: Readonly<Record<string, readonly [value: string, index: number]>>;
  readonly members: Readonly<Record<string, string>>;
  readonly removed: readonly (number | bigint)[] | null;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The format of the Go member of test/reference: with it a replica reads and writes that member's log. */
export const goFormat: Format<KvCommand> = {
  encode(content: EntryContent<KvCommand>, { member, boot, sequence }: RequestId & { readonly member: NodeId }) {
    if (content.kind !== 'command' || content.place !== undefined)
      throw new RaftError(ERR_ENTRY_FORMAT, 'the Go member knows no sessions, reservations or promises');
    const { op, key, value, ifIndex } = content.command;
    const id = `${member}-${boot.toString(36)}-${sequence}`;
    return encoder.encode(JSON.stringify({ op, key, value, ifIndex, id }));
  },

  decode(data) {
    const entry = JSON.parse(decoder.decode(data)) as GoEntry | null;
    if (typeof entry !== 'object' || entry === null || typeof entry.op !== 'string' || typeof entry.key !== 'string') {
      return undefined;
    }
    const { op, key, value = '', ifIndex, id } = entry;
    const command = { op, key, value, ...(ifIndex === undefined ? {} : { ifIndex }) };
    return { content: { kind: 'command', command }, request: requestOf(id) };
  },

  async *wrap(head: SnapshotHead, state) {
    yield encoder.encode('{"kv":');
    yield* state;
    const members = Object.fromEntries(head.members.map(([id, url]) => [String(id), url]));
    // Ids are numbers of 64 bits there, which JSON.stringify does not write.
    yield encoder.encode(`,"members":${JSON.stringify(members)},"removed":[${head.removed.join(',')}]}`);
  },

  async unwrap(chunks) {
    let found: GoSnapshot;
    try {
      found = JSON.parse(decoder.decode(await collect(chunks))) as GoSnapshot;
    } catch (cause) {
      throw new RaftError(ERR_SNAPSHOT_FORMAT, 'this is no snapshot of a Go member', { cause });
    }
    const ids = Object.keys(found.members).map(BigInt);
    const members = ids
      .sort((a, b) => (a < b ? -1 : 1))
      .map((id): [NodeId, string] => [id, found.members[String(id)] ?? '']);
    const removed = (found.removed ?? []).map(BigInt);
    const lastId = [...ids, ...removed].reduce((last, id) => (id > last ? id : last), 0n);
    async function* state(): AsyncGenerator<Uint8Array, void> {
      yield encoder.encode(JSON.stringify(found.kv));
    }
    const head: SnapshotHead = { members, removed, lastId, promising: [], features: 0, sessions: [] };
    return { state: state(), head: () => Promise.resolve(head) };
  },
};

function requestOf(id: string): RequestId | undefined {
  const [, boot, sequence] = /^[0-9]+-([0-9a-z]+)-([0-9]+)$/.exec(id) ?? [];
  if (boot === undefined || sequence === undefined) return undefined;
  return { boot: Number.parseInt(boot, 36), sequence: Number(sequence) };
}
