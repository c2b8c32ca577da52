import {
  EntryType,
  ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE,
  emptySnapshot,
  type MemoryStorage,
  type Message,
  MessageType,
  storageError,
} from '@raft-ts/raft';
import { appliedTo, applyConfChange, maybeSendAppend, type Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  hup,
  index,
  makeLeader,
  message,
  newTestMemoryStorage,
  newTestRaft,
  progressOf,
  prop,
  proposed,
  readMessages,
  snapshotOf,
  step,
  tick,
  transferTo,
  withLearners,
  withPeers,
} from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';
import { changeV2 } from '../rawnode/changes.js';

interface Member {
  readonly r: Raft;
  readonly storage: MemoryStorage;
  /** What was said since the last question. */
  said(): string[];
}

/** Member 1 of voters 1, 2, 3 and learner 4, and everything it says. */
function member(prepare: (storage: MemoryStorage) => void = () => {}): Member {
  const logger = new RecordingLogger();
  const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n), withLearners(4n));
  prepare(storage);
  const r = newTestRaft(1n, storage, { logger });
  logger.lines.length = 0;
  return { r, storage, said: () => logger.lines.splice(0) };
}

function leader(prepare?: (storage: MemoryStorage) => void): Member {
  const result = member(prepare);
  makeLeader(result.r);
  readMessages(result.r);
  result.said();
  return result;
}

/** A leader whose log begins at 12, after a snapshot of 11, and who must send member 2 what lies before. */
function compactedLeader(): Member {
  const result = leader((storage) => {
    storage.applySnapshot(snapshotOf(11, 11, { voters: [1n, 2n, 3n], learners: [4n] }));
    storage.setHardState({ term: 11, vote: 0n, commit: 11 });
  });
  progressOf(result.r, 2n).next = 1;
  return result;
}

describe('a member says why it does nothing', () => {
  it('about an election while it leads', () => {
    const { r, said } = leader();
    step(r, hup(1n));
    expect(said()).to.deep.equal(['debug 1 ignoring MsgHup because already leader']);
    expect(r.state).to.equal('StateLeader');
    expect(r.term).to.equal(1);
  });

  it('about MsgTimeoutNow while it campaigns', () => {
    const { r, said } = member();
    r.becomeCandidate();
    said();
    step(r, message({ type: MessageType.MsgTimeoutNow, from: 2n, to: 1n, term: 1 }));
    expect(said()).to.deep.equal(['debug 1 [term 1 state StateCandidate] ignored MsgTimeoutNow from 2']);
    expect(r.term).to.equal(1);
  });

  it('about an answer from somebody who is not a member', () => {
    const { r, said } = leader();
    step(r, message({ type: MessageType.MsgAppResp, from: 10n, to: 1n, term: 1, index: 1 }));
    expect(said()).to.deep.equal(['debug 1 no progress available for a']);
  });

  it('about a read while it knows no leader', () => {
    const { r, said } = member();
    step(r, message({ type: MessageType.MsgReadIndex, from: 1n, to: 1n, entries: [proposed('read')] }));
    expect(said()).to.deep.equal(['info 1 no leader at term 0; dropping index reading msg']);
    expect(readMessages(r)).to.deep.equal([]);
  });

  for (const count of [0, 2]) {
    it(`about an answer to a read with ${count} contexts`, () => {
      const { r, said } = member();
      const entries = Array.from({ length: count }, () => proposed('read'));
      step(r, message({ type: MessageType.MsgReadIndexResp, from: 2n, to: 1n, index: 1, entries }));
      expect(said()).to.deep.equal([`error 1 invalid format of MsgReadIndexResp from 2, entries count: ${count}`]);
      expect(r.readStates).to.deep.equal([]);
    });
  }

  it('about a proposal while leadership is handed over', () => {
    const { r, said } = leader();
    step(r, transferTo(2n, 1n));
    said();
    expect(step(r, prop(1n, 'late'))).to.deep.equal({ kind: 'dropped', reason: 'transferring' });
    expect(said()).to.deep.equal(['debug 1 [term 1] transfer leadership to 2 is in progress; dropping proposal']);
    expect(r.raftLog.lastIndex()).to.equal(1);
  });

  it('about handing leadership to a learner', () => {
    const { r, said } = leader();
    step(r, transferTo(4n, 1n));
    expect(said()).to.deep.equal(['debug 1 is learner. Ignored transferring leadership']);
    expect(r.leadTransferee).to.equal(0n);
  });

  it('about handing leadership to itself', () => {
    const { r, said } = leader();
    step(r, transferTo(1n, 1n));
    expect(said()).to.deep.equal(['debug 1 is already leader. Ignored transferring leadership to self']);
    expect(r.leadTransferee).to.equal(0n);
  });
});

describe('a leader whose log is compacted says', () => {
  it('that a follower it does not hear gets no snapshot', () => {
    const { r, said } = compactedLeader();
    progressOf(r, 2n).recentActive = false;
    expect(maybeSendAppend(r, progressOf(r, 2n), true)).to.equal(false);
    expect(said()).to.deep.equal(['debug ignore sending snapshot to 2 since it is not recently active']);
    expect(progressOf(r, 2n).state).to.equal('StateProbe');
  });

  it('that storage is still making the snapshot', () => {
    const { r, storage, said } = compactedLeader();
    progressOf(r, 2n).recentActive = true;
    const { snapshot } = storage;
    storage.snapshot = () => {
      throw storageError(ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE);
    };
    expect(maybeSendAppend(r, progressOf(r, 2n), true)).to.equal(false);
    expect(said()).to.deep.equal(['debug 1 failed to send snapshot to 2 because snapshot is temporarily unavailable']);
    storage.snapshot = snapshot;
    expect(maybeSendAppend(r, progressOf(r, 2n), true)).to.equal(true);
    expect(progressOf(r, 2n).state).to.equal('StateSnapshot');
  });

  it('that storage has no snapshot although it is compacted, and ends', () => {
    const { r, storage } = compactedLeader();
    progressOf(r, 2n).recentActive = true;
    storage.snapshot = () => emptySnapshot();
    expect(() => maybeSendAppend(r, progressOf(r, 2n), true))
      .to.throw('need non-empty snapshot')
      .that.includes({ name: 'RaftPanic', rule: 'snapshot-not-empty' });
  });

  const outcomes: [string, boolean, string, number][] = [
    ['arrived', false, 'succeeded', 12],
    ['was lost', true, 'failed', 1],
  ];
  for (const [name, reject, word, next] of outcomes) {
    it(`that a snapshot ${name}, and waits for the follower before it goes on`, () => {
      const { r, said } = compactedLeader();
      progressOf(r, 2n).recentActive = true;
      maybeSendAppend(r, progressOf(r, 2n), true);
      readMessages(r);
      said();
      const report: Message = message({ type: MessageType.MsgSnapStatus, from: 2n, reject });
      step(r, report);
      expect(said()).to.deep.equal([
        `debug 1 snapshot ${word}, resumed sending replication messages to 2 [StateProbe match=0 next=${next}]`,
      ]);
      expect(progressOf(r, 2n)).to.include({ state: 'StateProbe', next, msgAppFlowPaused: true });

      step(r, { ...report, reject: !reject });
      expect(said()).to.deep.equal([]);
      expect(progressOf(r, 2n)).to.include({ state: 'StateProbe', next, msgAppFlowPaused: true });
    });
  }
});

describe('a joint configuration that leaves by itself', () => {
  it('is left later if a transfer of leadership forbids proposals', () => {
    const { r, said } = leader();
    applyConfChange(r, changeV2('v5', 'implicit'));
    step(r, transferTo(2n, 1n));
    said();
    appliedTo(r, r.raftLog.committed, 0);
    const config = String(r.trk.config);
    expect(config).to.include('autoleave');
    expect(said().at(-1)).to.equal(
      `debug not initiating automatic transition out of joint configuration ${config}: raft proposal dropped`,
    );
    expect(r.raftLog.lastIndex()).to.equal(1);

    tick(r, r.electionTimeout);
    expect(said()).to.include(`info initiating automatic transition out of joint configuration ${config}`);
    expect(r.raftLog.allEntries().at(-1)).to.deep.equal({
      type: EntryType.EntryConfChangeV2,
      term: 1,
      index: 2,
      data: undefined,
    });
  });

  it('is left later by a member that nobody listens to as well', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n));
    const r = newTestRaft(1n, storage);
    makeLeader(r);
    applyConfChange(r, changeV2('v5', 'implicit'));
    step(r, transferTo(2n, 1n));
    appliedTo(r, r.raftLog.committed, 0);
    expect(r.raftLog.lastIndex()).to.equal(1);
  });
});

describe('a member without a reader of its sentences', () => {
  it('does the same', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n), withLearners(4n));
    storage.append(index(1).terms(1));
    const r = newTestRaft(1n, storage);
    makeLeader(r);
    for (const m of [hup(1n), transferTo(4n, 1n), transferTo(1n, 1n)]) step(r, m);
    step(r, message({ type: MessageType.MsgAppResp, from: 10n, to: 1n, term: 1, index: 1 }));
    expect(r.state).to.equal('StateLeader');
    expect(r.leadTransferee).to.equal(0n);
    step(r, transferTo(2n, 1n));
    expect(step(r, prop(1n, 'late'))).to.deep.equal({ kind: 'dropped', reason: 'transferring' });
  });
});
