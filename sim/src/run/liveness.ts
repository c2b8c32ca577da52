import type { ConfState } from '@raft-ts/proto';
import type { RawNode } from '@raft-ts/raft';
import { Stream } from '../base/random.js';
import { names } from '../base/records.js';
import { type RuleName, Violation } from '../base/violation.js';
import { propose, proposeChange, read } from '../cluster/acts.js';
import { leaveJoint } from '../cluster/operator.js';
import type { World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import { PURPOSE } from '../plan/purpose.js';
import { FAIR } from '../plan/schedule.js';
import { TICK_MS } from '../plan/settings.js';
import { isAsComplete } from '../rules/elections.js';

/** Within this many election timeouts a healed cluster must have done what is asked of it. */
const TIMEOUTS = 50;

/** What the liveness phase of a run asks of the cluster. */
export class Liveness {
  private readonly world: World;
  private readonly timeoutMs: number;

  constructor(world: World) {
    this.world = world;
    // The longest that a follower waits before it campaigns.
    this.timeoutMs = 2 * world.settings.electionTick * TICK_MS;
  }

  /**
   * Ends all faults and asks everything of the whole cluster; then takes a random minority away for ever and asks it of
   * the rest.
   * @yields after each event
   * @throws Violation
   */
  *check(): Generator<void, void> {
    this.heal();
    // Members that bootstrap may have been kept from it by faults.
    const { configurations } = this.world.rules.history;
    yield* this.await(
      'live-membership',
      () => configurations.length > 0,
      () => 'No member has applied the entries that the cluster was founded with',
    );
    this.dismiss();
    if (!this.mayAgree()) return;
    yield* this.agree();
    this.removeOthers();
    yield* this.settle();
    // Leaving a joint configuration removes members too.
    this.removeOthers();
    yield* this.agree();
    yield* this.serve();
    this.keepCore();
    yield* this.settle();
    yield* this.serve();
    yield* this.stayQuiet();
  }

  /** The members that the newest configuration names, and that still have their disks. */
  private get core(): Member[] {
    const { confState } = this.configuration;
    return this.world.members.filter(({ isGone, id }) => !isGone && names(confState, id));
  }

  private get configuration(): { index: number; confState: ConfState } {
    const current = this.world.rules.history.configurations.at(-1);
    if (current === undefined) {
      throw new Violation('live-membership', 'No member has applied the entries that the cluster was founded with.');
    }
    return current;
  }

  /**
   * Can a leader be counted on? It cannot, and with etcd neither, if one that was removed kept what it appended last
   * from those that do not know yet that it is: they need its vote, and its log is the longer one.
   */
  private mayAgree(): boolean {
    const { core, configuration } = this;
    if (this.soleLeader() !== undefined) return true;
    const voters = core.flatMap(({ node, id }) => {
      const known = node?.raft.trk.config.voters;
      return known?.has(id) === true ? [{ node: node as RawNode, known }] : [];
    });
    const current = configuration.confState.voters;
    const hasLeavers = voters.some(({ known }) => known.ids().some((id) => !current.includes(id)));
    return !hasLeavers || voters.some(({ node }) => this.couldWin(node));
  }

  /** Do the members whom this one knows as voters have logs that let them vote for it? */
  private couldWin({ raft }: RawNode): boolean {
    const own = raft.raftLog.lastEntryId();
    const { incoming, outgoing } = raft.trk.config.voters;
    return [incoming, outgoing].every((half) => {
      const given = half.ids.filter((id) => {
        const other = this.world.members[Number(id) - 1]?.node;
        return other !== undefined && isAsComplete(own, other.raft.raftLog.lastEntryId());
      });
      return half.size === 0 || 2 * given.length > half.size;
    });
  }

  private heal(): void {
    const { world } = this;
    world.network.heal();
    world.network.lostKind = -1;
    world.network.weather = FAIR;
    for (const member of world.members) {
      member.isFrozen = false;
      member.rate = 1;
      member.disk.writeMs = 0;
      member.disk.applyMs = 0;
      member.disk.answerMs = 0;
      if (!member.isUp && !member.isGone) world.start(member);
    }
  }

  /**
   * Shuts members down that nobody in the cluster knows any more: without pre-votes they would campaign for ever, and
   * drive the terms of those whom they know ahead of the others. One that is about to join is unknown too, but it does
   * not campaign before it has applied that it is a member.
   */
  private dismiss(): void {
    const known = this.core.flatMap(({ node }) => node?.raft.trk.config.confState() ?? []);
    for (const member of this.world.members) {
      if (member.node?.raft.promotable() !== true) continue;
      if (names(this.configuration.confState, member.id) || known.some((cs) => names(cs, member.id))) continue;
      member.forgetLife();
      member.isGone = true;
    }
  }

  /** Lets time pass until something holds. */
  private *await(
    rule: RuleName,
    holds: () => boolean,
    describe: () => string,
    each?: () => void,
  ): Generator<void, void> {
    const { world, timeoutMs } = this;
    const end = world.now + TIMEOUTS * timeoutMs;
    for (let next = world.now; !holds(); ) {
      if (world.now >= end) {
        throw new Violation(rule, `${describe()} ${TIMEOUTS} election timeouts after the last fault.`);
      }
      if (world.now >= next) {
        each?.();
        next = world.now + timeoutMs;
      }
      world.step(Math.min(next, end));
      yield;
    }
  }

  /** One leader, who may be a member that was removed meanwhile, and one log. */
  private *agree(): Generator<void, void> {
    yield* this.await(
      'live-leader',
      () => this.soleLeader() !== undefined,
      () => `There is no leader that all members follow`,
    );
    yield* this.await(
      'live-logs',
      () => this.areEqual(),
      () => `The logs are not equal: ${this.describeLogs()}`,
      () => this.relieve(),
    );
  }

  /**
   * Ends a leader that is no voter any more, once all others know: it commits nothing by what they have acknowledged
   * before it knew itself, takes no proposals, and leads on, as with etcd.
   */
  private relieve(): void {
    const { world, core, configuration } = this;
    const { index, confState } = configuration;
    const leader = world.leader();
    if (leader === undefined || confState.voters.includes(leader.id) || confState.votersOutgoing.includes(leader.id))
      return;
    if (!core.every(({ applied }) => applied >= index)) return;
    world.crash(leader, 1);
    if (names(confState, leader.id)) world.start(leader);
    else leader.isGone = true;
  }

  /** As above, and no membership change is under way. */
  private *settle(): Generator<void, void> {
    const { world } = this;
    yield* this.agree();
    yield* this.await(
      'live-membership',
      () => this.configuration.confState.votersOutgoing.length === 0 && this.soleLeader() !== undefined,
      () => `The configuration is still joint`,
      () => {
        const leader = this.soleLeader();
        const config = leader?.node?.raft.trk.config;
        if (leader !== undefined && config?.voters.isJoint === true && !config.autoLeave) {
          proposeChange(world, leader, leaveJoint());
        }
      },
    );
    yield* this.agree();
  }

  private soleLeader(): Member | undefined {
    const leader = this.world.leader();
    return this.core.every(({ node }) => node?.raft.lead === leader?.id) ? leader : undefined;
  }

  private areEqual(): boolean {
    const { core } = this;
    const last = core[0]?.node?.raft.raftLog.lastIndex();
    return core.every(
      ({ node, applied, state }) =>
        node?.raft.raftLog.lastIndex() === last &&
        applied === last &&
        state === this.world.rules.history.chains[applied],
    );
  }

  private describeLogs(): string {
    return this.core
      .map(({ id, node, applied }) => `member ${id} has applied ${applied} of ${node?.raft.raftLog.lastIndex()}`)
      .join(', ');
  }

  /** Shuts those down that belong to no configuration any more: without pre-votes they would campaign for ever. */
  private removeOthers(): void {
    const { confState } = this.configuration;
    for (const member of this.world.members) {
      if (names(confState, member.id)) continue;
      member.forgetLife();
      member.isGone = true;
    }
  }

  /** A random quorum stays, and the rest is gone for ever. */
  private keepCore(): void {
    const { world } = this;
    const random = new Stream(world.seed, PURPOSE.core);
    const { voters } = this.configuration.confState;
    const alive = voters.filter((id) => world.members[Number(id) - 1]?.isGone === false);
    let spare = alive.length - (Math.floor(voters.length / 2) + 1);
    for (const id of alive) {
      if (spare === 0 || random.chance(0.4)) continue;
      spare--;
      const member = world.members[Number(id) - 1] as Member;
      member.forgetLife();
      member.isGone = true;
    }
  }

  /** A write is applied everywhere, and every member answers a read. */
  private *serve(): Generator<void, void> {
    const { world } = this;
    const { history } = world.rules;
    const before = history.applied;
    yield* this.await(
      'live-writes',
      () => history.applied > before && this.areEqual() && this.soleLeader() !== undefined,
      () => `A write is not applied everywhere (${this.describeLogs()})`,
      () => {
        const leader = this.soleLeader();
        if (leader !== undefined) propose(world, leader, 1, 8);
      },
    );
    for (const member of this.core) {
      let asked: number[] = [];
      const { readsAnswered } = history;
      yield* this.await(
        'live-reads',
        () => history.readsAnswered > readsAnswered && asked.some((number) => !history.reads.has(number)),
        () => `Member ${member.id} has not been answered a read`,
        () => {
          asked = [...asked, read(world, member)];
        },
      );
    }
  }

  /** Nothing is asked of the cluster: terms stay, and there are heartbeats only. */
  private *stayQuiet(): Generator<void, void> {
    const { world, timeoutMs } = this;
    // What was sent under faults and is still on its way may bring a campaign about, or a transfer that takes a while.
    const { lastArrival } = world.network;
    while (world.step(lastArrival + timeoutMs)) yield;
    const terms = this.core.map(({ node }) => node?.raft.term);
    const before = world.network.messages;
    const end = world.now + 20 * timeoutMs;
    while (world.step(end)) yield;
    const now = this.core.map(({ node }) => node?.raft.term);
    if (now.some((term, i) => term !== terms[i])) {
      throw new Violation(
        'quiet-term',
        `Terms rose from ${terms.join(', ')} to ${now.join(', ')} in a healthy cluster.`,
      );
    }
    const { confState } = this.configuration;
    const others = confState.voters.length + confState.learners.length - 1;
    const beats = (20 * timeoutMs) / TICK_MS / world.settings.heartbeatTick + 2;
    // Those that are gone are sent probes too, one for each heartbeat.
    const bound = 3 * others * beats + 10;
    if (world.network.messages - before > bound) {
      throw new Violation(
        'quiet-messages',
        `A cluster with nothing to do sent ${world.network.messages - before} messages in 20 election timeouts; ${bound} would do.`,
      );
    }
  }
}
