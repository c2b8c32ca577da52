import * as proto from '@raft-ts/proto';
import { expect } from 'chai';
import fc from 'fast-check';
import * as arbitrary from './arbitraries.js';
import * as oracle from './oracle.js';
import { toHex } from './vectors.js';

const RUNS = 400;

interface Case<T> {
  type: string;
  records: fc.Arbitrary<T>;
  plain(record: T, presence: oracle.Presence): oracle.Plain;
  encode(record: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

function compare<T>({ type, records, plain, encode, decode }: Case<T>): void {
  describe(type, () => {
    it('has the bytes that the generated codec writes', () => {
      fc.assert(
        fc.property(records, (record) => {
          expect(toHex(encode(record))).to.equal(toHex(oracle.oracleEncode(type, plain(record, 'sparse'))));
        }),
        { numRuns: RUNS },
      );
    });

    it('is read by the generated codec', () => {
      fc.assert(
        fc.property(records, (record) => {
          expect(oracle.oracleDecode(type, encode(record))).to.deep.equal(plain(record, 'sparse'));
        }),
        { numRuns: RUNS },
      );
    });

    it('is read from what the generated codec writes, whether zeros are there or not', () => {
      fc.assert(
        fc.property(records, fc.constantFrom<oracle.Presence[]>('sparse', 'explicit'), (record, presence) => {
          expect(decode(oracle.oracleEncode(type, plain(record, presence)))).to.deep.equal(record);
        }),
        { numRuns: RUNS },
      );
    });
  });
}

describe('the codec and the one generated from raft.proto', () => {
  compare({
    type: 'Message',
    records: arbitrary.message,
    plain: oracle.plainMessage,
    encode: (record) => proto.encodeMessage(record),
    decode: proto.decodeMessage,
  });
  compare({
    type: 'Entry',
    records: arbitrary.entry,
    plain: oracle.plainEntry,
    encode: (record) => proto.encodeEntry(record),
    decode: proto.decodeEntry,
  });
  compare({
    type: 'Snapshot',
    records: arbitrary.snapshot,
    plain: oracle.plainSnapshot,
    encode: proto.encodeSnapshot,
    decode: proto.decodeSnapshot,
  });
  compare({
    type: 'SnapshotMetadata',
    records: arbitrary.snapshotMetadata,
    plain: oracle.plainSnapshotMetadata,
    encode: proto.encodeSnapshotMetadata,
    decode: proto.decodeSnapshotMetadata,
  });
  compare({
    type: 'ConfState',
    records: arbitrary.confState,
    plain: oracle.plainConfState,
    encode: proto.encodeConfState,
    decode: proto.decodeConfState,
  });
  compare({
    type: 'HardState',
    records: arbitrary.hardState,
    plain: oracle.plainHardState,
    encode: proto.encodeHardState,
    decode: proto.decodeHardState,
  });
  compare({
    type: 'ConfChange',
    records: arbitrary.confChange,
    plain: oracle.plainConfChange,
    encode: (record) => proto.encodeConfChange(record),
    decode: proto.decodeConfChange,
  });
  compare({
    type: 'ConfChangeV2',
    records: arbitrary.confChangeV2,
    plain: oracle.plainConfChangeV2,
    encode: (record) => proto.encodeConfChangeV2(record),
    decode: proto.decodeConfChangeV2,
  });

  it('membership changes with zeros written are those of the generated codec too', () => {
    fc.assert(
      fc.property(arbitrary.confChange, arbitrary.confChangeV2, (first, second) => {
        const explicitFirst = { type: first.type, node_id: String(first.nodeId) };
        const plainFirst = { ...oracle.plainConfChange(first, 'sparse'), ...explicitFirst };
        expect(toHex(proto.encodeConfChange(first, { explicit: true }))).to.equal(
          toHex(oracle.oracleEncode('ConfChange', plainFirst)),
        );
        expect(toHex(proto.encodeConfChangeV2(second, { explicit: true }))).to.equal(
          toHex(oracle.oracleEncode('ConfChangeV2', oracle.plainConfChangeV2(second, 'explicit'))),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('raft.proto names the message types with their numbers', () => {
    for (const [name, number] of Object.entries(proto.MessageType)) {
      expect(oracle.oracleDecode('Message', proto.encodeMessage(proto.newMessage(number, 1n)))['type'] ?? 0).to.equal(
        number,
      );
      expect(oracle.enumNumber('MessageType', name)).to.equal(number);
    }
  });
});
