import {
  type ConfState,
  type HardState,
  isEmptySnap,
  type Message,
  MessageType,
  type NodeId,
  type Snapshot,
} from '@raft-ts/raft';
import type { Leadership, ReplicaLog, Unsaved } from '@raft-ts/replica';
import { digestOf } from '../base/digest.js';
import type { RuleName } from '../base/violation.js';

/** Says that a rule is broken. */
export type Broke = (rule: RuleName, text: string, cause?: unknown) => void;

/** What a power cut now would leave of a member's log, at least. */
interface Durable {
  hardState: HardState;
  /** Term and digest of each entry, by index. */
  readonly entries: Map<number, { readonly term: number; readonly digest: string }>;
  last: number;
  /** Up to here a snapshot stands for the entries. */
  snapshot: { readonly index: number; readonly term: number };
}

const nothing: HardState = { term: 0, vote: 0n, commit: 0 };

/**
 * How many configurations back a leader may count by. One change may be on its way; a leader that was just elected may
 * have a second one in its log, which its predecessor made after the first, and know of neither that it is committed.
 */
const COUNTED_BY = 3;

/**
 * Rules about what replicas send, make durable and read back, watched from outside: of the members' own opinion of
 * themselves nothing is used.
 */
export class LogRules {
  private readonly broke: Broke;
  private readonly logs = new Map<NodeId, Durable>();
  private readonly leaders = new Map<number, NodeId>();
  /** Who was given whose vote, by voter and term. */
  private readonly votes = new Map<string, NodeId>();
  /** The newest configurations that were applied anywhere, each with the last index applied then; the newest first. */
  private configurations: { readonly index: number; readonly confState: ConfState }[] = [];

  constructor(broke: Broke) {
    this.broke = broke;
  }

  private durable(id: NodeId): Durable {
    let durable = this.logs.get(id);
    if (durable === undefined) {
      durable = { hardState: nothing, entries: new Map(), last: 0, snapshot: { index: 0, term: 0 } };
      this.logs.set(id, durable);
    }
    return durable;
  }

  /** Number of terms in which somebody has led. */
  get elections(): number {
    return this.leaders.size;
  }

  /** How far a member surely knows what is committed, even after a power cut. */
  committed(id: NodeId): number {
    const { hardState, snapshot } = this.durable(id);
    return Math.max(hardState.commit, snapshot.index);
  }

  /** A log has made this durable. */
  saved(id: NodeId, { hardState, entries = [], snapshot }: Unsaved): void {
    const durable = this.durable(id);
    if (snapshot !== undefined && !isEmptySnap(snapshot)) {
      const { index, term } = snapshot.metadata;
      durable.snapshot = { index, term };
      durable.entries.clear();
      durable.last = index;
    }
    const [first] = entries;
    if (first !== undefined) {
      for (let index = durable.last; index >= first.index; index--) durable.entries.delete(index);
      for (const { index, term, type, data } of entries) {
        durable.entries.set(index, { term, digest: digestOf([type ?? 0, data ?? '']) });
        durable.last = index;
      }
    }
    if (hardState === undefined) return;
    const { term, vote } = durable.hardState;
    if (goesBack(durable.hardState, hardState)) {
      this.broke(
        'hard-state-monotone',
        `Member ${id} makes term ${hardState.term}, vote ${hardState.vote} durable after ${term}, ${vote}.`,
      );
    }
    durable.hardState = hardState;
  }

  /** A log has made a snapshot of the member's own state durable. */
  covered(id: NodeId, { metadata: { index, term } }: Snapshot): void {
    const durable = this.durable(id);
    if (index > durable.snapshot.index) durable.snapshot = { index, term };
    for (const one of durable.entries.keys()) if (one <= index) durable.entries.delete(one);
  }

  /** Says what this log has lost of what was durable; undefined if nothing. */
  missing(id: NodeId, log: ReplicaLog): string | undefined {
    const durable = this.durable(id);
    const hardState = log.initialState().hardState ?? nothing;
    if (goesBack(durable.hardState, hardState)) {
      const { term, vote } = durable.hardState;
      return `Member ${id} came back with term ${hardState.term}, vote ${hardState.vote}, not ${term}, ${vote}.`;
    }
    const { index: snapshot } = log.snapshot().metadata;
    const last = log.lastIndex();
    const lastTerm = log.term(last);
    for (const [index, one] of durable.entries) {
      // What the leader of a later term has cut off, in a write that was not promised yet, is gone rightly.
      if (index <= snapshot || lastTerm > one.term) continue;
      if (index > last || log.term(index) !== one.term)
        return `Member ${id} came back without its entry ${index} of term ${one.term}.`;
    }
    if (snapshot < durable.snapshot.index && last < durable.snapshot.index)
      return `Member ${id} came back without its snapshot of index ${durable.snapshot.index}.`;
    return undefined;
  }

  /** A member came back with this log: nothing that was durable may be missing. */
  reopened(id: NodeId, log: ReplicaLog): void {
    const lost = this.missing(id, log);
    if (lost !== undefined) this.broke('log-kept', lost);
    const durable = this.durable(id);
    const { index, term } = log.snapshot().metadata;
    durable.hardState = log.initialState().hardState ?? nothing;
    durable.snapshot = { index, term };
    durable.entries.clear();
    durable.last = index;
    const first = log.firstIndex();
    const last = log.lastIndex();
    if (last >= first) this.saved(id, { entries: log.entries(first, last + 1, Number.POSITIVE_INFINITY) });
  }

  /** This message is about to leave. */
  sent(message: Message): void {
    const { type, from, to, term, index, reject } = message;
    const durable = this.durable(from);
    // What the leader of a later term has cut off meanwhile, in the same write, was accepted before that, and cannot
    // have been committed.
    const superseded = term < durable.hardState.term;
    if (type === MessageType.MsgAppResp && !reject && !superseded && index > durable.last) {
      this.broke(
        'persisted-before-sent',
        `Member ${from} acknowledges ${index} to ${to}, and only ${durable.last} is on its disk.`,
      );
    }
    if (type !== MessageType.MsgVoteResp || reject) return;
    const { term: durableTerm, vote } = durable.hardState;
    if (durableTerm < term || (durableTerm === term && vote !== to)) {
      this.broke(
        'persisted-before-sent',
        `Member ${from} votes for ${to} in term ${term}, and on its disk are term ${durableTerm}, vote ${vote}.`,
      );
    }
    const key = `${from}-${term}`;
    const given = this.votes.get(key) ?? to;
    if (given !== to) this.broke('vote-once', `Member ${from} votes for ${given} and for ${to} in term ${term}.`);
    this.votes.set(key, to);
  }

  leads(id: NodeId, { leading, term }: Leadership): void {
    if (!leading) return;
    const other = this.leaders.get(term) ?? id;
    if (other !== id) this.broke('election-safety', `Members ${other} and ${id} lead in term ${term}.`);
    this.leaders.set(term, id);
  }

  /** This is the configuration of a member that has applied everything up to this index. */
  configured(index: number, confState: ConfState): void {
    const newest = this.configurations[0];
    if (newest !== undefined && (newest.index > index || isSame(newest.confState, confState))) return;
    this.configurations = [{ index, confState }, ...this.configurations].slice(0, COUNTED_BY);
  }

  /**
   * The first member applies this index, in this configuration: a majority must have it on disk, of this configuration
   * or of one before that the leader may still have counted by.
   */
  appliedFirst(index: number, term: number, confState: ConfState): void {
    this.configured(index, confState);
    const holds = (id: NodeId): boolean => {
      const { entries, snapshot } = this.durable(id);
      return index <= snapshot.index || entries.get(index)?.term === term;
    };
    const hasMajority = (ids: readonly NodeId[]): boolean =>
      ids.length === 0 || 2 * ids.filter(holds).length > ids.length;
    const agrees = ({ voters, votersOutgoing }: ConfState): boolean =>
      hasMajority(voters) && hasMajority(votersOutgoing);
    if (this.configurations.some((counted) => agrees(counted.confState))) return;
    const holders = [...this.logs.keys()].filter(holds);
    this.broke(
      'committed-on-quorum',
      `Entry ${index} of term ${term} is applied while it is on the disks of ${holders.join(', ') || 'nobody'} only.`,
    );
  }

  /** Compares the logs with each other: for every now and then. */
  checkLogs(): void {
    const logs = [...this.logs];
    for (const [i, [id, one]] of logs.entries()) {
      for (const [other, two] of logs.slice(i + 1)) this.checkPair(`${id} and ${other}`, one, two);
    }
  }

  private checkPair(names: string, one: Durable, two: Durable): void {
    let agree = false;
    const floor = Math.max(one.snapshot.index, two.snapshot.index);
    for (let index = Math.min(one.last, two.last); index > floor; index--) {
      const [a, b] = [one.entries.get(index), two.entries.get(index)];
      if (a === undefined || b === undefined) continue;
      agree ||= a.term === b.term;
      if (agree && (a.term !== b.term || a.digest !== b.digest)) {
        this.broke('log-matching', `The logs of members ${names} differ at ${index}, below one that they share.`);
        return;
      }
    }
  }
}

function goesBack(before: HardState, after: HardState): boolean {
  return after.term < before.term || (after.term === before.term && before.vote !== 0n && after.vote !== before.vote);
}

function isSame(one: ConfState | undefined, two: ConfState): boolean {
  return one !== undefined && digestOf(one) === digestOf(two);
}
