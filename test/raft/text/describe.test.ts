import {
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  describeConfChange,
  describeConfState,
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeSoftState,
  type Entry,
  EntryType,
  emptySnapshot,
  isEmptySnap,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  MemoryStorage,
  type Message,
  MessageType,
  newMessage,
  type Ready,
  type Snapshot,
} from '@raft-ts/raft';
import { marshalConfChange, Raft, restore } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { recorder } from '../log/fixtures.js';

const utf8 = new TextEncoder();

function entry(fields: Partial<Entry>): Entry {
  return { type: undefined, term: 1, index: 2, data: undefined, ...fields };
}

function message(type: MessageType, fields: Partial<Message>): Message {
  return { ...newMessage(type, 2n), ...fields };
}

const upper = (data: Uint8Array | undefined) => new TextDecoder().decode(data).toUpperCase();

const snapshot: Snapshot = {
  data: utf8.encode('data'),
  metadata: {
    index: 11,
    term: 1,
    confState: { voters: [1n, 2n, 10n], learners: [4n], votersOutgoing: [1n], learnersNext: [1n], autoLeave: true },
  },
};
const snapshotText =
  'Index:11 Term:1 ConfState:Voters:[1 2 10] VotersOutgoing:[1] Learners:[4] LearnersNext:[1] AutoLeave:true';

describe('UT-001 TestDescribeEntry: an entry reads as term, index, type and its data', () => {
  const normal = entry({ type: EntryType.EntryNormal, data: utf8.encode('hello\x00world') });

  it('quoted as Go does', () => {
    expect(describeEntry(normal)).to.equal('1/2 EntryNormal "hello\\x00world"');
  });

  it('or in a format of the caller’s', () => {
    expect(describeEntry(normal, upper)).to.equal('1/2 EntryNormal HELLO\x00WORLD');
    expect(describeEntries([normal], upper)).to.equal('1/2 EntryNormal HELLO\x00WORLD\n');
    expect(
      describeEntry(normal, () => ''),
      'which may be nothing',
    ).to.equal('1/2 EntryNormal');
  });
});

describe('entries as texts', () => {
  const v1: ConfChange = { id: 0n, type: ConfChangeType.ConfChangeAddNode, nodeId: 10n, context: undefined };
  const v2: ConfChangeV2 = {
    transition: ConfChangeTransition.ConfChangeTransitionAuto,
    changes: [
      { type: ConfChangeType.ConfChangeAddLearnerNode, nodeId: 2n },
      { type: ConfChangeType.ConfChangeRemoveNode, nodeId: 3n },
    ],
    context: utf8.encode('not shown'),
  };
  const rows: [text: string, entry: Entry][] = [
    ['1/2 EntryNormal ""', entry({})],
    ['1/2 EntryNormal ""', entry({ type: EntryType.EntryNormal, data: new Uint8Array(0) })],
    ['1/2 EntryConfChange v10', entry(marshalConfChange(v1))],
    ['1/2 EntryConfChange v0', entry({ type: EntryType.EntryConfChange })],
    ['1/2 EntryConfChangeV2 l2 r3', entry(marshalConfChange(v2))],
    ['1/2 EntryConfChangeV2', entry({ type: EntryType.EntryConfChangeV2 })],
    ['1/2 7', entry({ type: 7 as EntryType, data: utf8.encode('not shown') })],
  ];
  for (const [text, one] of rows) {
    it(text, () => {
      expect(describeEntry(one)).to.equal(text);
    });
  }

  it('tell why a membership change cannot be read', () => {
    const broken = entry({ type: EntryType.EntryConfChange, data: Uint8Array.of(0xff) });
    expect(describeEntry(broken)).to.match(/^1\/2 EntryConfChange \S.*$/);
    expect(describeEntry(broken)).not.to.match(/ v0$/);
  });

  it('take a line each', () => {
    expect(describeEntries([])).to.equal('');
    expect(describeEntries([entry({}), entry({ index: 3 })])).to.equal('1/2 EntryNormal ""\n1/3 EntryNormal ""\n');
  });
});

describe('states as texts', () => {
  it('a hard state leaves out no vote', () => {
    expect(describeHardState({ term: 1, vote: 0n, commit: 0 })).to.equal('Term:1 Commit:0');
    expect(describeHardState({ term: 1, vote: 10n, commit: 3 })).to.equal('Term:1 Vote:10 Commit:3');
  });

  it('a soft state', () => {
    expect(describeSoftState({ lead: 10n, raftState: 'StateLeader' })).to.equal('Lead:10 State:StateLeader');
    expect(describeSoftState({ lead: 0n, raftState: 'StatePreCandidate' })).to.equal('Lead:0 State:StatePreCandidate');
  });

  it('a membership keeps the order of its lists', () => {
    expect(
      describeConfState({ voters: [3n, 1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }),
    ).to.equal('Voters:[3 1] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false');
  });

  it('a membership in a log line is in protobuf’s form', () => {
    const logger = recorder();
    const storage = new MemoryStorage();
    const limits = { electionTick: 10, heartbeatTick: 1, maxSizePerMsg: 1, maxInflightMsgs: 1 };
    const member = new Raft({ id: 5n, storage, logger, ...limits });
    logger.lines.length = 0;
    expect(restore(member, snapshot)).to.equal(false);
    expect(logger.lines).to.deep.equal([
      'WARN 5 attempted to restore snapshot but it is not in the ConfState voters:1 voters:2 voters:10 learners:4 ' +
        'voters_outgoing:1 learners_next:1 auto_leave:true; should never happen',
    ]);
  });

  it('a snapshot', () => {
    expect(describeSnapshot(snapshot)).to.equal(snapshotText);
  });

  it('a snapshot of index 0 is empty', () => {
    expect(isEmptySnap(undefined)).to.equal(true);
    expect(isEmptySnap(emptySnapshot())).to.equal(true);
    expect(isEmptySnap(snapshot)).to.equal(false);
  });
});

describe('membership changes as texts', () => {
  const { ConfChangeAddNode, ConfChangeUpdateNode } = ConfChangeType;
  const rows: [text: string, cc: ConfChange | ConfChangeV2][] = [
    [
      'transition:ConfChangeTransitionAuto changes:{type:ConfChangeAddNode node_id:10}',
      { id: 5n, type: ConfChangeAddNode, nodeId: 10n, context: undefined },
    ],
    [
      'transition:ConfChangeTransitionJointExplicit changes:{type:ConfChangeAddNode node_id:1} changes:{type:ConfChangeUpdateNode node_id:2} context:"a\\nb"',
      {
        transition: ConfChangeTransition.ConfChangeTransitionJointExplicit,
        changes: [
          { type: ConfChangeAddNode, nodeId: 1n },
          { type: ConfChangeUpdateNode, nodeId: 2n },
        ],
        context: utf8.encode('a\nb'),
      },
    ],
    [
      'transition:ConfChangeTransitionAuto',
      { transition: ConfChangeTransition.ConfChangeTransitionAuto, changes: [], context: new Uint8Array(0) },
    ],
    [
      'transition:8 changes:{type:9 node_id:1}',
      {
        transition: 8 as ConfChangeTransition,
        changes: [{ type: 9 as ConfChangeType, nodeId: 1n }],
        context: undefined,
      },
    ],
  ];
  for (const [text, cc] of rows) {
    it(text, () => {
      expect(describeConfChange(cc)).to.equal(text);
    });
  }
});

describe('messages as texts', () => {
  const rows: [text: string, m: Message][] = [
    ['None->2 MsgHup Term:0 Log:0/0', message(MessageType.MsgHup, {})],
    ['None->None 77 Term:0 Log:0/0', message(77 as MessageType, { to: 0n })],
    [
      'a->ff MsgAppResp Term:3 Log:2/9 Rejected (Hint: 7)',
      message(MessageType.MsgAppResp, {
        from: 10n,
        to: 255n,
        term: 3,
        logTerm: 2,
        index: 9,
        reject: true,
        rejectHint: 7,
        context: utf8.encode('not shown'),
      }),
    ],
    [
      '1->2 MsgApp Term:1 Log:1/11 Commit:11 Entries:[1/12 EntryNormal "x"]',
      message(MessageType.MsgApp, {
        from: 1n,
        term: 1,
        logTerm: 1,
        index: 11,
        commit: 11,
        entries: [entry({ index: 12, data: utf8.encode('x') })],
      }),
    ],
    [
      '1->2 MsgApp Term:1 Log:1/11 Entries:[\n  1/12 EntryNormal ""\n  1/13 EntryNormal ""\n]',
      message(MessageType.MsgApp, {
        from: 1n,
        term: 1,
        logTerm: 1,
        index: 11,
        entries: [entry({ index: 12 }), entry({ index: 13 })],
      }),
    ],
    [
      `1->2 MsgSnap Term:1 Log:0/0\n  Snapshot: ${snapshotText}`,
      message(MessageType.MsgSnap, { from: 1n, term: 1, snapshot }),
    ],
    ['1->2 MsgSnap Term:1 Log:0/0', message(MessageType.MsgSnap, { from: 1n, term: 1, snapshot: emptySnapshot() })],
    [
      `1->AppendThread MsgStorageAppend Term:2 Log:0/0 Commit:3 Vote:10 Entries:[\n  1/12 EntryNormal ""\n  1/13 EntryNormal ""\n]\n` +
        `  Snapshot: ${snapshotText} Responses:[\n` +
        '  1->2 MsgApp Term:1 Log:0/0 Entries:[\n    1/12 EntryNormal ""\n    1/13 EntryNormal ""\n  ]\n' +
        `  AppendThread->1 MsgStorageAppendResp Term:0 Log:1/13\n    Snapshot: ${snapshotText}\n]`,
      message(MessageType.MsgStorageAppend, {
        from: 1n,
        to: LOCAL_APPEND_THREAD,
        term: 2,
        commit: 3,
        vote: 10n,
        entries: [entry({ index: 12 }), entry({ index: 13 })],
        snapshot,
        responses: [
          message(MessageType.MsgApp, { from: 1n, term: 1, entries: [entry({ index: 12 }), entry({ index: 13 })] }),
          message(MessageType.MsgStorageAppendResp, {
            from: LOCAL_APPEND_THREAD,
            to: 1n,
            logTerm: 1,
            index: 13,
            snapshot,
          }),
        ],
      }),
    ],
    [
      'ApplyThread->1 MsgStorageApplyResp Term:0 Log:0/0 Entries:[1/2 EntryNormal ""]',
      message(MessageType.MsgStorageApplyResp, { from: LOCAL_APPLY_THREAD, to: 1n, entries: [entry({})] }),
    ],
  ];
  for (const [text, m] of rows) {
    it(JSON.stringify(text), () => {
      expect(describeMessage(m)).to.equal(text);
    });
  }

  it('show entries in a format of the caller’s, in responses too', () => {
    const entries = [entry({ data: utf8.encode('x') })];
    const m = message(MessageType.MsgStorageApply, {
      from: 1n,
      to: LOCAL_APPLY_THREAD,
      entries,
      responses: [message(MessageType.MsgStorageApplyResp, { from: LOCAL_APPLY_THREAD, to: 1n, entries })],
    });
    expect(describeMessage(m, upper)).to.equal(
      '1->ApplyThread MsgStorageApply Term:0 Log:0/0 Entries:[1/2 EntryNormal X] Responses:[\n' +
        '  ApplyThread->1 MsgStorageApplyResp Term:0 Log:0/0 Entries:[1/2 EntryNormal X]\n]',
    );
  });
});

describe('a Ready as a text', () => {
  const empty: Ready = {
    softState: undefined,
    hardState: undefined,
    readStates: [],
    entries: [],
    snapshot: undefined,
    committedEntries: [],
    messages: [],
    mustSync: false,
  };

  it('may ask for nothing', () => {
    expect(describeReady(empty)).to.equal('<empty Ready>');
    const nothing: Ready = {
      ...empty,
      hardState: { term: 0, vote: 0n, commit: 0 },
      snapshot: emptySnapshot(),
      mustSync: true,
    };
    expect(describeReady(nothing)).to.equal('<empty Ready>');
  });

  it('names all it asks for, in order', () => {
    const full: Ready = {
      softState: { lead: 1n, raftState: 'StateLeader' },
      hardState: { term: 1, vote: 1n, commit: 2 },
      readStates: [
        { index: 11, requestCtx: utf8.encode('foo') },
        { index: 12, requestCtx: undefined },
      ],
      entries: [entry({ index: 3, data: utf8.encode('x') })],
      snapshot,
      committedEntries: [entry({})],
      messages: [message(MessageType.MsgHeartbeat, { from: 1n, term: 1, commit: 2 })],
      mustSync: true,
    };
    const text = (x: string, none: string) =>
      'Ready MustSync=true:\n' +
      'Lead:1 State:StateLeader\n' +
      'HardState Term:1 Vote:1 Commit:2\n' +
      'ReadStates [{11 [102 111 111]} {12 []}]\n' +
      `Entries:\n1/3 EntryNormal ${x}\n` +
      `Snapshot ${snapshotText}\n` +
      `CommittedEntries:\n1/2 EntryNormal${none}\n` +
      'Messages:\n1->2 MsgHeartbeat Term:1 Log:0/0 Commit:2\n';
    expect(describeReady(full)).to.equal(text('"x"', ' ""'));
    expect(describeReady(full, upper)).to.equal(text('X', ''));
  });

  it('names only what it asks for', () => {
    expect(describeReady({ ...empty, committedEntries: [entry({})] })).to.equal(
      'Ready MustSync=false:\nCommittedEntries:\n1/2 EntryNormal ""\n',
    );
  });
});
