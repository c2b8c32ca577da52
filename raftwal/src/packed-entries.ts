import type { Entry, EntryType } from '@raft-ts/proto';
import { SlidingList } from '@raft-ts/proto/internal';

const PAGE = 64 * 1024;
/** Longer data stay where they are: a copy would cost more than it saves, and leave the ends of pages unused. */
const LONG = 8192;
/** Entries on a page at most: empty ones would never fill it, and it goes only as a whole. */
const PER_PAGE = 4096;
/** So many pages are kept for later, 4 MiB: about what a log drops at a snapshot. */
const SPARE_PAGES = 64;

/** Absent data are not the same as empty ones. */
const NO_DATA = -1;

interface Page {
  readonly bytes: Uint8Array;
  /** Whether `bytes` may be used again: not if they are the data of a long entry. */
  readonly isOwn: boolean;
  /** The number of its first entry, counted from the first one that there ever was. */
  readonly first: number;
  /** How many bytes are taken. */
  used: number;
  readonly indexes: number[];
  readonly terms: number[];
  readonly types: (EntryType | undefined)[];
  /** Where data begin, or NO_DATA. */
  readonly starts: number[];
  readonly lengths: number[];
}

/**
 * A queue of entries in a few large pieces of memory, which are used again. As objects they would be half as large
 * again, grow old before they die, and hold memory until the next collection of the whole heap. What is read is a copy.
 */
export class PackedEntries {
  private readonly pages = new SlidingList<Page>();
  private readonly spare: Uint8Array[] = [];
  private begin = 0;
  private end = 0;

  get length(): number {
    return this.end - this.begin;
  }

  /** @param i from 0 on; `undefined` beyond the end */
  at(i: number): Entry | undefined {
    const page = this.pageOf(i);
    if (page === undefined) return undefined;
    const at = this.begin + i - page.first;
    const [term, index] = [page.terms[at] as number, page.indexes[at] as number];
    return { type: page.types[at], term, index, data: dataAt(page, at) };
  }

  /** The term of an entry, without a copy of its data. */
  termAt(i: number): number | undefined {
    const page = this.pageOf(i);
    return page?.terms[this.begin + i - page.first];
  }

  push({ type, term, index, data }: Entry): void {
    const page = this.pageFor(data);
    page.indexes.push(index);
    page.terms.push(term);
    page.types.push(type);
    page.starts.push(data === undefined ? NO_DATA : page.used);
    page.lengths.push(data?.length ?? 0);
    this.end++;
    if (data === undefined) return;
    if (page.isOwn) page.bytes.set(data, page.used);
    page.used += data.length;
  }

  /** Drops the first `count` entries. */
  dropFront(count: number): void {
    this.begin += count;
    let whole = 0;
    for (let page = this.pages.at(0); page !== undefined && endOf(page) <= this.begin; page = this.pages.at(whole)) {
      this.keepSpare(page);
      whole++;
    }
    this.pages.dropFront(whole);
  }

  /** Drops what comes after the first `length` entries. */
  truncate(length: number): void {
    while (this.length > length) {
      const page = this.pages.at(this.pages.length - 1) as Page;
      const left = Math.max(this.begin + length - page.first, 0);
      this.end = page.first + left;
      if (left === 0) {
        this.keepSpare(page);
        this.pages.truncate(this.pages.length - 1);
      }
      for (const each of [page.indexes, page.terms, page.types, page.starts, page.lengths]) each.length = left;
    }
  }

  private pageOf(i: number): Page | undefined {
    const number = this.begin + i;
    if (i < 0 || number >= this.end) return undefined;
    let [low, high] = [0, this.pages.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.pages.at(middle) as Page).first <= number) low = middle;
      else high = middle - 1;
    }
    return this.pages.at(low);
  }

  /** The last page, if it has room for these data; else a new one. */
  private pageFor(data: Uint8Array | undefined): Page {
    const size = data?.length ?? 0;
    const isOwn = data === undefined || size <= LONG;
    const last = this.pages.at(this.pages.length - 1);
    const fits = isOwn && last?.isOwn === true && last.used + size <= PAGE && last.indexes.length < PER_PAGE;
    if (fits) return last;
    const bytes = isOwn ? (this.spare.pop() ?? new Uint8Array(PAGE)) : data;
    const none = { indexes: [], terms: [], types: [], starts: [], lengths: [] };
    const page: Page = { bytes, isOwn, first: this.end, used: 0, ...none };
    this.pages.push(page);
    return page;
  }

  private keepSpare({ bytes, isOwn }: Page): void {
    if (isOwn && this.spare.length < SPARE_PAGES) this.spare.push(bytes);
  }
}

function endOf({ first, indexes }: Page): number {
  return first + indexes.length;
}

function dataAt({ bytes, isOwn, starts, lengths }: Page, at: number): Uint8Array | undefined {
  const start = starts[at] as number;
  if (start === NO_DATA) return undefined;
  return isOwn ? bytes.slice(start, start + (lengths[at] as number)) : bytes;
}
