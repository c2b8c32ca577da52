import {
  type ConfChange,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  LOCAL_APPLY_THREAD,
  type NodeId,
} from '@raft-ts/raft';
import { type SessionRecord, Sessions } from './sessions.js';

/** What a snapshot carries beside the state machine's own bytes. */
export interface SnapshotHead {
  /** Addresses of the members, ascending by id. */
  readonly members: readonly (readonly [id: NodeId, url: string])[];
  /** Ids that were removed, and never come back, ascending. */
  readonly removed: readonly NodeId[];
  /** The highest id that was ever given out or used. */
  readonly lastId: NodeId;
  /** Members that keep the promise on which leases rest. */
  readonly promising: readonly NodeId[];
  /** The level of features that is open; 0 if none is. */
  readonly features: number;
  readonly sessions: readonly SessionRecord[];
}

/** Who has shown which level of features to the leader of a term. */
interface Shown {
  readonly level: number;
  readonly members: readonly NodeId[];
  readonly term: number;
}

const decoder = new TextDecoder();
/** That a member may have: the two above it are those of the threads of storage. */
const HIGHEST_ID: NodeId = LOCAL_APPLY_THREAD - 1n;

/**
 * What the replicas of a cluster know of it together, beside the state machine: who is in it and where, which ids are
 * used up, and the clients' sessions. It changes by entries of the log only, so that it is the same on every member at
 * the same index.
 */
export class Group {
  readonly members: Map<NodeId, string> = new Map();
  readonly removed: Set<NodeId> = new Set();
  readonly promising: Set<NodeId> = new Set();
  readonly sessions: Sessions = new Sessions();
  lastId: NodeId = 0n;
  features = 0;

  /**
   * Takes note of a committed membership change that led to this configuration; its context is the address of whom it
   * adds. Who leaves by a joint change counts until that has been left: its votes are needed, so it must be reachable.
   */
  applyChange(cc: ConfChange | ConfChangeV2, confState: ConfState): void {
    const url = cc.context === undefined ? '' : decoder.decode(cc.context);
    const present = membersOf(confState);
    for (const { type, nodeId } of 'changes' in cc ? cc.changes : [cc]) {
      if (nodeId === 0n) continue;
      this.noteId(nodeId);
      if (type === ConfChangeType.ConfChangeRemoveNode) {
        if (!present.has(nodeId)) this.depart(nodeId);
      } else if (present.has(nodeId) && (url !== '' || !this.members.has(nodeId))) {
        // A promotion carries no address and keeps the one that is known.
        this.members.set(nodeId, url);
      }
    }
    for (const id of this.members.keys()) if (!present.has(id)) this.depart(id);
  }

  private depart(id: NodeId): void {
    this.members.delete(id);
    this.promising.delete(id);
    this.removed.add(id);
  }

  /**
   * Takes the next id that nobody has, had, or was given. If the highest of all is in use, that one: its call is
   * refused, and a snapshot holds no number that is no id.
   */
  reserveId(): NodeId {
    if (this.lastId < HIGHEST_ID) this.lastId += 1n;
    return this.lastId;
  }

  /**
   * Opens features for good, unless the entry, which stands in `term`, says nothing. @returns whether more is open now
   */
  openFeatures({ level, members, ...entry }: Shown, term: number): boolean {
    const shown = new Set(members);
    if (entry.term !== term || level <= this.features) return false;
    for (const id of this.members.keys()) if (!shown.has(id)) return false;
    this.features = level;
    return true;
  }

  private noteId(id: NodeId): void {
    if (id > this.lastId) this.lastId = id;
  }

  head(): SnapshotHead {
    const ascending = ([a]: readonly [NodeId, unknown], [b]: readonly [NodeId, unknown]): number => (a < b ? -1 : 1);
    const sorted = (ids: Iterable<NodeId>): NodeId[] => [...ids].sort((a, b) => (a < b ? -1 : 1));
    return {
      members: [...this.members].sort(ascending),
      removed: sorted(this.removed),
      lastId: this.lastId,
      promising: sorted(this.promising),
      features: this.features,
      sessions: this.sessions.records(),
    };
  }

  restore({ members, removed, lastId, promising, features, sessions }: SnapshotHead): void {
    this.members.clear();
    for (const [id, url] of members) this.members.set(id, url);
    this.removed.clear();
    for (const id of removed) this.removed.add(id);
    this.promising.clear();
    for (const id of promising) this.promising.add(id);
    this.lastId = lastId;
    this.features = features;
    for (const id of [...this.members.keys(), ...this.removed]) this.noteId(id);
    this.sessions.restore(sessions);
  }
}

/** Returns everyone whom a configuration names, also who joins or leaves by a joint change. */
export function membersOf({ voters, votersOutgoing, learners, learnersNext }: ConfState): ReadonlySet<NodeId> {
  return new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext]);
}
