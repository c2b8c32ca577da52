import {
  type ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type Entry,
  type NodeId,
} from '@raft-ts/proto';
import { type AnyConfChange, confChangesFromString } from '@raft-ts/raft';
import { marshalConfChange } from '@raft-ts/raft/internal';

function change(type: ConfChangeType, nodeId: NodeId): ConfChange {
  return { id: 0n, type, nodeId, context: undefined };
}

export function addNode(id: NodeId): ConfChange {
  return change(ConfChangeType.ConfChangeAddNode, id);
}

export function addLearner(id: NodeId): ConfChange {
  return change(ConfChangeType.ConfChangeAddLearnerNode, id);
}

export function removeNode(id: NodeId): ConfChange {
  return change(ConfChangeType.ConfChangeRemoveNode, id);
}

/** Several changes at once, in their short form (`r3 l3`); without any it leaves a joint configuration. */
export function changeV2(changes = ''): ConfChangeV2 {
  return {
    transition: ConfChangeTransition.ConfChangeTransitionAuto,
    changes: confChangesFromString(changes),
    context: undefined,
  };
}

/** The entry that proposes this change, before it has a place in the log. */
export function confChangeEntry(cc: AnyConfChange): Entry {
  const { type, data } = marshalConfChange(cc);
  return { type, term: 0, index: 0, data };
}
