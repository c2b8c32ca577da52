/**
 * What a peer that stops reading costs the others: one member sends appends to two peers in processes of their own,
 * first while both read, then while one of them is stopped (SIGSTOP), then while both read again. Throughput to the
 * other one, and memory, of both parts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Message, MessageType, newMessage } from '@raft-ts/proto';
import { HttpTransport } from '@raft-ts/rafthttp';
import { collectGarbage, perSecond, print } from './workload.js';

const [SENDER, HEALTHY, STALLED] = [1n, 2n, 3n];
const WINDOW = 64;
/** The healthy peer gets so many messages for each one of the stalled peer. */
const SHARE = 4;

function append(to: bigint, index: number, data: Uint8Array): Message {
  const one = newMessage(MessageType.MsgApp, to);
  one.from = SENDER;
  one.term = 1;
  one.logTerm = 1;
  one.index = index;
  one.entries = [{ type: 0, term: 1, index: index + 1, data }];
  return one;
}

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, size: { type: 'string', default: '256' } },
});
const seconds = Number(values.seconds);
const size = Number(values.size);

let acked = 0;
let wake: () => void = () => undefined;
const transport = new HttpTransport({
  id: SENDER,
  clusterId: 0x1000n,
  incarnation: false,
  receiver: {
    process: ({ from, index }) => {
      if (from !== HEALTHY) return;
      acked = index;
      wake();
    },
    isIdRemoved: () => false,
    reportUnreachable: () => undefined,
    reportSnapshot: () => undefined,
  },
});
const { url } = await transport.serve({ host: '127.0.0.1', port: 0 });
const program = fileURLToPath(new URL('./transport.js', import.meta.url));
const children = await Promise.all(
  [HEALTHY, STALLED].map(async (id) => {
    const child = spawn(process.execPath, [program, '--receiver-for', url, '--id', String(id)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    transport.addPeer(id, [(JSON.parse(line) as { url: string }).url]);
    return child;
  }),
);
const stalled = children[1] as (typeof children)[number];

const data = new Uint8Array(size).fill(0x78);
let sent = 0;

/** Messages a second that the healthy peer acknowledges. */
async function measure(lengthMs: number): Promise<{ rate: number; peakBytes: number }> {
  const began = performance.now();
  const before = acked;
  let peakBytes = 0;
  let nextLook = began;
  while (performance.now() - began < lengthMs) {
    if (sent - acked < WINDOW) {
      sent++;
      transport.send([append(HEALTHY, sent, data)]);
      if (sent % SHARE === 0) transport.send([append(STALLED, sent, data)]);
      continue;
    }
    // To ask for it takes as long as several messages.
    if (performance.now() > nextLook) {
      peakBytes = Math.max(peakBytes, process.memoryUsage().rss);
      nextLook += 100;
    }
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  return { rate: perSecond(acked - before, (performance.now() - began) / 1000), peakBytes };
}

// The receiver counts anew, and acknowledges each sixteenth.
const reset = newMessage(MessageType.MsgTimeoutNow, HEALTHY);
Object.assign(reset, { from: SENDER, term: 1, index: WINDOW / 4 });
await sleep(1000);
transport.send([reset]);
await sleep(1000);
acked = 0;
await measure(5000);
collectGarbage();
const before = await measure((seconds * 1000) / 4);
stalled.kill('SIGSTOP');
const during = await measure(seconds * 1000);
stalled.kill('SIGCONT');
await sleep(2000);
// Before and after, because the machine may change its speed in these minutes.
const after = await measure((seconds * 1000) / 4);
const usual = (before.rate + after.rate) / 2;
print('stalled-peer', [
  {
    seconds,
    entry_bytes: size,
    before_per_s: before.rate,
    during_per_s: during.rate,
    after_per_s: after.rate,
    share: Math.round((during.rate / usual) * 100) / 100,
    memory_growth_mib: Math.round((during.peakBytes - before.peakBytes) / 2 ** 20),
  },
]);
for (const child of children) child.stdin.end();
await Promise.all([...children.map((child) => once(child, 'exit')), transport.stop()]);
