import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  confChangesFromString,
  type NodeId,
} from '@raft-ts/raft';
import {
  type ChangeResult,
  checkInvariants,
  Inflights,
  JointConfig,
  MajorityConfig,
  Progress,
  TrackerConfig,
} from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { expectRefusal } from '../log/fixtures.js';
import { describeResult, Membership } from './fixtures.js';

function refusal(act: () => unknown): string {
  return expectRefusal(act, 'ERR_RAFT_CONF_CHANGE_INVALID').message;
}

describe('changer: simple changes', () => {
  it('give a new member no log, and time until the next quorum check', () => {
    const members = new Membership(0, 7, 70).simple('v1');
    expect(String(members)).to.equal('voters=(1)\n1: StateProbe match=0 next=1\n');
    members.lastIndex = 9;
    members.simple('v2 l3');
    expect(String(members)).to.equal(
      'voters=(1 2) learners=(3)\n1: StateProbe match=0 next=1\n2: StateProbe match=0 next=9\n3: StateProbe match=0 next=9 learner\n',
    );
    for (const { inflights } of members.tracker.ordered) {
      expect([inflights.size, inflights.maxBytes]).to.deep.equal([7, 70]);
    }
  });

  it('promote and demote without touching the progress', () => {
    const members = new Membership(3).simple('v1').simple('v2');
    (members.tracker.progress.get(2n) as Progress).maybeUpdate(5);
    members.simple('l2');
    expect(String(members)).to.equal(
      'voters=(1) learners=(2)\n1: StateProbe match=0 next=3\n2: StateProbe match=5 next=6 learner\n',
    );
    members.simple('l2').simple('v2');
    expect(String(members)).to.equal('voters=(1 2)\n1: StateProbe match=0 next=3\n2: StateProbe match=5 next=6\n');
  });

  it('ignore updates and the id 0, and removing who is not there', () => {
    const members = new Membership(3).simple('v1 r0 v0 l0 u1 u9 r9');
    expect(String(members)).to.equal('voters=(1)\n1: StateProbe match=0 next=3\n');
  });

  const refused: [changes: string, text: string][] = [
    ['r1 r2 r3', 'removed all voters'],
    ['v4 v5', 'more than one voter changed without entering joint config'],
    ['r1 v4', 'more than one voter changed without entering joint config'],
    ['l1 l2', 'more than one voter changed without entering joint config'],
  ];
  for (const [changes, text] of refused) {
    it(`refuse ${changes}, and change nothing`, () => {
      const members = new Membership(3).simple('v1').simple('v2').simple('v3').simple('l7');
      const before = String(members);
      expect(refusal(() => members.simple(changes))).to.equal(text);
      expect(String(members)).to.equal(before);
    });
  }

  it('refuse a kind that they do not know', () => {
    const change: ConfChangeSingle = { type: 9 as ConfChangeType, nodeId: 1n };
    expect(refusal(() => new Membership(3).simple([change]))).to.equal('unexpected conf type 9');
    expect(refusal(() => new Membership(3).simple('l1'))).to.equal('removed all voters');
  });
});

describe('changer: joint changes', () => {
  it('count by two majorities until they are left', () => {
    const members = new Membership(3).simple('v1').enterJoint('r1 v2 v3 l4');
    const next = (id: number) => `${id}: StateProbe match=0 next=3`;
    expect(String(members)).to.equal(
      `voters=(2 3)&&(1) learners=(4)\n${next(1)}\n${next(2)}\n${next(3)}\n${next(4)} learner\n`,
    );
    members.leaveJoint();
    expect(String(members)).to.equal(`voters=(2 3) learners=(4)\n${next(2)}\n${next(3)}\n${next(4)} learner\n`);
  });

  it('keep a demoted voter voting until they are left', () => {
    const members = new Membership(3).simple('v1').enterJoint('v2 l1', true);
    const next = (id: number) => `${id}: StateProbe match=0 next=3`;
    expect(String(members)).to.equal(`voters=(2)&&(1) learners_next=(1) autoleave\n${next(1)}\n${next(2)}\n`);
    members.leaveJoint();
    expect(String(members)).to.equal(`voters=(2) learners=(1)\n${next(1)} learner\n${next(2)}\n`);
  });

  it('do not count how often a change is named', () => {
    const members = new Membership(1).simple('v1').enterJoint('r1 r2 r9 v2 v3 v4 v2 v3 v4 l2 l2 r4 r4 l1 l1');
    expect(members.tracker.config.toString()).to.equal('voters=(3)&&(1) learners=(2) learners_next=(1)');
    members.leaveJoint();
    expect(members.tracker.config.toString()).to.equal('voters=(3) learners=(1 2)');
  });

  it('bring a voter back that they had removed', () => {
    const members = new Membership(1).simple('v1').enterJoint('v2 l1 v1 r1 v1');
    expect(members.tracker.config.toString()).to.equal('voters=(1 2)&&(1)');
  });

  const refused: [name: string, act: (members: Membership) => unknown, text: string][] = [
    ['to enter twice', (m) => m.simple('v1').enterJoint('').enterJoint('v2'), 'config is already joint'],
    ['to enter without voters', (m) => m.enterJoint('v1'), "can't make a zero-voter config joint"],
    ['to leave what was not entered', (m) => m.simple('v1').leaveJoint(), "can't leave a non-joint config"],
    [
      'a simple change within',
      (m) => m.simple('v1').enterJoint('v2').simple('l3'),
      "can't apply simple config change in joint config",
    ],
    ['to remove all voters', (m) => m.simple('v1').enterJoint('r1 l2'), 'removed all voters'],
  ];
  for (const [name, act, text] of refused) {
    it(`refuse ${name}`, () => {
      expect(refusal(() => act(new Membership(3)))).to.equal(text);
    });
  }
});

describe('changer: a change chooses its protocol', () => {
  const { ConfChangeTransitionAuto, ConfChangeTransitionJointImplicit, ConfChangeTransitionJointExplicit } =
    ConfChangeTransition;
  const rows: [transition: ConfChangeTransition, changes: string, config: string][] = [
    [ConfChangeTransitionAuto, 'v2', 'voters=(1 2)'],
    [ConfChangeTransitionAuto, 'v2 v3', 'voters=(1 2 3)&&(1) autoleave'],
    [ConfChangeTransitionJointImplicit, 'v2', 'voters=(1 2)&&(1) autoleave'],
    [ConfChangeTransitionJointExplicit, 'v2', 'voters=(1 2)&&(1)'],
    [ConfChangeTransitionJointExplicit, '', 'voters=(1)&&(1)'],
  ];
  for (const [transition, text, config] of rows) {
    it(`${JSON.stringify(text)} with transition ${transition} gives ${config}`, () => {
      const cc: ConfChangeV2 = { transition, changes: confChangesFromString(text), context: undefined };
      const members = new Membership(3).simple('v1');
      members.install(members.changer().apply(cc));
      expect(String(members.tracker.config)).to.equal(config);
    });
  }

  it('and leaves by an empty one', () => {
    const members = new Membership(3).simple('v1').enterJoint('v2');
    const leave: ConfChangeV2 = { transition: ConfChangeTransitionAuto, changes: [], context: undefined };
    members.install(members.changer().apply(leave));
    expect(String(members.tracker.config)).to.equal('voters=(1 2)');
    expect(refusal(() => members.changer().apply(leave))).to.equal("can't leave a non-joint config");
  });
});

describe('changer: nothing is changed in place', () => {
  it('but what is under way is shared', () => {
    const members = new Membership(3).simple('v1').simple('v2');
    const before = members.tracker.progress.get(2n) as Progress;
    before.becomeReplicate();
    before.sentEntries(1, 10);
    const text = String(members);
    const { progress } = members.changer().simple(confChangesFromString('l2'));
    const after = progress.get(2n) as Progress;
    expect(after.isLearner).to.equal(true);
    expect(after.inflights).to.equal(before.inflights);
    expect(String(members)).to.equal(text);
  });
});

describe('changer: invariants of a configuration', () => {
  const make = (
    fields: { incoming?: NodeId[]; outgoing?: NodeId[]; autoLeave?: boolean } & Partial<
      Record<'learners' | 'learnersNext', NodeId[]>
    >,
    members: NodeId[],
    learners: NodeId[] = [],
  ): ChangeResult => ({
    config: new TrackerConfig({
      voters: new JointConfig(new MajorityConfig(fields.incoming), new MajorityConfig(fields.outgoing)),
      learners: fields.learners ?? [],
      learnersNext: fields.learnersNext ?? [],
      autoLeave: fields.autoLeave ?? false,
    }),
    progress: new Map(
      members.map((id) => [
        id,
        new Progress({
          id,
          match: 0,
          next: 1,
          inflights: new Inflights(1),
          isLearner: learners.includes(id),
          recentActive: true,
        }),
      ]),
    ),
  });

  const sound: [name: string, result: ChangeResult][] = [
    ['nobody', make({}, [])],
    ['voters and learners', make({ incoming: [1n], learners: [2n] }, [1n, 2n], [2n])],
    ['a joint one', make({ incoming: [1n], outgoing: [1n, 3n], learnersNext: [3n], autoLeave: true }, [1n, 3n])],
  ];
  for (const [name, result] of sound) {
    it(`hold: ${name}`, () => {
      expect(() => checkInvariants(result)).not.to.throw();
    });
  }

  const broken: [text: string, result: ChangeResult][] = [
    ['no progress for 1', make({ incoming: [1n] }, [])],
    ['no progress for 2', make({ incoming: [1n], outgoing: [2n] }, [1n])],
    ['no progress for 10', make({ incoming: [1n], learners: [10n] }, [1n])],
    ['no progress for 4', make({ incoming: [1n], outgoing: [1n], learnersNext: [4n] }, [1n])],
    ['2 is in LearnersNext, but not Voters[1]', make({ incoming: [1n], outgoing: [1n], learnersNext: [2n] }, [1n, 2n])],
    [
      '2 is in LearnersNext, but is already marked as learner',
      make({ incoming: [1n], outgoing: [2n], learnersNext: [2n] }, [1n, 2n], [2n]),
    ],
    ['2 is in Learners and Voters[1]', make({ incoming: [1n], outgoing: [2n], learners: [2n] }, [1n, 2n], [2n])],
    ['2 is in Learners and Voters[0]', make({ incoming: [1n, 2n], learners: [2n] }, [1n, 2n], [2n])],
    ['2 is in Learners, but is not marked as learner', make({ incoming: [1n], learners: [2n] }, [1n, 2n])],
    ['AutoLeave must be false when not joint', make({ incoming: [1n], autoLeave: true }, [1n])],
  ];
  for (const [text, result] of broken) {
    it(`do not hold: ${text}`, () => {
      expect(refusal(() => checkInvariants(result))).to.equal(text);
    });
  }

  it('hold before and after every change', () => {
    const members = new Membership(3);
    const { config, progress } = make({ incoming: [1n] }, []);
    members.tracker.install(config, progress);
    const text = describeResult(members.tracker);
    expect(refusal(() => members.simple('v2'))).to.equal('no progress for 1');
    expect(refusal(() => members.enterJoint('v2'))).to.equal('no progress for 1');
    expect(refusal(() => members.leaveJoint())).to.equal('no progress for 1');
    expect(describeResult(members.tracker)).to.equal(text);
  });
});
