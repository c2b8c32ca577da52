import * as proto from '@raft-ts/proto';
import { expect } from 'chai';
import { compared } from '../conformance/compared.js';
import {
  confChangeOf,
  confChangeV2Of,
  confStateOf,
  entryOf,
  fromHex,
  hardStateOf,
  hasPresentZero,
  hasPresentZeroInEntries,
  type Json,
  type JsonRecord,
  loadPackedVectors,
  loadVectors,
  type MalformedVector,
  type MessageVector,
  messageOf,
  type RecordVector,
  snapshotMetadataOf,
  snapshotOf,
  toHex,
} from './vectors.js';

/**
 * Where we differ from etcd v3.7 on a vector, each with a row in docs/differs-from-etcd.md. A line that is named here
 * and behaves as etcd's is an error too.
 */
const deviations = {
  /** Messages and groups lie in each other at most MAX_NESTING deep; etcd takes 10,000. */
  nesting: ['depth/responses/1000', 'group/depth/1000', 'group/depth/10001'],
  /** Unknown fields are dropped, not kept, so they do not count in an entry's size. */
  unknownFieldsDropped: [
    'unknown/bytes/in-entry',
    'unknown/bytes-empty/in-entry',
    'unknown/fixed32/in-entry',
    'unknown/fixed64/in-entry',
    'unknown/group/in-entry',
    'unknown/group-empty/in-entry',
    'unknown/group-nested/in-entry',
    'unknown/largest-number/in-entry',
    'unknown/varint/in-entry',
    'unknown/varint-max/in-entry',
  ],
};

function expectRefusal(action: () => unknown, codes: string[], at: string): proto.RaftError {
  try {
    action();
  } catch (error) {
    if (!(error instanceof proto.RaftError)) throw error;
    expect(codes, `${at}: ${error.message}`).to.include(error.code);
    return error;
  }
  throw new Error(`${at}: not refused`);
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

interface Codec {
  record(json: JsonRecord): unknown;
  encode(record: never): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

const codecs: { [kind: string]: Codec } = {
  Entry: { record: entryOf, encode: proto.encodeEntry, decode: proto.decodeEntry },
  Snapshot: { record: snapshotOf, encode: proto.encodeSnapshot, decode: proto.decodeSnapshot },
  SnapshotMetadata: {
    record: snapshotMetadataOf,
    encode: proto.encodeSnapshotMetadata,
    decode: proto.decodeSnapshotMetadata,
  },
  ConfState: { record: confStateOf, encode: proto.encodeConfState, decode: proto.decodeConfState },
  HardState: { record: hardStateOf, encode: proto.encodeHardState, decode: proto.decodeHardState },
  ConfChange: { record: confChangeOf, encode: proto.encodeConfChange, decode: proto.decodeConfChange },
  ConfChangeV2: { record: confChangeV2Of, encode: proto.encodeConfChangeV2, decode: proto.decodeConfChangeV2 },
};

/** Records of the log on disk, which has its own package. */
const kindsOfTheLog = ['walpb.Snapshot', 'walpb.Record'];

describe('byte vectors written by Go', () => {
  const messages = loadVectors<MessageVector>('messages.jsonl');
  const records = loadVectors<RecordVector>('records.jsonl');
  const malformed = loadVectors<MalformedVector>('malformed.jsonl');
  const accepted = messages.filter((line) => line.refuse !== true);
  const acceptedRecords = records.filter((line) => line.refuse !== true && line.kind in codecs);

  it('are as many as were recorded', () => {
    expect(messages.length).to.be.at.least(1715);
    expect(records.length).to.be.at.least(970);
    expect(malformed.length).to.be.at.least(639);
    expect(accepted.length).to.be.at.least(1617);
    expect(acceptedRecords.length).to.be.at.least(820);
  });

  it('are the ones packed into the repository', () => {
    for (const file of ['messages.jsonl', 'records.jsonl', 'malformed.jsonl']) {
      const full = new Map(loadVectors<{ name: string }>(file).map((line) => [line.name, line]));
      for (const line of loadPackedVectors<{ name: string }>(file)) {
        expect(full.get(line.name), `${file} ${line.name}`).to.deep.equal(line);
      }
    }
  });

  it('messages decode to the listed values', () => {
    for (const line of accepted) {
      expect(proto.decodeMessage(fromHex(line.hex)), line.name).to.deep.equal(messageOf(line.json));
    }
    compared('vectors', accepted.length);
  });

  it('messages encode to the listed bytes', () => {
    let exact = 0;
    let sparse = 0;
    for (const line of accepted) {
      const message = messageOf(line.json);
      const hex = toHex(proto.encodeMessage(message));
      if (line.canonical && !hasPresentZero('Message', line.json)) {
        exact++;
        expect(hex, line.name).to.equal(line.hex);
        expect(proto.messageSize(message), line.name).to.equal(line.size);
      }
      if (line.sparseHex !== undefined && !hasPresentZeroInEntries(line.json)) {
        sparse++;
        expect(hex, line.name).to.equal(line.sparseHex);
      }
    }
    expect(exact).to.be.at.least(441);
    expect(sparse).to.be.at.least(809);
  });

  it('decoding, encoding and decoding messages changes nothing', () => {
    for (const line of accepted) {
      const once = proto.decodeMessage(fromHex(line.hex));
      const encoded = proto.encodeMessage(once);
      expect(encoded.length, line.name).to.equal(proto.messageSize(once));
      expect(proto.decodeMessage(encoded), line.name).to.deep.equal(once);
    }
  });

  it('entries have the listed sizes', () => {
    let compared = 0;
    const unused = new Set(deviations.unknownFieldsDropped);
    for (const line of accepted) {
      const { entries } = proto.decodeMessage(fromHex(line.hex));
      const listed = line.json['entries'] as JsonRecord[];
      for (const [i, size] of (line.entrySizes ?? []).entries()) {
        if (listed[i]?.['index'] === '0' || listed[i]?.['term'] === '0') continue;
        const ours = proto.entrySize(entries[i] as proto.Entry);
        if (unused.has(line.name) && ours < size) unused.delete(line.name);
        else expect(ours, `${line.name}, entry ${i}`).to.equal(size);
        compared++;
      }
    }
    expect(compared).to.be.at.least(1352);
    expect([...unused], 'deviations that are none').to.deep.equal([]);
  });

  it('messages with a position above 2^53 - 1 are refused on both sides', () => {
    const refused = messages.filter((line) => line.refuse === true);
    expect(refused.length).to.be.at.least(98);
    for (const line of refused) {
      const fields = (line.refuseFields ?? []).map(lastName);
      const decoding = expectRefusal(
        () => proto.decodeMessage(fromHex(line.hex)),
        [proto.ERR_POSITION_RANGE],
        `decode ${line.name}`,
      );
      expect(fields, line.name).to.include(decoding.reason);
      const encoding = expectRefusal(
        () => proto.encodeMessage(messageOf(line.json)),
        [proto.ERR_POSITION_RANGE],
        `encode ${line.name}`,
      );
      expect(fields, line.name).to.include(encoding.reason);
    }
    compared('vectors', refused.length);
  });

  it('only records of the log are left out', () => {
    const others = new Set(records.filter((line) => !(line.kind in codecs)).map((line) => line.kind));
    expect([...others].sort()).to.deep.equal([...kindsOfTheLog].sort());
  });

  for (const [kind, codec] of Object.entries(codecs)) {
    it(`${kind} decodes to the listed values and encodes to the listed bytes`, () => {
      const lines = acceptedRecords.filter((line) => line.kind === kind);
      let exact = 0;
      for (const line of lines) {
        const expected = codec.record(line.json);
        const decoded = codec.decode(fromHex(line.hex));
        expect(decoded, line.name).to.deep.equal(expected);
        const encoded = codec.encode(decoded as never);
        expect(codec.decode(encoded), line.name).to.deep.equal(decoded);
        if (hasPresentZero(kind, line.json)) continue;
        exact++;
        expect(toHex(encoded), line.name).to.equal(line.hex);
        expect(encoded.length, line.name).to.equal(line.size);
      }
      expect(lines.length).to.be.at.least(45);
      expect(exact).to.be.at.least(5);
      compared('vectors', lines.length);
    });
  }

  it('records with a position above 2^53 - 1 are refused on both sides', () => {
    const refused = records.filter((line) => line.refuse === true && line.kind in codecs);
    expect(refused.length).to.be.at.least(90);
    for (const line of refused) {
      const codec = codecs[line.kind] as Codec;
      expectRefusal(() => codec.decode(fromHex(line.hex)), [proto.ERR_POSITION_RANGE], `decode ${line.name}`);
      expectRefusal(
        () => codec.encode(codec.record(line.json) as never),
        [proto.ERR_POSITION_RANGE],
        `encode ${line.name}`,
      );
    }
    compared('vectors', refused.length);
  });

  it('membership changes with every field set explicitly have the bytes of Go', () => {
    const isSet = (json: Json | undefined): boolean => json !== null && json !== undefined;
    const complete = (json: JsonRecord): boolean => isSet(json['type']) && isSet(json['nodeId']);
    let compared = 0;
    for (const { kind, json, hex, name } of acceptedRecords) {
      if (json['id'] === '0' || json['context'] === '') continue;
      if (kind === 'ConfChange' && complete(json)) {
        expect(toHex(proto.encodeConfChange(confChangeOf(json), { explicit: true })), name).to.equal(hex);
        compared++;
      }
      if (kind === 'ConfChangeV2' && isSet(json['transition']) && (json['changes'] as JsonRecord[]).every(complete)) {
        expect(toHex(proto.encodeConfChangeV2(confChangeV2Of(json), { explicit: true })), name).to.equal(hex);
        compared++;
      }
    }
    expect(compared).to.be.at.least(20);
  });

  it('malformed bytes are refused or accepted as v3.7 does', () => {
    const unused = new Set(deviations.nesting);
    let refused = 0;
    let values = 0;
    let reencoded = 0;
    for (const line of malformed) {
      if (line.error) {
        expectRefusal(() => proto.decodeMessage(fromHex(line.hex)), [proto.ERR_DECODE], line.name);
        refused++;
        continue;
      }
      if (unused.has(line.name)) {
        const error = expectRefusal(() => proto.decodeMessage(fromHex(line.hex)), [proto.ERR_DECODE], line.name);
        expect(error.reason, line.name).to.equal('nesting');
        unused.delete(line.name);
        continue;
      }
      const message = proto.decodeMessage(fromHex(line.hex));
      if (line.json === undefined) continue;
      expect(message, line.name).to.deep.equal(messageOf(line.json));
      values++;
      if (hasPresentZeroInEntries(line.json)) continue;
      expect(toHex(proto.encodeMessage(message)), line.name).to.equal(line.sparseHex);
      reencoded++;
    }
    expect([...unused], 'deviations that are none').to.deep.equal([]);
    expect(refused).to.be.at.least(420);
    expect(values).to.be.at.least(200);
    expect(reencoded).to.be.at.least(143);
    compared('vectors', malformed.length);
  });
});
