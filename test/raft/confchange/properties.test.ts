import { type ConfChangeSingle, ConfChangeType, confChangesToString, type NodeId, RaftError } from '@raft-ts/raft';
import { checkInvariants } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { describeResult, Membership } from './fixtures.js';

const kinds = Object.values(ConfChangeType);

function change(min: number, max: number): fc.Arbitrary<ConfChangeSingle> {
  const ids = fc.integer({ min, max }).map(BigInt);
  return fc.record({ type: fc.constantFrom(...kinds), nodeId: ids });
}

describe('CQ-001 TestConfChangeQuick: a joint change comes to the same as its changes one by one', () => {
  it('in 1000 random cases', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
        fc.array(change(2, 10), { minLength: 1, maxLength: 9 }),
        (others, changes) => {
          const start = () => {
            const members = new Membership(10).simple('v1');
            for (const id of others) members.simple(`v${id}`);
            return members;
          };
          const oneByOne = start();
          for (const single of changes) oneByOne.simple([single]);

          const jointly = start().enterJoint(changes);
          const automatic = start().enterJoint(changes, true);
          expect(String(automatic)).to.equal(String(jointly).replace('\n', ' autoleave\n'));
          const left = describeResult(jointly.changer().leaveJoint());
          expect(describeResult(jointly.changer().leaveJoint()), 'leaving is deterministic').to.equal(left);
          expect(describeResult(automatic.changer().leaveJoint())).to.equal(left);

          expect(left).to.equal(String(oneByOne));
          const byJoint = jointly.changer().leaveJoint();
          expect(byJoint.config).to.deep.equal(oneByOne.tracker.config);
          expect(byJoint.progress).to.deep.equal(oneByOne.tracker.progress);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

type Role = 'voter' | 'learner';

/** Who is what after these changes, one after another: all that a change of membership means. */
function fold(roles: ReadonlyMap<NodeId, Role>, changes: readonly ConfChangeSingle[]): Map<NodeId, Role> {
  const next = new Map(roles);
  for (const { type, nodeId } of changes) {
    if (nodeId === 0n) continue;
    if (type === ConfChangeType.ConfChangeAddNode) next.set(nodeId, 'voter');
    if (type === ConfChangeType.ConfChangeAddLearnerNode) next.set(nodeId, 'learner');
    if (type === ConfChangeType.ConfChangeRemoveNode) next.delete(nodeId);
  }
  return next;
}

function idsOf(roles: ReadonlyMap<NodeId, Role>, role: Role): NodeId[] {
  return [...roles]
    .filter(([, one]) => one === role)
    .map(([id]) => id)
    .sort((a, b) => (a < b ? -1 : 1));
}

/** A membership as a map of roles, with the voters that a joint change began with. */
class Model {
  roles: ReadonlyMap<NodeId, Role> = new Map();
  outgoing: readonly NodeId[] = [];
  autoLeave = false;

  /** The error that this step must give; otherwise the step is taken. */
  step(
    kind: 'simple' | 'enter' | 'leave',
    changes: readonly ConfChangeSingle[],
    autoLeave: boolean,
  ): string | undefined {
    const joint = this.outgoing.length > 0;
    const voters = idsOf(this.roles, 'voter');
    if (kind === 'leave') {
      if (!joint) return "can't leave a non-joint config";
      this.outgoing = [];
      this.autoLeave = false;
      return undefined;
    }
    if (kind === 'enter') {
      if (joint) return 'config is already joint';
      if (voters.length === 0) return "can't make a zero-voter config joint";
    } else if (joint) {
      return "can't apply simple config change in joint config";
    }
    const next = fold(this.roles, changes);
    const after = idsOf(next, 'voter');
    if (after.length === 0) return 'removed all voters';
    const moved = [...voters.filter((id) => !after.includes(id)), ...after.filter((id) => !voters.includes(id))];
    if (kind === 'simple' && moved.length > 1) return 'more than one voter changed without entering joint config';
    this.roles = next;
    this.outgoing = kind === 'enter' ? voters : [];
    this.autoLeave = kind === 'enter' && autoLeave;
    return undefined;
  }

  expectedOf(members: Membership): void {
    const { config, progress } = members.tracker;
    const learners = idsOf(this.roles, 'learner');
    expect(config.confState()).to.deep.equal({
      voters: idsOf(this.roles, 'voter'),
      learners: learners.filter((id) => !this.outgoing.includes(id)),
      votersOutgoing: this.outgoing,
      learnersNext: learners.filter((id) => this.outgoing.includes(id)),
      autoLeave: this.autoLeave,
    });
    expect([...progress.keys()]).to.have.members([...new Set([...this.roles.keys(), ...this.outgoing])]);
    for (const [id, pr] of progress) {
      const learns = this.roles.get(id) === 'learner' && !this.outgoing.includes(id);
      expect(pr.isLearner, `${id} is a learner`).to.equal(learns);
    }
  }
}

describe('changer against a fold of changes', () => {
  it('agrees after every step, allowed or not, and keeps what is known of who stays', () => {
    const step = fc.record({
      kind: fc.constantFrom('simple', 'simple', 'enter', 'leave'),
      changes: fc.array(change(0, 5), { maxLength: 4 }),
      autoLeave: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const members = new Membership(10);
        const model = new Model();
        let match = 0;
        for (const { kind, changes, autoLeave } of steps) {
          const before = String(members);
          const known = new Map([...members.tracker.progress].map(([id, pr]) => [id, pr.match]));
          let text: string | undefined;
          try {
            if (kind === 'simple') members.simple(changes);
            else if (kind === 'enter') members.enterJoint(changes, autoLeave);
            else members.leaveJoint();
          } catch (error) {
            expect(error).to.be.instanceOf(RaftError);
            text = (error as Error).message;
          }
          const expected = model.step(kind, changes, autoLeave);
          expect(text, `${kind} ${confChangesToString(changes)} at ${before}`).to.equal(expected);
          if (text !== undefined) expect(String(members)).to.equal(before);
          model.expectedOf(members);
          expect(() => checkInvariants(members.tracker)).not.to.throw();
          for (const [id, pr] of members.tracker.progress) {
            // Who was removed and added again within one change begins anew; who was not named is untouched.
            const named = changes.some(({ nodeId }) => nodeId === id);
            if (known.has(id) && !named) expect(pr.match).to.equal(known.get(id));
            pr.maybeUpdate(++match);
          }
        }
      }),
      { numRuns: 400 },
    );
  });
});
