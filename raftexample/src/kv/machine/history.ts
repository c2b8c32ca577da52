import { sizeOfWrite } from './long-text.js';
import { PackedTexts } from './packed-texts.js';

/** What one entry did to one key. */
export interface Change {
  readonly op: 'put' | 'delete';
  readonly key: string;
  /** Of a put. */
  readonly value: string;
}

/** What one entry did. */
export interface Changes {
  readonly index: number;
  readonly changes: readonly Change[];
}

/** How much of the past is kept. */
export interface HistoryLimits {
  /** Entries. */
  readonly maxEntries: number;
  /**
   * Characters that they take packed, with a little for each; of long ones those of keys and values. Whatever that is,
   * the last entry is kept.
   */
  readonly maxSize: number;
}

const defaultLimits: HistoryLimits = { maxEntries: 16_384, maxSize: 16 * 2 ** 20 };
/** What an entry takes beside its text. */
const OVERHEAD = 100;
/** Longer ones, in characters, are so few that they are kept as they came: to pack them takes longer than all else. */
const LONG = 8192;
/** So many of the newest entries stay as they came: about what a turn of the event loop applies. */
const RECENT = 256;

/** Hears of each new entry, by the size that it takes. */
export type HistoryListener = (size: number) => void;

/**
 * What the last entries did to keys, in the order of their indexes: of every entry after `floor`, and of none before.
 * Places are numbered from 0 on for as long as the process lives, so that a reader keeps its place while old entries
 * are dropped.
 */
export class History {
  private readonly limits: HistoryLimits;
  private readonly listeners = new Set<HistoryListener>();
  /** All that are kept, packed; in the place of a long one stands an empty text. */
  private readonly packed = new PackedTexts();
  /** The long ones, by their places. */
  private readonly long = new Map<number, Changes>();
  /** The newest of them as they came, for those who watch now: the one at place P is at P modulo the length. */
  private readonly recent = new Array<Changes | undefined>(RECENT).fill(undefined);
  private size = 0;
  private lowest = 0;
  private highest = 0;

  constructor(limits: Partial<HistoryLimits> = {}) {
    this.limits = { ...defaultLimits, ...limits };
  }

  /** Everything after this index is here; the state at this index is where it begins. */
  get floor(): number {
    return this.lowest;
  }

  /** The index of the last entry that changed anything, or of the snapshot with which it begins. */
  get last(): number {
    return this.highest;
  }

  /** The place of the oldest entry. */
  get begin(): number {
    return this.packed.begin;
  }

  /** The place after the newest entry. */
  get end(): number {
    return this.packed.end;
  }

  /** The entry at a place; `undefined` before `begin` and from `end` on. */
  at(place: number): Changes | undefined {
    const { begin, end } = this.packed;
    if (place < begin || place >= end) return undefined;
    if (place >= end - RECENT) return this.recent[place % RECENT];
    const long = this.long.get(place);
    if (long !== undefined) return long;
    return { index: this.packed.indexAt(place), changes: changesIn(this.packed.textAt(place)) };
  }

  /** The place of the first entry whose index is higher than this. */
  placeAfter(index: number): number {
    let [low, high] = [this.begin, this.end];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.packed.indexAt(middle) > index) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  record(index: number, changes: readonly Change[]): void {
    const { packed } = this;
    const length = lengthOf(changes);
    const isLong = length > LONG;
    const text = isLong ? '' : textOf(changes);
    const size = OVERHEAD + (isLong ? length : text.length);
    const { maxEntries, maxSize } = this.limits;
    while (packed.begin < packed.end && (this.size + size > maxSize || packed.end - packed.begin >= maxEntries))
      this.dropFirst();
    const entry = { index, changes };
    this.recent[packed.end % RECENT] = entry;
    if (isLong) this.long.set(packed.end, entry);
    packed.push(text, { index, size });
    this.size += size;
    this.highest = index;
    for (const listener of [...this.listeners]) listener(size);
  }

  /** A snapshot has taken the place of everything: what led to it is not known. */
  restart(index: number): void {
    // A place is left out, so that whoever has read everything up to here notices too that something is missing.
    this.packed.restart(this.packed.end + 1);
    this.recent.fill(undefined);
    this.long.clear();
    this.size = 0;
    this.lowest = index;
    this.highest = index;
    for (const listener of [...this.listeners]) listener(0);
  }

  /** @returns ends it */
  subscribe(listener: HistoryListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private dropFirst(): void {
    const { packed } = this;
    // Large ones are dropped before others take their slots.
    if (packed.begin >= packed.end - RECENT) this.recent[packed.begin % RECENT] = undefined;
    this.long.delete(packed.begin);
    const { index, size } = packed.dropFirst();
    this.lowest = index;
    this.size -= size;
  }
}

function lengthOf(changes: readonly Change[]): number {
  return changes.reduce((sum, change) => sum + sizeOfWrite(change), 0);
}

/** Most entries change one key. Every member packs each of them, and to write JSON takes longer than all else here. */
function textOf(changes: readonly Change[]): string {
  const [one] = changes;
  // JSON keeps a surrogate that stands alone; UTF-8 does not.
  if (one === undefined || changes.length > 1 || !one.key.isWellFormed() || !one.value.isWellFormed()) {
    return JSON.stringify(changes);
  }
  return `${one.op} ${one.key.length} ${one.key}${one.value}`;
}

function changesIn(text: string): readonly Change[] {
  if (text.startsWith('[')) return JSON.parse(text) as Change[];
  const [head = '', op = '', length = ''] = /^(put|delete) (\d+) /u.exec(text) ?? [];
  const end = head.length + Number(length);
  return [{ op: op as Change['op'], key: text.slice(head.length, end), value: text.slice(end) }];
}
