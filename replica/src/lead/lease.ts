import type { NodeId, RawNode } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';

/** The share of an election timeout for which a lease lasts; the rest is for clocks that run at different speeds. */
const SHARE = 0.9;

/** However far apart heartbeats are, a lease is renewed so often before it ends: rounds take time, and may be lost. */
const RENEWALS = 3;

/** A lease is renewed for so long after its last use, in milliseconds. */
const USE_MS = 5000;

/**
 * Why there is no lease:
 * - `not-leading`: this member does not lead
 * - `stalled`: it was frozen, and has not read yet what arrived meanwhile
 * - `not-promised`: a voter has not announced that it keeps its votes back, or is of another implementation
 * - `transferring`: leadership was to be handed over, and nothing was committed since
 * - `unconfirmed`: no quorum has confirmed this member recently
 * - `clocks`: the wall clock and the monotonic one have moved by different amounts, so neither can be believed
 */
export type LeaseObstacle = 'not-leading' | 'stalled' | 'not-promised' | 'transferring' | 'unconfirmed' | 'clocks';

export interface LeaseHost {
  readonly raft: RawNode['raft'];
  readonly clock: Pick<Clock, 'monotonic' | 'wall'>;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Members that have announced the promise. */
  readonly promising: ReadonlySet<NodeId>;
  /** Is this member known to be of another implementation? */
  readonly isForeign: (id: NodeId) => boolean;
  /** Was this member frozen, and has not caught up? */
  readonly isStalled: () => boolean;
  /** Begins a round that confirms the leader. */
  readonly probe: () => void;
  /** Has an empty entry committed. */
  readonly commitEmpty: () => Promise<unknown>;
  /** There may be a lease where there was none, or none where there was one. */
  readonly onChange: () => void;
}

/** A round of ReadIndex, as it was when it began. */
interface Round {
  readonly epoch: number;
  readonly term: number;
  readonly began: number;
  readonly wall: number;
}

/**
 * The lease of a leader: while it holds, nobody else leads, so what this member has committed is all that is committed,
 * and it may answer reads alone.
 *
 * It lasts for 0.9 of an election timeout from the start of a round that a quorum has confirmed. Nobody else is elected
 * in that time: each member of that quorum answered after the round began, and promises by its answer to stay out of
 * elections for a whole election timeout (`VotePromise`), even if it restarts; and a rival needs the vote of one of
 * them. For the membership may change, but only step by step, and quorums of neighbouring steps have a member in
 * common: this leader goes to the next step only after the last one is committed, and every rival that could win has
 * the entries of that step, or campaigns with what came right before it. A round that began before this member carried
 * out a change counts for nothing, so the quorum that answered is one of the present membership, whose voters have all
 * announced that they promise. The leader's own vote needs no promise: whoever votes for another has left its term.
 *
 * All of this is measured by clocks that may differ in speed by a tenth, and needs no clock to show the right time.
 * What else ends a lease: a MsgTimeoutNow, by which this leader itself allows an election; a freeze, after which the
 * inbox is read first; and a monotonic clock that stood still, as in a sleeping machine, which the wall clock shows.
 */
export class Lease {
  private readonly host: LeaseHost;
  private readonly lengthMs: number;
  /** Between two renewals. */
  private readonly renewTicks: number;
  /** Rounds of earlier epochs count for nothing. */
  private epoch = 0;
  private held: Round | undefined;
  /** A MsgTimeoutNow left in `term`, when the log ended at `index`. */
  private handedOver = { term: 0, index: 0 };
  private committing = false;
  private usedAt = Number.NEGATIVE_INFINITY;
  private ticks = 0;
  /** How many hold on to it for longer than a read does. */
  private holders = 0;

  constructor(host: LeaseHost) {
    this.host = host;
    const { electionTicks, heartbeatTicks, tickMs } = host;
    this.lengthMs = Math.min(SHARE * electionTicks, electionTicks - 1) * tickMs;
    this.renewTicks = Math.max(1, Math.min(heartbeatTicks, Math.floor(electionTicks / RENEWALS)));
  }

  /** A round begins. @returns to be called when a quorum has confirmed it */
  begin(): () => void {
    const { raft, clock } = this.host;
    const counts = raft.state === 'StateLeader' && !this.isHandedOver();
    const round = { epoch: this.epoch, term: counts ? raft.term : 0, began: clock.monotonic(), wall: clock.wall() };
    return () => this.confirm(round);
  }

  private confirm(round: Round): void {
    const { raft } = this.host;
    if (round.epoch !== this.epoch || raft.state !== 'StateLeader' || round.term !== raft.term) return;
    if (this.held !== undefined && this.held.began >= round.began) return;
    this.held = round;
    this.host.onChange();
  }

  /** What was confirmed up to now counts for nothing. */
  void(): void {
    this.epoch++;
    this.held = undefined;
    this.host.onChange();
  }

  /** A MsgTimeoutNow is about to leave. @returns where the log ends: the message is to carry it */
  handOver(): number {
    const { raft } = this.host;
    this.handedOver = { term: raft.term, index: raft.raftLog.lastIndex() };
    this.void();
    return this.handedOver.index;
  }

  /** May whoever got a MsgTimeoutNow of this term still win by it? Not once a quorum has a longer log. */
  private isHandedOver(): boolean {
    const { term, raftLog } = this.host.raft;
    return this.handedOver.term === term && raftLog.committed <= this.handedOver.index;
  }

  /** Why this member has no lease now; `undefined` if it has one. */
  obstacle(): LeaseObstacle | undefined {
    const { raft, clock, isStalled, tickMs } = this.host;
    if (raft.state !== 'StateLeader') return 'not-leading';
    if (isStalled()) return 'stalled';
    if (!raft.trk.voterNodes().every((id) => this.keepsItsVote(id))) return 'not-promised';
    if (this.isHandedOver()) return 'transferring';
    const { held } = this;
    if (held === undefined || held.term !== raft.term) return 'unconfirmed';
    const passed = clock.monotonic() - held.began;
    if (passed >= this.lengthMs) return 'unconfirmed';
    return Math.abs(clock.wall() - held.wall - passed) >= tickMs ? 'clocks' : undefined;
  }

  /** Voters of either half of the membership that may give their votes at any time. */
  withoutPromise(): readonly NodeId[] {
    return this.host.raft.trk.voterNodes().filter((id) => !this.keepsItsVote(id));
  }

  private keepsItsVote(id: NodeId): boolean {
    return this.host.promising.has(id) && !this.host.isForeign(id);
  }

  /** Milliseconds until it ends, unless it is renewed; not above 0 if there is none. */
  get remainingMs(): number {
    if (this.held === undefined) return 0;
    return this.held.began + this.lengthMs - this.host.clock.monotonic();
  }

  /** Somebody wants it now: it is renewed for some seconds. */
  use(): void {
    this.usedAt = this.host.clock.monotonic();
  }

  /** Somebody wants it until the function that is returned is called. */
  hold(): () => void {
    this.holders++;
    let holds = true;
    return () => {
      if (!holds) return;
      holds = false;
      this.holders--;
      this.use();
    };
  }

  /** Renews it in time, while somebody uses it: with each heartbeat, unless those are far apart. */
  tick(): void {
    const { raft, clock } = this.host;
    if (this.held !== undefined && this.obstacle() === 'clocks') this.void();
    if (++this.ticks < this.renewTicks) return;
    this.ticks = 0;
    if (raft.state !== 'StateLeader') return;
    if (this.holders === 0 && clock.monotonic() - this.usedAt >= USE_MS) return;
    if (this.withoutPromise().length > 0) return;
    if (this.isHandedOver()) this.endHandOver();
    else this.host.probe();
  }

  /** The transfer has failed: an entry ends what its MsgTimeoutNow may still do. */
  private endHandOver(): void {
    if (this.committing || this.host.raft.leadTransferee !== 0n) return;
    this.committing = true;
    const ended = (): void => {
      this.committing = false;
    };
    this.host.commitEmpty().then(ended, ended);
  }
}
