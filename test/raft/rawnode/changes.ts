import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  confChangesFromString,
  type NodeId,
} from '@raft-ts/raft';

function change(type: ConfChangeType, nodeId: NodeId): ConfChange {
  return { id: 0n, type, nodeId, context: undefined };
}

export function addVoter(id: NodeId): ConfChange {
  return change(ConfChangeType.ConfChangeAddNode, id);
}

export function addLearner(id: NodeId): ConfChange {
  return change(ConfChangeType.ConfChangeAddLearnerNode, id);
}

export function removeMember(id: NodeId): ConfChange {
  return change(ConfChangeType.ConfChangeRemoveNode, id);
}

const transitions = {
  auto: ConfChangeTransition.ConfChangeTransitionAuto,
  implicit: ConfChangeTransition.ConfChangeTransitionJointImplicit,
  explicit: ConfChangeTransition.ConfChangeTransitionJointExplicit,
} as const;

/** A change of the second form, its parts in their short form: `v2 l1 r3`. Empty leaves a joint configuration. */
export function changeV2(text: string, transition: keyof typeof transitions = 'auto'): ConfChangeV2 {
  const changes: readonly ConfChangeSingle[] = confChangesFromString(text);
  return { transition: transitions[transition], changes, context: undefined };
}
