import { once } from 'node:events';
import { createConnection } from 'node:net';
import { encodeMessage, type Message, MessageType } from '@raft-ts/proto';
import { type MessageHead } from '@raft-ts/proto/internal';
import { silentLogger } from '@raft-ts/raft';
import type { ProcessOptions } from '@raft-ts/raft/transport';
import {
  EnvelopeDecoder,
  FREE_PIECES,
  Inbox,
  MAX_MESSAGE_BYTES,
  MAX_PROCESSING_BYTES,
  MAX_PROPOSAL_ENTRIES,
  MAX_SMALL_MESSAGE_BYTES,
  MAX_UNKNOWN_BYTES,
  MessageDecoder,
  MsgAppDecoder,
  PostedMessages,
  ReceivedBytes,
  type StreamDecoder,
  Turns,
  Waiting,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  append,
  eventually,
  exchangeRaw,
  message,
  post,
  type RawAnswer,
  requestHead,
  soon,
  startMember,
  stopAll,
} from './members.js';

/** A body that begins with this message and goes on with `hex`, so many times over. */
function body(head: Message, hex: string, count: number): Buffer {
  const unit = Buffer.from(hex, 'hex');
  return Buffer.concat([encodeMessage(head), Buffer.alloc(unit.length * count, unit)]);
}

/** A field of bytes that no version knows, of this length. */
function unknownField(length: number): Buffer {
  const head = Buffer.from([0xfa, 0x01, 0, 0, 0, 0]);
  for (let i = 0, rest = length; i < 4; i++, rest >>>= 7) head[2 + i] = (rest & 127) | (i < 3 ? 128 : 0);
  return Buffer.concat([head, Buffer.alloc(length)]);
}

const proposal = message(MessageType.MsgProp, 2n, 1n);

describe('floods', () => {
  afterEach(stopAll);

  describe('a message is judged before it is decoded', () => {
    const refused: [what: string, bytes: () => Buffer, text: string][] = [
      [
        'empty entries of a type that does not travel',
        () => body(message(MessageType.MsgHup, 2n, 1n), '3a00', 1e6),
        'wrong raft message type',
      ],
      [
        'empty entries of another sender',
        () => body(message(MessageType.MsgApp, 3n, 1n), '3a00', 1e6),
        'from field mismatch',
      ],
      [
        'a proposal of too many entries',
        () => body(proposal, '3a00', MAX_PROPOSAL_ENTRIES + 1),
        'proposal of too many entries',
      ],
      [
        'appended entries without a position',
        () => body(append(2n, 1n, 4), '3a00', 100),
        'entries without term or index',
      ],
      [
        'more entries than any message has',
        () => body(append(2n, 1n, 4), '3a00', 1_048_577),
        'error unmarshalling raft message',
      ],
      ['responses', () => body(append(2n, 1n, 4), '7200', 1), 'responses in a message that travels'],
      ['many responses', () => body(append(2n, 1n, 4), '7200', 1e6), 'error unmarshalling raft message'],
      [
        'a vote with a long context',
        () =>
          Buffer.from(
            encodeMessage({
              ...message(MessageType.MsgVote, 2n, 1n),
              context: new Uint8Array(MAX_SMALL_MESSAGE_BYTES),
            }),
          ),
        'message too long for its type',
      ],
      [
        'much that nobody knows',
        () => Buffer.concat([encodeMessage(append(2n, 1n, 4)), unknownField(MAX_UNKNOWN_BYTES)]),
        'too many unknown fields',
      ],
      [
        'a configuration of many ids',
        () =>
          Buffer.concat([
            encodeMessage(message(MessageType.MsgSnap, 2n, 1n)),
            Buffer.from('4a85800412818004', 'hex'),
            Buffer.from('0afdff03', 'hex'),
            Buffer.alloc(65_533, 1),
          ]),
        'snapshot of too many members',
      ],
    ];
    for (const [what, bytes, text] of refused) {
      it(`${what}: refused`, async () => {
        const a = await startMember(1n);
        const answer = await exchangeRaw(a.listener.address.port, post(2n, bytes()));
        expect(answer).to.include({ status: 400, body: `${text}\n` });
        expect(a.receiver.processed).to.deep.equal([]);
      });
    }

    it('as many entries as are allowed: processed', async () => {
      const a = await startMember(1n);
      const { port } = a.listener.address;
      expect((await exchangeRaw(port, post(2n, body(proposal, '3a00', MAX_PROPOSAL_ENTRIES)))).status).to.equal(204);
      expect((await exchangeRaw(port, post(2n, body(append(2n, 1n, 4), '3a0410011801', 300_000)))).status).to.equal(
        204,
      );
      expect(a.receiver.processed.map(({ entries }) => entries.length)).to.deep.equal([MAX_PROPOSAL_ENTRIES, 300_001]);
    });
  });

  describe('a long message of a stream is judged before it is decoded', () => {
    const long = body(message(MessageType.MsgHup, 2n, 1n), '3a00', 100_000);
    const sized = Buffer.alloc(8);
    sized.writeBigUInt64BE(BigInt(long.length));
    const judged: MessageHead[] = [];
    const judge = (head: MessageHead): string => {
      judged.push(head);
      return 'no';
    };
    const decoders: [name: string, decoder: () => StreamDecoder, frame: Buffer][] = [
      ['message', () => new MessageDecoder(MAX_MESSAGE_BYTES, judge), Buffer.concat([sized, long])],
      ['msgapp', () => new MsgAppDecoder(2n, 1n, MAX_MESSAGE_BYTES, judge), Buffer.concat([Buffer.of(2), sized, long])],
    ];
    for (const [name, decoder, frame] of decoders) {
      it(`${name}: what is refused ends it`, () => {
        judged.length = 0;
        expect(() => [...decoder().push(frame)])
          .to.throw('no')
          .with.property('reason', 'refused');
        expect(judged.map(({ type, entries }) => [type, entries])).to.deep.equal([[MessageType.MsgHup, 100_000]]);
      });
    }

    it('a snapshot envelope of another kind, or with entries: refused', () => {
      const kinds: [Buffer, string][] = [
        [long, 'wrong raft message type'],
        [body(message(MessageType.MsgSnap, 2n, 1n), '3a00', 100_000), 'entries or responses beside a snapshot'],
      ];
      for (const [bytes, text] of kinds) {
        const size = Buffer.alloc(8);
        size.writeBigUInt64BE(BigInt(bytes.length));
        expect(() => new EnvelopeDecoder().push(Buffer.concat([size, bytes]))).to.throw(text);
      }
    });
  });

  describe('pieces of a body', () => {
    it('come out as they went in, whatever their lengths', () => {
      const pieces = fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 20 });
      fc.assert(
        fc.property(pieces, fc.boolean(), (chunks, announces) => {
          const whole = Buffer.concat(chunks);
          const received = new ReceivedBytes(announces ? whole.length : undefined);
          for (const chunk of chunks) received.add(chunk);
          expect(received.length).to.equal(whole.length);
          const { done, value } = received.join().next();
          expect(done).to.equal(true);
          expect(Buffer.compare(value as Uint8Array, whole)).to.equal(0);
        }),
      );
    });

    it('take memory for what comes, and are put together in turns', () => {
      const received = new ReceivedBytes(undefined);
      const before = process.memoryUsage().arrayBuffers;
      const piece = new Uint8Array(1);
      for (let i = 0; i < 100_000; i++) received.add(piece);
      expect(process.memoryUsage().arrayBuffers - before).to.be.below(400_000);
      const long = new ReceivedBytes(undefined);
      for (let i = 0; i < 20; i++) long.add(new Uint8Array(1024 * 1024).fill(i));
      const join = long.join();
      let turns = 0;
      let step = join.next();
      for (; step.done !== true; step = join.next()) turns++;
      expect(turns).to.equal(2);
      expect([...step.value.filter((_, at) => at % (1024 * 1024) === 0)]).to.deep.equal(
        Array.from({ length: 20 }, (_, i) => i),
      );
    });

    it('a body of HTTP chunks of one byte is cut off, wherever it is sent', async () => {
      const a = await startMember(1n);
      for (const path of ['/raft', '/raft/snapshot', '/raft/probing', '/raft/stream/msgapp/2']) {
        const head = requestHead('POST', path, 2n, { 'Transfer-Encoding': 'chunked' });
        const socket = createConnection(a.listener.address.port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.resume();
        socket.write(head + '1\r\nx\r\n'.repeat(FREE_PIECES + 10));
        await once(socket, 'close');
      }
      expect(a.receiver.processed).to.deep.equal([]);
    });

    it('a body in a few short chunks is taken', async () => {
      const a = await startMember(1n);
      const bytes = encodeMessage(append(2n, 1n, 4));
      const head = requestHead('POST', '/raft', 2n, { 'Transfer-Encoding': 'chunked' });
      const chunks = [...bytes].map((byte) =>
        Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]),
      );
      const all = Buffer.concat([Buffer.from(head), ...chunks, Buffer.from('0\r\n\r\n')]);
      expect((await exchangeRaw(a.listener.address.port, all)).status).to.equal(204);
    });
  });

  describe('work in turns', () => {
    it('is done one turn at a time, each work in its turn', async () => {
      const turns = new Turns();
      const order: string[] = [];
      function* work(name: string, count: number): Generator<void, string> {
        for (let i = 0; i < count; i++) {
          order.push(`${name}${i}`);
          yield;
        }
        return name;
      }
      const all = Promise.all([turns.run(work('a', 3)), turns.run(work('b', 1)), turns.run(work('c', 0))]);
      expect(order).to.deep.equal(['a0', 'b0']);
      let loops = 0;
      const count = (): void => {
        loops++;
        if (order.length < 4) setImmediate(count);
      };
      setImmediate(count);
      expect(await all).to.deep.equal(['a', 'b', 'c']);
      expect(order).to.deep.equal(['a0', 'b0', 'a1', 'a2']);
      expect(loops).to.be.greaterThan(1);
    });

    it('fails alone', async () => {
      const turns = new Turns();
      function* fails(): Generator<void, void> {
        yield;
        throw new Error('no');
      }
      const failing = turns.run(fails());
      expect(await failing.catch((error: Error) => error.message)).to.equal('no');
    });
  });

  describe('what waits to be processed', () => {
    it('is bounded in number and in bytes, of each sender and of all', () => {
      const waiting = new Waiting({ messages: 3, bytes: 100, bytesPerSender: 60 });
      const first = waiting.enter('2', 50);
      expect(first).to.be.a('function');
      expect(waiting.enter('2', 11)).to.equal(undefined);
      const second = waiting.enter('3', 50);
      expect(waiting.enter('4', 1)).to.equal(undefined);
      first?.();
      const third = waiting.enter('4', 30);
      const fourth = waiting.enter('4', 20);
      expect(waiting.enter('5', 0)).to.equal(undefined);
      for (const leave of [second, third, fourth]) leave?.();
      expect(waiting.enter('2', 1000), 'alone').to.be.a('function');
      expect(waiting.enter('3', 1)).to.equal(undefined);
    });

    it('of a peer is bounded in bytes', () => {
      const processed: Message[] = [];
      const gateway = {
        process: (one: Message) => {
          processed.push(one);
          return new Promise<void>(() => undefined);
        },
      };
      const inbox = new Inbox(2n, gateway as never, silentLogger);
      const data = new Uint8Array(MAX_PROCESSING_BYTES / 4);
      const large = { ...proposal, entries: [{ type: 0 as const, term: 0, index: 0, data }] };
      for (let i = 0; i < 6; i++) inbox.deliver(large);
      expect(processed).to.have.length(4);
      inbox.deliver(append(2n, 1n, 4));
      expect(processed).to.have.length(5);
    });

    it('is withdrawn when the connection that brought it closes, and its place is free again', async () => {
      const a = await startMember(1n);
      const signals: AbortSignal[] = [];
      a.transport.pause();
      a.receiver.process = (_message: Message, { signal }: ProcessOptions = {}): Promise<void> => {
        if (signal === undefined) throw new Error('no signal');
        signals.push(signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      };
      const socket = createConnection(a.listener.address.port, '127.0.0.1');
      socket.write(post(2n, encodeMessage(proposal)));
      await eventually('it waits', () => signals.length === 1);
      expect(signals[0]?.aborted).to.equal(false);
      socket.destroy();
      expect(await soon(() => signals[0]?.aborted === true), 'it is withdrawn').to.equal(true);
      expect(a.receiver.log.filter((line) => line.includes('failed to process'))).to.deep.equal([]);
    });

    it('has a place each, which is free again however it ends; without a place it is refused', async () => {
      const { enter } = PostedMessages.prototype;
      const taken = new Set<number>();
      let places = 0;
      PostedMessages.prototype.enter = function (posted, sender) {
        if (taken.size > 0) return undefined;
        const leave = enter.call(this, posted, sender);
        if (leave === undefined) return undefined;
        const place = places++;
        taken.add(place);
        return () => {
          taken.delete(place);
          leave();
        };
      };
      try {
        const a = await startMember(1n);
        const send = (): Promise<RawAnswer> =>
          exchangeRaw(a.listener.address.port, post(2n, encodeMessage(append(2n, 1n, 4))));
        expect((await send()).status).to.equal(204);
        expect([places, taken.size]).to.deep.equal([1, 0]);
        a.receiver.process = () => Promise.reject(new Error('no'));
        expect((await send()).status).to.equal(500);
        expect([places, taken.size]).to.deep.equal([2, 0]);
        taken.add(-1);
        // At once: a request that waited for a place would wait for ever.
        let refused: RawAnswer | undefined;
        void send().then((answer) => (refused = answer));
        await soon(() => refused !== undefined);
        expect(refused?.status).to.equal(503);
      } finally {
        PostedMessages.prototype.enter = enter;
      }
    });
  });

  it('what is left of a request that was answered is not read', async () => {
    const a = await startMember(1n);
    const socket = createConnection(a.listener.address.port, '127.0.0.1');
    socket.on('error', () => undefined);
    const answered = once(socket, 'data') as Promise<[Buffer]>;
    socket.write(requestHead('POST', '/raft/nowhere', 2n, { 'Content-Length': String(2 ** 30) }));
    expect((await answered)[0].toString()).to.match(/^HTTP\/1\.1 404/u);
    const closed = new Promise((resolve) => {
      socket.once('close', resolve);
    });
    let taken = 0;
    const piece = Buffer.alloc(256 * 1024);
    const write = (): void => {
      socket.write(piece, (error) => {
        if (error instanceof Error) return;
        taken += piece.length;
        write();
      });
    };
    write();
    await closed;
    // What the system's buffers on both sides hold.
    expect(taken).to.be.below(64 * 1024 * 1024);
  });
});
