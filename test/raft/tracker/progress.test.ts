import { describeProgressMap, Inflights, Progress, type ProgressState } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { expectPanic } from '../log/fixtures.js';

interface Fields {
  state?: ProgressState;
  match?: number;
  next?: number;
  pendingSnapshot?: number;
  sentCommit?: number;
  msgAppFlowPaused?: boolean;
  recentActive?: boolean;
  isLearner?: boolean;
  window?: number;
}

function progress(fields: Fields): Progress {
  const pr = new Progress({
    id: 1n,
    match: fields.match ?? 0,
    next: fields.next ?? 0,
    inflights: new Inflights(fields.window ?? 256),
    isLearner: fields.isLearner ?? false,
    recentActive: fields.recentActive ?? false,
  });
  pr.state = fields.state ?? 'StateProbe';
  pr.pendingSnapshot = fields.pendingSnapshot ?? 0;
  pr.sentCommit = fields.sentCommit ?? 0;
  pr.msgAppFlowPaused = fields.msgAppFlowPaused ?? false;
  return pr;
}

describe('TP-001 TestProgressString: everything out of the ordinary is named', () => {
  it('all at once', () => {
    const pr = progress({
      state: 'StateSnapshot',
      match: 1,
      next: 2,
      pendingSnapshot: 123,
      msgAppFlowPaused: true,
      isLearner: true,
      window: 1,
    });
    pr.inflights.add(123, 1);
    expect(String(pr)).to.equal(
      'StateSnapshot match=1 next=2 learner paused pendingSnap=123 inactive inflight=1[full]',
    );
  });

  it('and nothing else', () => {
    const pr = progress({ state: 'StateReplicate', match: 14, next: 17, recentActive: true, window: 3 });
    expect(String(pr)).to.equal('StateReplicate match=14 next=17');
    pr.inflights.add(16, 1);
    expect(String(pr)).to.equal('StateReplicate match=14 next=17 inflight=1');
  });

  it('one line a member, in order of decimal ids', () => {
    const members = new Map([11n, 2n, 1n].map((id) => [id, progress({ match: Number(id), next: 12 })]));
    expect(describeProgressMap(members)).to.equal(
      '1: StateProbe match=1 next=12 inactive\n2: StateProbe match=2 next=12 inactive\n11: StateProbe match=11 next=12 inactive\n',
    );
    expect(describeProgressMap(new Map())).to.equal('');
  });
});

describe('TP-002 TestProgressIsPaused: appends wait for flow control, and always for a snapshot', () => {
  const rows: [state: ProgressState, flowPaused: boolean, paused: boolean][] = [
    ['StateProbe', false, false],
    ['StateProbe', true, true],
    ['StateReplicate', false, false],
    ['StateReplicate', true, true],
    ['StateSnapshot', false, true],
    ['StateSnapshot', true, true],
  ];
  for (const [state, msgAppFlowPaused, paused] of rows) {
    it(`is ${paused} in ${state} with flow ${msgAppFlowPaused ? 'paused' : 'open'}`, () => {
      expect(progress({ state, msgAppFlowPaused }).isPaused()).to.equal(paused);
    });
  }
});

describe('TP-003 TestProgressResume: any news of the follower resumes the flow', () => {
  it('a rejection and an acknowledgement', () => {
    const pr = progress({ next: 2, msgAppFlowPaused: true });
    expect(pr.maybeDecrTo(1, 1)).to.equal(true);
    expect(pr.msgAppFlowPaused).to.equal(false);
    pr.msgAppFlowPaused = true;
    expect(pr.maybeUpdate(2)).to.equal(true);
    expect(pr.msgAppFlowPaused).to.equal(false);
  });
});

describe('TP-004 TestProgressBecomeProbe: probing begins after what is known, or after the snapshot', () => {
  const rows: [from: string, fields: Fields, next: number][] = [
    ['StateReplicate', { state: 'StateReplicate', match: 1, next: 5 }, 2],
    ['StateSnapshot at 10', { state: 'StateSnapshot', match: 1, next: 5, pendingSnapshot: 10 }, 11],
    ['StateSnapshot at 0', { state: 'StateSnapshot', match: 1, next: 5, pendingSnapshot: 0 }, 2],
  ];
  for (const [from, fields, next] of rows) {
    it(`at ${next} from ${from}`, () => {
      const pr = progress({ ...fields, sentCommit: 20, msgAppFlowPaused: true });
      pr.inflights.add(4, 1);
      pr.becomeProbe();
      expect([pr.state, pr.match, pr.next]).to.deep.equal(['StateProbe', 1, next]);
      expect([pr.pendingSnapshot, pr.msgAppFlowPaused, pr.inflights.count]).to.deep.equal([0, false, 0]);
      // The commit index it was told of may have been lost with the appends after `next`.
      expect(pr.sentCommit).to.equal(next - 1);
    });
  }
});

describe('TP-005 TestProgressBecomeReplicate: replication continues right after what is known', () => {
  it('at match + 1', () => {
    const pr = progress({ match: 1, next: 5, sentCommit: 9, msgAppFlowPaused: true });
    pr.becomeReplicate();
    expect([pr.state, pr.match, pr.next]).to.deep.equal(['StateReplicate', 1, 2]);
    expect(pr.sentCommit).to.equal(9);
    expect(pr.isPaused()).to.equal(false);
  });
});

describe('TP-006 TestProgressBecomeSnapshot: what follows is sent after the snapshot', () => {
  it('waits for the snapshot, and continues after it', () => {
    const pr = progress({ match: 1, next: 5 });
    pr.inflights.add(4, 1);
    pr.becomeSnapshot(10);
    expect([pr.state, pr.match, pr.pendingSnapshot, pr.next]).to.deep.equal(['StateSnapshot', 1, 10, 11]);
    expect(pr.sentCommit).to.equal(10);
    expect(pr.inflights.count).to.equal(0);
    expect(pr.isPaused()).to.equal(true);
  });
});

describe('TP-007 TestProgressUpdate: an acknowledgement is news only above what is known', () => {
  const rows: [index: number, match: number, next: number, news: boolean][] = [
    [2, 3, 5, false],
    [3, 3, 5, false],
    [4, 4, 5, true],
    [5, 5, 6, true],
  ];
  for (const [index, match, next, news] of rows) {
    it(`${index} after match 3, next 5`, () => {
      const pr = progress({ match: 3, next: 5 });
      expect(pr.maybeUpdate(index)).to.equal(news);
      expect([pr.match, pr.next]).to.deep.equal([match, next]);
    });
  }
});

describe('progress: an acknowledgement', () => {
  it('leaves alone what was sent beyond it, and catches up with what was not', () => {
    const pr = progress({ state: 'StateReplicate', match: 3, next: 9 });
    expect(pr.maybeUpdate(4)).to.equal(true);
    expect([pr.match, pr.next]).to.deep.equal([4, 9]);
    expect(pr.maybeUpdate(12)).to.equal(true);
    expect([pr.match, pr.next]).to.deep.equal([12, 13]);
  });
});

describe('TP-008 TestProgressMaybeDecr: a rejection moves next back, unless it is overtaken', () => {
  const rows: [
    state: ProgressState,
    match: number,
    next: number,
    rejected: number,
    hint: number,
    moved: boolean,
    to: number,
  ][] = [
    ['StateReplicate', 5, 10, 5, 5, false, 10],
    ['StateReplicate', 5, 10, 4, 4, false, 10],
    ['StateReplicate', 5, 10, 9, 9, true, 6],
    ['StateProbe', 0, 0, 0, 0, false, 0],
    ['StateProbe', 0, 10, 5, 5, false, 10],
    ['StateProbe', 0, 10, 9, 9, true, 9],
    ['StateProbe', 0, 2, 1, 1, true, 1],
    ['StateProbe', 0, 1, 0, 0, true, 1],
    ['StateProbe', 0, 10, 9, 2, true, 3],
    ['StateProbe', 0, 10, 9, 0, true, 1],
  ];
  for (const [state, match, next, rejected, hint, moved, to] of rows) {
    it(`${rejected} with hint ${hint} in ${state} with match ${match}, next ${next}`, () => {
      const pr = progress({ state, match, next, sentCommit: 30, msgAppFlowPaused: true });
      expect(pr.maybeDecrTo(rejected, hint)).to.equal(moved);
      expect([pr.match, pr.next]).to.deep.equal([match, to]);
      expect(pr.sentCommit, 'only what the follower may have').to.equal(moved ? to - 1 : 30);
      expect(pr.msgAppFlowPaused, 'a probe was answered').to.equal(!(moved && state === 'StateProbe'));
    });
  }
});

describe('progress: what was sent', () => {
  it('moves next ahead and fills the window while replicating', () => {
    const pr = progress({ state: 'StateReplicate', match: 1, next: 2, window: 2 });
    pr.sentEntries(3, 30);
    expect([pr.next, pr.isPaused()]).to.deep.equal([5, false]);
    pr.sentEntries(1, 10);
    expect([pr.next, pr.isPaused()]).to.deep.equal([6, true]);
    expect([...pr.inflights]).to.deep.equal([
      { index: 4, bytes: 30 },
      { index: 5, bytes: 10 },
    ]);
    pr.inflights.freeLE(4);
    pr.sentEntries(0, 0);
    expect([pr.next, pr.isPaused()], 'an empty append looks at the window again').to.deep.equal([6, false]);
    expect(pr.inflights.count).to.equal(1);
  });

  it('pauses a probe that carries entries, and not an empty one', () => {
    const pr = progress({ match: 1, next: 2 });
    pr.sentEntries(0, 0);
    expect(pr.isPaused()).to.equal(false);
    pr.sentEntries(2, 20);
    expect([pr.next, pr.isPaused(), pr.inflights.count]).to.deep.equal([2, true, 0]);
  });

  it('is nothing while a snapshot is awaited', () => {
    const pr = progress({ state: 'StateSnapshot', match: 1, next: 11, pendingSnapshot: 10 });
    expectPanic(() => pr.sentEntries(1, 1), 'sending append in unhandled state StateSnapshot');
  });

  it('has no state of another name', () => {
    const pr = progress({});
    pr.state = 'StateUnknown' as ProgressState;
    expectPanic(() => pr.sentEntries(1, 1), 'unexpected StateUnknown');
  });
});

describe('progress: telling of a commit index', () => {
  const rows: [sentCommit: number, next: number, index: number, bump: boolean, why: string][] = [
    [3, 6, 3, false, 'it was told already'],
    [3, 6, 2, false, 'it was told of a later one'],
    [3, 6, 4, true, 'news'],
    [5, 6, 9, false, 'its log does not reach further'],
    [4, 6, 9, true, 'its log reaches one further'],
  ];
  for (const [sentCommit, next, index, bump, why] of rows) {
    it(`${index} after ${sentCommit} with next ${next}: ${why}`, () => {
      expect(progress({ sentCommit, next }).canBumpCommit(index)).to.equal(bump);
    });
  }
});

describe('progress: copies', () => {
  const make = () => {
    const pr = progress({
      state: 'StateReplicate',
      match: 1,
      next: 2,
      sentCommit: 1,
      pendingSnapshot: 0,
      msgAppFlowPaused: true,
      recentActive: true,
      isLearner: true,
      window: 4,
    });
    pr.inflights.add(3, 7);
    return pr;
  };

  it('are alike and independent', () => {
    const pr = make();
    const copy = pr.clone();
    expect(copy).to.deep.equal(pr);
    copy.inflights.add(5, 1);
    copy.match = 9;
    expect(pr).to.deep.equal(make());
  });

  it('may share, or leave out, what is under way', () => {
    const pr = make();
    expect(pr.clone(pr.inflights).inflights).to.equal(pr.inflights);
    const shown = pr.withoutInflights();
    expect(shown.inflights.count).to.equal(0);
    expect(String(shown)).to.equal('StateReplicate match=1 next=2 learner paused');
  });
});
