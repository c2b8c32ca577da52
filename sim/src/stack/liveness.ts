import type { StateMachine } from '@raft-ts/replica';
import { Stream } from '../base/random.js';
import { type RuleName, Violation } from '../base/violation.js';
import { PURPOSE } from '../plan/purpose.js';
import { FAIR } from '../plan/schedule.js';
import { TICK_MS } from '../plan/settings.js';
import type { StackMember } from './member.js';
import type { StackWorld } from './world.js';

/** Within this many election timeouts a healed cluster must have done what is asked of it. */
const TIMEOUTS = 50;

/** What the phase after the faults asks of replicas. */
export class StackLiveness<Command, Result, Machine extends StateMachine<Command, Result>> {
  private readonly world: StackWorld<Command, Result, Machine>;
  private readonly timeoutMs: number;
  private asked = 0;

  constructor(world: StackWorld<Command, Result, Machine>) {
    this.world = world;
    // The longest that a follower waits before it campaigns.
    this.timeoutMs = 2 * world.settings.electionTicks * TICK_MS;
  }

  /**
   * Ends all faults and asks everything of the whole cluster; then takes a random minority away for ever and asks it of
   * the rest; at last stops everybody.
   * @throws Violation
   */
  async check(): Promise<void> {
    this.heal();
    await this.settle();
    await this.serve();
    this.keepCore();
    await this.settle();
    await this.serve();
    await this.judge();
    await this.stop();
  }

  /** The members that run, or should. */
  private get core(): StackMember<Command, Result, Machine>[] {
    return this.world.members.filter(({ isUp }) => isUp);
  }

  private heal(): void {
    const { network } = this.world.wire;
    network.heal();
    network.lostKind = -1;
    network.weather = FAIR;
    for (const member of this.world.members) {
      const { process, medium } = member;
      member.rate = 1;
      member.writeMs = 1;
      member.applyMs = 0;
      medium.room = undefined;
      medium.failsNextSync = false;
      medium.straysNextSync = false;
      process?.setRate(1);
      process?.thaw();
      if (member.wasStarted) member.start();
    }
  }

  /** Lets time pass until something holds. */
  private async await(rule: RuleName, holds: () => boolean, describe: () => string, each?: () => void): Promise<void> {
    const { world, timeoutMs } = this;
    const { time } = world;
    const end = time.now + TIMEOUTS * timeoutMs;
    for (let next = time.now; !holds(); ) {
      if (time.now >= end)
        throw new Violation(rule, `${describe()} ${TIMEOUTS} election timeouts after the last fault.`);
      if (time.now >= next) {
        each?.();
        next = time.now + timeoutMs;
      }
      await world.step(Math.min(next, end));
    }
  }

  /** One leader, nobody who joins or leaves, nobody who waits for an answer, and one log. */
  private async settle(): Promise<void> {
    const { world } = this;
    await this.await(
      'live-leader',
      () => this.soleLeader() !== undefined,
      () => `There is no leader that all members follow (${this.describe()})`,
    );
    await this.await(
      'live-membership',
      () => world.operator.underWay === undefined,
      () => `It is still not so that ${world.operator.underWay} (${this.describe()})`,
    );
    await this.await(
      'live-membership',
      () => !world.members.some(({ id, isUp }) => isUp && world.operator.removed.has(id)),
      () => `A member that was removed has not heard of it (${this.describe()})`,
    );
    await this.await(
      'live-writes',
      () => world.clients.open === 0,
      () => `${world.clients.open} calls are not answered`,
    );
    await this.await(
      'live-logs',
      () => this.areEqual(),
      () => `Members have not applied the same (${this.describe()})`,
    );
  }

  private soleLeader(): StackMember<Command, Result, Machine> | undefined {
    const leader = this.world.leader();
    return this.core.every(({ replica }) => replica !== undefined && replica.leadership.leader === leader?.id)
      ? leader
      : undefined;
  }

  private areEqual(): boolean {
    const [first, ...rest] = this.core.map(({ replica }) => replica?.applied.index);
    return first !== undefined && first >= this.world.stateRules.last && rest.every((index) => index === first);
  }

  private describe(): string {
    return this.core
      .map(({ id, replica }) =>
        replica === undefined
          ? `member ${id} starts`
          : `member ${id} follows ${replica.leadership.leader} in term ${replica.leadership.term} and has applied ${replica.applied.index}`,
      )
      .join(', ');
  }

  /** Every member takes a command, and answers a read. */
  private async serve(): Promise<void> {
    const { clients } = this.world;
    for (const member of this.core) {
      const done = { write: false, read: false };
      const write = async (): Promise<void> => {
        if (await clients.write(member, this.next(), 0)) done.write = true;
      };
      const read = async (): Promise<void> => {
        if (await clients.read(member, this.next())) done.read = true;
      };
      await this.await(
        'live-writes',
        () => done.write,
        () => `Member ${member.id} has taken no command`,
        () => void write(),
      );
      await this.await(
        'live-reads',
        () => done.read,
        () => `Member ${member.id} has answered no read`,
        () => void read(),
      );
    }
    await this.settle();
  }

  /** Numbers that draw what is asked for, unlike those of the schedule. */
  private next(): number {
    return 2 ** 40 + this.asked++;
  }

  /** A random majority of those who vote stays, and the rest is gone for ever. */
  private keepCore(): void {
    const { world } = this;
    const random = new Stream(world.seed, PURPOSE.core);
    const lost: bigint[] = [];
    for (const member of this.core) {
      if (random.chance(0.4) || !world.operator.mayLose([...lost, member.id])) continue;
      lost.push(member.id);
    }
    for (const id of lost) world.members[Number(id) - 1]?.leave();
  }

  /** Nothing is under way any more: compares all states with each other, and everything that clients were told. */
  private async judge(): Promise<void> {
    const { world } = this;
    const { last } = world.stateRules;
    world.logRules.checkLogs();
    world.stateRules.checkCounts();
    for (const { id, watched } of this.core) world.stateRules.state(id, last, await watched?.whole());
    if (world.violation !== undefined) throw world.violation;
    const machines = new Map(this.core.flatMap(({ id, machine }) => (machine === undefined ? [] : [[id, machine]])));
    const text = await world.subject.check?.({ calls: world.clients.calls, machines });
    if (text !== undefined) throw new Violation('check', text);
  }

  /** Everybody is stopped as its owner would stop it. */
  private async stop(): Promise<void> {
    const { world } = this;
    for (const member of this.core) {
      let left: readonly string[] | undefined;
      const stop = async (): Promise<void> => {
        left = await member.stop();
      };
      void stop();
      await this.await(
        'nothing-left',
        () => left !== undefined,
        () => `Member ${member.id} has not stopped`,
      );
      if (left !== undefined && left.length > 0)
        throw new Violation('nothing-left', `Member ${member.id} was stopped, and has left open: ${left.join(', ')}.`);
    }
    if (world.violation !== undefined) throw world.violation;
  }
}
