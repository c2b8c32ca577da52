import type { NodeId } from '@raft-ts/raft';
import { refuseOption } from './arguments.js';
import type { MemberAddress } from './contracts.js';

/**
 * Checks a list of founders. What it gets wrong shows only when it is too late: members would wait for each other for
 * ever.
 * @throws ERR_RAFT_REPLICA_OPTIONS for the option of this name
 */
export function checkPeers(option: string, peers: readonly (MemberAddress | null)[]): void {
  const ids = new Set<NodeId>();
  const urls = new Set<string>();
  for (const [i, peer] of peers.entries()) {
    const { id, url } = peer ?? {};
    if (typeof id !== 'bigint' || id <= 0n) refuseOption(option, `peers[${i}].id must be a bigint above 0, such as 1n`);
    if (typeof url !== 'string') refuseOption(option, `peers[${i}].url must be a string`);
    if (ids.has(id)) refuseOption(option, `two of the peers have the id ${id}`);
    if (url !== '' && urls.has(url)) refuseOption(option, `two of the peers have the address ${url}`);
    ids.add(id);
    urls.add(url);
  }
}
