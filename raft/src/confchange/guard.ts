import {
  ConfChangeType,
  type ConfChangeV2,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type NodeId,
} from '@raft-ts/proto';
import { isCoded } from '@raft-ts/proto/internal';
import type { ProgressTracker } from '../tracker/tracker.js';
import { Changer } from './changer.js';

/**
 * Largest membership that a leader allows: far above any cluster, and small enough that heartbeats to all members cost
 * little. `MAX_MEMBERS` says how this relates to the other bounds.
 */
export const MAX_GUARDED_MEMBERS = 256;

/** Enough to replace every member; each step blocks for about a microsecond. */
const MAX_GUARDED_STEPS = 2 * MAX_GUARDED_MEMBERS;

const reserved = new Set<NodeId>([LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD]);

/**
 * Returns why a leader does not append this change: a dry run shows that it could not, or should not, be applied.
 * Undefined if it may be appended. It will meet the current configuration, because no other change is in progress.
 */
export function guardConfChange(tracker: ProgressTracker, lastIndex: number, cc: ConfChangeV2): string | undefined {
  const { changes } = cc;
  if (changes.length > MAX_GUARDED_STEPS) {
    return `it has ${changes.length} steps; a leader takes at most ${MAX_GUARDED_STEPS}`;
  }
  const removes = ConfChangeType.ConfChangeRemoveNode;
  const wrong = changes.find(({ type, nodeId }) => type !== removes && reserved.has(nodeId));
  if (wrong !== undefined) return `id ${wrong.nodeId} is reserved for a storage thread`;
  try {
    const { size } = new Changer(tracker, lastIndex).apply(cc).progress;
    if (size <= MAX_GUARDED_MEMBERS || size <= tracker.progress.size) return undefined;
    return `it leads to ${size} members; a leader takes at most ${MAX_GUARDED_MEMBERS}`;
  } catch (error) {
    if (!isCoded(error)) throw error;
    return `it cannot be applied: ${error.message}`;
  }
}
