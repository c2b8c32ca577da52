import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type Entry,
  type NodeId,
} from '@raft-ts/proto';
import { decodeConfChangeEntry } from '@raft-ts/raft';
import { asV2 } from '@raft-ts/raft/internal';

/** The sets of a configuration, while a change is worked out. */
interface Sets {
  readonly voters: Set<NodeId>;
  readonly outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
}

/**
 * Works out what a membership change leads to, from the rules of the dissertation (section 4.3) and of etcd, and
 * without the core's own code: in sets, and without progress.
 */
export function configurationAfter(before: ConfState, entry: Entry): ConfState {
  const { transition, changes } = asV2(decodeConfChangeEntry(entry));
  const sets: Sets = {
    voters: new Set(before.voters),
    outgoing: new Set(before.votersOutgoing),
    learners: new Set(before.learners),
    learnersNext: new Set(before.learnersNext),
  };
  if (changes.length === 0) {
    for (const id of sets.learnersNext) sets.learners.add(id);
    return asConfState({ ...sets, outgoing: new Set(), learnersNext: new Set() }, false);
  }
  const isJoint = changes.length > 1 || transition !== ConfChangeTransition.ConfChangeTransitionAuto;
  if (isJoint) for (const id of sets.voters) sets.outgoing.add(id);
  for (const change of changes) carryOut(sets, change);
  return asConfState(sets, isJoint && transition !== ConfChangeTransition.ConfChangeTransitionJointExplicit);
}

function carryOut({ voters, outgoing, learners, learnersNext }: Sets, { type, nodeId }: ConfChangeSingle): void {
  if (type === ConfChangeType.ConfChangeUpdateNode || nodeId === 0n) return;
  if (type === ConfChangeType.ConfChangeAddLearnerNode && learners.has(nodeId)) return;
  voters.delete(nodeId);
  learners.delete(nodeId);
  learnersNext.delete(nodeId);
  if (type === ConfChangeType.ConfChangeAddNode) voters.add(nodeId);
  // A voter of the outgoing half becomes a learner only when that half goes.
  else if (type === ConfChangeType.ConfChangeAddLearnerNode)
    (outgoing.has(nodeId) ? learnersNext : learners).add(nodeId);
}

function asConfState({ voters, outgoing, learners, learnersNext }: Sets, autoLeave: boolean): ConfState {
  return {
    voters: [...voters],
    votersOutgoing: [...outgoing],
    learners: [...learners],
    learnersNext: [...learnersNext],
    autoLeave,
  };
}
