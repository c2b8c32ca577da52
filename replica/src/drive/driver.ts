import { SlidingList } from '@raft-ts/proto/internal';
import {
  type AnyConfChange,
  decodeConfChangeEntry,
  type Entry,
  ERR_PROPOSAL_DROPPED,
  ERR_STEP_PEER_NOT_FOUND,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  type NodeId,
  newMessage,
  RaftError,
  type RawNode,
  type Ready,
  type Snapshot,
  type SoftState,
} from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { ReplicaLog, ReplicaTransport } from '../base/contracts.js';
import type { CarriedOut } from './applied-state.js';
import type { Backlog } from './backlog.js';
import { GroupCommit } from './group-commit.js';
import { type Proposals, reasonOf } from './proposals.js';
import type { Reads } from './reads.js';

/** What the loop calls. */
export interface DriverHost {
  readonly id: NodeId;
  readonly raw: RawNode;
  readonly log: Pick<ReplicaLog, 'save'>;
  readonly transport: Pick<ReplicaTransport, 'send' | 'flush'>;
  readonly clock: Clock;
  readonly proposals: Pick<Proposals, 'flush'>;
  readonly reads: Pick<Reads, 'flush' | 'confirmed'>;
  /** Throws if a forwarded proposal must not be taken, although raft would take it. */
  readonly checkProposal: (message: Message) => void;
  /** Entries to apply, in order. */
  readonly applier: { push(message: Message): void; start(): void };
  readonly backlog: Pick<Backlog, 'save' | 'hasRoom' | 'isBehind' | 'isReplaced'>;
  /** Leader, role or term have changed. */
  readonly onSoftState: (state: SoftState) => void;
  /** Sends a snapshot, whose body may lie beside the log. */
  readonly sendSnapshot: (message: Message) => void;
  /** A leader's snapshot is about to be saved: makes sure that its body is at hand. Resolves to what is to be saved. */
  readonly takeSnapshot: (snapshot: Snapshot) => Promise<Snapshot>;
  /** It is saved: puts it in the place of the state. */
  readonly installSnapshot: (snapshot: Snapshot) => Promise<void>;
  /**
   * A MsgTimeoutNow is about to leave: whoever gets it may win an election at once. It may be changed: raft reads
   * nothing of it but the term.
   */
  readonly beforeTransfer: (message: Message) => void;
  readonly warn: (text: string) => void;
  readonly onFatal: (error: unknown) => void;
}

/** A write that is under way, and what it promises to others once it is durable. */
interface Write {
  readonly responses: readonly Message[];
  durable: boolean;
}

/**
 * The loop. It takes what raft wants done, and starts all of it at once: messages leave, the log is written, committed
 * entries go to the applier. What a message promises leaves with the responses of the write that makes it true, in the
 * order of the writes. The loop itself never waits.
 *
 * Inputs run to completion when they arrive; what they lead to is done in the next turn of the event loop, together
 * with what else came in this one.
 */
export class Driver {
  private readonly host: DriverHost;
  private readonly writes = new SlidingList<Write>();
  private readonly group: GroupCommit;
  /** The body of a leader's snapshot is being taken over; what is to be saved after it waits. */
  private taking: Promise<Snapshot> | undefined = undefined;
  private scheduled = false;
  private started = false;
  private stopped = false;
  /** Entries of the leader are refused, since applying is far behind. */
  private refusing = false;
  /** Something was sent in this turn. */
  private sent = false;
  /** One for all turns: a function that makes one makes what it captures at each call, used or not. */
  private readonly turn = (): void => this.pump();

  constructor(host: DriverHost) {
    this.host = host;
    this.group = new GroupCommit(host.clock, () => this.wake());
  }

  /** Holds what a leader is asked to append while its log is written. @returns whether it waits */
  holdProposals(): boolean {
    return this.group.hold(this.writes.length > 0);
  }

  /** Writes that are not durable yet. */
  get writesUnderWay(): number {
    return this.writes.length;
  }

  /** Something may have to be done: look in the next turn. */
  wake(): void {
    if (this.scheduled || !this.started || this.stopped) return;
    this.scheduled = true;
    this.host.clock.soon(this.turn);
  }

  /** From now on things are done. What came before, `bootstrap` for example, waited in raft. */
  start(): void {
    this.started = true;
    this.wake();
  }

  /** Lets nothing run any more. */
  stop(): void {
    this.stopped = true;
  }

  /** Takes a message of another member. @throws RaftError why it was not taken */
  step(message: Message): void {
    if (message.type === MessageType.MsgProp) {
      this.host.checkProposal(message);
      this.stepProposal(message);
    } else if (message.type !== MessageType.MsgApp || message.entries.length === 0 || this.takesEntries()) {
      this.host.raw.step(message);
    }
    this.wake();
  }

  /** Entries that come while applying is far behind are lost, as in a network; the leader sends them again. */
  private takesEntries(): boolean {
    const refuse = this.host.backlog.isBehind;
    // A snapshot that has just come is committed and not applied, too, until it is in the place of the state.
    if (refuse && !this.refusing && !this.host.backlog.isReplaced) {
      this.host.warn(
        `member ${this.host.id} takes no more entries until it has applied some of those that it has: its state machine is slower than the others, or stuck`,
      );
    }
    this.refusing = refuse;
    return !refuse;
  }

  /** A batch that is too much for the leader's quota is taken in parts: no small entry fails for its neighbours. */
  private stepProposal(message: Message): void {
    if (!this.host.backlog.hasRoom) {
      throw new RaftError(ERR_PROPOSAL_DROPPED, 'raft proposal dropped', { reason: 'quota' });
    }
    this.stepParts(message);
  }

  private stepParts(message: Message): void {
    try {
      this.host.raw.step(message);
    } catch (error) {
      if (message.entries.length < 2 || reasonOf(error) !== 'quota') throw error;
      const half = message.entries.length >>> 1;
      const refused: unknown[] = [];
      for (const entries of [message.entries.slice(0, half), message.entries.slice(half)]) {
        try {
          this.stepParts(proposalOf(message, entries));
        } catch (later) {
          refused.push(later);
        }
      }
      if (refused.length > 0) throw refused[0];
    }
  }

  private pump(): void {
    this.scheduled = false;
    if (this.stopped) return;
    try {
      this.host.reads.flush();
      this.host.proposals.flush();
      // A listener may stop the member at any moment.
      while (!this.stopped && this.host.raw.hasReady()) this.handle(this.host.raw.ready());
      this.flush();
      this.host.applier.start();
    } catch (error) {
      this.host.onFatal(error);
    }
  }

  /** In the next turn, what comes until then would be worked on first. */
  private flush(): void {
    if (this.sent) this.host.transport.flush?.();
    this.sent = false;
  }

  private handle(rd: Ready): void {
    const { host } = this;
    host.backlog.save(rd.entries);
    if (rd.softState !== undefined) host.onSoftState(rd.softState);
    for (const state of rd.readStates) host.reads.confirmed(state);
    if (this.stopped) return;
    let write: Message | undefined;
    const out: Message[] = [];
    for (const message of rd.messages) {
      if (message.to === LOCAL_APPEND_THREAD) write = message;
      else if (message.to === LOCAL_APPLY_THREAD) host.applier.push(message);
      else this.sort(message, out);
    }
    // A leader's appends leave before its own write has begun, let alone ended.
    if (out.length > 0) {
      host.transport.send(out);
      this.sent = true;
    }
    if (write !== undefined) void this.write(rd, write.responses);
  }

  private sort(message: Message, out: Message[]): void {
    if (message.type === MessageType.MsgSnap) {
      this.host.sendSnapshot(message);
      return;
    }
    if (message.type === MessageType.MsgTimeoutNow) this.host.beforeTransfer(message);
    out.push(message);
  }

  private async write(rd: Ready, responses: readonly Message[]): Promise<void> {
    const write: Write = { responses, durable: false };
    this.writes.push(write);
    try {
      await this.save(rd);
      write.durable = true;
      this.release();
    } catch (error) {
      if (!this.stopped) this.host.onFatal(error);
    }
  }

  /** Several saves may be under way; the log keeps their order. */
  private save(rd: Ready): Promise<void> {
    const { log, takeSnapshot } = this.host;
    const { snapshot } = rd;
    const before = this.taking;
    if (snapshot === undefined) return before === undefined ? log.save(rd) : this.saveAfter(rd, before);
    const taking = before === undefined ? takeSnapshot(snapshot) : this.takeAfter(snapshot, before);
    this.taking = taking;
    return this.saveSnapshot(rd, taking);
  }

  private async saveAfter(rd: Ready, before: Promise<unknown>): Promise<void> {
    await before;
    await this.host.log.save(rd);
  }

  private async takeAfter(snapshot: Snapshot, before: Promise<unknown>): Promise<Snapshot> {
    await before;
    return this.host.takeSnapshot(snapshot);
  }

  private async saveSnapshot({ hardState, entries }: Ready, taking: Promise<Snapshot>): Promise<void> {
    const snapshot = await taking;
    // Whoever waits for the same promise comes right after this, before any other save can begin.
    if (this.taking === taking) this.taking = undefined;
    await this.host.log.save({ hardState, entries, snapshot });
    await this.host.installSnapshot(snapshot);
  }

  /** Delivers what durable writes promise, in their order. */
  private release(): void {
    if (this.stopped) return;
    const out: Message[] = [];
    for (let write = this.writes.at(0); write?.durable === true; write = this.writes.at(0)) {
      this.writes.dropFront(1);
      this.group.writeEnded();
      for (const response of write.responses) {
        if (response.to === this.host.id) this.stepOwn(response);
        else this.sort(response, out);
      }
    }
    if (out.length > 0) this.host.transport.send(out);
    this.wake();
  }

  /**
   * Steps what this member's own log answers. If a change that was applied while the log was written has removed the
   * member, its own vote or acknowledgement counts for nothing any more, and raft says so.
   */
  private stepOwn(response: Message): void {
    try {
      this.host.raw.stepChecked(response);
    } catch (error) {
      if ((error as RaftError).code !== ERR_STEP_PEER_NOT_FOUND) throw error;
    }
  }

  /** The work of a MsgStorageApply is done. */
  applied(message: Message): void {
    if (this.stopped) return;
    for (const response of message.responses) this.host.raw.stepChecked(response);
    this.wake();
  }

  /** Carries out a committed membership change. */
  applyConfChange(entry: Entry): CarriedOut {
    return carryOutChange(this.host.raw, entry);
  }
}

/** Carries out a committed membership change. */
export function carryOutChange(
  raw: Pick<RawNode, 'checkConfChange' | 'applyConfChangeEntry'>,
  entry: Entry,
): CarriedOut {
  let change: AnyConfChange | undefined;
  try {
    change = decodeConfChangeEntry(entry);
    raw.checkConfChange(change);
  } catch {
    // Raft says what it skips, or ends the member over it.
    change = undefined;
  }
  return { confState: raw.applyConfChangeEntry(entry), change };
}

function proposalOf({ to, from, term }: Message, entries: readonly Entry[]): Message {
  const message = newMessage(MessageType.MsgProp, to);
  message.from = from;
  message.term = term;
  message.entries = entries;
  return message;
}
