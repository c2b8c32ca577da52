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
  /** Characters of keys and values. Whatever that is, the last entry is kept. */
  readonly maxSize: number;
}

const defaultLimits: HistoryLimits = { maxEntries: 16_384, maxSize: 16 * 2 ** 20 };
/** What an entry takes beside its keys and values. */
const OVERHEAD = 100;

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
  private entries: Changes[] = [];
  /** Where the oldest entry that is kept stands in the array; what is before it is dropped from time to time. */
  private head = 0;
  /** The place of the oldest entry that is kept. */
  private first = 0;
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
    return this.first;
  }

  /** The place after the newest entry. */
  get end(): number {
    return this.first + this.entries.length - this.head;
  }

  /** The entry at a place; `undefined` before `begin` and from `end` on. */
  at(place: number): Changes | undefined {
    return place < this.first ? undefined : this.entries[this.head + place - this.first];
  }

  /** The place of the first entry whose index is higher than this. */
  placeAfter(index: number): number {
    let [low, high] = [this.begin, this.end];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.at(middle) as Changes).index > index) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  record(index: number, changes: readonly Change[]): void {
    const entry = { index, changes };
    const size = sizeOf(entry);
    this.entries.push(entry);
    this.size += size;
    this.highest = index;
    const { maxEntries, maxSize } = this.limits;
    while ((this.size > maxSize || this.end - this.begin > maxEntries) && this.end - this.begin > 1) this.dropFirst();
    for (const listener of [...this.listeners]) listener(size);
  }

  /** A snapshot has taken the place of everything: what led to it is not known. */
  restart(index: number): void {
    // A place is left out, so that whoever has read everything up to here notices too that something is missing.
    this.first = this.end + 1;
    this.entries = [];
    this.head = 0;
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
    const dropped = this.entries[this.head] as Changes;
    this.lowest = dropped.index;
    this.size -= sizeOf(dropped);
    this.head++;
    this.first++;
    if (this.head * 2 < this.entries.length) return;
    this.entries = this.entries.slice(this.head);
    this.head = 0;
  }
}

function sizeOf({ changes }: Changes): number {
  let size = OVERHEAD;
  for (const { key, value } of changes) size += key.length + value.length;
  return size;
}
