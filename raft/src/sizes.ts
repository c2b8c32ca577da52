import { type Entry, entrySize, type Message, payloadSize } from '@raft-ts/proto';
import { countWithin } from '@raft-ts/proto/internal';

/** Encoded size of these entries in bytes: the unit of `maxSizePerMsg` and of the applying budget. */
export function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entrySize(entry);
  return size;
}

/** Payload bytes of these entries: the unit of the uncommitted quota and of the in-flight window. */
export function payloadsSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += payloadSize(entry);
  return size;
}

/** Memory that an entry takes apart from its payload, in bytes: the record, its place in a list, the typed array. */
export const ENTRY_OVERHEAD = 160;

/** Memory that waiting entries take, in bytes, by which they are bounded. Empty entries count too. */
export function heldSize(entries: readonly Entry[]): number {
  return payloadsSize(entries) + ENTRY_OVERHEAD * entries.length;
}

/** Memory that a message takes apart from what it carries, in bytes. */
const MESSAGE_OVERHEAD = 256;

/** Memory that a message takes while its effects wait for the next Ready, in bytes. */
export function messageHeldSize({ entries, context, snapshot }: Message): number {
  return MESSAGE_OVERHEAD + heldSize(entries) + (context?.length ?? 0) + (snapshot?.data?.length ?? 0);
}

/** The longest prefix of at most `maxSize` encoded bytes, never empty unless `entries` is. */
export function limitSize(entries: readonly Entry[], maxSize: number): readonly Entry[] {
  const count = countWithin(entries, 0, entries.length, maxSize);
  return count === entries.length ? entries : entries.slice(0, count);
}
