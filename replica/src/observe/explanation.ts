import type { NodeId, RawNode } from '@raft-ts/raft';
import type { Waited } from '../drive/patience.js';
import type { ReadTiming } from '../drive/reads.js';
import type { Group } from '../group/group.js';
import type { Lease } from '../lead/lease.js';
import type { Contacts } from './contacts.js';

/** What to explain. Nothing named: whether there is a leader, and why not. */
export interface Question {
  /** Why is this index not committed, or not applied here? */
  readonly index?: number;
  /** Why is this member behind? */
  readonly member?: NodeId;
  /** Why was the slowest read of the last minute slow? */
  readonly read?: true;
  /** Has this member a lease, and why not? */
  readonly lease?: true;
  /** Which features are open, and why no more of them are (`ReplicaOptions.features`)? */
  readonly features?: true;
}

/** An answer for a person, and a code for a program. */
export interface Explanation {
  readonly code: ExplanationCode;
  /** One sentence or two. */
  readonly text: string;
}

/** What an explanation comes to, for programs; docs/log-lines.md says what each means and what to do. */
export type ExplanationCode =
  | 'stopped'
  | 'leading'
  | 'following'
  | 'not-a-member'
  | 'removed'
  | 'other-founders'
  | 'apply-stuck'
  | 'diverged'
  | 'waiting-for-timeout'
  | 'votes-missing'
  | 'votes-refused'
  | 'learner-without-leader'
  | 'applied'
  | 'applying'
  | 'beyond-log'
  | 'not-leading'
  | 'earlier-term'
  | 'waiting-for-quorum'
  | 'self'
  | 'unknown-member'
  | 'up-to-date'
  | 'unreachable'
  | 'silent'
  | 'snapshot'
  | 'snapshot-failing'
  | 'probing'
  | 'catching-up'
  | 'no-features'
  | 'features-open'
  | 'features-opening'
  | 'features-missing'
  | 'no-slow-read'
  | 'read-without-leader'
  | 'read-unconfirmed'
  | 'read-behind'
  | 'leased'
  | 'no-lease-not-leading'
  | 'no-lease-stalled'
  | 'no-lease-not-promised'
  | 'no-lease-transferring'
  | 'no-lease-unconfirmed'
  | 'no-lease-clocks';

/** What explanations are read from: live state. */
export interface ExplainSource {
  readonly id: NodeId;
  readonly raw: RawNode;
  readonly group: Pick<Group, 'members' | 'removed'>;
  readonly contacts: Contacts;
  /** The founders of this member's cluster, if it knows them. */
  readonly founders: readonly NodeId[] | undefined;
  readonly ended: boolean;
  /** Index up to which this member has applied. */
  readonly applied: number;
  /** What the state machine has been asked and does not answer. */
  readonly stuck: Waited | undefined;
  /** The first index that is known to differ from another member's, if states are compared. */
  readonly divergence: { readonly index: number; readonly member: NodeId } | undefined;
  readonly tickMs: number;
  readonly slowestRead: ReadTiming | undefined;
  readonly lease: Pick<Lease, 'obstacle' | 'withoutPromise' | 'remainingMs'>;
  readonly features: FeatureView;
}

/** Features as a member sees them. */
export interface FeatureView {
  /** The level that it understands; 0 if there is nothing to open. */
  readonly level: number;
  /** The level that is open. */
  readonly open: number;
  /** Members that do not show the level. */
  readonly missing: readonly NodeId[];
}
