import { isWhole } from './fields.js';
import { type KeyRecord, keyRecordOf } from './idempotency.js';
import { type LeaseSink, leaseReaderOf, noLeases } from './lease-sections.js';
import { type Item, LongItem } from './long-text.js';
import { plainItem } from './plain-item.js';
import { join, readSections, refuse, type SectionReader } from './snapshot-sections.js';

/** Sections of a snapshot that make its head. */
export const headSections = ['members', 'removed', 'replica'] as const;
/** Sections that a copy of the store has beside those of a snapshot. */
export const copySections = ['origin', 'sha256'] as const;
const notState: ReadonlySet<string> = new Set([...headSections, ...copySections]);

/** Takes what the sections of the state hold, piece by piece. */
export interface StateSink {
  readonly item: (key: string, item: Item) => void;
  readonly key: (record: KeyRecord) => void;
  readonly leases: LeaseSink;
}

/** A section of the state that this package does not know would be lost, and the member would differ from others. */
function readerOf(section: string, sink: StateSink): SectionReader {
  if (notState.has(section)) return { kind: 'skip' };
  if (section === 'kv') return itemReader(sink);
  if (section === 'once') return { kind: 'members', take: (key, value) => sink.key(keyOf(key, value)) };
  const ofLeases = leaseReaderOf(section, sink.leases);
  if (ofLeases !== undefined) return ofLeases;
  throw refuse(`this version does not know its section '${section.slice(0, 40)}'. Update this member`);
}

function itemReader(sink: StateSink): SectionReader {
  return {
    kind: 'members',
    take: (key, value) => sink.item(key, itemOf(value)),
    takeUnparsed: (key, json) => {
      const item = plainItemOf(json);
      if (item === undefined) return false;
      sink.item(key, item);
      return true;
    },
  };
}

/**
 * Reads the sections of the state out of a snapshot, and passes over the others.
 * @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT
 */
export function readState(chunks: AsyncIterable<Uint8Array>, sink: StateSink): Promise<void> {
  return readSections(chunks, (section) => readerOf(section, sink));
}

const nothing: StateSink = { item: () => {}, key: () => {}, leases: noLeases };
const checkedItems: SectionReader = {
  kind: 'members',
  take: (_, value) => void itemOf(value),
  takeUnparsed: (_, json) => plainItem(json) !== undefined,
};

/** Is this a state that can be restored? @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT */
export function checkState(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  return readSections(chunks, (section) => (section === 'kv' ? checkedItems : readerOf(section, nothing)));
}

/** The item in these pieces, if no parser is needed to read it. */
function plainItemOf(json: readonly Uint8Array[]): Item | undefined {
  const found = plainItem(json);
  if (found === undefined) return undefined;
  const [only] = json;
  const { buffer, byteOffset, length } = only !== undefined && json.length === 1 ? only : join(json);
  // In ASCII a byte is a character, and Latin-1 is the encoding that asks no more.
  const value = Buffer.from(buffer, byteOffset, length).toString('latin1', found.begin, found.end);
  return { value, index: found.index };
}

/** `[VALUE,INDEX]` */
function itemOf(pair: unknown): Item {
  if (Array.isArray(pair) && pair.length === 2) {
    const [value, index] = pair as readonly unknown[];
    if (typeof value === 'string' && isWhole(index, 1)) return { value, index };
  }
  throw refuse('what it holds of a key is not a value and an index');
}

/** `[PRINT,INDEX,RESULT]`, or without the result */
function keyOf(key: string, value: unknown): KeyRecord {
  const record = keyRecordOf(key, value);
  if (record === undefined) throw refuse('what it holds of an Idempotency-Key is not what came of a write');
  return record;
}

/** Writes the section of the keys: `"kv":{KEY:[VALUE,INDEX],…}`, in texts of about `size` characters. */
export function writeItems(items: Iterable<[string, Item]>, size: number): Generator<string, void> {
  return writeSection(
    '"kv":{',
    items,
    ([key, item]) => `${JSON.stringify(key)}:[${jsonOfValue(item)},${item.index}]`,
    size,
  );
}

/** A long value is one in which JSON escapes nothing. */
function jsonOfValue(item: Item): string {
  return item instanceof LongItem ? `"${item.value}"` : JSON.stringify(item.value);
}

/** Writes the section of the keys of writes, if there are any: `,"once":{KEY:[PRINT,INDEX,RESULT],…}`, oldest first. */
export function* writeKeys(records: readonly KeyRecord[], size: number): Generator<string, void> {
  if (records.length === 0) return;
  yield* writeSection(
    ',\n"once":{',
    records,
    ([key, ...rest]) => `${JSON.stringify(key)}:${JSON.stringify(rest)}`,
    size,
  );
}

function* writeSection<T>(
  begin: string,
  members: Iterable<T>,
  jsonOf: (member: T) => string,
  size: number,
): Generator<string, void> {
  let text = begin;
  let isFirst = true;
  for (const member of members) {
    text += `${isFirst ? '' : ','}${jsonOf(member)}`;
    isFirst = false;
    if (text.length < size) continue;
    yield text;
    text = '';
  }
  yield `${text}}`;
}
