import { type Message, MessageType, type NodeId, RaftError } from '@raft-ts/proto';
import { codeOf } from '@raft-ts/proto/internal';
import {
  ERR_CONF_CHANGE_REFUSED,
  ERR_MESSAGE_INVALID,
  ERR_PROPOSAL_DROPPED,
  ERR_STEP_PEER_NOT_FOUND,
  isNewLog,
  RawNode,
  type Ready,
} from '@raft-ts/raft';
import { RunHash } from '../base/hash.js';
import { EventQueue } from '../base/queue.js';
import { Stream } from '../base/random.js';
import { names } from '../base/records.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { Action, Pick } from '../plan/action.js';
import { PURPOSE } from '../plan/purpose.js';
import { type Settings, TICK_MS } from '../plan/settings.js';
import { Before } from '../rules/receiving.js';
import { Rules } from '../rules/rules.js';
import { act, makeSnapshot } from './acts.js';
import {
  answered,
  appended,
  appliedByThread,
  drive,
  type Observer,
  type Snapshots,
  type Surroundings,
  written,
} from './driver.js';
import { actionEvent, deliverEvent, type Event, event } from './event.js';
import { MAX_SLOTS, Network } from './network.js';
import { configOf, foundingSnapshot, newMember } from './setup.js';
import type { Tracer } from './tracer.js';

/** Entries that stay when an application makes a snapshot for somebody who joins. */
const KEPT_ENTRIES = 10;

/** What a recorder is told of; nothing is recorded unless somebody asks. */
export interface Recorder extends Observer {
  /** Notes what happened. */
  note(world: World, what: Event): void;
  /** Notes a message that was sent. */
  sent(world: World, member: Member, m: Message, arrives: boolean): void;
  /** Notes that a member hands out a Ready, which is about to be carried out. */
  handedOut?(world: World, member: Member, rd: Ready): void;
}

/**
 * A cluster in one process: its members, their disks, the network, and one queue of events that holds everything that
 * is going to happen. Whatever happens follows from the seed, the settings and the actions.
 */
export class World implements Surroundings {
  readonly seed: number;
  readonly settings: Settings;
  readonly members: Member[] = [];
  readonly rules: Rules;
  readonly network: Network;
  readonly hash: RunHash = new RunHash();
  readonly delays: Stream;
  readonly sendsWhileWriting: boolean;
  readonly snapshots: Snapshots;
  readonly queue: EventQueue<Event>;
  readonly reports: Stream;
  private readonly before = new Before();
  now = 0;
  /** Number of events so far. */
  events = 0;
  recorder: Recorder | undefined;
  readonly tracer: Tracer | undefined;

  /**
   * @param logs the terms of the entries that each founder begins with, after the one that founds the cluster and is of
   * term 1; for clusters that `bootstrap` does not found
   * @param tracer is told of every call on the cores from the first one on
   */
  constructor(seed: number, settings: Settings, logs: readonly (readonly number[])[] = [], tracer?: Tracer) {
    this.seed = seed;
    this.tracer = tracer;
    this.settings = settings;
    this.sendsWhileWriting = settings.sendsWhileWriting;
    this.snapshots = { every: settings.snapshotEvery ?? 0, keep: settings.snapshotKeeps ?? 0 };
    this.queue = new EventQueue(new Stream(seed, PURPOSE.ties));
    this.delays = new Stream(seed, PURPOSE.disk);
    this.reports = new Stream(seed, PURPOSE.reports);
    this.rules = new Rules(this.members, settings.leaseReads);
    this.network = new Network(seed, this.hash, (at, message, from) =>
      this.queue.push(at, deliverEvent(message, from)),
    );
    this.found(logs);
  }

  /** Makes and starts the first members, either with `bootstrap` or from storage that names them. */
  private found(logs: readonly (readonly number[])[]): void {
    const { bootstraps, members: count, learners = 0 } = this.settings;
    const { history } = this.rules;
    const founders = Array.from({ length: bootstraps ? count : count + learners }, () => this.addMember());
    if (bootstraps) {
      history.decreed = count;
    } else {
      const ids = founders.map(({ id }) => id);
      const snapshot = foundingSnapshot(history, this.settings, ids);
      const term = Math.max(snapshot.metadata.term, ...logs.flat());
      for (const { disk, slot } of founders) disk.found(snapshot, term, logs[slot]);
    }
    for (const member of founders) this.start(member);
  }

  post(at: number, what: Event): void {
    this.queue.push(at, what);
  }

  // Members.

  /** Adds a member that is not started yet. It must not be called more than SLOTS times. */
  addMember(): Member {
    const member = newMember(this.settings, this.members.length, this.hash);
    this.members.push(member);
    return member;
  }

  get hasRoom(): boolean {
    return this.members.length < MAX_SLOTS;
  }

  /** Starts a member from its disk, as a program does. */
  start(member: Member): void {
    const { disk } = member;
    const { snapshot } = disk.durable;
    const { index, confState } = snapshot.metadata;
    if (!this.settings.durableState || member.applied < index) {
      member.applied = 0;
      member.state = 0;
      member.confState = confState;
      if (index > 0) {
        member.applied = index;
        member.state = this.rules.history.chains[index] as number;
      }
    } else if (member.slot % 2 === 1 && member.confState.voters.length > 0) {
      disk.storage.keepConfState(member.confState, member.applied);
    }
    member.snapshotPlanned = member.applied;
    this.rules.restarted(member);
    const config = configOf(this.seed, this.settings, member);
    this.guarded(member, () => {
      const node = this.tracer?.build(member, config) ?? new RawNode(config);
      member.node = node;
      if (this.settings.bootstraps && member.slot < this.settings.members && isNewLog(disk.storage)) {
        node.bootstrap(this.members.slice(0, this.settings.members).map(({ id }) => ({ id })));
      }
      this.rules.afterStep(member, node);
      drive(this, member, node);
    });
    this.post(this.now + this.delays.int(TICK_MS), event('tick', member));
  }

  /** Ends a member at once. @param kept share of its unsynced writes that reaches the disk */
  crash(member: Member, kept: number): void {
    const { disk } = member;
    member.forgetLife();
    // A log that cannot be read again is a finding, as whatever a member fails by.
    const left = Math.floor(kept * disk.unsyncedWrites);
    this.tracer?.crashed(member, left);
    this.guarded(member, () => disk.cut(left));
    this.rules.persisted(member);
  }

  /** Returns the running member that leads in the highest term. */
  leader(): Member | undefined {
    let found: Member | undefined;
    for (const member of this.members) if (member.leadsTerm > (found?.leadsTerm ?? 0)) found = member;
    return found;
  }

  /** Returns the member in this place, or the leader, if it is among these; otherwise one that the number picks. */
  pick(who: Pick, among: (member: Member) => boolean): Member | undefined {
    const named = who === 'leader' ? undefined : this.members[who % this.members.length];
    if (named !== undefined && among(named)) return named;
    const candidates = this.members.filter(among);
    const leader = who === 'leader' ? this.leader() : undefined;
    if (leader !== undefined && candidates.includes(leader)) return leader;
    return candidates[(who === 'leader' ? 0 : who) % Math.max(1, candidates.length)];
  }

  // What happens.

  /**
   * Lets the next event happen. Returns false if there is none until this moment.
   * @throws Violation
   */
  step(until: number): boolean {
    const { queue } = this;
    const at = queue.next;
    if (at > until) {
      this.now = until;
      return false;
    }
    const what = queue.pop() as Event;
    this.now = at;
    this.events++;
    this.hash.number(at);
    this.recorder?.note(this, what);
    this.happen(what);
    return true;
  }

  private happen(what: Event): void {
    const { member } = what;
    if (member !== undefined && member.life !== what.life) return;
    switch (what.kind) {
      case 'tick':
        this.tick(member as Member);
        return;
      case 'deliver':
        this.deliver(what.message as Message, what.value);
        return;
      case 'restart':
        if (!(member as Member).isUp && !(member as Member).isGone) this.start(member as Member);
        return;
      case 'thaw':
        (member as Member).isFrozen = false;
        return;
      case 'heal':
        this.network.heal();
        return;
      case 'all-kinds':
        this.network.lostKind = -1;
        return;
      case 'snapshot':
        makeSnapshot(this, member as Member, what.value);
        return;
      case 'action':
      case 'operate':
        act(this, what);
        return;
      default:
        if (member?.node !== undefined) this.afterwards(member, what);
    }
  }

  private tick(member: Member): void {
    const { node } = member;
    if (node === undefined) return;
    this.post(this.now + Math.round(TICK_MS / member.rate), event('tick', member));
    if (member.isFrozen) return;
    this.input(member, (running) => {
      running.tick();
      this.rules.ticked(member, running);
    });
  }

  /** What a member, its disk or its transport has begun is done. */
  private afterwards(member: Member, what: Event): void {
    if (member.isFrozen) {
      this.post(this.now + TICK_MS, what);
      return;
    }
    this.input(member, (node) => {
      const { ready, messages, value: upTo } = what;
      if (ready !== undefined) written(this, member, node, { ready, messages, upTo });
      else if (what.kind === 'written') appended(this, member, node);
      else if (what.kind === 'applied') appliedByThread(this, member, node);
      else if (what.kind === 'answered') answered(this, member, node);
      else if (what.kind === 'unreachable') node.reportUnreachable(BigInt(what.value + 1));
      else node.reportSnapshot(BigInt(what.value + 1), what.isGood ? 'finish' : 'failure');
    });
  }

  private deliver(m: Message, from: number): void {
    const to = this.members[Number(m.to) - 1];
    this.network.arrived(from, Number(m.to) - 1);
    if (to?.node === undefined || !this.network.isOpen(from, to.slot)) {
      this.undelivered(m, from);
      return;
    }
    if (to.isFrozen) {
      this.network.carryOn(this.now + TICK_MS, m, from);
      return;
    }
    if (m.type === MessageType.MsgSnap) this.reportSnapshot(m, from, true);
    const { before, events } = this;
    const step = (node: RawNode): void => {
      before.look(node, m);
      node.stepChecked(m);
      this.rules.received(to, node, m, { before, events });
    };
    this.input(to, step, m.from);
  }

  /**
   * Does something to a running member, then what it asks for.
   * @param from whose message it is, if it is one
   */
  input(member: Member, what: (node: RawNode) => void, from?: NodeId): void {
    const { node } = member;
    if (node === undefined) return;
    this.guarded(member, () => {
      try {
        what(node);
      } catch (error) {
        this.expected(member, error);
      }
      this.rules.afterStep(member, node, from);
      drive(this, member, node);
    });
  }

  /** Errors that a correct member may answer with; any other one is thrown on. */
  private expected(member: Member, error: unknown): void {
    switch (codeOf(error)) {
      case ERR_PROPOSAL_DROPPED:
      case ERR_STEP_PEER_NOT_FOUND:
      case ERR_CONF_CHANGE_REFUSED:
        return;
      case ERR_MESSAGE_INVALID:
        throw new Violation(
          'message-refused',
          `Member ${member.id} refuses a message: ${(error as RaftError).message}.`,
        );
      default:
        throw error;
    }
  }

  private guarded(member: Member, what: () => void): void {
    try {
      what();
    } catch (error) {
      if (error instanceof Violation) throw error;
      const text = error instanceof Error ? error.message : String(error);
      throw new Violation('no-failure', `Member ${member.id} fails: ${text}.`, error);
    }
  }

  handedOut(member: Member, node: RawNode, rd: Ready): void {
    this.recorder?.handedOut?.(this, member, rd);
    this.rules.handedOut(member, node, rd);
  }

  // The network.

  /** Loses a message that is under way, by the key of its event. Returns whether there was one. */
  lose(key: number): boolean {
    const what = this.queue.take(key);
    if (what?.message === undefined) return false;
    this.network.arrived(what.value, Number(what.message.to) - 1);
    this.undelivered(what.message, what.value);
    return true;
  }

  /** Lets a message that is under way arrive at a later moment. Returns whether there was one. */
  delay(key: number, until: number): boolean {
    const what = this.queue.take(key);
    if (what?.message === undefined) return false;
    this.queue.push(until, what);
    return true;
  }

  send(member: Member, m: Message): void {
    this.rules.sent(member, m);
    this.tracer?.sent(m);
    const arrives = this.network.send(m, member.slot, Number(m.to) - 1, this.now);
    this.recorder?.sent(this, member, m, arrives);
    if (!arrives) this.undelivered(m, member.slot);
    if (m.snapshot !== undefined && !names(m.snapshot.metadata.confState, m.to)) {
      // Made before its receiver joined: of no use to it. The application makes a newer one.
      this.post(this.now + 1, event('snapshot', member, KEPT_ENTRIES));
    }
  }

  /** The transport notices, mostly, that a message has not arrived; it always tells what became of a snapshot. */
  private undelivered(m: Message, from: number): void {
    this.tracer?.lost(m);
    if (m.type === MessageType.MsgSnap) this.reportSnapshot(m, from, false);
    if (this.reports.chance(0.2)) {
      const sender = this.members[from];
      if (sender?.node !== undefined) this.post(this.now + 1, event('unreachable', sender, Number(m.to) - 1));
    }
  }

  private reportSnapshot(m: Message, from: number, isGood: boolean): void {
    const sender = this.members[from];
    if (sender?.node === undefined) return;
    const delay = this.reports.pick([1, 1, 50, 1000]);
    this.post(this.now + delay, event('snapshot-status', sender, Number(m.to) - 1, isGood));
  }

  /** Plans an action. */
  plan(at: number, action: Action): void {
    this.post(at, actionEvent(action));
  }

  /** The id of the next member that joins. */
  get freshId(): NodeId {
    return BigInt(this.members.length + 1);
  }
}
