import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { type Message, MessageType } from '@raft-ts/proto';
import { PeerStatus, SendQueue, StreamWriter, streams, WRITE_BATCH_BYTES } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { append, Recorder } from './members.js';
import { contextOf } from './recorded-context.js';
import { VirtualTimers } from './virtual-timers.js';

const timers = new VirtualTimers();

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
    writer.attach(response as unknown as ServerResponse, 0);
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

  it('waits for the end of the turn to write, or is told not to, and writes once', async () => {
    const { socket } = attach();
    await turn();
    for (const index of [1, 2]) offer(index);
    await Promise.resolve();
    expect(socket.written).to.have.length(0);
    writer.flush();
    expect([indexes(socket), socket.written.length]).to.deep.equal([[1, 2], 1]);
    for (const index of [3, 4]) offer(index);
    await turn();
    expect([indexes(socket), socket.written.length]).to.deep.equal([[1, 2, 3, 4], 2]);
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
