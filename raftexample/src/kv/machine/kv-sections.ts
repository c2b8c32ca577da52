import { readSections, refuse, type SectionReader } from './snapshot-sections.js';

/** A value, and the index of the entry that wrote it. */
export interface Item {
  readonly value: string;
  readonly index: number;
}

/** Sections of a snapshot that make its head. */
export const headSections = ['members', 'removed', 'replica'] as const;
/** Sections that a copy of the store has beside those of a snapshot. */
export const copySections = ['origin', 'sha256'] as const;
const notState: ReadonlySet<string> = new Set([...headSections, ...copySections]);

/** Takes what the sections of the state hold, piece by piece. */
export interface StateSink {
  readonly item: (key: string, item: Item) => void;
}

/** A section of the state that this package does not know would be lost, and the member would differ from others. */
function readerOf(section: string, sink: StateSink): SectionReader {
  if (notState.has(section)) return { kind: 'skip' };
  if (section === 'kv') return { kind: 'members', take: (key, value) => sink.item(key, itemOf(value)) };
  throw refuse(`this version does not know its section '${section.slice(0, 40)}'. Update this member`);
}

/**
 * Reads the sections of the state out of a snapshot, and passes over the others.
 * @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT
 */
export function readState(chunks: AsyncIterable<Uint8Array>, sink: StateSink): Promise<void> {
  return readSections(chunks, (section) => readerOf(section, sink));
}

/** Is this a state that can be restored? @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT */
export function checkState(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  return readState(chunks, { item: () => {} });
}

/** `[VALUE,INDEX]` */
function itemOf(pair: unknown): Item {
  if (Array.isArray(pair) && pair.length === 2) {
    const [value, index] = pair as readonly unknown[];
    if (typeof value === 'string' && typeof index === 'number' && Number.isSafeInteger(index) && index > 0) {
      return { value, index };
    }
  }
  throw refuse('what it holds of a key is not a value and an index');
}

/** Writes the section of the keys: `"kv":{KEY:[VALUE,INDEX],…}`, in texts of about `size` characters. */
export function* writeItems(items: Iterable<[string, Item]>, size: number): Generator<string, void> {
  let text = '"kv":{';
  let isFirst = true;
  for (const [key, { value, index }] of items) {
    text += `${isFirst ? '' : ','}${JSON.stringify(key)}:[${JSON.stringify(value)},${index}]`;
    isFirst = false;
    if (text.length < size) continue;
    yield text;
    text = '';
  }
  yield `${text}}`;
}
