import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type Entry,
  EntryType,
  type NodeId,
} from '@raft-ts/proto';
import type { AnyConfChange } from '@raft-ts/raft';
import { names } from '../base/records.js';
import type { Member } from '../member/member.js';
import type { History } from '../rules/history.js';
import { MAX_SLOTS } from './network.js';

/** Configurations stay this small, so that all their quorums can be tried. */
const MAX_VOTERS = 7;

/** What whoever runs the cluster sees: he never makes a change that leaves no majority of disks. */
export interface Sight {
  readonly members: readonly Member[];
  readonly history: History;
}

function isAlive({ members }: Sight, id: NodeId): boolean {
  const member = members[Number(id) - 1];
  // One that is yet to be started.
  return member === undefined || !member.isGone;
}

/** Is there a majority of members that have their disks? */
function survives(sight: Sight, voters: readonly NodeId[]): boolean {
  return voters.length === 0 || 2 * voters.filter((id) => isAlive(sight, id)).length > voters.length;
}

/**
 * Does no member remember an earlier configuration than the current one, even after a power cut, and is no change under
 * way? Then a disk may be lost: no majority of an earlier configuration can be needed any more.
 */
export function isSettled({ members, history }: Sight): boolean {
  const current = history.configurations.at(-1);
  if (current === undefined) return false;
  const isOpen = ({ type, index }: Entry): boolean => type !== EntryType.EntryNormal && index > history.applied;
  return members.every((member) => {
    if (member.isGone || !names(current.confState, member.id)) return true;
    if (member.log.changes.some((index) => index > history.applied)) return false;
    // A leader whose disk is slow has taken a change that its log, as written, does not have yet.
    if (member.node?.raft.raftLog.unstable.entries.some(isOpen) === true) return false;
    const { hardState, snapshot } = member.disk.durable;
    return (hardState?.commit ?? 0) >= current.index || snapshot.metadata.index >= current.index;
  });
}

const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode, ConfChangeUpdateNode } = ConfChangeType;
const { ConfChangeTransitionAuto, ConfChangeTransitionJointExplicit, ConfChangeTransitionJointImplicit } =
  ConfChangeTransition;
const transitions = [
  ConfChangeTransitionAuto,
  ConfChangeTransitionAuto,
  ConfChangeTransitionJointImplicit,
  ConfChangeTransitionJointExplicit,
];

/**
 * Chooses a change of this configuration by two numbers; undefined if what they choose would be unwise.
 * @param fresh the id of a member that could join
 * @param leaver a voter that is to be removed or demoted, rather than whom the numbers choose
 */
export function chooseChange(
  sight: Sight,
  cs: ConfState,
  { shape, choice, fresh, leaver }: { shape: number; choice: number; fresh: NodeId; leaver: NodeId | undefined },
): AnyConfChange | undefined {
  if (cs.votersOutgoing.length > 0) return leaveJoint();
  const changes: ConfChangeSingle[] = [];
  const voters = new Set(cs.voters);
  const used = new Set<NodeId>();
  const count = shape % 3 === 0 ? 1 + (choice % 3) : 1;
  const pick = (ids: readonly NodeId[], salt: number): NodeId | undefined =>
    ids.filter((id) => !used.has(id))[
      (choice >>> (4 + 3 * salt)) % Math.max(1, ids.filter((id) => !used.has(id)).length)
    ];
  const change = (type: ConfChangeSingle['type'], nodeId: NodeId | undefined): void => {
    if (nodeId === undefined || Number(nodeId) > MAX_SLOTS) return;
    used.add(nodeId);
    changes.push({ type, nodeId });
    if (type === ConfChangeAddNode) voters.add(nodeId);
    else if (type !== ConfChangeUpdateNode) voters.delete(nodeId);
  };
  if (leaver !== undefined && voters.has(leaver)) {
    change(shape % 2 === 0 ? ConfChangeRemoveNode : ConfChangeAddLearnerNode, leaver);
  }
  for (let i = changes.length; i < count; i++) {
    switch (Math.floor(shape / 3 + 7 * i + (choice >>> 16)) % 7) {
      case 0:
        change(ConfChangeAddNode, used.has(fresh) ? undefined : fresh);
        break;
      case 1:
        change(ConfChangeAddLearnerNode, used.has(fresh) ? undefined : fresh);
        break;
      case 2:
      case 5:
        change(ConfChangeAddNode, pick(cs.learners, i));
        break;
      case 3:
        change(ConfChangeRemoveNode, pick([...cs.voters, ...cs.learners], i));
        break;
      case 4:
        change(ConfChangeAddLearnerNode, pick(cs.voters, i));
        break;
      default:
        change(ConfChangeUpdateNode, pick(cs.voters, i));
    }
  }
  const next = [...voters];
  if (changes.length === 0 || next.length === 0 || next.length > MAX_VOTERS || !survives(sight, next)) return undefined;
  return asChange(changes, shape);
}

function asChange(changes: readonly ConfChangeSingle[], shape: number): AnyConfChange {
  const [only] = changes;
  // The first form, which older programs write.
  if (changes.length === 1 && only !== undefined && shape % 2 === 0) {
    return { id: 0n, type: only.type, nodeId: only.nodeId, context: undefined };
  }
  const transition = transitions[shape % transitions.length] ?? ConfChangeTransitionAuto;
  return { transition, changes, context: undefined };
}

/** Returns the change that leaves a joint configuration. */
export function leaveJoint(): AnyConfChange {
  return { transition: ConfChangeTransitionAuto, changes: [], context: undefined };
}

/** The voters that may lose their disk now; none unless everything is settled. */
export function dispensable(sight: Sight): readonly Member[] {
  const current = sight.history.configurations.at(-1);
  if (current === undefined || current.confState.votersOutgoing.length > 0 || !isSettled(sight)) return [];
  const { voters } = current.confState;
  const alive = voters.filter((id) => isAlive(sight, id));
  if (2 * (alive.length - 1) <= voters.length) return [];
  return alive.map((id) => sight.members[Number(id) - 1] as Member);
}

/** The change that puts `fresh` in the place of `lost`; undefined if that is done, or cannot be done now. */
export function replacement(sight: Sight, cs: ConfState, lost: NodeId, fresh: NodeId): AnyConfChange | undefined {
  if (cs.votersOutgoing.length > 0) return leaveJoint();
  if (!cs.voters.includes(lost)) return undefined;
  if (!survives(sight, [...cs.voters.filter((id) => id !== lost), fresh])) return undefined;
  const changes = [
    { type: ConfChangeRemoveNode, nodeId: lost },
    { type: ConfChangeAddNode, nodeId: fresh },
  ];
  return { transition: ConfChangeTransitionAuto, changes, context: undefined };
}
