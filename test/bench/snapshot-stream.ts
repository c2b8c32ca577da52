/**
 * Snapshots of growing length, streamed from one member to another that keeps nothing of them: what that takes of
 * memory.
 */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { MessageType, type NodeId, newMessage } from '@raft-ts/proto';
import { HttpTransport, type SnapshotStore } from '@raft-ts/rafthttp';
import { collectGarbage, print } from './workload.js';

const PIECE: Uint8Array = new Uint8Array(1 << 20).fill(0x78);
const [SENDER, RECEIVER] = [1n, 2n];

const done = (): Promise<void> => Promise.resolve();
let received = 0;
const drain: SnapshotStore = {
  removeRemains: done,
  create: () =>
    Promise.resolve({
      write: (chunk) => {
        received += chunk.length;
        return done();
      },
      commit: done,
      abort: done,
    }),
  freeBytes: () => Promise.resolve(undefined),
};

function newMember(id: NodeId): HttpTransport {
  const nothing = (): void => undefined;
  return new HttpTransport({
    id,
    clusterId: 0x1000n,
    snapshots: drain,
    receiver: { process: nothing, isIdRemoved: () => false, reportUnreachable: nothing, reportSnapshot: nothing },
  });
}

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield PIECE;
}

const { values } = parseArgs({ options: { mib: { type: 'string', default: '64,1024,6144' } } });
const [sender, receiver] = [newMember(SENDER), newMember(RECEIVER)];
const { url } = await receiver.serve({ host: '127.0.0.1', port: 0 });
sender.addRemote(RECEIVER, [url]);
const results: object[] = [];
for (const mib of values.mib.split(',').map(Number)) {
  const message = newMessage(MessageType.MsgSnap, RECEIVER);
  message.from = SENDER;
  message.term = 1;
  const confState = {
    voters: [SENDER, RECEIVER],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  message.snapshot = { data: undefined, metadata: { index: 9, term: 1, confState } };
  collectGarbage();
  await sleep(100);
  received = 0;
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  const began = performance.now();
  const size = mib * PIECE.length;
  const status = await sender.sendSnapshot(message, { size, chunks: pieces(mib) });
  const seconds = (performance.now() - began) / 1000;
  clearInterval(watch);
  if (status !== 'finish' || received !== size) throw new Error(`${status}: ${received} of ${size} bytes`);
  results.push({ mib, mb_per_s: Math.round(size / seconds / 1e6), resident_mib: Math.round(peak / 2 ** 20) });
}
print('snapshot-stream', results);
await Promise.all([sender.stop(), receiver.stop()]);
