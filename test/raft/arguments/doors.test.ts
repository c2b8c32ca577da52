import { runInNewContext } from 'node:vm';

import { ERR_ARGUMENT, type Message, MessageType, newMessage, RaftError } from '@raft-ts/proto';
import { type AnyConfChange, MemoryStorage, RawNode, restartNode, startNode } from '@raft-ts/raft';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import { expect } from 'chai';
import { bytes, newTestConfig, newTestMemoryStorage, withPeers } from '../../helpers/index.js';
import { isPending, rejection } from '../../helpers/waiting.js';
import { NodeHarness, textOf } from '../node/harness.js';

/** What programs without types hand over in the place of bytes. */
const noBytes: readonly (readonly [name: string, value: unknown])[] = [
  ['a string', 'hello'],
  ['a string outside ASCII', 'héllo ✓'],
  ['an ArrayBuffer', new ArrayBuffer(4)],
  ['a SharedArrayBuffer', new SharedArrayBuffer(4)],
  ['a DataView', new DataView(new ArrayBuffer(4))],
  ['a Uint16Array', Uint16Array.of(300, 301)],
  ['a Uint8ClampedArray', Uint8ClampedArray.of(1)],
  ['an array', [1, 2, 3]],
  ['an object', { length: 3 }],
  ['an object that claims to be one', { length: 1, [Symbol.toStringTag]: 'Uint8Array' }],
  ['one that inherits from Uint8Array', Object.create(Uint8Array.prototype)],
  ['a number', 5],
  ['a bigint', 5n],
  ['null', null],
];

/** The refusal that a call throws; its `reason` names the argument. */
function refusalOf(call: () => unknown): RaftError {
  try {
    call();
  } catch (error) {
    expect(error, String(error)).to.be.instanceOf(RaftError);
    expect((error as RaftError).code).to.equal(ERR_ARGUMENT);
    return error as RaftError;
  }
  return expect.fail('it was taken');
}

async function rejectionOf(call: Promise<unknown>): Promise<RaftError> {
  const error = await rejection(call);
  return refusalOf(() => {
    throw error;
  });
}

describe('arguments that are not of their type', () => {
  for (const [name, value] of noBytes) {
    it(`${name} in the place of bytes is refused before anything is appended`, async () => {
      const bad = value as Uint8Array;
      const harness = NodeHarness.of();
      await harness.lead();
      const { node, rawNode } = harness;
      const last = rawNode.raft.raftLog.lastIndex();
      expect((await rejectionOf(node.propose(bad))).reason).to.equal('data');
      expect(refusalOf(() => rawNode.propose(bad)).reason).to.equal('data');
      expect((await rejectionOf(node.readIndex(bad))).reason).to.equal('context');
      const cc = { id: 0n, type: 0, nodeId: 2n, context: bad } as AnyConfChange;
      expect((await rejectionOf(node.proposeConfChange(cc))).reason).to.equal('cc.context');
      expect(
        refusalOf(() => rawNode.proposeConfChange({ ...cc, transition: 0, changes: [] } as never)).reason,
      ).to.equal('cc.context');
      const prop = newMessage(MessageType.MsgProp, 1n);
      prop.from = 2n;
      prop.entries = [{ type: undefined, term: 0, index: 0, data: bad }];
      expect((await rejectionOf(node.step(prop))).reason).to.equal('message.entries[0].data');
      const peers = [{ id: 1n, context: bad }];
      const config = newTestConfig(1n, new MemoryStorage());
      expect(refusalOf(() => startNode(config, peers)).reason).to.equal('peers[0].context');
      expect(rawNode.raft.raftLog.lastIndex()).to.equal(last);
      expect(rawNode.raft.uncommittedSize).to.equal(0);
      await node.propose(bytes('good'));
      expect(textOf(rawNode.raft.raftLog.allEntries().at(-1))).to.equal('good');
    });
  }

  it('are refused at once also while no leader is known', async () => {
    const { node } = NodeHarness.of();
    expect((await rejectionOf(node.propose('hello' as never))).reason).to.equal('data');
    expect((await rejectionOf(node.step(null as never))).reason).to.equal('message');
    expect(await isPending(node.propose(bytes('waits')))).to.equal(true);
  });

  it('bytes of another realm, Buffers and no bytes at all are taken', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const foreign = runInNewContext('Uint8Array.of(111, 107)') as Uint8Array;
    expect(foreign).not.to.be.instanceOf(Uint8Array);
    for (const data of [foreign, Buffer.from('ok'), new Uint8Array(0), undefined]) await harness.node.propose(data);
    const texts = harness.rawNode.raft.raftLog.allEntries().map(textOf);
    expect(texts).to.deep.equal(['', 'ok', 'ok', '', '']);
  });

  it('ids that are none', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const { node, rawNode } = harness;
    for (const id of [1, '1', -1n, 2n ** 64n, null, undefined] as never[]) {
      expect((await rejectionOf(node.transferLeadership(id))).reason).to.equal('transferee');
      expect(refusalOf(() => node.reportUnreachable(id)).reason).to.equal('id');
      expect(refusalOf(() => node.reportSnapshot(id, 'finish')).reason).to.equal('id');
      expect(refusalOf(() => rawNode.reportUnreachable(id)).reason).to.equal('id');
      expect(refusalOf(() => rawNode.bootstrap([{ id }])).reason).to.equal('peers[0].id');
      const cc = { id: 0n, type: 0, nodeId: id, context: undefined } as AnyConfChange;
      expect(refusalOf(() => rawNode.applyConfChange(cc)).reason).to.equal('cc.nodeId');
      const change = { type: 0, nodeId: id };
      const v2 = { transition: 0, changes: [change], context: undefined } as AnyConfChange;
      expect(refusalOf(() => rawNode.checkConfChange(v2)).reason).to.equal('cc.changes[0].nodeId');
    }
    expect(refusalOf(() => node.reportSnapshot(2n, 'ok' as never)).reason).to.equal('status');
    expect(node.status().softState.raftState).to.equal('StateLeader');
  });

  it('a signal that is not an AbortSignal, and nothing is proposed later', async () => {
    const harness = NodeHarness.of();
    const signal = new AbortController() as unknown as AbortSignal;
    expect((await rejectionOf(harness.node.propose(bytes('x'), { signal }))).reason).to.equal('signal');
    await harness.lead();
    expect((await rejectionOf(harness.node.propose(bytes('x'), { signal }))).reason).to.equal('signal');
    expect(harness.rawNode.raft.raftLog.lastIndex()).to.equal(1);
  });

  it('flags, functions and storages of a configuration', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    const wrong: readonly [object, RegExp][] = [
      [{ preVote: 'false' }, /preVote must be a boolean/],
      [{ storage: {} }, /storage has no function initialState/],
      [{ logger: { warn() {} } }, /logger has no function debug/],
      [{ random: 4 }, /random must be a function/],
      [{ readOnlyOption: 'lease' }, /readOnlyOption/],
    ];
    for (const [fields, text] of wrong) {
      const config = { ...newTestConfig(1n, storage), ...fields };
      expect(() => restartNode(config))
        .to.throw(RaftError, text)
        .with.property('code', 'ERR_RAFT_CONFIG');
    }
  });
});

describe('messages made by hand', () => {
  const wrong: readonly [field: string, change: object][] = [
    ['type', { type: 'MsgApp' }],
    ['term', { term: 1n }],
    ['logTerm', { logTerm: '1' }],
    ['index', { index: undefined }],
    ['commit', { commit: Number.NaN }],
    ['commit', { commit: 1.5 }],
    ['rejectHint', { rejectHint: null }],
    ['reject', { reject: 0 }],
    ['from', { from: 2 }],
    ['to', { to: undefined }],
    ['vote', { vote: 0 }],
    ['vote', { vote: 2n ** 64n }],
    ['to', { to: 2n ** 64n }],
    ['to', { to: -1n }],
    ['context', { context: 'ctx' }],
    ['entries', { entries: undefined }],
    ['entries[0]', { entries: [null] }],
    ['entries[0].term', { entries: [{ type: 0, term: Number.NaN, index: 1, data: undefined }] }],
    ['entries[0].data', { entries: [{ type: 0, term: 1, index: 1, data: 'x' }] }],
    ['snapshot.metadata', { snapshot: { data: undefined } }],
    [
      'snapshot.metadata.confState.voters[1]',
      {
        snapshot: {
          data: undefined,
          metadata: {
            index: 1,
            term: 1,
            confState: { voters: [1n, 2], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
          },
        },
      },
    ],
    ['responses', { responses: null }],
    ['responses[0].term', { responses: [{ ...newMessage(4, 1n), term: '7' }] }],
  ];
  for (const [field, change] of wrong) {
    it(`with a wrong ${field} (${Object.values(change).map(String).join()}) are refused, by Node, RawNode and the network in memory`, async () => {
      const m: Message = { ...newMessage(MessageType.MsgApp, 1n), from: 2n, term: 1, ...change };
      const harness = NodeHarness.of({}, [1n, 2n]);
      const before = harness.rawNode.basicStatus();
      expect((await rejectionOf(harness.node.step(m))).reason).to.equal(`message.${field}`);
      expect(refusalOf(() => harness.rawNode.step(m)).reason).to.equal(`message.${field}`);
      expect(harness.rawNode.basicStatus()).to.deep.equal(before);
      const receiver = { process() {}, isIdRemoved: () => false, reportUnreachable() {}, reportSnapshot() {} };
      const transport = new MemoryNetwork().connect(1n, receiver);
      const good = newMessage(MessageType.MsgApp, 1n);
      expect(refusalOf(() => transport.send([good, m])).reason).to.equal(`messages[1].${field}`);
    });
  }

  it('an entry of a membership change is named as what it is', () => {
    const rawNode = new RawNode(newTestConfig(1n, newTestMemoryStorage(withPeers(1n))));
    const entry = { type: 1, term: 1, index: 1, data: undefined };
    for (const [reason, value] of [
      ['entry', null],
      ['entry.term', { ...entry, term: '1' }],
      ['entry.data', { ...entry, data: 'x' }],
    ] as [string, never][]) {
      expect(refusalOf(() => rawNode.applyConfChangeEntry(value)).reason).to.equal(reason);
    }
  });

  it('that are none are refused', () => {
    const rawNode = new RawNode(newTestConfig(1n, newTestMemoryStorage(withPeers(1n))));
    for (const m of [null, undefined, 'MsgApp', 3] as never[]) {
      expect(refusalOf(() => rawNode.step(m)).reason).to.equal('message');
    }
    const network = new MemoryNetwork();
    const receiver = { process() {}, isIdRemoved: () => false, reportUnreachable() {}, reportSnapshot() {} };
    expect(refusalOf(() => network.connect(1 as never, receiver)).reason).to.equal('id');
    const transport = network.connect(1n, receiver);
    expect(refusalOf(() => transport.addPeer('2' as never, [])).reason).to.equal('id');
    expect(refusalOf(() => transport.send('MsgApp' as never)).reason).to.equal('messages');
  });
});
