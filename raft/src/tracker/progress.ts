import type { NodeId } from '@raft-ts/proto';
import { assertNever, RaftPanic } from '../errors.js';
import { Inflights } from './inflights.js';

/**
 * How the leader sends to a follower.
 * - Probe: its log is not known; one append at a time, to find where the logs agree.
 * - Replicate: it keeps up; appends are sent ahead of their acknowledgements.
 * - Snapshot: it needs a snapshot; nothing is appended until that has arrived.
 */
export type ProgressState = 'StateProbe' | 'StateReplicate' | 'StateSnapshot';

/** What a leader knows of a follower's log. Invariant: match < next. */
export class Progress {
  readonly id: NodeId;
  /** Highest index known to be in the follower's log. */
  match: number;
  /** Index of the next entry to send. In Snapshot: pendingSnapshot + 1. */
  next: number;
  /** Highest commit index sent to the follower; it may be beyond the follower's log, and lost on the way. */
  sentCommit = 0;
  state: ProgressState = 'StateProbe';
  /** In Snapshot: the index of the snapshot that was sent. */
  pendingSnapshot = 0;
  /** Was anything heard of the follower since the last quorum check? */
  recentActive: boolean;
  /** No append may be sent: a probe is under way, or the window is full. */
  msgAppFlowPaused = false;
  inflights: Inflights;
  isLearner: boolean;
  /** Since the last heartbeat it was sent a snapshot whose membership does not name it, which it cannot use. */
  sentForeignSnapshot = false;
  /** Index of the last such snapshot that was told of: each is told once. */
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

  becomeProbe(): void {
    if (this.state === 'StateSnapshot') {
      // The snapshot may have arrived although its report did not: probe right after it.
      const pending = this.pendingSnapshot;
      this.resetState('StateProbe');
      this.next = Math.max(this.match + 1, pending + 1);
    } else {
      this.resetState('StateProbe');
      this.next = this.match + 1;
    }
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.resetState('StateReplicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.resetState('StateSnapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** An append of this many entries, with this many payload bytes, leaves. */
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
        // An empty probe (it carries a commit index) does not keep the next one waiting.
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
    // A follower commits no further than its log reaches, and the log is known to reach next - 1 at most.
    return index > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The follower acknowledged up to `index`. Returns false for an acknowledgement that is no news. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /**
   * The follower rejected the append after `rejected`; its log may match at `matchHint`. Returns false for a rejection
   * that was overtaken by later messages.
   *
   * | state | match | next | rejected | hint | news | next then | because |
   * | --- | --- | --- | --- | --- | --- | --- | --- |
   * | Probe | 0 | 10 | 9 | 4 | yes | 5 | the logs may agree up to 4: the next append follows it |
   * | Probe | 0 | 10 | 9 | 20 | yes | 9 | a hint beyond what was rejected is none: one step back |
   * | Probe | 6 | 10 | 9 | 2 | yes | 7 | the follower has acknowledged 6: never back beyond that |
   * | Probe | 0 | 10 | 7 | 4 | no | 10 | only the append after 9 is under way: an old answer |
   * | Replicate | 6 | 20 | 15 | 9 | yes | 7 | an append was lost: everything sent after 6 goes again, hint or not |
   * | Replicate | 6 | 20 | 6 | 3 | no | 20 | 6 was acknowledged after this was sent |
   */
  maybeDecrTo(rejected: number, matchHint: number): boolean {
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    // In Probe one append is under way, and it followed next - 1.
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

  /** The same follower, with a copy of what is under way. */
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

  /** A copy for showing, with nothing under way. */
  withoutInflights(): Progress {
    return this.clone(new Inflights(0));
  }

  /** As etcd prints it: `StateReplicate match=14 next=17 paused inflight=2[full]`. */
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

/** One line a member, ascending, with decimal ids. */
export function describeProgressMap(progress: ReadonlyMap<NodeId, Progress>): string {
  return [...progress.keys()]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((id) => `${id}: ${progress.get(id)}\n`)
    .join('');
}
