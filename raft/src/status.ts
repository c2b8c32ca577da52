import type { HardState, NodeId } from '@raft-ts/proto';
import type { Raft, SoftState } from './raft.js';
import type { Progress } from './tracker/progress.js';
import type { TrackerConfig } from './tracker/tracker.js';

/** A member in brief. */
export interface BasicStatus {
  readonly id: NodeId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: number;
  /** To whom leadership is being handed; 0 where it is not. */
  readonly leadTransferee: NodeId;
}

/** A member, its configuration, and, on a leader, what it knows of the others. */
export interface Status extends BasicStatus {
  readonly config: TrackerConfig;
  /** Copies, ascending by id; empty where the member does not lead. */
  readonly progress: ReadonlyMap<NodeId, Progress>;
}

export function basicStatus(r: Raft): BasicStatus {
  return {
    id: r.id,
    hardState: r.hardState(),
    softState: r.softState(),
    applied: r.raftLog.applied,
    leadTransferee: r.leadTransferee,
  };
}

export function status(r: Raft): Status {
  const { id, hardState, softState, applied, leadTransferee } = basicStatus(r);
  const progress = new Map<NodeId, Progress>();
  if (r.state === 'StateLeader') {
    for (const pr of r.trk.ordered) progress.set(pr.id, pr.clone());
  }
  return { id, hardState, softState, applied, leadTransferee, config: r.trk.config, progress };
}

/** A status as etcd writes it: one line of JSON, ids in hexadecimal. */
export function describeStatus(s: Status): string {
  const progress = [...s.progress].map(
    ([id, pr]) => `"${id.toString(16)}":{"match":${pr.match},"next":${pr.next},"state":"${pr.state}"}`,
  );
  const { term, vote, commit } = s.hardState;
  const { lead, raftState } = s.softState;
  return (
    `{"id":"${s.id.toString(16)}","term":${term},"vote":"${vote.toString(16)}","commit":${commit},` +
    `"lead":"${lead.toString(16)}","raftState":"${raftState}","applied":${s.applied},` +
    `"progress":{${progress.join(',')}},"leadtransferee":"${s.leadTransferee.toString(16)}"}`
  );
}
