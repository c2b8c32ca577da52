import * as proto from '@raft-ts/proto';
import { expect } from 'chai';
import fc from 'fast-check';
import * as arbitrary from './arbitraries.js';
import { fromHex, toHex } from './vectors.js';

const NOTHING = new Uint8Array(0);

describe('absent and zero', () => {
  it('an entry keeps whether its type and its data are there', () => {
    const rows: [proto.Entry, string][] = [
      [{ type: undefined, term: 0, index: 0, data: undefined }, ''],
      [{ type: 0, term: 0, index: 0, data: undefined }, '0800'],
      [{ type: undefined, term: 0, index: 0, data: NOTHING }, '2200'],
      [{ type: 0, term: 5, index: 300, data: NOTHING }, '0800100518ac022200'],
      [{ type: 2, term: 5, index: 300, data: undefined }, '0802100518ac02'],
    ];
    for (const [entry, hex] of rows) {
      expect(toHex(proto.encodeEntry(entry))).to.equal(hex);
      expect(proto.decodeEntry(fromHex(hex))).to.deep.equal(entry);
      expect(proto.entrySize(entry)).to.equal(hex.length / 2);
    }
  });

  it('term and index of an entry that are zero are not written, and read as zero', () => {
    expect(proto.decodeEntry(fromHex('10001800'))).to.deep.equal(proto.decodeEntry(NOTHING));
    expect(toHex(proto.encodeEntry(proto.decodeEntry(fromHex('10001800'))))).to.equal('');
  });

  it('nothing is a message of zeros', () => {
    expect(proto.decodeMessage(NOTHING)).to.deep.equal(proto.newMessage(proto.MessageType.MsgHup, proto.NONE));
    expect(proto.encodeMessage(proto.newMessage(proto.MessageType.MsgHup, proto.NONE))).to.deep.equal(NOTHING);
  });

  it('an empty context and empty snapshot data are absent', () => {
    expect(proto.decodeMessage(fromHex('08086200')).context).to.equal(undefined);
    expect(toHex(proto.encodeMessage({ ...proto.newMessage(8, 0n), context: NOTHING }))).to.equal('0808');
    expect(proto.decodeSnapshot(fromHex('0a00'))).to.deep.equal(proto.emptySnapshot());
    expect(toHex(proto.encodeSnapshot({ ...proto.emptySnapshot(), data: NOTHING }))).to.equal('');
    expect(proto.decodeConfChange(fromHex('18012200')).context).to.equal(undefined);
    expect(proto.decodeConfChangeV2(fromHex('1a00')).context).to.equal(undefined);
  });

  it('an empty snapshot stays in a MsgSnap and nowhere else', () => {
    const snapshot = proto.emptySnapshot();
    expect(toHex(proto.encodeMessage({ ...proto.newMessage(7, 0n), snapshot }))).to.equal('08074a00');
    expect(proto.decodeMessage(fromHex('08074a00')).snapshot).to.deep.equal(snapshot);
    expect(toHex(proto.encodeMessage({ ...proto.newMessage(8, 0n), snapshot }))).to.equal('0808');
    expect(toHex(proto.encodeMessage(proto.newMessage(7, 0n)))).to.equal('0807');
    // As members up to etcd 3.5 write it, and with the type after the snapshot.
    const old = '4a0a12080a02280010001800';
    expect(proto.decodeMessage(fromHex(`0808${old}`)).snapshot).to.equal(undefined);
    expect(proto.decodeMessage(fromHex(`${old}0808`)).snapshot).to.equal(undefined);
    expect(proto.decodeMessage(fromHex(`${old}0807`)).snapshot).to.deep.equal(snapshot);
  });

  it('an id of zero in a list is written', () => {
    const state = { ...proto.emptyConfState(), voters: [0n, 1n] };
    expect(toHex(proto.encodeConfState(state))).to.equal('08000801');
    expect(proto.decodeConfState(fromHex('08000801'))).to.deep.equal(state);
  });

  it('a type outside the table is kept, with its sign', () => {
    for (const type of [24, 127, 128, 2 ** 31 - 1, -1, -(2 ** 31)]) {
      const message = proto.newMessage(type as proto.MessageType, 1n);
      const bytes = proto.encodeMessage(message);
      expect(bytes.length).to.equal(proto.messageSize(message));
      expect(proto.decodeMessage(bytes)).to.deep.equal(message);
      const entry = { type: type as proto.EntryType, term: 1, index: 1, data: undefined };
      expect(proto.encodeEntry(entry).length).to.equal(proto.entrySize(entry));
      expect(proto.decodeEntry(proto.encodeEntry(entry))).to.deep.equal(entry);
    }
  });

  it('all messages have the fields in the same order', () => {
    const order = Object.keys(proto.newMessage(0, 1n));
    fc.assert(
      fc.property(arbitrary.message, (message) => {
        expect(Object.keys(proto.decodeMessage(proto.encodeMessage(message)))).to.deep.equal(order);
      }),
      { numRuns: 20 },
    );
  });
});

describe('membership changes in entries, byte for byte as etcd', () => {
  it('the first form with type and node', () => {
    const change = { id: 0n, type: 0, nodeId: 1n, context: undefined } as const;
    expect(toHex(proto.encodeConfChange(change, { explicit: true }))).to.equal('10001801');
    expect(toHex(proto.encodeConfChange(change))).to.equal('1801');
    expect(toHex(proto.encodeConfChange({ ...change, nodeId: 0n }, { explicit: true }))).to.equal('10001800');
    expect(proto.decodeConfChange(fromHex('10001801'))).to.deep.equal(change);
  });

  it('the second form with transition, types and nodes', () => {
    const change = { transition: 0, changes: [{ type: 0, nodeId: 4n }], context: undefined } as const;
    expect(toHex(proto.encodeConfChangeV2(change, { explicit: true }))).to.equal('0800120408001004');
    expect(toHex(proto.encodeConfChangeV2(change))).to.equal('12021004');
    expect(toHex(proto.encodeConfChangeV2({ ...change, changes: [] }))).to.equal('');
    expect(proto.decodeConfChangeV2(fromHex('0800120408001004'))).to.deep.equal(change);
  });
});
