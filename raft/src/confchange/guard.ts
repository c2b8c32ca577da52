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
 * The most members that a leader lets the membership grow to: far above any cluster, and few enough that heartbeats to
 * all of them cost little.
 */
export const MAX_GUARDED_MEMBERS = 256;

/** Enough to replace every member; each step costs about a microsecond in which nothing else runs. */
const MAX_GUARDED_STEPS = 2 * MAX_GUARDED_MEMBERS;

const reserved = new Set<NodeId>([LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD]);

/**
 * Why a leader does not append this change, which a dry run shows could not be applied, or should not be; undefined
 * where it may be appended. The configuration is the one that the change will meet: no other change is under way.
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
