import { MessageType } from '@raft-ts/proto';
import { drawCase, FAULTS, runCase } from '@raft-ts/sim';
import { dispensable, Liveness, type Member, propose, proposeChange, World } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { message } from '../helpers/index.js';
import { changeV2 } from '../raft/rawnode/changes.js';
import { tryFreshSeeds } from './fresh-seeds.js';

/** Enough for some dozens of runs. */
const LEAST_EVENTS = 400_000;

describe('simulated clusters', () => {
  it('keep every rule, with fresh seeds', () =>
    tryFreshSeeds('npm run sim --', LEAST_EVENTS, async (seed, again) => {
      const { finding, events } = runCase(drawCase(seed));
      expect(finding, again).to.equal(undefined);
      return events;
    }));

  it('may hand over leadership because of a request that comes late, and are quiet only after that', () => {
    const settings = { ...drawCase(1).settings, members: 2, electionTick: 10, preVote: true, checkQuorum: true };
    const world = new World(1, settings);
    while (world.leader() === undefined) world.step(60_000);
    const leader = world.leader() as Member;
    const follower = world.members.find((member) => member !== leader) as Member;
    const late = message({
      type: MessageType.MsgTransferLeader,
      from: follower.id,
      to: leader.id,
      term: leader.leadsTerm,
    });
    // After everything that the phase asks for before it is quiet.
    world.network.carryOn(world.now + 60_000, late, follower.slot);
    expect(() => [...new Liveness(world).check()]).to.not.throw();
    expect([...world.rules.history.leaders.values()]).to.include(follower.slot);
  });

  it('agree on a leader without pre-votes, although a voter does not know another one that needs its vote', () => {
    const { settings } = drawCase(1, { members: 3 });
    const world = new World(3, {
      ...settings,
      electionTick: 10,
      preVote: false,
      checkQuorum: true,
      bootstraps: false,
      learners: 0,
      joint: false,
    });
    while (world.leader() === undefined) world.step(60_000);
    const leader = world.leader() as Member;
    const [cutOff, third] = world.members.filter((member) => member !== leader) as [Member, Member];
    world.network.connectWhere(4, (from, to) => (from === cutOff.slot) === (to === cutOff.slot));
    const settled = (voters: number): boolean =>
      world.rules.history.configurations.at(-1)?.confState.voters.length === voters;
    for (const [change, voters] of [
      ['v4', 4],
      [`r${third.id}`, 3],
      [`l${leader.id}`, 2],
    ] as const) {
      proposeChange(world, leader, changeV2(change));
      while (!settled(voters)) world.step(60_000);
    }
    // It no longer has a majority, and steps down.
    while (world.leader() !== undefined) world.step(60_000);
    expect(() => [...new Liveness(world).check()]).to.not.throw();
  });

  it('need not elect a leader if only one that was removed could let them', () => {
    const { settings } = drawCase(1, { members: 2 });
    const quick = { storage: 'synchronous', sendsWhileWriting: false, writeMs: 0, snapshotEvery: 0 } as const;
    const world = new World(1, { ...settings, ...quick, preVote: true, bootstraps: false, learners: 0, joint: false });
    while (world.leader() === undefined) world.step(60_000);
    const leader = world.leader() as Member;
    const other = world.members.find((member) => member !== leader) as Member;
    proposeChange(world, leader, changeV2(`r${leader.id}`));
    const { last } = leader.log;
    while (other.log.last < last) world.step(60_000);
    // What it appends next, and that the change is committed, it never tells.
    world.network.setOpen(leader.slot, other.slot, false);
    propose(world, leader, 1, 8);
    while (leader.applied < last) world.step(60_000);
    world.crash(leader, 1);
    world.start(leader);
    expect(() => [...new Liveness(world).check()]).to.not.throw();
  });

  it('go on with what a leader writes that was removed meanwhile', () => {
    const { settings } = drawCase(1, { members: 2 });
    const slow = { storage: 'asynchronous', writeMs: 500, applyMs: 0, answerMs: 0, snapshotEvery: 0 } as const;
    const world = new World(2, { ...settings, ...slow, bootstraps: false, learners: 0, joint: false });
    while (world.leader() === undefined) world.step(60_000);
    const leader = world.leader() as Member;
    proposeChange(world, leader, changeV2(`r${leader.id}`));
    const { last } = leader.log;
    for (const { disk, slot } of world.members) disk.writeMs = slot === leader.slot ? 500 : 0;
    propose(world, leader, 1, 8);
    while (leader.applied < last) world.step(60_000);
    expect(leader.writing).to.not.be.empty;
    const end = world.now + 5000;
    while (leader.writing.length > 0 && world.step(end));
    expect(leader.writing).to.be.empty;
    // What the others have acknowledged before it knew is committed only once it is shut down.
    expect(world.rules.history.committed).to.equal(last);
    expect(() => [...new Liveness(world).check()]).to.not.throw();
  });

  it('lose no disk while a leader has a change that not even its own log has yet', () => {
    const { settings } = drawCase(1, { members: 5 });
    const quick = { storage: 'synchronous', sendsWhileWriting: false, writeMs: 0, snapshotEvery: 0 } as const;
    const world = new World(1, { ...settings, ...quick, bootstraps: false, learners: 0, joint: false });
    const candidates = (): number => dispensable({ members: world.members, history: world.rules.history }).length;
    while (world.leader() === undefined || candidates() === 0) world.step(60_000);
    expect(candidates()).to.equal(5);
    const leader = world.leader() as Member;
    leader.disk.writeMs = 2000;
    propose(world, leader, 1, 8);
    proposeChange(world, leader, changeV2(`r${leader.id}`));
    expect(leader.log.changes).to.be.empty;
    expect(candidates()).to.equal(0);
  });

  it('are founded after the last fault, if faults have kept them from it', () => {
    const { settings } = drawCase(1, { members: 3 });
    const world = new World(1, { ...settings, bootstraps: true });
    expect(world.rules.history.configurations).to.be.empty;
    expect(() => [...new Liveness(world).check()]).to.not.throw();
  });

  it('are founded again by a member whose founding was lost by half', () => {
    const settings = {
      ...drawCase(1).settings,
      members: 1,
      bootstraps: true,
      writeMs: 100,
      storage: 'synchronous',
    } as const;
    const world = new World(1, settings);
    const founder = world.members[0] as Member;
    expect(founder.disk.unsyncedWrites, 'the entries, and the hard state').to.equal(2);
    world.crash(founder, 0.5);
    world.start(founder);
    for (let i = 0; i < 1000 && world.leader() === undefined; i++) world.step(60_000);
    expect(world.leader()).to.equal(founder);
  });

  it('do something: elect, commit, read, and lose messages', () => {
    const outcomes = Array.from({ length: 12 }, (_, i) => runCase(drawCase(i + 1)));
    const sum = (of: (outcome: (typeof outcomes)[number]) => number): number =>
      outcomes.reduce((total, outcome) => total + of(outcome), 0);
    expect(sum(({ elections }) => elections)).to.be.above(12);
    expect(sum(({ committed }) => committed)).to.be.above(500);
    expect(sum(({ reads }) => reads)).to.be.above(100);
  });

  it('meet every kind of fault', () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      for (const { action } of drawCase(seed).actions)
        kinds.add(action.kind === 'connect' ? action.shape : action.kind);
    }
    for (const kind of [
      'crash',
      'freeze',
      'clock',
      'disk',
      'weather',
      'lose-kind',
      'transfer',
      'campaign',
      'snapshot',
    ]) {
      expect(kinds, kind).to.include(kind);
    }
    for (const kind of ['replace', 'change', 'unreachable', 'forget-leader', 'split', 'bridge', 'ring', 'one-way']) {
      expect(kinds, kind).to.include(kind);
    }
    expect(FAULTS).to.have.lengthOf(21);
  });

  it('have the faults and the members that were asked for, and no others', () => {
    const { settings, actions } = drawCase(7, { members: 5, faults: ['crash'], safetyMs: 5000 });
    expect(settings.members).to.equal(5);
    const kinds = new Set(actions.map(({ action }) => action.kind));
    expect([...kinds].filter((kind) => !['crash', 'weather', 'propose', 'read', 'heal'].includes(kind))).to.be.empty;
    expect(actions.every(({ at }) => at < 5000)).to.equal(true);
  });
});
