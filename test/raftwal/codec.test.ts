import type { Entry } from '@raft-ts/proto';
import {
  contentOf,
  decodeIdentity,
  decodeRecord,
  decodeWalSnapshot,
  encodeIdentity,
  encodeWalSnapshot,
  type Frame,
  FrameDecoder,
  RecordBuffer,
  RecordEncoder,
  RecordType,
  updateCrc,
} from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { oneVoter } from './logs.js';

const entryOf = fc.record<Entry>({
  type: fc.constantFrom(undefined, 0, 1, 2),
  term: fc.nat(),
  index: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  data: fc.option(fc.uint8Array({ maxLength: 700 }), { nil: undefined }),
});

/** Records of these entries, a state between them. */
function encoded(entries: readonly Entry[], chain = 0): Uint8Array {
  const out = new RecordBuffer();
  const encoder = new RecordEncoder(chain);
  for (const one of entries) {
    encoder.entry(out, one);
    encoder.state(out, { term: one.term, vote: 2n ** 64n - 3n, commit: 0 });
  }
  return out.bytes.slice(0, out.length);
}

/** The definition of CRC-32C, bit by bit. */
function crcByBits(chain: number, bytes: Uint8Array): number {
  let sum = ~chain;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ 0x82f63b78;
  }
  return ~sum >>> 0;
}

/** Returns the frames that a decoder finds in bytes that arrive in pieces. */
function decoded(pieces: readonly Uint8Array[], size: number): { contents: object[]; decoder: FrameDecoder } {
  const decoder = new FrameDecoder(size);
  const contents: object[] = [];
  let chain = 0;
  for (const piece of pieces) {
    decoder.push(piece);
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      const record = decodeRecord(frame.bytes, frame.start, frame.end);
      chain = updateCrc(chain, record.data ?? new Uint8Array(0));
      expect(record.crc).to.equal(chain);
      expect(frame.offset % 8).to.equal(0);
      contents.push(contentOf(record));
    }
  }
  return { contents, decoder };
}

describe('frames and records', () => {
  it('have sums of CRC-32C, whatever their length and place', () => {
    const bytes = Uint8Array.from({ length: 1100 }, (_, i) => (i * 7919) >>> 3);
    for (let length = 0; length < 1040; length += length < 70 || (length > 490 && length < 530) ? 1 : 37) {
      for (const start of [0, 1, 6, 19]) {
        const chain = (length * 2654435761) >>> 0;
        const wanted = crcByBits(chain, bytes.subarray(start, start + length));
        expect(updateCrc(chain, bytes, start, start + length), `${length} bytes at ${start}`).to.equal(wanted);
      }
    }
    const all = fc.record({ chain: fc.nat({ max: 0xffffffff }), data: fc.uint8Array({ maxLength: 900 }) });
    fc.assert(fc.property(all, ({ chain, data }) => updateCrc(chain, data) === crcByBits(chain, data)));
  });

  it('come back whole, byte by byte and in pieces of any size', () => {
    fc.assert(
      fc.property(fc.array(entryOf, { maxLength: 6 }), fc.array(fc.nat({ max: 900 })), (entries, sizes) => {
        const bytes = encoded(entries);
        const pieces: Uint8Array[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = Math.min(bytes.length, at + (sizes[i % Math.max(1, sizes.length)] ?? 100));
          pieces.push(bytes.subarray(at, end));
          at = end === at ? Math.min(bytes.length, at + 1) : end;
          if (end < at) pieces.push(bytes.subarray(end, at));
        }
        const single = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
        for (const cut of [[bytes], pieces, single]) {
          const { contents, decoder } = decoded(cut, bytes.length);
          expect(contents.filter((one) => 'entry' in one)).to.deep.equal(
            entries.map((entry) => ({ kind: 'entry', entry })),
          );
          expect(decoder.next()).to.equal(undefined);
          expect(decoder.stop).to.equal('end');
          expect(decoder.offset).to.equal(bytes.length);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('end in the right place, no matter where a file is cut', () => {
    const entries: Entry[] = [1, 2].map((index) => ({ type: 0, term: 1, index, data: new Uint8Array(30) }));
    const bytes = encoded(entries);
    const { contents } = decoded([bytes], bytes.length);
    expect(contents).to.have.length(4);
    for (let size = 0; size < bytes.length; size++) {
      const { decoder } = decoded([bytes.subarray(0, size)], size);
      expect(decoder.next()).to.equal(undefined);
      const boundary = decoder.offset === size;
      expect(decoder.stop === 'end', `cut at ${size}`).to.equal(boundary);
    }
  });

  it('stay as they were, with or without room before a piece', () => {
    const piece = fc.record({ size: fc.integer({ min: 1, max: 900 }), room: fc.nat({ max: 400 }) });
    fc.assert(
      fc.property(fc.array(entryOf, { maxLength: 6 }), fc.array(piece, { minLength: 1 }), (entries, cuts) => {
        const bytes = encoded(entries);
        const decoder = new FrameDecoder(bytes.length);
        const frames: Frame[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const { size, room } = cuts[i % cuts.length] as { size: number; room: number };
          const part = bytes.subarray(at, at + size);
          const pushed = new Uint8Array(room + part.length).fill(0xee);
          pushed.set(part, room);
          decoder.push(pushed, room);
          for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push({ ...frame });
          at += part.length;
        }
        const contents = frames.map(({ bytes: held, start, end }) => contentOf(decodeRecord(held, start, end)));
        expect(contents).to.deep.equal(decoded([bytes], bytes.length).contents);
      }),
    );
  });

  it('allocate nothing that a damaged length announces', () => {
    const bytes = new Uint8Array(64).fill(0xff);
    const decoder = new FrameDecoder(bytes.length);
    decoder.push(bytes);
    expect(decoder.next()).to.equal(undefined);
    expect(decoder.stop).to.equal('past-end');
  });

  it('of any bytes are refused with a code, or decoded; never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          contentOf(decodeRecord(bytes, 0, bytes.length));
        } catch (error) {
          expect((error as { code?: string }).code).to.match(/^ERR_RAFT_/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('hold sums of any length: a shorter one moves the data', () => {
    const lengths = new Set<number>();
    for (let chain = 0; lengths.size < 2; chain++) {
      const entry: Entry = {
        type: undefined,
        term: 1,
        index: 1,
        data: new Uint8Array([chain, chain >>> 8, chain >>> 16]),
      };
      const bytes = encoded([entry]);
      if (lengths.has(bytes.length)) continue;
      lengths.add(bytes.length);
      expect(decoded([bytes], bytes.length).contents[0]).to.deep.equal({ kind: 'entry', entry });
    }
  });

  it('tell marks with and without a ConfState apart', () => {
    expect(decodeWalSnapshot(encodeWalSnapshot({ index: 0, term: 0 }))).to.deep.equal({
      index: 0,
      term: 0,
      confState: undefined,
    });
    const mark = { index: 2 ** 52, term: 7, confState: { ...oneVoter, autoLeave: true } };
    expect(decodeWalSnapshot(encodeWalSnapshot(mark))).to.deep.equal(mark);
  });

  it('name any member of any cluster', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (nodeId, clusterId) => {
          expect(decodeIdentity(encodeIdentity({ nodeId, clusterId }))).to.deep.equal({ nodeId, clusterId });
        },
      ),
    );
    expect(decodeIdentity(new TextEncoder().encode('reference'))).to.equal(undefined);
    expect(decodeIdentity(undefined)).to.equal(undefined);
  });

  it('put nothing into the buffer when an entry is refused', () => {
    const out = new RecordBuffer();
    const encoder = new RecordEncoder(5);
    expect(() => encoder.entry(out, { type: 0, term: -1, index: 1, data: undefined })).to.throw('term');
    expect([out.length, encoder.chain]).to.deep.equal([0, 5]);
    expect(RecordType.Crc).to.equal(4);
  });
});
