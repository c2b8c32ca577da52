import { MessageType } from '@raft-ts/proto';
import { drawCase, Run, runCase, Violation } from '@raft-ts/sim';
import { drawSettings, EventQueue, FAIR, type Member, propose, read, Stream, World } from '@raft-ts/sim/by-hand';
import { expect } from 'chai';

const settings = {
  ...drawSettings(1, 3),
  writeMs: 0,
  applyMs: 0,
  snapshotEvery: 0,
  preVote: false,
  checkQuorum: false,
  storage: 'synchronous',
  bootstraps: false,
} as const;
const slow = { ...FAIR, minDelay: 50, maxDelay: 50 };

function until(world: World, holds: () => boolean): void {
  for (let events = 0; !holds() && events < 20_000; events++) world.step(Number.POSITIVE_INFINITY);
  expect(holds()).to.equal(true);
}

/** The keys of the messages of one type that are under way to a member. */
function underWay(world: World, type: MessageType, to: Member): number[] {
  const keys: number[] = [];
  world.queue.forEach((_, { message }, key) => {
    if (message?.type === type && message.to === to.id) keys.push(key);
  });
  return keys;
}

function others(world: World, leader: Member | undefined): [Member, Member] {
  return world.members.filter((member) => member !== leader) as [Member, Member];
}

describe('a simulated cluster, by hand', () => {
  it('runs a case event by event as it runs it at once', () => {
    for (const seed of [1, 2, 3]) {
      const run = new Run(drawCase(seed, { safetyMs: 3000 }));
      while (run.step());
      const whole = runCase(drawCase(seed, { safetyMs: 3000 }));
      expect(run.world.hash.toString()).to.equal(whole.hash);
      expect(run.world.events).to.equal(whole.events);
      expect(run.finding).to.deep.equal(whole.finding);
    }
  });

  it('takes one event out of the queue, and leaves the others in their order', () => {
    const queue = new EventQueue<number>(new Stream(1));
    for (const at of [7, 3, 9, 1, 5, 8]) queue.push(at, at);
    let five = 0;
    queue.forEach((at, event, key) => {
      expect(at).to.equal(event);
      if (at === 5) five = key;
    });
    expect(queue.take(five)).to.equal(5);
    expect(queue.take(five)).to.equal(undefined);
    const order = Array.from({ length: queue.length }, () => queue.pop());
    expect(order).to.deep.equal([1, 3, 7, 8, 9]);
  });

  it('cuts one direction and opens it again', () => {
    const world = new World(5, settings);
    until(world, () => world.leader() !== undefined);
    const leader = world.leader() as Member;
    const [cut, other] = others(world, leader);
    world.network.setOpen(leader.slot, cut.slot, false);
    expect(world.network.isOpen(leader.slot, cut.slot)).to.equal(false);
    expect(world.network.isOpen(cut.slot, leader.slot)).to.equal(true);
    propose(world, leader, 1, 4);
    const { committed } = world.rules.history;
    until(world, () => other.applied > committed);
    expect(cut.applied).to.be.at.most(committed);
    world.network.setOpen(leader.slot, cut.slot, true);
    until(world, () => cut.applied === world.rules.history.committed);
  });

  it('loses one message that is under way, and delays another', () => {
    const world = new World(5, settings);
    until(world, () => world.leader() !== undefined && world.members.every(({ applied }) => applied >= 2));
    world.network.weather = slow;
    const leader = world.leader() as Member;
    const [first, second] = others(world, leader);
    const before = world.now;
    propose(world, leader, 1, 4);
    const [lost = -1] = underWay(world, MessageType.MsgApp, first);
    const [late = -1] = underWay(world, MessageType.MsgApp, second);
    expect(world.lose(lost)).to.equal(true);
    expect(world.lose(lost)).to.equal(false);
    expect(world.delay(late, before + 900)).to.equal(true);
    const length = leader.node?.raft.raftLog.lastIndex() as number;
    while (world.step(before + 80));
    for (const { node } of [first, second]) expect(node?.raft.raftLog.lastIndex()).to.equal(length - 1);
    until(world, () => first.applied === length && second.applied === length);
  });

  it('begins with the logs that it is given', () => {
    const world = new World(1, settings, [[1, 2, 2], [1, 3], []]);
    const terms = world.members.map(({ node }) => node?.raft.raftLog.allEntries().map(({ term }) => term));
    expect(terms).to.deep.equal([[1, 2, 2], [1, 3], []]);
    until(world, () => world.members.every(({ applied }) => applied >= 4));
  });

  it('tells a recorder of Readys, with the reads that are answered in them', () => {
    const world = new World(1, settings);
    const answered: bigint[] = [];
    world.recorder = {
      note: () => {},
      sent: () => {},
      handedOut: (_, { id }, rd) => answered.push(...rd.readStates.map(() => id)),
    };
    until(world, () => world.leader() !== undefined && world.members.every(({ applied }) => applied >= 2));
    const [asked] = others(world, world.leader());
    read(world, asked);
    until(world, () => answered.length > 0);
    expect(answered).to.deep.equal([asked.id]);
  });

  it('finds the wrong answer of a frozen leader that reads by its lease', () => {
    const world = new World(1, { ...settings, checkQuorum: true, leaseReads: true });
    until(world, () => world.leader() !== undefined && world.members.every(({ applied }) => applied >= 2));
    const old = world.leader() as Member;
    old.isFrozen = true;
    until(world, () => world.leader() !== old && world.leader() !== undefined);
    const { committed } = world.rules.history;
    until(world, () => world.rules.history.committed > committed);
    old.isFrozen = false;
    expect(() => read(world, old)).to.throw(Violation, 'was committed before the read was asked for');
  });
});
