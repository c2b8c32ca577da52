/** What a message between members costs in clusters of 3 to 51, in processor time: RawNodes in one thread, no I/O. */
import { RawCluster } from './raw-cluster.js';
import { collectGarbage, print, workloadFlags } from './workload.js';

const SIZES = [3, 7, 25, 51];
const IN_FLIGHT = 64;

/** @param messages about so many are measured, in every cluster alike */
function measure(members: number, messages: number, size: number): object {
  const cluster = new RawCluster('plain', members);
  cluster.elect();
  const data = new Uint8Array(size).fill(0x78);
  // The leader and each follower exchange an append and an answer for the entry, and two more for its commit.
  const n = Math.ceil(messages / (4 * (members - 1)));
  cluster.propose(n, IN_FLIGHT, data);
  collectGarbage();
  const before = cluster.messages;
  const began = process.cpuUsage();
  cluster.propose(2 * n, IN_FLIGHT, data);
  const { user, system } = process.cpuUsage(began);
  const stepped = cluster.messages - before;
  return { members, messages: stepped, ns_per_message: Math.round(((user + system) * 1000) / stepped) };
}

const { n, size } = workloadFlags();
print(
  'members',
  SIZES.map((members) => measure(members, n ?? 1_000_000, size)),
);
