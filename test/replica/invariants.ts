/** What must hold at every moment, watched from outside: on what members send, make durable, and apply. */
import { createHash } from 'node:crypto';
import { type ConfState, type HardState, type Message, MessageType, type NodeId, type Snapshot } from '@raft-ts/raft';
import type { Leadership, ReplicaLog, SnapshotStreams, Unsaved } from '@raft-ts/replica';

/** What a power cut now would leave of a member's log, at least. */
interface Durable {
  hardState: HardState;
  /** Term and digest of each entry, by index. */
  readonly entries: Map<number, { readonly term: number; readonly digest: string }>;
  last: number;
  /** Up to here a snapshot stands for the entries. */
  snapshot: { readonly index: number; readonly term: number };
}

/** What was applied at an index. */
interface Applied {
  readonly term: number;
  readonly what: string;
}

const nothing: HardState = { term: 0, vote: 0n, commit: 0 };

/**
 * The invariants of a cluster whose members do not change:
 *
 * - one leader per term, over the whole history (ES)
 * - what a message promises is durable before it leaves: an accepted append, a vote; and terms and votes that are
 *   durable never go back, also across crashes (PS, V1)
 * - what is applied anywhere is durable on a quorum by then (CD)
 * - the same at the same index everywhere and for ever, without a gap, once per incarnation (SMS, CI)
 * - logs that agree on an index and a term agree on everything below (LM)
 */
export class Invariants {
  /** Broken so far. */
  readonly faults: string[] = [];
  /** By index, whoever applied it first. */
  readonly applied: Applied[] = [];
  private readonly size: number;
  private readonly logs = new Map<NodeId, Durable>();
  private readonly leaders = new Map<number, NodeId>();
  /** Who was given whose vote, by voter and term. */
  private readonly votes = new Map<string, NodeId>();
  /** The last index that each incarnation has applied. */
  private readonly positions = new Map<NodeId, number>();

  constructor(size: number) {
    this.size = size;
  }

  private fault(text: string): void {
    if (this.faults.length < 20) this.faults.push(text);
  }

  private durable(id: NodeId): Durable {
    let durable = this.logs.get(id);
    if (durable === undefined) {
      durable = { hardState: nothing, entries: new Map(), last: 0, snapshot: { index: 0, term: 0 } };
      this.logs.set(id, durable);
    }
    return durable;
  }

  /** A log that tells when its writes are durable. */
  watch(id: NodeId, log: ReplicaLog): ReplicaLog {
    return new WatchedLog(log, {
      onDurable: (unsaved) => this.saved(id, unsaved),
      onSnapshot: ({ metadata }) => this.covered(this.durable(id), metadata),
    });
  }

  private covered(durable: Durable, { index, term }: { readonly index: number; readonly term: number }): void {
    if (index > durable.snapshot.index) durable.snapshot = { index, term };
    for (const one of durable.entries.keys()) if (one <= index) durable.entries.delete(one);
  }

  private saved(id: NodeId, { hardState, entries = [], snapshot }: Unsaved): void {
    const durable = this.durable(id);
    if (snapshot !== undefined && snapshot.metadata.index > 0) this.installed(durable, snapshot);
    const [first] = entries;
    if (first !== undefined) {
      for (let index = durable.last; index >= first.index; index--) durable.entries.delete(index);
      for (const { index, term, type, data } of entries) {
        const digest = createHash('sha1')
          .update(`${type ?? 0} `)
          .update(data ?? '')
          .digest('base64');
        durable.entries.set(index, { term, digest });
        durable.last = index;
      }
    }
    if (hardState === undefined) return;
    const { term, vote } = durable.hardState;
    if (hardState.term < term || (hardState.term === term && vote !== 0n && hardState.vote !== vote)) {
      this.fault(`PS: member ${id} made term ${hardState.term}, vote ${hardState.vote} durable after ${term}, ${vote}`);
    }
    durable.hardState = hardState;
  }

  private installed(durable: Durable, { metadata: { index, term } }: Snapshot): void {
    durable.snapshot = { index, term };
    durable.entries.clear();
    durable.last = index;
  }

  /** A member came back with this log after a crash: nothing that was durable may be missing. */
  reopened(id: NodeId, log: ReplicaLog): void {
    const durable = this.durable(id);
    const hardState = log.initialState().hardState ?? nothing;
    const { term, vote } = durable.hardState;
    if (hardState.term < term || (hardState.term === term && vote !== 0n && hardState.vote !== vote)) {
      this.fault(
        `CD: member ${id} came back with term ${hardState.term}, vote ${hardState.vote}, not ${term}, ${vote}`,
      );
    }
    const { index: snapshot, term: snapshotTerm } = log.snapshot().metadata;
    const last = log.lastIndex();
    const lastTerm = log.term(last);
    for (const [index, one] of durable.entries) {
      if (index <= snapshot || lastTerm > one.term) continue;
      if (index > last || log.term(index) !== one.term) this.fault(`CD: member ${id} lost its entry ${index}`);
    }
    durable.hardState = hardState;
    durable.snapshot = { index: snapshot, term: snapshotTerm };
    durable.entries.clear();
    durable.last = snapshot;
    const first = log.firstIndex();
    if (last >= first) this.saved(id, { entries: log.entries(first, last + 1, Number.POSITIVE_INFINITY) });
    this.positions.delete(id);
  }

  /** This message is about to leave. */
  sent(message: Message): void {
    const { type, from, to, term, index, reject } = message;
    const durable = this.durable(from);
    // What the leader of a later term has cut off meanwhile, in the same write, was accepted before that, and cannot
    // have been committed.
    const superseded = term < durable.hardState.term;
    if (type === MessageType.MsgAppResp && !reject && !superseded && index > durable.last) {
      this.fault(`PS: member ${from} acknowledged ${index} to ${to}; only ${durable.last} is durable`);
    }
    if (type !== MessageType.MsgVoteResp || reject) return;
    const { term: durableTerm, vote } = durable.hardState;
    if (durableTerm < term || (durableTerm === term && vote !== to)) {
      this.fault(`PS: member ${from} votes for ${to} in ${term}; durable is term ${durableTerm}, vote ${vote}`);
    }
    const key = `${from}-${term}`;
    const given = this.votes.get(key) ?? to;
    if (given !== to) this.fault(`V1: member ${from} votes for ${given} and for ${to} in term ${term}`);
    this.votes.set(key, to);
  }

  leads(id: NodeId, { leading, term }: Leadership): void {
    if (!leading) return;
    const other = this.leaders.get(term) ?? id;
    if (other !== id) this.fault(`ES: members ${other} and ${id} lead in term ${term}`);
    this.leaders.set(term, id);
  }

  /** A member has applied this, whose effect `what` describes together with all before it. */
  applies(id: NodeId, index: number, term: number, what: string): void {
    const before = this.positions.get(id);
    if (before !== undefined && index <= before) this.fault(`SMS: member ${id} applied ${index} after ${before}`);
    this.positions.set(id, index);
    const known = this.applied[index];
    if (known === undefined) {
      this.applied[index] = { term, what };
      this.checkQuorum(index, term);
    } else if (known.term !== term || known.what !== what) {
      this.fault(`SMS: at ${index} member ${id} applied ${what} of term ${term}, not ${known.what} of ${known.term}`);
    }
  }

  /** A member has put a snapshot in the place of its state. */
  restores(id: NodeId, index: number, what: string): void {
    this.positions.set(id, index);
    const known = this.applied[index];
    if (known !== undefined && known.what !== what) {
      this.fault(`SNAP: at ${index} member ${id} restored ${what}, not ${known.what}`);
    }
  }

  private checkQuorum(index: number, term: number): void {
    let holders = 0;
    for (const { entries, snapshot } of this.logs.values()) {
      if (index <= snapshot.index || entries.get(index)?.term === term) holders++;
    }
    if (holders * 2 <= this.size) {
      this.fault(`CD: ${index} of term ${term} was applied while it was durable on ${holders} of ${this.size} members`);
    }
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
        this.fault(`LM: the logs of ${names} differ at ${index}, below one that they share`);
        return;
      }
    }
  }
}

interface Told {
  readonly onDurable: (unsaved: Unsaved) => void;
  readonly onSnapshot: (snapshot: Snapshot) => void;
}

/** Hands everything on, and tells when a write has become durable, before the replica hears of it. */
class WatchedLog implements ReplicaLog {
  readonly snapshots?: SnapshotStreams;
  private readonly log: ReplicaLog;
  private readonly told: Told;
  private last: Promise<void> = Promise.resolve();

  constructor(log: ReplicaLog, told: Told) {
    this.log = log;
    this.told = told;
    if (log.snapshots !== undefined) this.snapshots = log.snapshots;
  }

  get isNew(): boolean {
    return this.log.isNew;
  }

  initialState(): ReturnType<ReplicaLog['initialState']> {
    return this.log.initialState();
  }

  entries(lo: number, hi: number, maxSize: number): ReturnType<ReplicaLog['entries']> {
    return this.log.entries(lo, hi, maxSize);
  }

  term(i: number): number {
    return this.log.term(i);
  }

  firstIndex(): number {
    return this.log.firstIndex();
  }

  lastIndex(): number {
    return this.log.lastIndex();
  }

  snapshot(): Snapshot {
    return this.log.snapshot();
  }

  save({ hardState, entries = [], snapshot }: Unsaved): Promise<void> {
    // A copy: what the Ready holds may be used again by then.
    const unsaved = { hardState, entries: entries.slice(), snapshot };
    const saving = this.log.save(unsaved);
    const { last } = this;
    const saved = (async () => {
      await saving;
      // Writes become durable in their order, also if one that is quicker says so first.
      await last;
      this.told.onDurable(unsaved);
    })();
    this.last = saved;
    return saved;
  }

  async createSnapshot(
    index: number,
    confState: ConfState | undefined,
    data: Uint8Array | undefined,
  ): Promise<Snapshot> {
    const snapshot = await this.log.createSnapshot(index, confState, data);
    this.told.onSnapshot(snapshot);
    return snapshot;
  }

  compact(index: number): void {
    this.log.compact(index);
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
