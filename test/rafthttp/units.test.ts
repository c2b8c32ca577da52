import { EventEmitter, getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { type Message, MessageType, newMessage } from '@raft-ts/proto';
import {
  ByteQueue,
  defaultTimings,
  Gateway,
  Inbox,
  MAX_PROCESSING,
  MAX_PROCESSING_PROPOSALS,
  PeerStatus,
  QUEUE_BYTES,
  SendQueue,
  StreamWriter,
  streams,
  WRITE_BATCH_BYTES,
  WriteBuffer,
  type WriterContext,
  withDeadline,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { append, message, Recorder } from './members.js';
import { VirtualTimers } from './virtual-timers.js';

const timers = new VirtualTimers();

/** A context with nothing behind it: what is logged and reported is remembered by the recorder. */
function contextOf(receiver: Recorder): WriterContext {
  const note = (level: string) => (text: string) => receiver.log.push(`${level} ${text}`);
  const logger = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
  const timings = { ...defaultTimings, heartbeatMs: 100, writeTimeoutMs: 1000 };
  return { gateway: new Gateway(1n, receiver, logger), logger, timings, metrics: undefined };
}

const warnings = ({ log }: Recorder): string[] => log.filter((line) => line.startsWith('warn'));

describe('Inbox: a place is free again', () => {
  const inboxOf = (receiver: Recorder): Inbox => {
    const { gateway, logger } = contextOf(receiver);
    return new Inbox(2n, gateway, logger);
  };
  const beat = message(MessageType.MsgHeartbeat, 2n, 1n);
  const proposal = message(MessageType.MsgProp, 2n, 1n);

  for (const [what, one, most] of [
    ['messages', beat, MAX_PROCESSING],
    ['proposals', proposal, MAX_PROCESSING_PROPOSALS],
  ] as const) {
    for (const [how, ends] of [
      ['rejected', () => Promise.reject(new Error('refused'))],
      ['processed', () => Promise.resolve()],
    ] as const) {
      it(`after ${what} that were ${how}`, async () => {
        const receiver = new Recorder();
        receiver.onProcess = ends;
        const inbox = inboxOf(receiver);
        for (let round = 0; round < 3; round++) {
          for (let i = 0; i < most; i++) inbox.deliver(one);
          await turn();
        }
        expect(receiver.processed).to.have.length(3 * most);
        expect(warnings(receiver)).to.deep.equal([]);
      });
    }
  }

  it('also if the receiver throws at once, which goes no further', () => {
    const receiver = new Recorder();
    receiver.onProcess = () => {
      throw new Error('refused');
    };
    const inbox = inboxOf(receiver);
    for (let i = 0; i < MAX_PROCESSING + 1; i++) inbox.deliver(beat);
    expect(receiver.processed).to.have.length(MAX_PROCESSING + 1);
  });

  it('for as many as documented, and each time that more are dropped it is told once', async () => {
    const receiver = new Recorder();
    let settle: (() => void)[] = [];
    receiver.onProcess = () => new Promise<void>((resolve) => settle.push(resolve));
    const inbox = inboxOf(receiver);
    for (let round = 1; round <= 2; round++) {
      for (let i = 0; i < MAX_PROCESSING + 3; i++) inbox.deliver(beat);
      expect(receiver.processed).to.have.length(round * MAX_PROCESSING);
      expect(warnings(receiver)).to.have.length(round);
      for (const one of settle) one();
      settle = [];
      await turn();
    }
  });
});

describe('SendQueue: its bytes', () => {
  const weighing = (bytes: number): Message => ({
    ...newMessage(MessageType.MsgApp, 2n),
    entries: [{ type: undefined, term: 1, index: 1, data: { length: bytes } as Uint8Array }],
  });

  it('are none after clear, and less after shift', () => {
    const queue = new SendQueue(10);
    queue.push(weighing(QUEUE_BYTES));
    expect(queue.clear()).to.have.length(1);
    for (let i = 0; i < 4; i++) expect(queue.push(weighing(QUEUE_BYTES / 4))).to.equal(true);
    expect(queue.push(weighing(1))).to.equal(false);
    queue.shift();
    expect(queue.push(weighing(QUEUE_BYTES / 4))).to.equal(true);
    expect(queue.push(weighing(1))).to.equal(false);
  });

  it('are those of a snapshot too', () => {
    const snapshot = (length: number): Message => ({
      ...newMessage(MessageType.MsgSnap, 2n),
      snapshot: {
        data: { length } as Uint8Array,
        metadata: {
          index: 1,
          term: 1,
          confState: { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
        },
      },
    });
    const queue = new SendQueue(10);
    expect(queue.push(snapshot(QUEUE_BYTES))).to.equal(true);
    expect(queue.push(snapshot(1))).to.equal(false);
  });
});

describe('withDeadline', () => {
  beforeEach(() => timers.install());
  afterEach(() => timers.uninstall());

  const untilAborted = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut'))));
  const textOf = (promise: Promise<unknown>): Promise<string> => promise.then(String, (error: Error) => error.message);

  it('leaves neither a timer nor a listener, and does not cut what it returned', async () => {
    const stop = new AbortController();
    let given: AbortSignal | undefined;
    await withDeadline(stop.signal, 1000, async (signal) => {
      given = signal;
    });
    expect(timers.pending).to.equal(0);
    expect(getEventListeners(stop.signal, 'abort')).to.have.length(0);
    stop.abort();
    timers.advance(1000);
    expect(given?.aborted).to.equal(false);
  });

  it('cuts when the time is over, not before, and says so', async () => {
    let signal: AbortSignal | undefined;
    const text = textOf(
      withDeadline(new AbortController().signal, 1000, (given) => {
        signal = given;
        return untilAborted(given);
      }),
    );
    timers.advance(999);
    expect(signal?.aborted).to.equal(false);
    timers.advance(1);
    expect(signal?.aborted).to.equal(true);
    expect(await text).to.equal('timeout');
  });

  it('cuts with the stop, and at once if that came before', async () => {
    const stop = new AbortController();
    const text = textOf(withDeadline(stop.signal, 1000, untilAborted));
    stop.abort();
    expect(await text).to.equal('cut');
    let aborted: boolean | undefined;
    await withDeadline(stop.signal, 1000, async (signal) => {
      aborted = signal.aborted;
    });
    expect(aborted).to.equal(true);
  });
});

describe('memory of a stream', () => {
  it('is taken for what has come, not for what was announced', () => {
    const queue = new ByteQueue();
    queue.push(new Uint8Array(1000));
    expect(queue.next(400 * 1024 * 1024)).to.equal(false);
    expect((queue as unknown as { gathered: Uint8Array }).gathered.length).to.be.at.most(256 * 1024);
  });

  it('has room for the end of a chunk, however the bytes fill it', () => {
    for (let length = 4060; length <= 4100; length++) {
      const out = new WriteBuffer();
      out.room(length).fill(7, out.at, out.at + length);
      out.advanceTo(out.at + length);
      const chunk = Buffer.concat(out.chunk()).toString('latin1');
      expect(chunk.startsWith(`${length.toString(16)}\r\n`)).to.equal(true);
      expect(chunk).to.have.length(length + length.toString(16).length + 4);
      expect(chunk.endsWith('\u0007\r\n')).to.equal(true);
    }
  });

  it('is used again, but not if one write has blown it up', () => {
    const small = new WriteBuffer();
    small.room(1000);
    expect(small.reusable).to.not.equal(undefined);
    const large = new WriteBuffer();
    large.room(4 * 1024 * 1024);
    expect(large.reusable).to.equal(undefined);
  });
});

describe('PeerStatus', () => {
  it('tells changes alone', () => {
    const receiver = new Recorder();
    const counts = { active: 0 };
    const metrics = { peerActive: () => counts.active++, peerInactive: () => counts.active-- };
    const status = new PeerStatus(2n, contextOf(receiver).logger, metrics as never);
    const failure = { action: 'write', source: 'pipeline', error: 'why' } as const;
    for (let round = 1; round <= 2; round++) {
      status.activate();
      const { activeSince } = status;
      status.activate();
      expect(status.activeSince).to.equal(activeSince).and.be.instanceOf(Date);
      expect(counts.active).to.equal(1);
      status.deactivate(failure);
      status.deactivate(failure);
      expect(status.activeSince).to.equal(undefined);
      expect(counts.active).to.equal(0);
      expect(warnings(receiver)).to.have.length(round);
    }
  });
});

/** A socket that takes so much, or nothing, until it is drained. */
class FakeSocket extends EventEmitter {
  readonly written: Buffer[] = [];
  writableNeedDrain = false;
  writableLength = 0;
  destroyed = false;

  cork(): void {}

  uncork(): void {}

  write(bytes: Uint8Array): boolean {
    this.written.push(Buffer.from(bytes));
    return !this.writableNeedDrain;
  }

  destroySoon(): void {
    this.destroyed = true;
  }

  drain(): void {
    this.writableNeedDrain = false;
    this.emit('drain');
  }
}

class FakeResponse extends EventEmitter {
  readonly socket = new FakeSocket();
  ended = false;
  destroyed = false;
  onTimeout: () => void = () => {};

  setTimeout(_ms: number, call: () => void): void {
    this.onTimeout = call;
  }

  end(done?: () => void): void {
    this.ended = true;
    done?.();
  }

  destroy(): void {
    this.destroyed = true;
  }
}

describe('StreamWriter', () => {
  let receiver: Recorder;
  let status: PeerStatus;
  let writer: StreamWriter;

  beforeEach(() => {
    timers.install();
    receiver = new Recorder();
    const ctx = contextOf(receiver);
    status = new PeerStatus(2n, ctx.logger, undefined);
    writer = new StreamWriter(ctx, 2n, streams.message, status);
  });
  afterEach(() => timers.uninstall());

  const attach = (): FakeResponse => {
    const response = new FakeResponse();
    writer.attach(response as unknown as ServerResponse);
    return response;
  };
  /** The messages in the chunks that were written. */
  const readBack = (chunks: readonly Uint8Array[]): Message[] => {
    let rest = Buffer.concat(chunks);
    const decoder = streams.message.decoder(1n, 2n);
    const messages: Message[] = [];
    while (rest.length > 0) {
      const line = rest.indexOf('\r\n');
      const length = Number.parseInt(rest.toString('latin1', 0, line), 16);
      messages.push(...decoder.push(rest.subarray(line + 2, line + 2 + length)));
      rest = rest.subarray(line + 2 + length + 2);
    }
    return messages;
  };
  const indexes = (socket: FakeSocket): number[] => readBack(socket.written).map(({ index }) => index);
  const offer = (index: number): boolean => writer.offer(append(1n, 2n, index));

  it('keeps an idle stream alive with a heartbeat at each interval, and stops with it', () => {
    const { socket } = attach();
    timers.advance(99);
    expect(socket.written).to.have.length(0);
    timers.advance(201);
    expect(readBack(socket.written).map(({ type, from }) => [type, from])).to.deep.equal(
      Array.from({ length: 3 }, () => [MessageType.MsgHeartbeat, 0n]),
    );
    writer.stop();
    expect(timers.pending).to.equal(0);
  });

  it('writes nothing while the socket is full, and all that waits once it is drained', async () => {
    const { socket } = attach();
    socket.writableNeedDrain = true;
    offer(1);
    await turn();
    expect(indexes(socket)).to.deep.equal([1]);
    for (const index of [2, 3]) offer(index);
    await turn();
    timers.advance(300);
    expect(indexes(socket)).to.deep.equal([1]);
    socket.drain();
    expect(indexes(socket)).to.deep.equal([1, 2, 3]);
    offer(4);
    await turn();
    expect(indexes(socket)).to.deep.equal([1, 2, 3, 4]);
  });

  it('gives up a socket that takes nothing for too long, and only such a one', async () => {
    const response = attach();
    response.onTimeout();
    expect(writer.working).to.equal(true);
    response.socket.writableNeedDrain = true;
    offer(1);
    await turn();
    response.onTimeout();
    expect(writer.working).to.equal(false);
    expect(response.destroyed).to.equal(true);
    expect(status.activeSince).to.equal(undefined);
    expect(timers.pending).to.equal(0);
  });

  it('drops what waited for a stream that broke, and says so if anything did', async () => {
    const first = attach();
    first.emit('close');
    expect(receiver.unreachable).to.deep.equal([]);
    const second = attach();
    second.socket.writableNeedDrain = true;
    offer(1);
    await turn();
    offer(2);
    second.emit('error', new Error('broken'));
    expect(receiver.unreachable).to.deep.equal([2n]);
    const { socket } = attach();
    offer(3);
    await turn();
    expect(indexes(socket)).to.deep.equal([3]);
  });

  it('ends the stream before, and leaves the new one alone when that one closes', async () => {
    const first = attach();
    const second = attach();
    expect(first.ended).to.equal(true);
    expect(first.socket.destroyed).to.equal(true);
    first.emit('close');
    expect(writer.working).to.equal(true);
    offer(1);
    await turn();
    expect(indexes(first.socket)).to.deep.equal([]);
    expect(indexes(second.socket)).to.deep.equal([1]);
    expect(timers.pending).to.equal(1);
  });

  it('once stopped, ends its stream, forgets what waits and takes no other stream', async () => {
    offer(1);
    const first = attach();
    writer.stop();
    expect(first.ended).to.equal(true);
    const second = attach();
    expect(second.ended).to.equal(true);
    expect(writer.working).to.equal(false);
    await turn();
    expect(first.socket.written.length + second.socket.written.length).to.equal(0);
    expect((writer as unknown as { queue: SendQueue }).queue.length).to.equal(0);
    expect(timers.pending).to.equal(0);
  });

  it('writes a long turn in several writes', async () => {
    const { socket } = attach();
    const data = 'x'.repeat(WRITE_BATCH_BYTES / 4);
    for (let i = 0; i < 20; i++) writer.offer(append(1n, 2n, i, data));
    await turn();
    const longest = Math.max(...socket.written.map(({ length }) => length));
    expect(longest).to.be.at.most(2 * WRITE_BATCH_BYTES);
    expect(indexes(socket)).to.deep.equal(Array.from({ length: 20 }, (_, i) => i));
  });

  it('uses the memory of a write again only when the system has taken it', async () => {
    const { socket } = attach();
    const kept: Uint8Array[] = [];
    socket.write = (bytes) => {
      kept.push(bytes);
      return true;
    };
    socket.writableLength = 1;
    for (const index of [1, 2, 3]) {
      offer(index);
      await turn();
    }
    expect(readBack(kept).map(({ index }) => index)).to.deep.equal([1, 2, 3]);
  });

  it('reports a message that cannot be written, and what the receiver then sends goes after the rest', async () => {
    const { socket } = attach();
    receiver.reportUnreachable = (id) => {
      receiver.unreachable.push(id);
      for (let i = 0; i < 200; i++) offer(100 + i);
    };
    offer(1);
    writer.offer({ ...append(1n, 2n, 2), term: -1 });
    offer(3);
    await turn();
    await turn();
    expect(receiver.unreachable).to.deep.equal([2n]);
    expect(indexes(socket)).to.deep.equal([1, 3, ...Array.from({ length: 200 }, (_, i) => 100 + i)]);
  });
});
