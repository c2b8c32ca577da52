import type { Message } from '@raft-ts/proto';
import { encodeEntry, entrySize, MessageType, messageSize, newMessage, RaftError } from '@raft-ts/proto';
import {
  isLinkHeartbeat,
  LARGE_PART_BYTES,
  MAX_APPEND_ENTRIES,
  MAX_MESSAGE_BYTES,
  MessageDecoder,
  MessageEncoder,
  MsgAppDecoder,
  MsgAppEncoder,
  type StreamDecoder,
  type StreamEncoder,
  WriteBuffer,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { crafted, recordedStreams, show, toMessage } from './vectors.js';

type Codec = 'msgapp' | 'message';

function encoderOf(codec: Codec): StreamEncoder {
  return codec === 'msgapp' ? new MsgAppEncoder() : new MessageEncoder();
}

/** As member 2 reads from member 1. */
function decoderOf(codec: Codec): StreamDecoder {
  return codec === 'msgapp' ? new MsgAppDecoder(1n, 2n) : new MessageDecoder();
}

function u64(n: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(n));
  return bytes;
}

interface Outcome {
  /** Without link heartbeats. */
  messages: Message[];
  /** Reason of the fault; undefined if the stream ended in order. */
  fault: string | undefined;
}

/** Feed the stream in pieces of these lengths (the last one again and again). */
function decode(codec: Codec, stream: Buffer, lengths: readonly number[]): Outcome {
  const decoder = decoderOf(codec);
  const messages: Message[] = [];
  const outcome = (fault: string | undefined): Outcome => ({
    messages: messages.filter((m) => !isLinkHeartbeat(m)),
    fault,
  });
  try {
    for (let at = 0, i = 0; at < stream.length; i++) {
      const length = lengths[Math.min(i, lengths.length - 1)] as number;
      // A copy that is wiped afterwards shows whether a message kept a view of it.
      const chunk = Uint8Array.from(stream.subarray(at, at + length));
      for (const message of decoder.push(chunk)) messages.push(message);
      chunk.fill(0xee);
      at += length;
    }
    decoder.end();
    return outcome(undefined);
  } catch (error) {
    expect(error).to.be.instanceOf(RaftError);
    expect((error as RaftError).code).to.equal('ERR_RAFT_STREAM');
    return outcome((error as RaftError).reason);
  }
}

/** Check the same of the stream as a whole, byte by byte, and cut at random. */
function inEveryCut(stream: Buffer, check: (lengths: readonly number[]) => void): void {
  check([Math.max(1, stream.length)]);
  if (stream.length < 20_000) check([1]);
  const cut = fc.array(fc.integer({ min: 1, max: Math.max(8, stream.length >> 2) }), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(cut, check), { numRuns: 20 });
}

describe('stream codecs', () => {
  describe('streams that etcd wrote', () => {
    for (const { name, codec, hex, frames } of recordedStreams()) {
      it(`${name} decodes to what etcd's reader made of it`, () => {
        const stream = Buffer.from(hex, 'hex');
        const expected = frames.flatMap(({ decoded }) => (decoded === null ? [] : [show(toMessage(decoded))]));
        inEveryCut(stream, (lengths) => {
          const { messages, fault } = decode(codec, stream, lengths);
          expect(fault).to.equal(undefined);
          expect(messages.map(show)).to.deep.equal(expected);
        });
      });

      it(`${name} is written again by our encoder so that the same is read`, () => {
        const encoder = encoderOf(codec);
        const out = new WriteBuffer();
        for (const { sent } of frames) {
          const before = out.length;
          if (sent === null) encoder.encodeHeartbeat(out);
          else encoder.encode(toMessage(sent), out);
          expect(out.length).to.be.greaterThan(before);
        }
        const ours = decode(codec, Buffer.concat(out.pieces()), [4096]);
        const theirs = decode(codec, Buffer.from(hex, 'hex'), [4096]);
        expect(ours.fault).to.equal(undefined);
        expect(ours.messages.map(show)).to.deep.equal(theirs.messages.map(show));
      });
    }

    it('chooses the short form exactly where etcd does', () => {
      const stream = recordedStreams().find(({ name }) => name === 'msgappv2-jumps');
      expect(stream).not.to.equal(undefined);
      const encoder = new MsgAppEncoder();
      let offset = 0;
      for (const { sent, length } of stream?.frames ?? []) {
        const out = new WriteBuffer();
        if (sent === null) encoder.encodeHeartbeat(out);
        else encoder.encode(toMessage(sent), out);
        expect(out.pieces()[0]?.[0], `frame at ${offset}`).to.equal(Buffer.from(stream?.hex ?? '', 'hex')[offset]);
        offset += length;
      }
    });
  });

  describe('hand-made streams', () => {
    /** Where etcd takes a cut for an end, or ends itself, we report a fault. */
    const ours: Record<string, string> = {
      'msgapp/type-3': 'type',
      'msgapp/type-255': 'type',
      'message/not-protobuf': 'malformed',
      'message/length-512MiB+1': 'limit',
      'message/length-2p63': 'limit',
      'message/length-2p64-1': 'limit',
      'msgapp/full-not-protobuf': 'malformed',
      'msgapp/entry-not-protobuf': 'malformed',
      'msgapp/full-length-2p63': 'limit',
      'msgapp/entry-length-2p64-1': 'limit',
      'msgapp/count-2p64-1': 'limit',
    };
    const unused = new Set(Object.keys(ours));

    for (const { name, codec, hex, decoded, outcome } of crafted()) {
      it(name, () => {
        const stream = Buffer.from(hex, 'hex');
        const fault = name.includes('/cut-') ? 'cut' : ours[name];
        unused.delete(name);
        if (outcome !== 'end of body') expect(fault, 'etcd refuses it').not.to.equal(undefined);
        inEveryCut(stream, (lengths) => {
          const result = decode(codec, stream, lengths);
          expect(result.fault).to.equal(fault);
          // etcd's process ends before it could tell what it had read.
          if (outcome !== 'process ends')
            expect(result.messages.map(show)).to.deep.equal(decoded.map((m) => show(toMessage(m))));
        });
      });
    }

    after('every row of the table was used', () => expect([...unused]).to.deep.equal([]));
  });

  it('gives back any run of appends', () => {
    const entry = fc.record({
      type: fc.constantFrom(undefined, 0 as const, 1 as const, 2 as const),
      term: fc.nat(5),
      index: fc.nat(9),
      data: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
    });
    const append = fc
      .record({
        term: fc.nat(2),
        logTerm: fc.nat(2),
        index: fc.nat(4),
        commit: fc.nat(9),
        entries: fc.array(entry, { maxLength: 4 }),
      })
      .map((fields): Message => ({ ...newMessage(MessageType.MsgApp, 2n), from: 1n, ...fields }));
    fc.assert(
      fc.property(
        fc.array(append, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (appends, lengths) => {
          for (const codec of ['msgapp', 'message'] as const) {
            const encoder = encoderOf(codec);
            const out = new WriteBuffer();
            for (const message of appends) {
              encoder.encode(message, out);
              encoder.encodeHeartbeat(out);
            }
            const { messages, fault } = decode(codec, Buffer.concat(out.pieces()), lengths);
            expect(fault).to.equal(undefined);
            expect(messages.map(show)).to.deep.equal(appends.map(show));
          }
        },
      ),
    );
  });

  it('never does anything but yield messages or report a fault, whatever the bytes', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 8 });
    // Small numbers where a stream has types, counts and sizes find more than even noise does.
    const byte = fc.oneof(fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 8), fc.nat(255));
    const bytes = fc.array(byte, { maxLength: 300 }).map((list) => Buffer.from(list));
    fc.assert(
      fc.property(bytes, cuts, fc.constantFrom<Codec>('msgapp', 'message'), (stream, lengths, codec) => {
        const inPieces = decode(codec, stream, lengths);
        const whole = decode(codec, stream, [stream.length + 1]);
        expect(inPieces.fault).to.equal(whole.fault);
        expect(inPieces.messages.map(show)).to.deep.equal(whole.messages.map(show));
      }),
      { numRuns: 500 },
    );
  });

  it('leaves the stream as it was if a message cannot be written', () => {
    for (const codec of ['msgapp', 'message'] as const) {
      const encoder = encoderOf(codec);
      const out = new WriteBuffer();
      const bad = newMessage(MessageType.MsgApp, 2n);
      bad.from = 1n;
      bad.index = 2 ** 53;
      expect(() => encoder.encode(bad, out)).to.throw(RaftError);
      expect(out.length).to.equal(0);
      const good: Message = { ...newMessage(MessageType.MsgApp, 2n), from: 1n, term: 1, logTerm: 1, index: 1 };
      encoder.encode(good, out);
      expect(decode(codec, Buffer.concat(out.pieces()), [7]).messages.map(show)).to.deep.equal([show(good)]);
    }
  });

  describe('large entries', () => {
    const sizes = fc.array(fc.oneof(fc.nat(300), fc.integer({ min: LARGE_PART_BYTES - 2, max: 200_000 })), {
      maxLength: 5,
    });
    const appendOf = (lengths: readonly number[]): Message => ({
      ...newMessage(MessageType.MsgApp, 2n),
      from: 1n,
      commit: 5,
      entries: lengths.map((length, i) => ({
        type: 0,
        term: 0,
        index: i + 1,
        data: new Uint8Array(length).fill(i + 1),
      })),
    });

    it('have the bytes of small ones, and their data is not copied on its way out', () => {
      fc.assert(
        fc.property(sizes, (lengths) => {
          const message = appendOf(lengths);
          const out = new WriteBuffer();
          new MsgAppEncoder().encode(message, out);
          const plain = [Buffer.of(1), u64(lengths.length)];
          for (const entry of message.entries) plain.push(u64(entrySize(entry)), Buffer.from(encodeEntry(entry)));
          const bytes = Buffer.concat(out.pieces());
          expect(bytes.equals(Buffer.concat([...plain, u64(5)]))).to.equal(true);
          expect(out.length).to.equal(bytes.length);
          for (const { data } of message.entries) {
            if (data !== undefined && data.length >= LARGE_PART_BYTES) expect(out.pieces()).to.include(data);
          }
        }),
        { numRuns: 100 },
      );
    });

    it('are read however they are cut, and share no memory with the pieces', () => {
      fc.assert(
        fc.property(
          sizes,
          fc.array(fc.integer({ min: 1000, max: 70_000 }), { minLength: 1, maxLength: 20 }),
          (lengths, cuts) => {
            const message = appendOf(lengths);
            const out = new WriteBuffer();
            new MsgAppEncoder().encode(message, out);
            // `decode` overwrites each piece when it was read.
            const { messages, fault } = decode('msgapp', Buffer.concat(out.pieces()), cuts);
            expect(fault).to.equal(undefined);
            expect(messages.map(show)).to.deep.equal([show(message)]);
          },
        ),
        { numRuns: 100 },
      );
    });

    it('leave nothing behind if a later one cannot be written', () => {
      const encoder = new MsgAppEncoder();
      const good = appendOf([LARGE_PART_BYTES, LARGE_PART_BYTES]);
      const [first, second] = good.entries;
      const bad = { ...good, entries: [first, { ...second, term: 2 ** 53 }] } as Message;
      const out = new WriteBuffer();
      expect(() => encoder.encode(bad, out)).to.throw(RaftError);
      expect(out.length).to.equal(0);
      encoder.encode(good, out);
      expect(decode('msgapp', Buffer.concat(out.pieces()), [50_000]).messages.map(show)).to.deep.equal([show(good)]);
    });
  });

  it('writes each frame as long as it says', () => {
    const message: Message = { ...newMessage(MessageType.MsgVote, 2n), from: 1n, term: 7, index: 300, logTerm: 6 };
    const out = new WriteBuffer();
    new MessageEncoder().encode(message, out);
    expect(out.length).to.equal(8 + messageSize(message));
    expect(Buffer.concat(out.pieces()).readBigUInt64BE(0)).to.equal(BigInt(messageSize(message)));
  });

  it('make chunks of HTTP, in new memory or in that of a chunk before', () => {
    const step = fc.oneof(
      fc.record({ isAdded: fc.constant(false), length: fc.oneof(fc.nat(40), fc.nat(9000)) }),
      fc.record({ isAdded: fc.constant(true), length: fc.nat(20_000) }),
    );
    let memory: Buffer | undefined;
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const out = new WriteBuffer(memory);
        const plain: Buffer[] = [];
        for (const [i, { isAdded, length }] of steps.entries()) {
          const bytes = Buffer.alloc(length, i + 65);
          plain.push(bytes);
          if (isAdded) out.add(bytes);
          else {
            out.room(length).set(bytes, out.at);
            out.advanceTo(out.at + length);
          }
        }
        const whole = Buffer.concat(plain);
        expect(out.length).to.equal(whole.length);
        expect(Buffer.concat(out.pieces()).equals(whole)).to.equal(true);
        const chunk = Buffer.concat(
          [`${whole.length.toString(16)}\r\n`, whole, '\r\n'].map((part) => Buffer.from(part)),
        );
        expect(Buffer.concat(out.chunk()).equals(chunk)).to.equal(true);
        memory = out.reusable;
      }),
    );
  });

  describe('limits', () => {
    const size = (n: bigint): Buffer => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(n);
      return bytes;
    };

    /** How much the process holds in buffers, after this. */
    function grownBy(run: () => void): number {
      const before = process.memoryUsage().arrayBuffers;
      run();
      return process.memoryUsage().arrayBuffers - before;
    }

    it('a length within the limit allocates nothing before the bytes come', () => {
      const longest = size(BigInt(MAX_MESSAGE_BYTES));
      const heads = { message: longest, msgapp: Buffer.concat([Buffer.of(2), longest]) };
      for (const codec of ['message', 'msgapp'] as const) {
        const decoder = decoderOf(codec);
        expect(grownBy(() => expect([...decoder.push(heads[codec])]).to.deep.equal([]))).to.be.lessThan(1024 * 1024);
        expect(() => decoder.end()).to.throw(RaftError);
      }
    });

    it('a message that comes in small pieces takes at most twice its size', () => {
      const decoder = new MessageDecoder();
      const total = 8 * 1024 * 1024;
      const piece = Buffer.alloc(1024);
      const grown = grownBy(() => {
        expect([...decoder.push(size(BigInt(total)))]).to.deep.equal([]);
        for (let sent = piece.length; sent < total; sent += piece.length)
          expect([...decoder.push(piece)]).to.deep.equal([]);
      });
      // Buffers that were outgrown may not have been collected yet; all of them together are as large as the last.
      expect(grown).to.be.lessThan(3 * total);
    });

    it('refuses one byte, or one entry, too many', () => {
      const faults: [Codec, Buffer][] = [
        ['message', size(BigInt(MAX_MESSAGE_BYTES) + 1n)],
        ['msgapp', Buffer.concat([Buffer.of(2), size(BigInt(MAX_MESSAGE_BYTES) + 1n)])],
        ['msgapp', Buffer.concat([Buffer.of(1), size(BigInt(MAX_APPEND_ENTRIES) + 1n)])],
        ['msgapp', Buffer.concat([Buffer.of(1), size(1n), size(BigInt(MAX_MESSAGE_BYTES) + 1n)])],
      ];
      for (const [codec, bytes] of faults) expect(decode(codec, bytes, [3]).fault).to.equal('limit');
    });

    it('bounds all entries of a record together', () => {
      const decoder = new MsgAppDecoder(1n, 2n, 10);
      const entry = Buffer.of(0x10, 1, 0x18, 1, 0x10, 1);
      const record = Buffer.concat([Buffer.of(1), size(2n), size(6n), entry, size(5n)]);
      expect(() => [...decoder.push(record)]).to.throw(RaftError, /limit/);
    });

    it('refuses a commit that is no position', () => {
      expect(decode('msgapp', Buffer.concat([Buffer.of(1), size(0n), size(2n ** 53n)]), [4]).fault).to.equal(
        'malformed',
      );
    });
  });
});
