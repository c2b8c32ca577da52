import type { NodeId } from '@raft-ts/raft';
import {
  Inflights,
  JointConfig,
  MajorityConfig,
  Progress,
  ProgressTracker,
  TrackerConfig,
} from '@raft-ts/raft/internal';
import { expect } from 'chai';

function member(id: NodeId, isLearner = false): Progress {
  const pr = new Progress({
    id,
    match: Number(id) * 10,
    next: Number(id) * 10 + 5,
    inflights: new Inflights(4, 100),
    isLearner,
    recentActive: true,
  });
  pr.becomeReplicate();
  return pr;
}

/** Voters 1, 2, 3 and the learner 4, given out of order. */
function tracker(outgoing: NodeId[] = []): ProgressTracker {
  const trk = new ProgressTracker(4, 100);
  const members = [member(3n), member(4n, true), member(1n), member(2n)];
  trk.install(
    new TrackerConfig({
      voters: new JointConfig(new MajorityConfig([3n, 1n, 2n]), new MajorityConfig(outgoing)),
      learners: [4n],
    }),
    new Map(members.map((pr) => [pr.id, pr])),
  );
  return trk;
}

describe('tracker config', () => {
  const joint = (incoming: NodeId[], outgoing: NodeId[]) =>
    new JointConfig(new MajorityConfig(incoming), new MajorityConfig(outgoing));
  const rows: [config: TrackerConfig, text: string][] = [
    [new TrackerConfig(), 'voters=()'],
    [new TrackerConfig({ voters: joint([10n, 1n], []) }), 'voters=(1 a)'],
    [new TrackerConfig({ voters: joint([1n, 2n, 3n], [1n]), autoLeave: true }), 'voters=(1 2 3)&&(1) autoleave'],
    [
      new TrackerConfig({ voters: joint([3n], [1n]), learners: [2n], learnersNext: [1n] }),
      'voters=(3)&&(1) learners=(2) learners_next=(1)',
    ],
  ];
  for (const [config, text] of rows) {
    it(`prints ${text}`, () => {
      expect(String(config)).to.equal(text);
    });
  }

  it('becomes a ConfState with every list ascending', () => {
    const config = new TrackerConfig({
      voters: joint([3n, 2n], [2n, 1n]),
      learners: [4n, 10n],
      learnersNext: [1n],
      autoLeave: true,
    });
    expect(config.confState()).to.deep.equal({
      voters: [2n, 3n],
      learners: [4n, 10n],
      votersOutgoing: [1n, 2n],
      learnersNext: [1n],
      autoLeave: true,
    });
    expect(new TrackerConfig().confState()).to.deep.equal({
      voters: [],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    });
  });
});

describe('progress tracker', () => {
  it('goes through the members in ascending order', () => {
    expect(tracker().ordered.map(({ id }) => id)).to.deep.equal([1n, 2n, 3n, 4n]);
    expect(tracker().voterNodes()).to.deep.equal([1n, 2n, 3n]);
    expect(tracker().learnerNodes()).to.deep.equal([4n]);
    expect(tracker([5n, 2n]).voterNodes()).to.deep.equal([1n, 2n, 3n, 5n]);
  });

  it('is empty at first, which wins and commits everything', () => {
    const trk = new ProgressTracker(1, 0);
    expect(trk.ordered).to.deep.equal([]);
    expect(trk.isSingleton()).to.equal(false);
    expect(trk.committed()).to.equal(Number.POSITIVE_INFINITY);
    expect(trk.tallyVotes()).to.deep.equal({ granted: 0, rejected: 0, result: 'VoteWon' });
  });

  it('is a singleton if one voter decides alone', () => {
    const of = (incoming: NodeId[], outgoing: NodeId[]) => {
      const trk = new ProgressTracker(1, 0);
      const voters = new JointConfig(new MajorityConfig(incoming), new MajorityConfig(outgoing));
      trk.install(new TrackerConfig({ voters }), new Map());
      return trk.isSingleton();
    };
    expect(of([1n], [])).to.equal(true);
    expect(of([1n], [1n])).to.equal(false);
    expect(of([1n, 2n], [])).to.equal(false);
  });

  it('commits what a quorum has, whatever learners have', () => {
    expect(tracker().committed()).to.equal(20);
    expect(tracker([1n]).committed()).to.equal(10);
    expect(tracker([9n]).committed(), 'a voter without progress has nothing').to.equal(0);
  });

  it('is active while it has heard of a quorum of voters', () => {
    const trk = tracker();
    const hearOf = (...ids: NodeId[]) => {
      for (const pr of trk.ordered) pr.recentActive = ids.includes(pr.id);
      return trk.quorumActive();
    };
    expect(hearOf(1n, 2n, 3n, 4n)).to.equal(true);
    expect(hearOf(1n, 3n)).to.equal(true);
    expect(hearOf(1n, 4n), 'a learner does not count').to.equal(false);
    expect(hearOf()).to.equal(false);
  });

  it('counts the first vote of each voter only', () => {
    const trk = tracker();
    trk.recordVote(1n, true);
    expect(trk.tallyVotes()).to.deep.equal({ granted: 1, rejected: 0, result: 'VotePending' });
    trk.recordVote(1n, false);
    trk.recordVote(2n, false);
    trk.recordVote(4n, true);
    trk.recordVote(9n, true);
    expect(trk.tallyVotes()).to.deep.equal({ granted: 1, rejected: 1, result: 'VotePending' });
    trk.recordVote(3n, false);
    expect(trk.tallyVotes()).to.deep.equal({ granted: 1, rejected: 2, result: 'VoteLost' });
    trk.resetVotes();
    expect(trk.tallyVotes()).to.deep.equal({ granted: 0, rejected: 0, result: 'VotePending' });
    trk.recordVote(1n, true);
    trk.recordVote(3n, true);
    expect(trk.tallyVotes()).to.deep.equal({ granted: 2, rejected: 0, result: 'VoteWon' });
  });

  it('forgets what it knew of every log when a term begins, and keeps who is a learner', () => {
    const trk = tracker();
    const { config } = trk;
    trk.resetProgress(2n, 77);
    expect(trk.config).to.equal(config);
    expect(trk.ordered.map((pr) => `${pr.id}: ${pr}`)).to.deep.equal([
      '1: StateProbe match=0 next=78 inactive',
      '2: StateProbe match=77 next=78 inactive',
      '3: StateProbe match=0 next=78 inactive',
      '4: StateProbe match=0 next=78 learner inactive',
    ]);
    for (const { inflights } of trk.ordered) {
      expect([inflights.size, inflights.maxBytes, inflights.count]).to.deep.equal([4, 100, 0]);
    }
    expect([...trk.progress.values()]).to.have.members([...trk.ordered]);
  });

  it('finds a member by its id, among those of the present configuration and term', () => {
    const trk = tracker();
    const before = trk.find(3n);
    expect(before).to.equal(trk.progress.get(3n));
    expect(trk.find(3n)).to.equal(before);
    expect(trk.find(9n)).to.equal(undefined);
    expect(trk.find(3n)).to.equal(before);
    trk.resetProgress(2n, 77);
    expect(trk.find(3n)).to.equal(trk.progress.get(3n)).and.to.not.equal(before);
    trk.install(trk.config, new Map([...trk.progress].filter(([id]) => id !== 3n)));
    expect(trk.find(3n)).to.equal(undefined);
  });
});
