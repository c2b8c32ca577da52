import type { NodeId } from '@raft-ts/proto';
import { assertNever, RaftPanic } from '../errors.js';
import { Inflights } from './inflights.js';

/**
 * How the leader sends to a follower.
 * - Probe: its log is not known; one append at a time finds where the logs agree.
 * - Replicate: it keeps up; appends are sent ahead of their acknowledgements.
 * - Snapshot: it needs a snapshot; no appends are sent until that has arrived.
 */
export type ProgressState = 'StateProbe' | 'StateReplicate' | 'StateSnapshot';

/** What a leader knows about a follower's log. Invariant: match < next. */
export class Progress {
  readonly id: NodeId;
  /** Highest index known to be in the follower's log. */
  match: number;
  /** Index of the next entry to send. In Snapshot: pendingSnapshot + 1. */
  next: number;
  /** Highest commit index sent to the follower; it may be beyond the follower's log, or lost on the way. */
  sentCommit = 0;
  state: ProgressState = 'StateProbe';
  /** In Snapshot: the index of the snapshot that was sent. */
  pendingSnapshot = 0;
  /** Has the follower been heard from since the last quorum check? */
  recentActive: boolean;
  /** If set, no append may be sent: a probe is in flight, or the window is full. */
  msgAppFlowPaused = false;
  inflights: Inflights;
  isLearner: boolean;
  /** Has it been sent, since the last heartbeat, a snapshot that does not name it and that it therefore cannot use? */
  sentForeignSnapshot = false;
  /** Index of the last such snapshot that was warned about: each is warned about once. */
  toldForeignSnapshot = 0;

  constructor(init: {
    id: NodeId;
    match: number;
    next: number;
    inflights: Inflights;
    isLearner: boolean;
    recentActive: boolean;
  }) {
    this.id = init.id;
    this.match = init.match;
    this.next = init.next;
    this.inflights = init.inflights;
    this.isLearner = init.isLearner;
    this.recentActive = init.recentActive;
  }

  private resetState(state: ProgressState): void {
    this.msgAppFlowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  /** Sends one message at a time from now on, until it is known where the logs agree. */
  becomeProbe(): void {
    if (this.state === 'StateSnapshot') {
      // The snapshot may have arrived even if the report about it did not: probe right after it.
      const pending = this.pendingSnapshot;
      this.resetState('StateProbe');
      this.next = Math.max(this.match + 1, pending + 1);
    } else {
      this.resetState('StateProbe');
      this.next = this.match + 1;
    }
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  /** Sends entries without waiting for each answer from now on. */
  becomeReplicate(): void {
    this.resetState('StateReplicate');
    this.next = this.match + 1;
  }

  /** Sends no entries from now on: the follower is given the snapshot of this index. */
  becomeSnapshot(index: number): void {
    this.resetState('StateSnapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** Notes that an append of this many entries and payload bytes was sent. */
  sentEntries(entries: number, bytes: number): void {
    switch (this.state) {
      case 'StateReplicate':
        if (entries > 0) {
          this.next += entries;
          this.inflights.add(this.next - 1, bytes);
        }
        this.msgAppFlowPaused = this.inflights.full();
        return;
      case 'StateProbe':
        // An empty probe, which carries a commit index, does not block the next one.
        if (entries > 0) this.msgAppFlowPaused = true;
        return;
      case 'StateSnapshot':
        throw new RaftPanic('flow-control', `sending append in unhandled state ${this.state}`);
      default:
        assertNever(this.state);
    }
  }

  /** Would sending this commit index tell the follower anything new? */
  canBumpCommit(index: number): boolean {
    // A follower commits no further than its log reaches, and its log is known to reach at most next - 1.
    return index > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** Notes that the follower acknowledged everything up to `index`. Returns false if that is not new. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /**
   * Notes that the follower rejected the append after `rejected`; its log may match at `matchHint`. Returns false if
   * the rejection is stale.
   *
   * | state | match | next | rejected | hint | new | next then | because |
   * | --- | --- | --- | --- | --- | --- | --- | --- |
   * | Probe | 0 | 10 | 9 | 4 | yes | 5 | the logs may agree up to 4: the next append follows it |
   * | Probe | 0 | 10 | 9 | 20 | yes | 9 | a hint beyond what was rejected is useless: one step back |
   * | Probe | 6 | 10 | 9 | 2 | yes | 7 | the follower has acknowledged 6: never go back beyond that |
   * | Probe | 0 | 10 | 7 | 4 | no | 10 | only the append after 9 is in flight: the answer is stale |
   * | Replicate | 6 | 20 | 15 | 9 | yes | 7 | an append was lost: everything after 6 is sent again, whatever the hint |
   * | Replicate | 6 | 20 | 6 | 3 | no | 20 | 6 was acknowledged after this answer was sent |
   */
  maybeDecrTo(rejected: number, matchHint: number): boolean {
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    // In Probe one append is in flight, the one after next - 1.
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /** Must appends wait? */
  isPaused(): boolean {
    return this.state === 'StateSnapshot' || this.msgAppFlowPaused;
  }

  /** Returns a copy, including what is in flight. */
  clone(inflights: Inflights = this.inflights.clone()): Progress {
    const copy = new Progress({
      id: this.id,
      match: this.match,
      next: this.next,
      inflights,
      isLearner: this.isLearner,
      recentActive: this.recentActive,
    });
    copy.sentCommit = this.sentCommit;
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.msgAppFlowPaused = this.msgAppFlowPaused;
    copy.sentForeignSnapshot = this.sentForeignSnapshot;
    copy.toldForeignSnapshot = this.toldForeignSnapshot;
    return copy;
  }

  /** Returns a copy for display, with nothing in flight. */
  withoutInflights(): Progress {
    return this.clone(new Inflights(0));
  }

  /** Returns what etcd prints: `StateReplicate match=14 next=17 paused inflight=2[full]`. */
  toString(): string {
    let text = `${this.state} match=${this.match} next=${this.next}`;
    if (this.isLearner) text += ' learner';
    if (this.isPaused()) text += ' paused';
    if (this.pendingSnapshot > 0) text += ` pendingSnap=${this.pendingSnapshot}`;
    if (!this.recentActive) text += ' inactive';
    if (this.inflights.count > 0) text += ` inflight=${this.inflights.count}${this.inflights.full() ? '[full]' : ''}`;
    return text;
  }
}

/** One line per member, ascending, with decimal ids. */
export function describeProgressMap(progress: ReadonlyMap<NodeId, Progress>): string {
  return [...progress.keys()]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((id) => `${id}: ${progress.get(id)}\n`)
    .join('');
}
