/** The `codec` workload of test/reference/README.md: messages to bytes and back. */
import {
  decodeMessage,
  EntryType,
  encodeMessage,
  type Message,
  MessageType,
  messageSize,
  newMessage,
} from '@raft-ts/proto';
import { encodeMessageInto } from '@raft-ts/proto/internal';
import { collectGarbage, print, workloadFlags } from './workload.js';

/** Shortest time that a batch of a case may take. */
const BATCH_MS = 500;

function heartbeat(): Message {
  const m = newMessage(MessageType.MsgHeartbeat, 2n);
  m.from = 1n;
  m.term = 7;
  m.commit = 123_456;
  return m;
}

function appendOf(count: number, size: number): Message {
  const last = 1_000_000;
  const m = newMessage(MessageType.MsgApp, 2n);
  m.from = 1n;
  m.term = 7;
  m.logTerm = 7;
  m.index = last;
  m.commit = last - 1;
  m.entries = Array.from({ length: count }, (_, i) => ({
    type: EntryType.EntryNormal,
    term: 7,
    index: last + 1 + i,
    data: new Uint8Array(size).fill(i),
  }));
  return m;
}

const cases = {
  heartbeat: heartbeat(),
  'app-1x256': appendOf(1, 256),
  'app-64x256': appendOf(64, 256),
  'app-1x65536': appendOf(1, 65_536),
};

// What an operation gives is kept, so that the optimizer cannot leave the operation out.
let kept: unknown;

/** Doubles the count until one batch takes long enough, and reports that batch. */
function measure(message: string, op: string, bytes: number, run: () => unknown): object {
  for (let n = 64; ; n *= 2) {
    collectGarbage();
    const began = performance.now();
    for (let i = 0; i < n; i++) kept = run();
    const ms = performance.now() - began;
    if (ms >= BATCH_MS && kept !== undefined) {
      return { message, op, encoded_bytes: bytes, ns_per_op: Math.round((ms * 1e7) / n) / 10 };
    }
  }
}

const { only } = workloadFlags();
const results: object[] = [];
for (const [name, m] of Object.entries(cases)) {
  if (only !== undefined && only !== name) continue;
  const wire = encodeMessage(m);
  const buffer = new Uint8Array(messageSize(m));
  results.push(
    measure(name, 'encode', wire.length, () => encodeMessage(m)),
    measure(name, 'encode-into-reused-buffer', wire.length, () => encodeMessageInto(m, buffer, 0)),
    measure(name, 'decode', wire.length, () => decodeMessage(wire)),
  );
}
print('codec', results);
