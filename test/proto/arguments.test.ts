import { runInNewContext } from 'node:vm';

import * as proto from '@raft-ts/proto';
import * as internal from '@raft-ts/proto/internal';
import { expect } from 'chai';

const noBytes = [
  'hello',
  new ArrayBuffer(4),
  new DataView(new ArrayBuffer(40)),
  Uint16Array.of(1),
  [1, 2],
  5,
  null,
  {},
];

const fields: { readonly [field: string]: (value: never) => Uint8Array } = {
  'Entry.data': (data) => proto.encodeEntry({ type: 0, term: 1, index: 1, data }),
  'Snapshot.data': (data) => proto.encodeSnapshot({ ...proto.emptySnapshot(), data }),
  'Message.context': (context) => proto.encodeMessage({ ...proto.newMessage(8, 1n), context }),
  'ConfChange.context': (context) => proto.encodeConfChange({ id: 1n, type: 0, nodeId: 1n, context }),
  'ConfChangeV2.context': (context) => proto.encodeConfChangeV2({ transition: 0, changes: [], context }),
};

describe('what is no bytes', () => {
  for (const [field, encode] of Object.entries(fields)) {
    it(`is not written as ${field}, and what is encoded next is right`, () => {
      for (const value of noBytes) {
        expect(() => encode(value as never), typeof value)
          .to.throw(proto.RaftError, field)
          .that.includes({ code: proto.ERR_ARGUMENT, reason: field });
        const good = encode(Uint8Array.of(1, 2, 3) as never);
        expect(Buffer.from(good).toString('hex')).to.include('03010203');
      }
    });
  }

  it('is not written as the data of an entry within a message, whole or head only', () => {
    for (const data of noBytes as never[]) {
      const entry = { type: undefined, term: 1, index: 1, data };
      const m = { ...proto.newMessage(3, 1n), entries: [entry] };
      for (const write of [
        () => proto.encodeMessage(m),
        () => internal.encodeMessageInto(m, new Uint8Array(100), 0),
        () => internal.encodeEntryInto(entry, new Uint8Array(100), 0),
        () => internal.encodeEntryHeadInto(entry, new Uint8Array(100), 0),
      ]) {
        expect(write).to.throw().that.includes({ code: proto.ERR_ARGUMENT, reason: 'Entry.data' });
      }
    }
  });

  it('is not read', () => {
    for (const value of ['hello', [8, 1], new ArrayBuffer(2)] as never[]) {
      for (const decode of [
        proto.decodeMessage,
        proto.decodeEntry,
        proto.decodeHardState,
        proto.decodeSnapshot,
        proto.decodeConfChange,
        proto.decodeConfChangeV2,
        proto.decodeConfState,
      ]) {
        expect(() => decode(value))
          .to.throw()
          .that.includes({ code: proto.ERR_ARGUMENT, reason: 'bytes' });
      }
    }
  });

  it('bytes of another realm are written and read as those of this one', () => {
    const foreign = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array;
    const entry = { type: undefined, term: 1, index: 1, data: foreign };
    expect(proto.encodeEntry(entry)).to.deep.equal(proto.encodeEntry({ ...entry, data: Uint8Array.of(1, 2, 3) }));
  });
});
