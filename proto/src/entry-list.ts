import type { Entry } from './records.js';
import { entrySize, payloadSize } from './size.js';
import { SlidingList } from './sliding-list.js';

/** No entry takes more bytes than these apart from its payload: four fields with their tags. */
const MOST_BESIDE_PAYLOAD = 40;

/** Do these entries fit even if all their numbers are as long as can be? Mostly they do, and none need be measured. */
function fitsByFar(entries: readonly (Entry | undefined)[], from: number, to: number, maxSize: number): boolean {
  let room = maxSize - (to - from) * MOST_BESIDE_PAYLOAD;
  for (let i = from; i < to && room >= 0; i++) room -= payloadSize(entries[i] as Entry);
  return room >= 0;
}

/**
 * Returns how many of the entries [from, to) fit into `maxSize` encoded bytes: the length of the longest prefix that
 * does, but at least one if there are any.
 */
export function countWithin(
  entries: readonly (Entry | undefined)[],
  from: number,
  to: number,
  maxSize: number,
): number {
  if (maxSize === Number.POSITIVE_INFINITY || to - from <= 1 || fitsByFar(entries, from, to, maxSize)) return to - from;
  let size = entrySize(entries[from] as Entry);
  let at = from + 1;
  for (; at < to; at++) {
    size += entrySize(entries[at] as Entry);
    if (size > maxSize) break;
  }
  return at - from;
}

/** Entries of a log; the oldest are dropped as the log is compacted or written. */
export class EntryList extends SlidingList<Entry> {
  /** A copy of the longest prefix of [from, to) of at most `maxSize` encoded bytes, but at least one entry. */
  within(from: number, to: number, maxSize: number): Entry[] {
    const first = this.start + from;
    const count = countWithin(this.list, first, this.start + to, maxSize);
    return this.list.slice(first, first + count) as Entry[];
  }
}
