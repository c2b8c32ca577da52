import process from 'node:process';
import type { NodeId } from '@raft-ts/raft';
import type { Clock, Replica } from '@raft-ts/replica';
import { expect } from 'chai';
import { testRandom } from '../helpers/random.js';
import { inside } from './inside.js';
import { Counter } from './machines.js';
import { VirtualCluster, type VirtualTime } from './virtual.js';

/** How many worlds a run looks at; RAFT_TS_LEASE_WORLDS asks for more. */
const WORLDS = Number(process.env['RAFT_TS_LEASE_WORLDS'] ?? 8);
/** What each of them lasts, in milliseconds of virtual time. */
const WORLD_MS = 4000;

/** A clock that runs at another speed; only the wall clock is right. */
function atSpeed(time: VirtualTime, speed: number): Clock {
  return {
    monotonic: () => time.monotonic() * speed,
    wall: () => time.wall(),
    after: (ms, call) => time.after(ms / speed, call),
    soon: (call) => time.soon(call),
  };
}

interface Running {
  readonly member: NodeId;
  readonly signal: AbortSignal;
}

/**
 * A cluster whose members are cut off one way, frozen, killed and brought back, and told to hand leadership over, on
 * clocks of different speeds, while everybody reads by lease and wants to lead.
 */
class World {
  readonly group: VirtualCluster<number, number>;
  readonly wrong: string[] = [];
  servedAlone = 0;
  runs = 0;
  private readonly random: (n: number) => number;
  private readonly machines = new Map<NodeId, Counter>();
  private readonly frozen = new Set<NodeId>();
  private readonly running = new Set<Running>();
  /** The highest sum that anybody was told. */
  private acknowledged = 0;
  private highestFence = 0;
  private over = false;

  constructor(random: (n: number) => number) {
    this.random = random;
    const size = random(3) === 0 ? 5 : 3;
    this.group = new VirtualCluster(
      size,
      (id) => {
        const machine = new Counter();
        this.machines.set(id, machine);
        return machine;
      },
      { seed: random(2 ** 30) + 1 },
    );
    this.group.network.faults = { drop: 0.01, duplicate: 0.02, delay: [1, 1 + random(random(3) === 0 ? 40 : 8)] };
  }

  async play(): Promise<void> {
    const { group, random } = this;
    for (const id of group.ids) await this.startMember(id);
    await group.leader();
    for (const end = group.time.monotonic() + WORLD_MS; group.time.monotonic() < end; ) {
      if (random(6) === 0) await this.plot();
      else await this.disturb();
      for (let i = random(6); i >= 0; i--) {
        this.work();
        await group.time.advance(1 + random(25));
      }
    }
    this.over = true;
    for (const id of this.frozen) group.resume(id);
    await group.stop();
  }

  private async startMember(id: NodeId): Promise<void> {
    // The fastest and the slowest differ by less than a tenth.
    const speed = 0.96 + this.random(80) / 1000;
    const replica = await this.group.startMember(id, { clock: atSpeed(this.group.time, speed) });
    void this.lead(replica);
  }

  /** Wants to lead for as long as it lives. */
  private async lead(replica: Replica<number, number>): Promise<void> {
    const { random, group } = this;
    for (let alive = true; alive; ) {
      const finished = await replica.whileLeading(async ({ fence, signal }) => {
        const run = { member: replica.id, signal };
        this.begins(run, fence);
        const ms = 1 + random(400);
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve());
          group.time.after(ms, resolve);
        });
        this.running.delete(run);
        return true;
      });
      alive = finished === true;
    }
  }

  private begins(run: Running, fence: number): void {
    this.runs++;
    if (fence <= this.highestFence) this.wrong.push(`fence ${fence} follows ${this.highestFence}`);
    this.highestFence = Math.max(this.highestFence, fence);
    for (const other of this.running) {
      // A frozen process does not know that its time is over.
      if (other.signal.aborted || this.frozen.has(other.member)) this.running.delete(other);
      else if (other.member !== run.member) {
        this.wrong.push(`member ${run.member} begins while member ${other.member} has not ended, fence ${fence}`);
      }
    }
    this.running.add(run);
    const forget = (): boolean => this.running.delete(run);
    run.signal.addEventListener('abort', forget);
  }

  private async disturb(): Promise<void> {
    const { group, random, frozen } = this;
    const ids = group.ids;
    const any = (): NodeId => ids[random(ids.length)] as NodeId;
    const leading = [...group.replicas.values()].find(({ leadership }) => leadership.leading);
    const one = leading !== undefined && random(2) === 0 ? leading.id : any();
    switch (random(9)) {
      case 0:
      case 1:
        for (let i = random(3); i >= 0; i--) group.network.cut(one, any());
        break;
      case 2:
        for (let i = random(3); i >= 0; i--) group.network.cut(any(), one);
        break;
      case 3:
      case 4:
        group.network.mend();
        break;
      case 5:
        if (!group.replicas.has(one) || frozen.has(one)) break;
        frozen.add(one);
        group.pause(one);
        group.time.after(1 + random(300), () => {
          if (this.over || !frozen.delete(one)) return;
          // A client asks it first of all.
          const replica = group.replicas.get(one);
          if (replica !== undefined) this.readAt(replica);
          group.resume(one);
        });
        break;
      case 6:
      case 7:
        if (!group.replicas.has(one)) break;
        await this.restart(one, random(60));
        break;
      default:
        if (leading === undefined || frozen.has(leading.id)) break;
        inside(leading).raw.transferLeadership(any());
    }
  }

  /**
   * What is unlikely to come about by chance: the leader does not hear that another one leads, which whoever follows it
   * has helped to elect, after a restart or because the leader itself had asked for it.
   */
  private async plot(): Promise<void> {
    const { group, random } = this;
    const { network, time } = group;
    const leader = [...group.replicas.values()].find((one) => one.leadership.leading && !this.frozen.has(one.id));
    const [rival, ...voters] = group.ids.filter((id) => id !== leader?.id && group.replicas.has(id));
    if (leader === undefined || rival === undefined) return;
    const transfer = random(2) === 0;
    network.mend();
    // Everybody has the same log, so that the rival can win.
    await time.advance(60);
    if (!transfer) {
      network.cut(leader.id, rival);
      await time.advance(100 + random(150));
    }
    for (const id of [rival, ...voters]) {
      network.cut(id, leader.id);
      if (!transfer) network.cut(leader.id, id);
    }
    if (transfer) inside(leader).raw.transferLeadership(rival);
    else for (const id of voters) if (!this.frozen.has(id)) await this.restart(id, random(5));
    for (let i = 0; i < 40; i++) {
      await time.advance(1 + random(4));
      const other = group.replicas.get(rival);
      if (other?.leadership.leading === true && !this.frozen.has(rival)) void this.add(other);
      if (group.replicas.get(leader.id) === leader) this.readAt(leader);
    }
  }

  private async restart(id: NodeId, ms: number): Promise<void> {
    this.frozen.delete(id);
    await this.group.kill(id);
    for (const run of this.running) if (run.member === id) this.running.delete(run);
    await this.group.time.advance(ms);
    await this.startMember(id);
  }

  private work(): void {
    for (const replica of this.group.replicas.values()) {
      if (this.frozen.has(replica.id)) continue;
      if (this.random(2) === 0) void this.add(replica);
      this.readAt(replica);
    }
  }

  private async add(replica: Replica<number, number>): Promise<void> {
    try {
      const { result } = await replica.propose(1, { timeoutMs: 500 });
      this.acknowledged = Math.max(this.acknowledged, result);
    } catch {
      // Whatever becomes of it, nobody was told that it is there.
    }
  }

  private readAt(replica: Replica<number, number>): void {
    void this.readOf(replica);
  }

  private async readOf(replica: Replica<number, number>): Promise<void> {
    const { time } = this.group;
    const least = this.acknowledged;
    const asked = time.monotonic();
    try {
      const value = await replica.read(() => (this.machines.get(replica.id) as Counter).value, {
        consistency: 'lease',
        timeoutMs: 300,
      });
      if (time.monotonic() === asked) this.servedAlone++;
      if (value < least)
        this.wrong.push(
          `${asked} to ${time.monotonic()}: member ${replica.id} read ${value} after ${least} was acknowledged`,
        );
    } catch {
      // Not served: not stale.
    }
  }
}

describe('replica: leases in a world of faults', () => {
  it('no lease read is stale, no two tasks run at a time, and fences grow', async function () {
    this.timeout(10_000 * WORLDS);
    let alone = 0;
    let runs = 0;
    for (let number = 0; number < WORLDS; number++) {
      const world = new World(testRandom());
      await world.play();
      expect(world.wrong, `world ${number}`).to.deep.equal([]);
      alone += world.servedAlone;
      runs += world.runs;
    }
    // The test has looked at what it is about.
    expect(alone).to.be.above(50 * WORLDS);
    expect(runs).to.be.above(5 * WORLDS);
  });
});
