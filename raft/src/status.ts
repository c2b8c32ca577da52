import type { HardState, NodeId } from '@raft-ts/proto';
import type { Raft, SoftState, StateType } from './raft.js';
import type { Progress } from './tracker/progress.js';
import type { TrackerConfig } from './tracker/tracker.js';

/** A summary of a member. */
export interface BasicStatus {
  readonly id: NodeId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: number;
  /** The member to which leadership is being transferred; 0 if none. */
  readonly leadTransferee: NodeId;
  /** Serves `JSON.stringify`, which does not support bigints. */
  toJSON(): StatusJson;
}

/** How near a member is to an election, and what its own has come to. */
export interface ElectionStatus {
  /**
   * Ticks since the timer began; a leader's serves its check of the quorum. A member that reaches `timeout` campaigns,
   * if it may.
   */
  readonly elapsed: number;
  /** In ticks, drawn anew for each term. */
  readonly timeout: number;
  /** A copy of the votes that it knows of in its last campaign: true for one that was granted. */
  readonly votes: ReadonlyMap<NodeId, boolean>;
}

/** A member, its configuration and, on a leader, the progress of the others. */
export interface Status extends BasicStatus {
  readonly election: ElectionStatus;
  readonly config: TrackerConfig;
  /** Copies, in ascending order of ids; empty if the member does not lead. */
  readonly progress: ReadonlyMap<NodeId, Progress>;
}

/** A status in etcd's JSON: ids in hexadecimal. */
export interface StatusJson {
  readonly id: string;
  readonly term: number;
  readonly vote: string;
  readonly commit: number;
  readonly lead: string;
  readonly raftState: StateType;
  readonly applied: number;
  /** By id; absent from a summary. */
  readonly progress?: Readonly<Record<string, { match: number; next: number; state: string }>>;
  readonly leadtransferee: string;
}

class BriefStatus implements BasicStatus {
  readonly id: NodeId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: number;
  readonly leadTransferee: NodeId;

  constructor(r: Raft) {
    this.id = r.id;
    this.hardState = r.hardState();
    this.softState = r.softState();
    this.applied = r.raftLog.applied;
    this.leadTransferee = r.leadTransferee;
  }

  toJSON(): StatusJson {
    return JSON.parse(textOf(this));
  }
}

class WholeStatus extends BriefStatus implements Status {
  readonly election: ElectionStatus;
  readonly config: TrackerConfig;
  readonly progress: ReadonlyMap<NodeId, Progress>;

  constructor(r: Raft) {
    super(r);
    const { electionElapsed: elapsed, randomizedElectionTimeout: timeout } = r;
    this.election = { elapsed, timeout, votes: new Map(r.trk.votes) };
    this.config = r.trk.config;
    const leads = r.state === 'StateLeader';
    this.progress = new Map(leads ? r.trk.ordered.map((pr) => [pr.id, pr.clone()]) : []);
  }
}

export function basicStatus(r: Raft): BasicStatus {
  return new BriefStatus(r);
}

export function status(r: Raft): Status {
  return new WholeStatus(r);
}

/** Formats a status as etcd does: one line of JSON, ids in hexadecimal, members in ascending order. */
export function describeStatus(s: Status): string {
  return textOf(s);
}

function textOf(s: BasicStatus & Partial<Status>): string {
  const { term, vote, commit } = s.hardState;
  const { lead, raftState } = s.softState;
  return (
    `{"id":"${s.id.toString(16)}","term":${term},"vote":"${vote.toString(16)}","commit":${commit},` +
    `"lead":"${lead.toString(16)}","raftState":"${raftState}","applied":${s.applied},` +
    `${progressText(s.progress)}"leadtransferee":"${s.leadTransferee.toString(16)}"}`
  );
}

function progressText(progress: Status['progress'] | undefined): string {
  if (progress === undefined) return '';
  const members = [...progress].map(
    ([id, pr]) => `"${id.toString(16)}":{"match":${pr.match},"next":${pr.next},"state":"${pr.state}"}`,
  );
  return `"progress":{${members.join(',')}},`;
}
