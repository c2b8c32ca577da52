import * as proto from '@raft-ts/proto';
import * as internal from '@raft-ts/proto/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import * as arbitrary from './arbitraries.js';
import { fromHex } from './vectors.js';

/** The value of a field of bytes or of a nested record, with its tag before it. */
function field(tag: number, value: Uint8Array): Uint8Array {
  const head = [tag];
  let { length } = value;
  for (; length > 127; length >>>= 7) head.push((length & 127) | 128);
  head.push(length);
  return Buffer.concat([Uint8Array.from(head), value]);
}

function repeated(hex: string, count: number): Uint8Array {
  const unit = fromHex(hex);
  return Buffer.alloc(unit.length * count, unit);
}

/** Why this is refused; undefined if it is not. */
function refusal(decode: () => unknown): string | undefined {
  try {
    decode();
  } catch (error) {
    if (error instanceof proto.RaftError && error.code === proto.ERR_DECODE) return error.reason;
    throw error;
  }
  return undefined;
}

/** What a generator returns, and how often it yielded before. */
function finish<T>(turns: Generator<void, T>): { value: T; turns: number } {
  for (let count = 0; ; count++) {
    const { done, value } = turns.next();
    if (done === true) return { value, turns: count };
  }
}

const million = 1_048_576;

describe('how much one message may hold', () => {
  it('entries: 1,048,576, counted where they lie in responses too', () => {
    expect(proto.decodeMessage(repeated('3a00', million)).entries).to.have.length(million);
    expect(refusal(() => proto.decodeMessage(repeated('3a00', million + 1)))).to.equal('limit');
    const halves = field(0x72, repeated('3a00', million / 2 + 1));
    expect(refusal(() => proto.decodeMessage(Buffer.concat([halves, halves])))).to.equal('limit');
  });

  it('responses: 1,048,576, those within responses too', () => {
    expect(refusal(() => proto.decodeMessage(repeated('7200', million + 1)))).to.equal('limit');
    expect(refusal(() => proto.decodeMessage(field(0x72, repeated('7200', million))))).to.equal('limit');
  });

  it('ids in each list of a configuration: 1,048,576, packed or not', () => {
    for (const tag of [0x0a, 0x12, 0x1a, 0x22]) {
      const most = field(tag, repeated('01', million));
      expect(refusal(() => proto.decodeConfState(most))).to.equal(undefined);
      expect(refusal(() => proto.decodeConfState(Buffer.concat([most, field(tag, fromHex('01'))])))).to.equal('limit');
    }
    expect(refusal(() => proto.decodeConfState(repeated('0801', million + 1)))).to.equal('limit');
  });

  it('fields of an entry, a snapshot, or a group: 1024', () => {
    for (const unit of ['1001', '7801', '2200']) {
      expect(refusal(() => proto.decodeEntry(repeated(unit, 1024)))).to.equal(undefined);
      expect(refusal(() => proto.decodeEntry(repeated(unit, 1025)))).to.equal('limit');
    }
    expect(refusal(() => proto.decodeSnapshot(repeated('0a00', 1025)))).to.equal('limit');
    const group = Buffer.concat([fromHex('7b'), repeated('0801', 1024), fromHex('7c')]);
    expect(refusal(() => proto.decodeMessage(group))).to.equal('limit');
  });
});

describe('decoding in turns', () => {
  it('gives what decoding at once gives, however short the turns are', () => {
    fc.assert(
      fc.property(arbitrary.message, fc.integer({ min: 1, max: 100 }), (message, turnBytes) => {
        const bytes = proto.encodeMessage(message);
        const { value } = finish(internal.decodeMessageInTurns(bytes, turnBytes));
        expect(value).to.deep.equal(proto.decodeMessage(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('reads about so many bytes in each turn', () => {
    const bytes = repeated('3a0410011802', 100_000);
    const { value, turns } = finish(internal.decodeMessageInTurns(bytes, 60_000));
    expect(value.entries).to.have.length(100_000);
    expect(turns).to.be.within(5, 10);
  });

  it('copies what is 32 MiB or shorter, so that the bytes can be let go, and shows longer data as it lies there', () => {
    const short = new Uint8Array(32 * 1024 * 1024);
    const long = new Uint8Array(32 * 1024 * 1024 + 1);
    const message = { ...proto.newMessage(proto.MessageType.MsgSnap, 2n), context: long };
    message.entries = [short, long].map((data, index) => ({ type: 0, term: 1, index, data }));
    const bytes = proto.encodeMessage(message);
    const shares = (data: Uint8Array | undefined): boolean => data?.buffer === bytes.buffer;
    const { entries, context } = finish(internal.decodeMessageInTurns(bytes, 1024)).value;
    expect(entries.map(({ data }) => shares(data))).to.deep.equal([false, true]);
    expect(shares(context)).to.equal(true);
    expect(entries.map(({ data }) => data?.length)).to.deep.equal([short.length, long.length]);
    expect(proto.decodeMessage(bytes).entries.some(({ data }) => shares(data))).to.equal(false);
    expect(proto.decodeMessage(bytes, 0, bytes.length, true).entries.map(({ data }) => shares(data))).to.deep.equal([
      false,
      true,
    ]);
  });
});

describe('the survey of a message', () => {
  it('says what decoding it would find, however short the turns are', () => {
    fc.assert(
      fc.property(arbitrary.message, fc.integer({ min: 1, max: 100 }), (message, turnBytes) => {
        const bytes = proto.encodeMessage(message);
        const padded = Buffer.concat([fromHex('ffff'), bytes, fromHex('ff')]);
        const { value } = finish(internal.surveyMessage(padded, turnBytes, 2, 2 + bytes.length));
        const { type, to, from, entries, responses } = proto.decodeMessage(bytes);
        expect(value).to.include({ type, to, from, entries: entries.length, responses: responses.length });
        expect(value).to.include({ unknownBytes: 0, bytes: bytes.length });
      }),
      { numRuns: 500 },
    );
  });

  it('tells how much belongs to the configuration, and how much nobody knows', () => {
    const metadata = field(0x12, repeated('0801', 100));
    const unknown = fromHex('7a0461626364');
    const bytes = Buffer.concat([fromHex('0807'), field(0x4a, Buffer.concat([metadata, unknown])), unknown]);
    const { value } = finish(internal.surveyMessage(bytes));
    expect(value).to.include({ metadataBytes: metadata.length, unknownBytes: 2 * unknown.length });
  });

  it('counts the last value of a field that comes again, as the decoder does', () => {
    expect(finish(internal.surveyMessage(fromHex('0803100208021003'))).value).to.include({ type: 2, to: 3n });
  });

  it('stops at more entries or fields than any message has', () => {
    for (const hex of ['0801', '7801', '7200', '4a00']) {
      expect(refusal(() => finish(internal.surveyMessage(repeated(hex, 1025), 64)))).to.equal('limit');
    }
    const snapshotOf = (fields: number): Uint8Array => field(0x4a, repeated('0a00', fields));
    expect(refusal(() => finish(internal.surveyMessage(snapshotOf(1024), 64)))).to.equal(undefined);
    expect(refusal(() => finish(internal.surveyMessage(snapshotOf(1025), 64)))).to.equal('limit');
    expect(finish(internal.surveyMessage(repeated('3a00', million), 65_536)).value.entries).to.equal(million);
    expect(refusal(() => finish(internal.surveyMessage(repeated('3a00', million + 1), 65_536)))).to.equal('limit');
  });
});
