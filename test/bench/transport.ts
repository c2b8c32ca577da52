/**
 * The `transport` workload of test/reference/README.md: one member sends, another in a process of its own receives,
 * with a fixed number of messages under way. Beside it, in the same run, the same messages as bare frames over
 * node:net.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { encodeMessage, type Message, MessageType, type NodeId, newMessage } from '@raft-ts/proto';
import { HttpTransport } from '@raft-ts/rafthttp';
import { MessageDecoder } from '@raft-ts/rafthttp/internal';
import { collectGarbage, perSecond, print } from './workload.js';

const SENDER = 1n;
const RECEIVER = 2n;

/** A MsgAppResp with this index or more carries percentiles, not a count. */
const END_INDEX = 2 ** 40;

/** Carries messages to the other member, and hands over what comes. */
interface Link {
  send(message: Message): void;
  onMessage: (message: Message) => void;
}

/** Microseconds on the clock that both processes can read. */
function wallMicros(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

class HttpLink implements Link {
  onMessage: (message: Message) => void = () => undefined;
  failures = 0;
  readonly transport: HttpTransport;

  constructor(id: NodeId, busyPollMs: number) {
    this.transport = new HttpTransport({
      id,
      clusterId: 0x1000n,
      busyPollMs,
      receiver: {
        process: (message) => this.onMessage(message),
        isIdRemoved: () => false,
        reportUnreachable: () => {
          this.failures++;
        },
        reportSnapshot: () => undefined,
      },
    });
  }

  send(message: Message): void {
    this.transport.send([message]);
  }
}

/** Length, then message; what is sent within one turn leaves in one write. Nothing else. */
class BareLink implements Link {
  onMessage: (message: Message) => void = () => undefined;
  private readonly socket: Socket;
  private waiting: Uint8Array[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    const decoder = new MessageDecoder();
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      for (const message of decoder.push(chunk)) this.onMessage(message);
    });
    socket.on('error', () => undefined);
  }

  send(message: Message): void {
    const frame = encodeMessage(message, 8);
    const length = new DataView(frame.buffer, frame.byteOffset);
    length.setUint32(0, 0);
    length.setUint32(4, frame.length - 8);
    if (this.waiting.push(frame) === 1) setImmediate(this.flush);
  }

  private readonly flush = (): void => {
    const parts = this.waiting;
    this.waiting = [];
    this.socket.write(Buffer.concat(parts));
  };
}

/** Counts what is measured and acknowledges each so many; see the reference's `receive`. */
function receive(link: Link, id: NodeId = RECEIVER): void {
  let count = 0;
  let ackEvery = 1;
  let samples: number[] = [];
  const reply = (index: number, fields: Partial<Message> = {}): void => {
    const answer = newMessage(MessageType.MsgAppResp, SENDER);
    answer.from = id;
    answer.term = 1;
    answer.index = index;
    link.send(Object.assign(answer, fields));
  };
  link.onMessage = (message) => {
    switch (message.type) {
      case MessageType.MsgHeartbeat:
      case MessageType.MsgApp:
        count++;
        samples.push(wallMicros() - message.commit);
        if (count % ackEvery === 0) reply(count);
        break;
      case MessageType.MsgTimeoutNow:
        count = 0;
        samples = [];
        ackEvery = Math.max(message.index, 1);
        reply(0);
        break;
      case MessageType.MsgTransferLeader: {
        const sorted = Float64Array.from(samples).sort();
        const tenths = (share: number): number =>
          Math.max(0, Math.round((sorted[Math.ceil(sorted.length * share) - 1] ?? 0) * 10));
        reply(END_INDEX + count, { logTerm: tenths(0.5), commit: tenths(0.99), rejectHint: tenths(0.999) });
        break;
      }
      default:
    }
  };
}

interface Kind {
  readonly name: string;
  readonly isAppend: boolean;
  readonly size: number;
  /** Message counts are divided by this. */
  readonly repeats: number;
}

const kinds: readonly Kind[] = [
  { name: 'heartbeat', isAppend: false, size: 0, repeats: 1 },
  { name: 'app-1x256', isAppend: true, size: 256, repeats: 1 },
  { name: 'app-1x65536', isAppend: true, size: 65_536, repeats: 20 },
];

/** Sends with a fixed number of messages under way. */
class Sender {
  private readonly link: Link;
  private readonly replies: Message[] = [];
  private wake: (() => void) | undefined;

  constructor(link: Link) {
    this.link = link;
    link.onMessage = (message) => {
      if (message.type !== MessageType.MsgAppResp) return;
      this.replies.push(message);
      this.wake?.();
      this.wake = undefined;
    };
  }

  /** Resolves when messages pass both ways, on both streams. */
  async connect(): Promise<void> {
    for (let i = 0; i < 100 && this.replies.length === 0; i++) {
      this.control(MessageType.MsgTimeoutNow, 1);
      await sleep(200);
    }
    if (this.replies.length === 0) throw new Error('the members did not connect within 20 s');
    await sleep(500);
    this.replies.length = 0;
  }

  async measure(kind: Kind, window: number, wanted: number): Promise<Record<string, number>> {
    const ackEvery = Math.max(Math.floor(window / 4), 1);
    const n = Math.floor(wanted / kind.repeats / ackEvery) * ackEvery;
    const data = new Uint8Array(kind.size).fill(0x78);
    let began = 0;
    // The first pass warms up.
    for (const total of [Math.floor(n / 10 / ackEvery) * ackEvery, n]) {
      this.control(MessageType.MsgTimeoutNow, ackEvery);
      await this.reply();
      collectGarbage();
      began = performance.now();
      let acked = 0;
      for (let i = 0; i < total || acked < total; ) {
        if (i < total && i - acked < window) {
          i++;
          this.link.send(messageOf(kind, i, data));
        } else {
          acked = (await this.reply()).index;
        }
      }
    }
    const seconds = (performance.now() - began) / 1000;
    this.control(MessageType.MsgTransferLeader, 0);
    const end = await this.reply();
    if (end.index !== END_INDEX + n) throw new Error(`sent ${n} messages, ${end.index - END_INDEX} arrived`);
    return {
      messages: n,
      seconds,
      messages_per_s: perSecond(n, seconds),
      one_way_p50_us: end.logTerm / 10,
      one_way_p99_us: end.commit / 10,
      one_way_p999_us: end.rejectHint / 10,
    };
  }

  private control(type: MessageType, index: number): void {
    const one = newMessage(type, RECEIVER);
    one.from = SENDER;
    one.term = 1;
    one.index = index;
    this.link.send(one);
  }

  private async reply(): Promise<Message> {
    for (;;) {
      const first = this.replies.shift();
      if (first !== undefined) return first;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('no answer from the receiver for 30 s')), 30_000);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function messageOf({ isAppend }: Kind, index: number, data: Uint8Array): Message {
  const one = newMessage(isAppend ? MessageType.MsgApp : MessageType.MsgHeartbeat, RECEIVER);
  one.from = SENDER;
  one.term = 1;
  one.commit = wallMicros();
  if (!isAppend) return one;
  one.logTerm = 1;
  one.index = index;
  one.entries = [{ type: 0, term: 1, index: index + 1, data }];
  return one;
}

/** The process of the receiver: prints where it listens, and ends with its standard input. */
async function runReceiver(sender: string, id: NodeId, busyPollMs: number): Promise<void> {
  const http = new HttpLink(id, busyPollMs);
  receive(http, id);
  const { url } = await http.transport.serve({ host: '127.0.0.1', port: 0 });
  http.transport.addPeer(SENDER, [sender]);
  const bare = createServer((socket) => receive(new BareLink(socket)));
  bare.listen(0, '127.0.0.1');
  await once(bare, 'listening');
  console.log(JSON.stringify({ url, port: (bare.address() as AddressInfo).port }));
  process.stdin.resume();
  process.stdin.once('end', () => process.exit());
}

interface Run {
  readonly n: number;
  readonly windows: readonly number[];
  readonly only: string | undefined;
  readonly busyPollMs: number;
}

async function runSender({ n, windows, only, busyPollMs }: Run): Promise<object[]> {
  const http = new HttpLink(SENDER, busyPollMs);
  const { url } = await http.transport.serve({ host: '127.0.0.1', port: 0 });
  const self = fileURLToPath(import.meta.url);
  const child = spawn(
    process.execPath,
    ['--expose-gc', self, '--receiver-for', url, '--busy-poll', String(busyPollMs)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const other = JSON.parse(line) as { url: string; port: number };
  http.transport.addPeer(RECEIVER, [other.url]);
  const socket = connect(other.port, '127.0.0.1');
  const [overHttp, overBare] = [new Sender(http), new Sender(new BareLink(socket))];
  await overHttp.connect();
  await overBare.connect();
  http.failures = 0;
  const results: object[] = [];
  for (const kind of kinds.filter(({ name }) => only === undefined || name === only)) {
    for (const window of windows) {
      const wanted = window === 1 ? n / 10 : n;
      const bare = await overBare.measure(kind, window, wanted);
      const ours = await overHttp.measure(kind, window, wanted);
      const bareRate = bare['messages_per_s'] as number;
      results.push({
        message: kind.name,
        in_flight: window,
        ...ours,
        bare_per_s: bareRate,
        share_of_bare: Math.round(((ours['messages_per_s'] as number) / bareRate) * 100) / 100,
        reported_unreachable: http.failures,
        processes: 2,
      });
    }
  }
  socket.destroy();
  child.stdin.end();
  await Promise.all([once(child, 'exit'), http.transport.stop()]);
  return results;
}

const { values } = parseArgs({
  options: {
    n: { type: 'string', default: '200000' },
    window: { type: 'string', default: '1,64,1024' },
    only: { type: 'string' },
    'busy-poll': { type: 'string', default: '0' },
    'receiver-for': { type: 'string' },
    id: { type: 'string', default: String(RECEIVER) },
  },
});
const busyPollMs = Number(values['busy-poll']);
if (values['receiver-for'] === undefined) {
  const windows = values.window.split(',').map(Number);
  print('transport', await runSender({ n: Number(values.n), windows, only: values.only, busyPollMs }));
} else {
  await runReceiver(values['receiver-for'], BigInt(values.id), busyPollMs);
}
