import { type ConfChangeSingle, ConfChangeType, type ConfState, type NodeId } from '@raft-ts/proto';
import { ProgressTracker } from '../tracker/tracker.js';
import { type ChangeResult, Changer } from './changer.js';

function changes(type: ConfChangeType, ids: readonly NodeId[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}

/**
 * Rebuilds the configuration that a stored ConfState describes from the changes that lead to it, so that every rule of
 * the Changer holds for it too.
 * @param lastIndex last index of the log
 * @throws ERR_RAFT_CONF_CHANGE_INVALID if no sequence of changes leads there
 */
export function restoreConfig(
  cs: ConfState,
  limits: { lastIndex: number; maxInflight: number; maxInflightBytes: number },
): ChangeResult {
  const tracker = new ProgressTracker(limits.maxInflight, limits.maxInflightBytes);
  const changer = new Changer(tracker, limits.lastIndex);
  const outgoing = changes(ConfChangeType.ConfChangeAddNode, cs.votersOutgoing);
  const incoming = [
    ...changes(ConfChangeType.ConfChangeRemoveNode, cs.votersOutgoing),
    ...changes(ConfChangeType.ConfChangeAddNode, cs.voters),
    ...changes(ConfChangeType.ConfChangeAddLearnerNode, cs.learners),
    ...changes(ConfChangeType.ConfChangeAddLearnerNode, cs.learnersNext),
  ];
  if (outgoing.length === 0) return changer.simpleInTurn(incoming);
  const before = changer.simpleInTurn(outgoing);
  tracker.install(before.config, before.progress);
  return changer.enterJoint(cs.autoLeave, incoming);
}
