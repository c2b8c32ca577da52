import * as proto from '@raft-ts/proto';
import * as internal from '@raft-ts/proto/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import * as arbitrary from './arbitraries.js';
import { fromHex, toHex } from './vectors.js';

const decoders: { [name: string]: (bytes: Uint8Array) => unknown } = {
  Message: proto.decodeMessage,
  Entry: proto.decodeEntry,
  Snapshot: proto.decodeSnapshot,
  SnapshotMetadata: proto.decodeSnapshotMetadata,
  ConfState: proto.decodeConfState,
  HardState: proto.decodeHardState,
  ConfChange: proto.decodeConfChange,
  ConfChangeV2: proto.decodeConfChangeV2,
};

/** What decoding came to: a record, or the code of the refusal. Any other error is thrown on. */
function outcome(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof proto.RaftError)) throw error;
    expect([proto.ERR_DECODE, proto.ERR_POSITION_RANGE]).to.include(error.code);
    expect(error.reason).to.be.a('string');
    return error.code;
  }
}

function refusal(decode: (bytes: Uint8Array) => unknown, hex: string): string | undefined {
  try {
    decode(fromHex(hex));
  } catch (error) {
    if (error instanceof proto.RaftError && error.code === proto.ERR_DECODE) return error.reason;
    throw error;
  }
  throw new Error(`${hex} was accepted`);
}

/** A message in the responses of a message, `depth` times over. */
function nest(depth: number): Uint8Array {
  // From the inside out, so backwards.
  const reversed: number[] = [];
  for (let i = 0; i < depth; i++) {
    const head = [0x72];
    let length = reversed.length;
    for (; length > 127; length >>>= 7) head.push((length & 127) | 128);
    head.push(length);
    reversed.push(...head.reverse());
  }
  return Uint8Array.from(reversed.reverse());
}

describe('bytes from a stranger', () => {
  it('garbage is decoded or refused with a code', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      // Mostly small numbers: tags and lengths that make sense.
      fc.array(fc.oneof(fc.nat({ max: 127 }), fc.nat({ max: 12 }), fc.constantFrom(0x80, 0xff)), { maxLength: 60 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(decoders)), bytes, (name, garbage) => {
        outcome(decoders[name] as (bytes: Uint8Array) => unknown, Uint8Array.from(garbage));
      }),
      { numRuns: 5000 },
    );
  });

  it('damaged messages are decoded or refused with a code, and what is decoded can be encoded', () => {
    fc.assert(
      fc.property(
        arbitrary.message,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
        (m, dents) => {
          const bytes = new Uint8Array(proto.encodeMessage(m));
          for (const [at, value] of dents) if (bytes.length > 0) bytes[at % bytes.length] = value;
          const decoded = outcome(proto.decodeMessage, bytes);
          if (typeof decoded === 'string') return;
          expect(proto.decodeMessage(proto.encodeMessage(decoded as proto.Message))).to.deep.equal(decoded);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('a message cut at any byte is decoded or refused with a code', () => {
    fc.assert(
      fc.property(arbitrary.message, (m) => {
        const bytes = proto.encodeMessage(m);
        for (let end = 0; end < Math.min(bytes.length, 400); end++) {
          outcome(proto.decodeMessage, bytes.subarray(0, end));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('an entry cut within a field is refused', () => {
    const bytes = proto.encodeEntry({ type: 1, term: 300, index: 70_000, data: new Uint8Array(3) });
    // The ends of the four fields are the only places where less is an entry too.
    const whole = [0, 2, 5, 9, 14];
    for (let end = 0; end < bytes.length; end++) {
      const result = outcome(proto.decodeEntry, bytes.subarray(0, end));
      expect(typeof result, `${end} bytes`).to.equal(whole.includes(end) ? 'object' : 'string');
    }
    expect(bytes.length).to.equal(14);
  });

  it('the reason says what is wrong', () => {
    expect(refusal(proto.decodeMessage, '20')).to.equal('truncated');
    expect(refusal(proto.decodeMessage, '3a0508')).to.equal('truncated');
    expect(refusal(proto.decodeMessage, '20ffffffffffffffffff02')).to.equal('varint');
    expect(refusal(proto.decodeMessage, '0001')).to.equal('field-number');
    expect(refusal(proto.decodeMessage, '0e01')).to.equal('wire-type');
    expect(refusal(proto.decodeMessage, '7c')).to.equal('group');
    expect(refusal(proto.decodeMessage, '7b0805')).to.equal('truncated');
    expect(refusal(proto.decodeMessage, '7b8401')).to.equal('group');
  });

  it('a list of ids may be packed, and packed and unpacked mix', () => {
    expect(proto.decodeConfState(fromHex('0a03010203')).voters).to.deep.equal([1n, 2n, 3n]);
    expect(proto.decodeConfState(fromHex('08050a02060722010928011201040801')).voters).to.deep.equal([5n, 6n, 7n, 1n]);
    expect(refusal(proto.decodeConfState, '0a020180')).to.equal('truncated');
  });

  it('entries between other fields keep their order', () => {
    const bytes = fromHex('3a0210013a02100220053a02100318063a021004');
    expect(proto.decodeMessage(bytes).entries.map((entry) => entry.term)).to.deep.equal([1, 2, 3, 4]);
  });

  it('unknown fields are skipped wherever they stand', () => {
    const unknown = ['7801', '7d01020304', '790102030405060708', '7a0161', '7b08057c', 'f8ffffff0f01'];
    for (const hex of unknown) {
      expect(proto.decodeMessage(fromHex(`0803${hex}1002`)), hex).to.deep.equal(proto.newMessage(3, 2n));
      expect(proto.decodeEntry(fromHex(`${hex}1002${hex}1803`)), hex).to.deep.equal({
        type: undefined,
        term: 2,
        index: 3,
        data: undefined,
      });
    }
  });

  it('messages lie in each other so deep and no deeper', () => {
    expect(() => proto.decodeMessage(nest(proto.MAX_NESTING))).not.to.throw();
    for (const depth of [proto.MAX_NESTING + 1, 20_000]) {
      expect(refusal(proto.decodeMessage, toHex(nest(depth)))).to.equal('nesting');
    }
  });

  it('groups lie in each other so deep and no deeper', () => {
    const groups = (depth: number): string => '7b'.repeat(depth) + '7c'.repeat(depth);
    expect(proto.decodeMessage(fromHex(`${groups(proto.MAX_NESTING)}1002`)).to).to.equal(2n);
    for (const depth of [proto.MAX_NESTING + 1, 100_000]) {
      expect(refusal(proto.decodeMessage, groups(depth))).to.equal('nesting');
    }
  });

  it('responses nested too deeply are not written either', () => {
    let message = proto.newMessage(3, 1n);
    for (let i = 0; i < proto.MAX_NESTING; i++) message = { ...proto.newMessage(3, 1n), responses: [message] };
    expect(proto.decodeMessage(proto.encodeMessage(message))).to.deep.equal(message);
    const deeper = { ...proto.newMessage(3, 1n), responses: [message] };
    for (const encode of [
      () => proto.encodeMessage(deeper),
      () => proto.messageSize(deeper),
      () => internal.encodeMessageInto(deeper, new Uint8Array(10_000), 0),
    ]) {
      expect(encode).to.throw(proto.RaftError).with.property('code', 'ERR_RAFT_ENCODE');
    }
  });

  it('a list of ids of a stranger does not wear out the memory of ids', () => {
    const many = fc.array(arbitrary.id, { minLength: 600, maxLength: 1200, size: 'max' });
    fc.assert(
      fc.property(many, (voters) => {
        const state = { ...proto.emptyConfState(), voters };
        expect(proto.decodeConfState(proto.encodeConfState(state))).to.deep.equal(state);
      }),
      { numRuns: 20 },
    );
  });
});
