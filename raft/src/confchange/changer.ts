import { type ConfChangeSingle, ConfChangeType, type ConfChangeV2, NONE, type NodeId, RaftError } from '@raft-ts/proto';
import { ERR_CONF_CHANGE_INVALID } from '../errors.js';
import { JointConfig } from '../quorum/joint.js';
import { MajorityConfig, sortedIds } from '../quorum/majority.js';
import { Inflights } from '../tracker/inflights.js';
import { Progress } from '../tracker/progress.js';
import { type ProgressTracker, TrackerConfig } from '../tracker/tracker.js';
import { entersJoint, leavesJoint } from './conf-change.js';

/** A configuration and the progress of its members. */
export interface ChangeResult {
  readonly config: TrackerConfig;
  readonly progress: ReadonlyMap<NodeId, Progress>;
}

/** The next configuration while it is being built. */
interface Draft {
  readonly incoming: Set<NodeId>;
  outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
  readonly progress: Map<NodeId, Progress>;
}

function refuse(text: string): never {
  throw new RaftError(ERR_CONF_CHANGE_INVALID, text);
}

/**
 * Computes the configuration that follows from a membership change (sections 6 of the paper and 4.3 of the
 * dissertation). Nothing is changed in place: a result is either installed as a whole or dropped. Every method throws
 * ERR_RAFT_CONF_CHANGE_INVALID for a change that is not allowed.
 */
export class Changer {
  readonly tracker: ProgressTracker;
  /** Last index of the log: where a new member's progress starts. */
  readonly lastIndex: number;

  constructor(tracker: ProgressTracker, lastIndex: number) {
    this.tracker = tracker;
    this.lastIndex = lastIndex;
  }

  /** Carries out a change, using the protocol that it asks for. */
  apply(cc: ConfChangeV2): ChangeResult {
    if (leavesJoint(cc)) return this.leaveJoint();
    const joint = entersJoint(cc);
    return joint === undefined ? this.simple(cc.changes) : this.enterJoint(joint.autoLeave, cc.changes);
  }

  /** From one majority to two: the current voters become the outgoing half, and the changes make the incoming one. */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): ChangeResult {
    const draft = this.begin();
    if (draft.outgoing.size > 0) refuse('config is already joint');
    if (draft.incoming.size === 0) refuse("can't make a zero-voter config joint");
    draft.outgoing = new Set(draft.incoming);
    this.change(draft, changes);
    return finish(draft, autoLeave);
  }

  /** From two majorities to the incoming one. */
  leaveJoint(): ChangeResult {
    const draft = this.begin();
    if (draft.outgoing.size === 0) refuse("can't leave a non-joint config");
    for (const id of draft.learnersNext) {
      draft.learners.add(id);
      (draft.progress.get(id) as Progress).isLearner = true;
    }
    draft.learnersNext.clear();
    for (const id of draft.outgoing) {
      if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id);
    }
    draft.outgoing.clear();
    return finish(draft, false);
  }

  /** Changes at most one voter: then two consecutive configurations always share a quorum. */
  simple(changes: readonly ConfChangeSingle[]): ChangeResult {
    const draft = this.beginSimple();
    const before = new Set(draft.incoming);
    this.change(draft, changes);
    let different = 0;
    for (const id of draft.incoming) if (!before.has(id)) different++;
    for (const id of before) if (!draft.incoming.has(id)) different++;
    if (different > 1) refuse('more than one voter changed without entering joint config');
    return finish(draft, false);
  }

  /**
   * As `simple` for each of these changes in turn, but with one copy of the configuration: rebuilding a stored
   * membership of n members would otherwise take n copies.
   */
  simpleInTurn(changes: readonly ConfChangeSingle[]): ChangeResult {
    const draft = this.beginSimple();
    for (const change of changes) this.change(draft, [change]);
    return finish(draft, false);
  }

  private beginSimple(): Draft {
    const draft = this.begin();
    if (draft.outgoing.size > 0) refuse("can't apply simple config change in joint config");
    return draft;
  }

  /**
   * A copy of the current configuration. Progress is copied so that learner flags can change; what is in flight is
   * shared.
   */
  private begin(): Draft {
    const { config, progress } = this.tracker;
    checkInvariants({ config, progress });
    return {
      incoming: new Set(config.voters.incoming.ids),
      outgoing: new Set(config.voters.outgoing.ids),
      learners: new Set(config.learners),
      learnersNext: new Set(config.learnersNext),
      progress: new Map([...progress].map(([id, pr]) => [id, pr.clone(pr.inflights)])),
    };
  }

  private change(draft: Draft, changes: readonly ConfChangeSingle[]): void {
    for (const { type, nodeId } of changes) {
      // An application that rejects a committed change applies it with id 0, which changes nothing.
      if (nodeId === NONE) continue;
      switch (type) {
        case ConfChangeType.ConfChangeAddNode:
          this.makeVoter(draft, nodeId);
          break;
        case ConfChangeType.ConfChangeAddLearnerNode:
          this.makeLearner(draft, nodeId);
          break;
        case ConfChangeType.ConfChangeRemoveNode:
          remove(draft, nodeId);
          break;
        case ConfChangeType.ConfChangeUpdateNode:
          break;
        default:
          refuse(`unexpected conf type ${String(type)}`);
      }
    }
    if (draft.incoming.size === 0) refuse('removed all voters');
  }

  private makeVoter(draft: Draft, id: NodeId): void {
    const pr = draft.progress.get(id);
    if (pr === undefined) {
      draft.progress.set(id, this.newProgress(id, false));
    } else {
      pr.isLearner = false;
      draft.learners.delete(id);
      draft.learnersNext.delete(id);
    }
    draft.incoming.add(id);
  }

  private makeLearner(draft: Draft, id: NodeId): void {
    const pr = draft.progress.get(id);
    if (pr === undefined) {
      draft.progress.set(id, this.newProgress(id, true));
      draft.learners.add(id);
      return;
    }
    if (pr.isLearner) return;
    remove(draft, id);
    draft.progress.set(id, pr);
    // It cannot be a learner while it still votes in the outgoing half: leaving the joint configuration makes it one.
    if (draft.outgoing.has(id)) {
      draft.learnersNext.add(id);
    } else {
      pr.isLearner = true;
      draft.learners.add(id);
    }
  }

  private newProgress(id: NodeId, isLearner: boolean): Progress {
    return new Progress({
      id,
      match: 0,
      // The first probe starts at the leader's last entry: a new member usually needs a snapshot anyway.
      next: Math.max(this.lastIndex, 1),
      inflights: new Inflights(this.tracker.maxInflight, this.tracker.maxInflightBytes),
      isLearner,
      // Counts as active until the next quorum check, so that adding a member does not depose the leader.
      recentActive: true,
    });
  }
}

function remove(draft: Draft, id: NodeId): void {
  if (!draft.progress.has(id)) return;
  draft.incoming.delete(id);
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  // A voter of the outgoing half still needs its progress.
  if (!draft.outgoing.has(id)) draft.progress.delete(id);
}

function finish(draft: Draft, autoLeave: boolean): ChangeResult {
  const result = {
    config: new TrackerConfig({
      voters: new JointConfig(new MajorityConfig(draft.incoming), new MajorityConfig(draft.outgoing)),
      learners: sortedIds(draft.learners),
      learnersNext: sortedIds(draft.learnersNext),
      autoLeave,
    }),
    progress: draft.progress,
  };
  checkInvariants(result);
  return result;
}

/** Checks what must hold for every configuration. @throws ERR_RAFT_CONF_CHANGE_INVALID for the first rule broken */
export function checkInvariants({ config, progress }: ChangeResult): void {
  const { voters, learners, learnersNext } = config;
  for (const id of [...voters.ids(), ...learners, ...learnersNext]) {
    if (!progress.has(id)) refuse(`no progress for ${id}`);
  }
  for (const id of learnersNext) {
    if (!voters.outgoing.has(id)) refuse(`${id} is in LearnersNext, but not Voters[1]`);
    if (progress.get(id)?.isLearner) refuse(`${id} is in LearnersNext, but is already marked as learner`);
  }
  for (const id of learners) {
    if (voters.outgoing.has(id)) refuse(`${id} is in Learners and Voters[1]`);
    if (voters.incoming.has(id)) refuse(`${id} is in Learners and Voters[0]`);
    if (!progress.get(id)?.isLearner) refuse(`${id} is in Learners, but is not marked as learner`);
  }
  // It follows that learnersNext is empty outside a joint configuration: each of them is in the outgoing half.
  if (!voters.isJoint && config.autoLeave) refuse('AutoLeave must be false when not joint');
}
