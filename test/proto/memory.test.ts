import * as proto from '@raft-ts/proto';
import * as internal from '@raft-ts/proto/internal';
import { MESSAGE_SLAB_SIZE, SLAB_SIZE } from '@raft-ts/proto/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import * as arbitrary from './arbitraries.js';
import { toHex } from './vectors.js';

const RUNS = 200;

describe('memory', () => {
  it('a decoded message shares none with its bytes', () => {
    fc.assert(
      fc.property(arbitrary.message, fc.boolean(), (message, asBuffer) => {
        const encoded = proto.encodeMessage(message);
        const bytes = asBuffer ? Buffer.from(encoded) : new Uint8Array(encoded);
        const decoded = proto.decodeMessage(bytes);
        bytes.fill(0xff);
        expect(decoded).to.deep.equal(message);
      }),
      { numRuns: RUNS },
    );
  });

  it('bytes may begin anywhere in their ArrayBuffer', () => {
    fc.assert(
      fc.property(arbitrary.message, fc.nat({ max: 40 }), (message, offset) => {
        const encoded = proto.encodeMessage(message);
        const around = new Uint8Array(offset + encoded.length + 7).fill(0xff);
        around.set(encoded, offset);
        expect(proto.decodeMessage(around.subarray(offset, offset + encoded.length))).to.deep.equal(message);
      }),
      { numRuns: RUNS },
    );
  });

  it('what is encoded and decoded later changes nothing before it', () => {
    fc.assert(
      fc.property(fc.array(arbitrary.message, { minLength: 5, maxLength: 30 }), (messages) => {
        const encoded = messages.map((message) => proto.encodeMessage(message));
        const decoded = encoded.map((bytes) => proto.decodeMessage(bytes));
        expect(decoded).to.deep.equal(messages);
        for (const bytes of encoded) bytes.fill(0xee);
        expect(decoded).to.deep.equal(messages);
      }),
      { numRuns: 60 },
    );
  });

  it('slabs are filled and left at every size of a piece', () => {
    const kept: [Uint8Array, number][] = [];
    const edges = [64, SLAB_SIZE / 4, SLAB_SIZE, MESSAGE_SLAB_SIZE / 4, MESSAGE_SLAB_SIZE];
    const sizes = [100, 1000, ...edges.flatMap((edge) => [edge - 1, edge, edge + 1])];
    for (let i = 0; i < 200; i++) {
      const data = new Uint8Array(sizes[i % sizes.length] as number).fill(i);
      const bytes = proto.encodeEntry({ type: 0, term: 1, index: 1, data });
      const message = proto.encodeMessage({ ...proto.newMessage(3, 1n), context: data });
      kept.push([bytes, i], [message, i], [proto.decodeEntry(bytes).data as Uint8Array, i]);
    }
    for (const [bytes, i] of kept) expect(bytes.subarray(-60), `piece ${i}`).to.deep.equal(new Uint8Array(60).fill(i));
  });

  it('messages of the largest values fit wherever a slab ends', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const longest = { type: -1 as proto.EntryType, term: most, index: most, data: new Uint8Array(0) };
    const id = 2n ** 64n - 1n;
    for (let count = 0; count <= 17; count++) {
      const message: proto.Message = {
        type: -1 as proto.MessageType,
        to: id,
        from: id,
        term: most,
        logTerm: most,
        index: most,
        entries: Array.from({ length: count }, () => longest),
        commit: most,
        vote: id,
        snapshot: undefined,
        reject: true,
        rejectHint: most,
        context: new Uint8Array(130 + count).fill(9),
        responses: [],
      };
      for (let size = 0; size < 3 * MESSAGE_SLAB_SIZE; size += proto.messageSize(message)) {
        expect(proto.decodeMessage(proto.encodeMessage(message))).to.deep.equal(message);
      }
    }
  });

  it('an entry keeps at most 32 KiB of its neighbours, a lone one at most a slab', () => {
    const entries = Array.from({ length: 2000 }, (_, i) => ({
      type: undefined,
      term: 1,
      index: i + 1,
      data: new Uint8Array(i === 1000 ? 100_000 : 200).fill(i),
    }));
    const message = { ...proto.newMessage(3, 1n), entries };
    const decoded = proto.decodeMessage(proto.encodeMessage(message));
    expect(decoded).to.deep.equal(message);
    for (const { data } of decoded.entries) {
      expect(data?.buffer.byteLength).to.be.at.most(Math.max(32_768, data?.length ?? 0));
    }
    const lone = proto.decodeEntry(proto.encodeEntry({ type: 0, term: 1, index: 1, data: new Uint8Array(200) }));
    expect(lone.data?.buffer.byteLength).to.be.at.most(SLAB_SIZE);
  });

  it('bytes that were transferred away do not harm what is encoded next', () => {
    const message = { ...proto.newMessage(3, 1n), context: new Uint8Array(100).fill(7) };
    const hex = toHex(proto.encodeMessage(message));
    const { buffer } = proto.encodeMessage(message);
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    expect(toHex(proto.encodeMessage(message))).to.equal(hex);
  });
});

describe('encoding into the bytes of a caller', () => {
  it('a message takes messageSize bytes there and nothing else is touched', () => {
    fc.assert(
      fc.property(arbitrary.message, fc.nat({ max: 20 }), (message, offset) => {
        const size = proto.messageSize(message);
        const target = new Uint8Array(offset + size + 10).fill(0xaa);
        expect(internal.encodeMessageInto(message, target, offset)).to.equal(offset + size);
        expect(toHex(target.subarray(offset, offset + size))).to.equal(toHex(proto.encodeMessage(message)));
        expect(target.subarray(0, offset).every((byte) => byte === 0xaa)).to.equal(true);
        expect(target.subarray(offset + size).every((byte) => byte === 0xaa)).to.equal(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('an entry takes entrySize bytes there', () => {
    fc.assert(
      fc.property(arbitrary.entry, fc.nat({ max: 20 }), (entry, offset) => {
        const size = proto.entrySize(entry);
        const target = new Uint8Array(offset + size).fill(0xaa);
        expect(internal.encodeEntryInto(entry, target, offset)).to.equal(offset + size);
        expect(toHex(target.subarray(offset))).to.equal(toHex(proto.encodeEntry(entry)));
      }),
      { numRuns: RUNS },
    );
  });

  it('an entry is its head and its data, and read without a copy it is the same', () => {
    fc.assert(
      fc.property(arbitrary.entry, fc.nat({ max: 20 }), (entry, offset) => {
        const whole = proto.encodeEntry(entry);
        const data = entry.data ?? new Uint8Array(0);
        const target = new Uint8Array(offset + whole.length - data.length);
        expect(internal.encodeEntryHeadInto(entry, target, offset)).to.equal(target.length);
        const bytes = Buffer.concat([target.subarray(offset), data]);
        expect(toHex(bytes)).to.equal(toHex(whole));
        const view = internal.decodeEntryView(bytes);
        expect(view).to.deep.equal(proto.decodeEntry(whole));
        if (view.data !== undefined && view.data.length > 0) expect(view.data.buffer).to.equal(bytes.buffer);
      }),
      { numRuns: RUNS },
    );
  });

  it('what lies within other bytes is read as if it were alone, and refused with the same words', () => {
    const outcome = (read: () => unknown): unknown => {
      try {
        return read();
      } catch (error) {
        return String(error);
      }
    };
    fc.assert(
      fc.property(arbitrary.message, fc.nat({ max: 20 }), fc.option(fc.nat()), (message, before, broken) => {
        for (const [bytes, decode] of [
          [proto.encodeMessage(message), proto.decodeMessage],
          [proto.encodeEntry(message.entries[0] ?? { type: 0, term: 1, index: 1, data: undefined }), proto.decodeEntry],
        ] as const) {
          if (broken !== null && bytes.length > 0) bytes[broken % bytes.length] = 0xff;
          const around = new Uint8Array(before + bytes.length + 9).fill(0x08);
          around.set(bytes, before);
          const within = outcome(() => decode(around, before, before + bytes.length));
          expect(within).to.deep.equal(outcome(() => decode(bytes)));
        }
      }),
      { numRuns: RUNS },
    );
  });

  it('too little room is an error, whatever is cut off', () => {
    fc.assert(
      fc.property(arbitrary.message, fc.nat(), (message, cut) => {
        const size = proto.messageSize(message);
        if (size === 0) return;
        const target = new Uint8Array(cut % size);
        expect(() => internal.encodeMessageInto(message, target, 0))
          .to.throw(proto.RaftError)
          .with.property('reason', 'no-room');
      }),
      { numRuns: RUNS },
    );
    const entry = { type: 0, term: 1, index: 1, data: new Uint8Array(300) } as const;
    expect(() => internal.encodeEntryInto(entry, new Uint8Array(304), 0))
      .to.throw(proto.RaftError)
      .with.property('code', 'ERR_RAFT_ENCODE');
  });

  it('a prefix is left before the bytes', () => {
    fc.assert(
      fc.property(arbitrary.message, arbitrary.entry, fc.nat({ max: 30 }), (message, entry, prefix) => {
        const framed = proto.encodeMessage(message, prefix);
        expect(framed.length).to.equal(prefix + proto.messageSize(message));
        framed.fill(0xbb, 0, prefix);
        expect(proto.decodeMessage(framed.subarray(prefix))).to.deep.equal(message);
        const framedEntry = proto.encodeEntry(entry, prefix);
        expect(toHex(framedEntry.subarray(prefix))).to.equal(toHex(proto.encodeEntry(entry)));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('sizes', () => {
  it('are the lengths of the encodings', () => {
    fc.assert(
      fc.property(arbitrary.message, arbitrary.entry, (message, entry) => {
        expect(proto.messageSize(message)).to.equal(proto.encodeMessage(message).length);
        expect(proto.entrySize(entry)).to.equal(proto.encodeEntry(entry).length);
        expect(proto.payloadSize(entry)).to.equal(entry.data?.length ?? 0);
      }),
      { numRuns: RUNS },
    );
  });

  it('of the entries that raft makes are those of etcd', () => {
    const election = { type: undefined, term: 1, index: 1, data: undefined };
    expect(proto.entrySize(election)).to.equal(4);
    expect(proto.entrySize({ ...election, data: new TextEncoder().encode('foo') })).to.equal(9);
    expect(proto.entrySize({ ...election, type: 0 })).to.equal(6);
    expect(proto.entrySize({ ...election, type: 2 })).to.equal(6);
    expect(proto.payloadSize(election)).to.equal(0);
  });
});
