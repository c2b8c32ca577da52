/**
 * Judges a whole history by the indexes that the store tells: an entry's index is its place in the one order that
 * everybody must have seen. Takes O(n log n), so nothing is left out.
 */
import { ABSENT, describeOperation, type Operation } from './operation.js';

/** What is known to have happened to a key: from this index on it had the version that this write made. */
interface Version {
  readonly index: number;
  /** ABSENT after a delete; UNNAMED if only the index of the version is known. */
  readonly token: number;
}

/** Somebody was told the index of a version, and nobody its value. */
const UNNAMED = -1;

/** A delete whose outcome nobody knows can lie anywhere after `after`. */
interface LostDelete {
  readonly began: number;
  readonly after: number;
}

interface KeyHistory {
  /** By their index, ascending. */
  versions: Version[];
  readonly lostDeletes: LostDelete[];
  /** Indexes of versions that such a delete has ended, and when the first who saw that was answered. */
  readonly gone: Map<number, number>;
}

/** Returns what cannot be, one text for each finding. */
export function judgeByIndex(history: readonly Operation[]): string[] {
  return new IndexJudge(history).judge();
}

class IndexJudge {
  private readonly findings: string[] = [];
  private readonly keys = new Map<string, KeyHistory>();
  private readonly byToken = new Map<number, Operation>();
  private readonly history: readonly Operation[];
  /** The writes by the index of their entry, as far as that is known. */
  private readonly taken = new Map<number, Operation>();
  /** The place that every operation comes after, because it was called once this had been seen. */
  private readonly floors = new Map<Operation, number>();
  /** Of writes with an unknown outcome: where their effect was seen. */
  private readonly discovered = new Map<Operation, number>();
  /** The parts of transactions. */
  private readonly groups = new Map<number, Operation[]>();

  constructor(history: readonly Operation[]) {
    this.history = history;
    for (const operation of history) {
      const { token, group } = operation;
      this.byToken.set(token, operation);
      if (group !== undefined) this.groups.set(group, [...(this.groups.get(group) ?? []), operation]);
    }
  }

  judge(): string[] {
    this.discover();
    this.collectVersions();
    this.checkIndexes();
    this.sweep();
    for (const operation of this.history) this.checkVersion(operation);
    return this.findings;
  }

  private find(what: string, ...operations: readonly (Operation | undefined)[]): void {
    const lines = operations.filter((one) => one !== undefined).map((one) => `\n  ${describeOperation(one)}`);
    this.findings.push(`${what}:${lines.join('')}`);
  }

  private keyOf(key: string): KeyHistory {
    let found = this.keys.get(key);
    if (found === undefined) this.keys.set(key, (found = { versions: [], lostDeletes: [], gone: new Map() }));
    return found;
  }

  /** The index of the entry of a write, or of a read in a transaction, as far as anybody was told. */
  private entryOf(operation: Operation): number | undefined {
    if (operation.kind === 'get') return operation.entry;
    if (operation.outcome === 'done' || operation.outcome === 'refused') return operation.index;
    return this.discovered.get(operation);
  }

  /** Every version that somebody saw is that of one write, which may have it. */
  private discover(): void {
    for (const operation of this.history) {
      const { kind, outcome, seen, index, condition } = operation;
      if (kind === 'get' && outcome === 'done') this.sight(operation, seen, index);
      if (condition !== undefined) this.sight(operation, condition.token, condition.index);
    }
  }

  private sight(by: Operation, token: number, index: number): void {
    if (token === ABSENT) return;
    const write = this.byToken.get(token);
    if (write === undefined || write.kind !== 'put' || write.key !== by.key) {
      return this.find('somebody saw what nobody wrote to this key', by, write);
    }
    if (write.outcome === 'nothing' || write.outcome === 'refused') {
      return this.find('somebody saw a write that was not carried out', by, write);
    }
    const known = this.entryOf(write);
    if (known !== undefined && known !== index) this.find('one write has two indexes', by, write);
    if (write.outcome !== 'unknown') return;
    // All of a transaction was carried out, or nothing.
    for (const part of this.partsOf(write)) {
      if (part.kind !== 'get' && part.outcome === 'unknown') this.discovered.set(part, index);
    }
  }

  private partsOf(operation: Operation): readonly Operation[] {
    return operation.group === undefined ? [operation] : (this.groups.get(operation.group) ?? []);
  }

  private collectVersions(): void {
    const unnamed: Operation[] = [];
    for (const operation of this.history) {
      const { kind, outcome, key, token, index } = operation;
      const history = this.keyOf(key);
      if (outcome === 'done' && kind === 'put') history.versions.push({ index, token });
      if (outcome === 'done' && kind === 'delete') history.versions.push({ index, token: ABSENT });
      const seenAt = this.discovered.get(operation);
      if (seenAt !== undefined) history.versions.push({ index: seenAt, token: kind === 'delete' ? ABSENT : token });
      if (outcome === 'refused' && operation.current > 0) unnamed.push(operation);
    }
    const named = new Map([...this.keys].map(([key, { versions }]) => [key, new Set(versions.map((v) => v.index))]));
    for (const refused of unnamed) {
      const { key, current } = refused;
      if (named.get(key)?.has(current) === true) continue;
      named.get(key)?.add(current);
      const explains = (one: Operation): boolean =>
        one.key === key && one.kind === 'put' && one.outcome === 'unknown' && !this.discovered.has(one);
      if (!this.history.some(explains)) this.find('a refusal names a version that nobody wrote', refused);
      this.keyOf(key).versions.push({ index: current, token: UNNAMED });
    }
    for (const history of this.keys.values()) history.versions.sort((a, b) => a.index - b.index);
  }

  /** Where the entry of a write that nobody knows of can be at the earliest. */
  private freeAbove(index: number): number {
    let free = index + 1;
    while (this.taken.has(free)) free++;
    return free;
  }

  /** No two entries have the same index, and those of a transaction are one entry. */
  private checkIndexes(): void {
    const { taken } = this;
    for (const operation of this.history) {
      const index = this.entryOf(operation);
      if (index === undefined) continue;
      const other = taken.get(index);
      const isSameEntry = other?.group !== undefined && other.group === operation.group;
      if (other !== undefined && !isSameEntry) this.find('two writes have the same index', other, operation);
      taken.set(index, operation);
    }
  }

  /**
   * Goes through calls and answers in the order of time. Whoever is answered has seen the order up to a place, a write
   * its own and a read the first at which it can have been; whoever is called afterwards must come after it. Reads are
   * given the earliest place that they can have: if that leads to a contradiction, every other one does.
   */
  private sweep(): void {
    const events: [number, Operation, boolean][] = [];
    for (const operation of this.history) {
      events.push([operation.began, operation, true]);
      if (Number.isFinite(operation.ended)) events.push([operation.ended, operation, false]);
    }
    events.sort((a, b) => a[0] - b[0]);
    let floor = 0;
    let from: Operation | undefined;
    for (const [, operation, isCall] of events) {
      if (isCall) {
        this.floors.set(operation, floor);
        this.checkOrder(operation, floor, from);
        if (operation.kind === 'delete' && operation.outcome === 'unknown' && !this.discovered.has(operation)) {
          this.keyOf(operation.key).lostDeletes.push({ began: operation.began, after: floor });
        }
        continue;
      }
      const place = this.placeOf(operation);
      if (place > floor) [floor, from] = [place, operation];
    }
  }

  /** A write must come after everything that was seen before it was called. */
  private checkOrder(operation: Operation, floor: number, from: Operation | undefined): void {
    const index = this.entryOf(operation);
    if (index !== undefined && index <= floor) {
      this.find(`a write has an index that is not above ${floor}, seen before it was called`, operation, from);
    }
  }

  private placeOf(operation: Operation): number {
    const entry = this.entryOf(operation);
    if (operation.kind !== 'get' || entry !== undefined) return entry ?? 0;
    if (operation.outcome !== 'done') return 0;
    return operation.seen === ABSENT ? this.placeOfAbsence(operation) : this.placeOfVersion(operation);
  }

  private placeOfVersion(read: Operation): number {
    const place = Math.max(read.index, this.floors.get(read) ?? 0);
    const { versions, gone } = this.keyOf(read.key);
    if ((gone.get(read.index) ?? Number.POSITIVE_INFINITY) < read.began) {
      this.find('a version came back that had been deleted', read);
    }
    const next = versions[firstAbove(versions, read.index)];
    if (next !== undefined && next.index <= place) {
      this.find(
        `a stale read: version ${next.index} had been there at ${place}, seen before it was called`,
        read,
        this.byToken.get(next.token),
      );
    }
    return place;
  }

  private placeOfAbsence(read: Operation): number {
    const floor = this.floors.get(read) ?? 0;
    const { versions, lostDeletes, gone } = this.keyOf(read.key);
    const at = firstAbove(versions, floor);
    const before = versions[at - 1];
    if (before === undefined || before.token === ABSENT) return floor;
    // Not absent at the floor: by a delete after it, or by one that nobody knows of.
    const later = versions.slice(at).find(({ token }) => token === ABSENT);
    const lost = lostDeletes
      .filter(({ began }) => began < read.ended)
      .map(({ after }) => Math.max(floor, this.freeAbove(Math.max(after, before.index))));
    const place = Math.min(later?.index ?? Number.POSITIVE_INFINITY, ...lost);
    if (place !== Number.POSITIVE_INFINITY) {
      // Answers come in the order of time, so the first one stays.
      if (!gone.has(before.index)) gone.set(before.index, read.ended);
      return place;
    }
    this.find(`a key is absent that nobody deleted after ${before.index}`, read, this.byToken.get(before.token));
    return floor;
  }

  /**
   * The key had the version that the condition names, or if it was refused, the one that the refusal names, and that
   * which a transaction has read.
   */
  private checkVersion(operation: Operation): void {
    const { kind, condition, outcome, index, current, key } = operation;
    if (outcome === 'refused' && (condition === undefined || condition.index === current)) {
      this.find('a write was refused although its condition held', operation);
    }
    const at = this.entryOf(operation);
    const wanted = kind === 'get' ? index : outcome === 'refused' ? current : condition?.index;
    if (wanted === undefined || at === undefined) return;
    const { versions, lostDeletes } = this.keyOf(key);
    let position = versions.length;
    while (position > 0 && (versions[position - 1] as Version).index >= at) position--;
    const before = versions[position - 1];
    const had = before === undefined || before.token === ABSENT ? 0 : before.index;
    if (had === wanted) return;
    const mayBeGone = wanted === 0 && lostDeletes.some(({ after }) => after < at);
    if (mayBeGone) return;
    this.find(`the key had version ${had} at ${at}, not ${wanted}`, operation, this.byToken.get(before?.token ?? 0));
  }
}

/** Position of the first version above this index. */
function firstAbove(versions: readonly Version[], index: number): number {
  let [low, high] = [0, versions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((versions[middle] as Version).index > index) high = middle;
    else low = middle + 1;
  }
  return low;
}
