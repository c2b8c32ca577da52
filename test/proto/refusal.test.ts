import * as proto from '@raft-ts/proto';
import * as internal from '@raft-ts/proto/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import * as arbitrary from './arbitraries.js';
import { oracleEncode } from './oracle.js';

const TWO_TO_53 = 2 ** 53;

function refusalOf(action: () => unknown): proto.RaftError {
  try {
    action();
  } catch (error) {
    if (error instanceof proto.RaftError) return error;
    throw error;
  }
  throw new Error('not refused');
}

/** Numbers, and things that a program without types could pass for them. */
const noPositions: unknown[] = [-1, 1.5, Number.NaN, Infinity, -Infinity, TWO_TO_53, 5n, '7', null, undefined, {}];
const noIds: unknown[] = [-1n, 2n ** 64n, 2n ** 70n, -(2n ** 64n), 1, 0, '7', null, undefined, {}];

const metadata = proto.emptySnapshot().metadata;

/** Each field that holds a position or an id: how to put a value there and encode. */
const positions: { [field: string]: (value: never) => Uint8Array } = {
  'Message.term': (term) => proto.encodeMessage({ ...proto.newMessage(3, 1n), term }),
  'Message.logTerm': (logTerm) => proto.encodeMessage({ ...proto.newMessage(3, 1n), logTerm }),
  'Message.index': (index) => proto.encodeMessage({ ...proto.newMessage(3, 1n), index }),
  'Message.commit': (commit) => proto.encodeMessage({ ...proto.newMessage(3, 1n), commit }),
  'Message.rejectHint': (rejectHint) => proto.encodeMessage({ ...proto.newMessage(3, 1n), rejectHint }),
  'Entry.term': (term) => proto.encodeEntry({ type: 0, term, index: 1, data: undefined }),
  'Entry.index': (index) => proto.encodeEntry({ type: 0, term: 1, index, data: undefined }),
  'SnapshotMetadata.index': (index) => proto.encodeSnapshot({ data: undefined, metadata: { ...metadata, index } }),
  'SnapshotMetadata.term': (term) => proto.encodeSnapshotMetadata({ ...metadata, term }),
  'HardState.term': (term) => proto.encodeHardState({ term, vote: 1n, commit: 1 }),
  'HardState.commit': (commit) => proto.encodeHardState({ term: 1, vote: 1n, commit }),
};

const confState = proto.emptyConfState();
const ids: { [field: string]: (value: never) => Uint8Array } = {
  'Message.to': (to) => proto.encodeMessage({ ...proto.newMessage(3, 1n), to }),
  'Message.from': (from) => proto.encodeMessage({ ...proto.newMessage(3, 1n), from }),
  'Message.vote': (vote) => proto.encodeMessage({ ...proto.newMessage(3, 1n), vote }),
  'ConfState.voters': (value) => proto.encodeConfState({ ...confState, voters: [1n, value] }),
  'ConfState.learners': (value) => proto.encodeConfState({ ...confState, learners: [value] }),
  'ConfState.votersOutgoing': (value) => proto.encodeConfState({ ...confState, votersOutgoing: [value] }),
  'ConfState.learnersNext': (value) => proto.encodeConfState({ ...confState, learnersNext: [value] }),
  'HardState.vote': (vote) => proto.encodeHardState({ term: 1, vote, commit: 1 }),
  'ConfChange.id': (id) => proto.encodeConfChange({ id, type: 0, nodeId: 1n, context: undefined }),
  'ConfChange.nodeId': (nodeId) => proto.encodeConfChange({ id: 1n, type: 0, nodeId, context: undefined }),
  'ConfChangeSingle.nodeId': (nodeId) =>
    proto.encodeConfChangeV2({ transition: 0, changes: [{ type: 0, nodeId }], context: undefined }),
};

const types: { [field: string]: (value: never) => Uint8Array } = {
  'Message.type': (type) => proto.encodeMessage(proto.newMessage(type, 1n)),
  'Entry.type': (type) => proto.encodeEntry({ type, term: 1, index: 1, data: undefined }),
  'ConfChange.type': (type) => proto.encodeConfChange({ id: 1n, type, nodeId: 1n, context: undefined }),
  'ConfChangeSingle.type': (type) =>
    proto.encodeConfChangeV2({ transition: 0, changes: [{ type, nodeId: 1n }], context: undefined }),
  'ConfChangeV2.transition': (transition) => proto.encodeConfChangeV2({ transition, changes: [], context: undefined }),
};

describe('values that the codec refuses to write', () => {
  for (const [field, encode] of Object.entries(positions)) {
    it(`${field} outside 0 to 2^53 - 1`, () => {
      for (const value of noPositions) {
        const error = refusalOf(() => encode(value as never));
        expect(error.code, String(value)).to.equal('ERR_RAFT_POSITION_RANGE');
        expect(error.reason).to.equal(field.split('.')[1]);
        expect(error.message).to.include(field);
      }
      expect(() => encode(Number.MAX_SAFE_INTEGER as never)).not.to.throw();
      expect(() => encode(0 as never)).not.to.throw();
    });
  }

  for (const [field, encode] of Object.entries(ids)) {
    it(`${field} outside 0 to 2^64 - 1`, () => {
      for (const value of noIds) {
        const error = refusalOf(() => encode(value as never));
        expect(error.code, String(value)).to.equal('ERR_RAFT_POSITION_RANGE');
        expect(error.reason).to.equal(field.split('.')[1]);
        expect(error.message).to.include(field);
      }
      expect(() => encode((2n ** 64n - 1n) as never)).not.to.throw();
      expect(() => encode(0n as never)).not.to.throw();
    });
  }

  for (const [field, encode] of Object.entries(types)) {
    it(`${field} that is no 32-bit integer`, () => {
      for (const value of [1.5, 2 ** 31, -(2 ** 31) - 1, Number.NaN, 3n, 'MsgApp', null]) {
        const error = refusalOf(() => encode(value as never));
        expect(error.code, String(value)).to.equal('ERR_RAFT_POSITION_RANGE');
        expect(error.reason).to.equal(field.split('.')[1]);
      }
      expect(() => encode(-1 as never)).not.to.throw();
    });
  }

  it('values deep in a message, and a caller can go on afterwards', () => {
    const bad = { type: undefined, term: -1, index: 1, data: undefined };
    const inner = { ...proto.newMessage(3, 1n), entries: [bad] };
    expect(refusalOf(() => proto.encodeMessage(inner)).reason).to.equal('term');
    const outer = { ...proto.newMessage(19, 1n), responses: [inner] };
    expect(refusalOf(() => proto.encodeMessage(outer)).reason).to.equal('term');
    expect(refusalOf(() => internal.encodeMessageInto(outer, new Uint8Array(100), 0)).reason).to.equal('term');
    expect(Buffer.from(proto.encodeMessage(proto.newMessage(8, 2n))).toString('hex')).to.equal('08081002');
  });
});

describe('positions above 2^53 - 1 on the wire', () => {
  const paths: { [field: string]: (value: string) => proto.RaftError } = {};
  const simple: [string, string, (bytes: Uint8Array) => unknown, string[]][] = [
    ['Message', 'Message', proto.decodeMessage, ['term', 'logTerm', 'index', 'commit', 'rejectHint']],
    ['SnapshotMetadata', 'SnapshotMetadata', proto.decodeSnapshotMetadata, ['term', 'index']],
    ['HardState', 'HardState', proto.decodeHardState, ['term', 'commit']],
  ];
  for (const [type, name, decode, fields] of simple) {
    for (const field of fields) {
      paths[`${name}.${field}`] = (value) => refusalOf(() => decode(oracleEncode(type, { [field]: value })));
    }
  }
  const entries: [string, string][] = [
    ['Term', 'term'],
    ['Index', 'index'],
  ];
  for (const [wire, field] of entries) {
    paths[`Entry.${field}`] = (value) =>
      refusalOf(() => proto.decodeMessage(oracleEncode('Message', { entries: [{}, { [wire]: value }] })));
  }

  for (const [field, refuse] of Object.entries(paths)) {
    it(`${field} is refused`, () => {
      fc.assert(
        fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }), (value) => {
          const error = refuse(String(value));
          expect(error.code).to.equal('ERR_RAFT_POSITION_RANGE');
          expect(error.reason).to.equal(field.split('.')[1]);
          expect(error.message).to.include(field).and.include(String(value));
        }),
        { examples: [[2n ** 53n], [2n ** 53n + 1n], [2n ** 63n], [2n ** 64n - 1n]], numRuns: 50 },
      );
    });
  }

  it('what is at most 2^53 - 1 is read exactly', () => {
    fc.assert(
      fc.property(arbitrary.position, (value) => {
        expect(proto.decodeHardState(oracleEncode('HardState', { term: String(value) })).term).to.equal(value);
      }),
      { examples: [[Number.MAX_SAFE_INTEGER]] },
    );
  });
});
