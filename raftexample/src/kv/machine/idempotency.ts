import { isFields, isWhole } from './fields.js';
import type { KvResult, KvWrite } from './kv-machine.js';
import type { LeaseCommand } from './lease-commands.js';
import { type KvTransaction, sizeOf } from './transaction.js';

/** A write that is carried out once, however often it is sent. */
export interface KvOnce {
  readonly op: 'once';
  /** What its client calls it. */
  readonly key: string;
  /** Tells the write from others: the same for the same write only. */
  readonly print: string;
  readonly write: KvWrite | KvTransaction | LeaseCommand;
}

/**
 * What is known of an earlier write with the same key: `repeated`: it was this one, and here is what it came to;
 * `other`: it was another one, so this one is not carried out; `forgotten`: it was this one, but what it read is not
 * kept any more.
 */
export interface Earlier {
  readonly kind: 'repeated' | 'other' | 'forgotten';
  /** Of its entry. */
  readonly index: number;
}

/** How long keys are remembered. All of it is counted, never timed, so all members forget alike. */
export interface KeyLimits {
  /** A key is forgotten so many entries after its own. */
  readonly maxAge: number;
  /** Keys; one more forgets the oldest. */
  readonly maxKeys: number;
  /** Characters of what transactions read. Beyond it the oldest reads are forgotten; that they were there is not. */
  readonly maxReads: number;
}

/** A key is remembered for so many entries; indexes that a new cluster leaves out count. */
export const KEY_ENTRIES = 1_000_000;
/** All members must have the same: other numbers would need a higher level of features (`FEATURES`). */
const defaultLimits: KeyLimits = { maxAge: KEY_ENTRIES, maxKeys: 131_072, maxReads: 16 * 2 ** 20 };

/** A key as it stands in a snapshot; without its result if that is forgotten. Never written to: snapshots share it. */
export type KeyRecord = readonly [key: string, print: string, index: number, result?: KvResult];

/**
 * What came of writes that have a key (`Idempotency-Key`), by their keys, oldest first. It is replicated state: entries
 * alone change it, and what is forgotten, and when, follows from their indexes.
 */
export class Keys {
  private readonly limits: KeyLimits;
  private readonly byKey = new Map<string, KeyRecord>();
  private byAge: KeyRecord[] = [];
  /** Where the oldest stands in `byAge`; what is before it is dropped from time to time. */
  private head = 0;
  /** Nothing before this place in `byAge` holds reads. */
  private withReads = 0;
  private readSize = 0;

  constructor(limits: Partial<KeyLimits> = {}) {
    this.limits = { ...defaultLimits, ...limits };
  }

  get size(): number {
    return this.byKey.size;
  }

  /** Carries out a write, whose entry has this index, unless its key is known; then tells what came of that. */
  carryOut({ key, print }: KvOnce, index: number, work: () => KvResult): KvResult {
    this.forgetOld(index);
    const known = this.byKey.get(key);
    if (known === undefined) {
      const result = work();
      this.add([key, print, index, result]);
      this.bound();
      return result;
    }
    const [, before, at, result] = known;
    if (before !== print) return { done: false, current: 0, earlier: { kind: 'other', index: at } };
    if (result === undefined) return { done: false, current: 0, earlier: { kind: 'forgotten', index: at } };
    return { ...result, earlier: { kind: 'repeated', index: at } };
  }

  private add(record: KeyRecord): void {
    this.byKey.set(record[0], record);
    this.byAge.push(record);
    this.readSize += readsOf(record);
  }

  /** Forgets what is too old for the entry of this index. */
  private forgetOld(index: number): void {
    while (this.size > 0 && this.oldest[2] + this.limits.maxAge <= index) this.dropOldest();
  }

  private bound(): void {
    const { maxKeys, maxReads } = this.limits;
    while (this.size > maxKeys) this.dropOldest();
    while (this.readSize > maxReads) this.forgetReads(this.withReads++);
  }

  private get oldest(): KeyRecord {
    return this.byAge[this.head] as KeyRecord;
  }

  private dropOldest(): void {
    const { oldest } = this;
    this.byKey.delete(oldest[0]);
    this.readSize -= readsOf(oldest);
    this.head++;
    this.withReads = Math.max(this.withReads, this.head);
    if (this.head * 2 < this.byAge.length) return;
    this.byAge = this.byAge.slice(this.head);
    this.withReads -= this.head;
    this.head = 0;
  }

  private forgetReads(place: number): void {
    const record = this.byAge[place] as KeyRecord;
    const size = readsOf(record);
    if (size === 0) return;
    const [key, print, index] = record;
    const short: KeyRecord = [key, print, index];
    this.byKey.set(key, short);
    this.byAge[place] = short;
    this.readSize -= size;
  }

  /** As they are now, oldest first: later changes do not show in it. */
  records(): readonly KeyRecord[] {
    return this.byAge.slice(this.head);
  }

  /** @param records in any order: a snapshot that somebody has rewritten may have lost it */
  restore(records: readonly KeyRecord[]): void {
    this.byKey.clear();
    this.byAge = [];
    this.head = 0;
    this.withReads = 0;
    this.readSize = 0;
    for (const record of [...records].sort((a, b) => a[2] - b[2])) this.add(record);
  }
}

/** Characters of what its transaction read. */
function readsOf([, , , result]: KeyRecord): number {
  let size = 0;
  for (const read of result?.reads ?? []) size += sizeOf(read);
  return size;
}

/** A key as it stands in a snapshot: `value` is what comes after the key. `undefined` for anything else. */
export function keyRecordOf(key: string, value: unknown): KeyRecord | undefined {
  if (!Array.isArray(value) || value.length < 2 || value.length > 3) return undefined;
  const [print, index, result] = value as readonly unknown[];
  if (typeof print !== 'string' || !isWhole(index, 1)) return undefined;
  if (value.length === 2) return [key, print, index];
  if (!isFields(result)) return undefined;
  const { done, current, reads = [] } = result;
  if (typeof done !== 'boolean' || typeof current !== 'number' || !Array.isArray(reads)) return undefined;
  return [key, print, index, result as object as KvResult];
}
