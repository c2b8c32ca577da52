import type { Position, StateMachine } from '@raft-ts/replica';
import { History, type HistoryLimits } from './history.js';
import { compareKeys } from './key-order.js';
import { type Item, readState, writeItems } from './kv-sections.js';
import { newSortedMap, type SortedMap } from './sorted-map.js';

/** A write. `ifIndex`: only if the key's index is this when it is applied; 0: only if the key is absent. */
export interface KvWrite {
  readonly op: 'put' | 'delete';
  readonly key: string;
  /** Of a put. */
  readonly value: string;
  readonly ifIndex: number | undefined;
}

/** A command; one of an unknown kind does nothing, on every member alike. */
export type KvCommand = KvWrite | { readonly op: 'nothing' };

/** What a write came to. */
export interface KvResult {
  /** Its condition held, or it had none. */
  readonly done: boolean;
  /** The key's index before; 0 if the key was absent. */
  readonly current: number;
}

/** One key of a listing. */
export interface Listed extends Item {
  readonly key: string;
}

/** Keys in their order, and whether there are more after them. */
export interface Page {
  readonly items: readonly Listed[];
  readonly more: boolean;
}

/** Keys and values of a page have so many characters together, unless there is only one. */
const LARGEST_PAGE = 4 * 2 ** 20;
/** Pieces of a snapshot have about so many characters. */
const PIECE = 64 * 1024;

/** A map of keys to values, in the order of the keys' UTF-8 bytes. It knows no clock and does no I/O. */
export class KvMachine implements StateMachine<KvCommand, KvResult> {
  /** What the last entries did, for those who watch. */
  readonly history: History;
  private items: SortedMap<Item> = newSortedMap();

  constructor(history: Partial<HistoryLimits> = {}) {
    this.history = new History(history);
  }

  apply(command: KvCommand, { index }: Position): KvResult {
    if (command.op === 'nothing') return { done: true, current: 0 };
    const { op, key, value, ifIndex } = command;
    const current = this.items.get(key)?.index ?? 0;
    if (ifIndex !== undefined && ifIndex !== current) return { done: false, current };
    if (op === 'put') this.items.set(key, { value, index });
    else this.items.delete(key);
    if (op === 'put' || current !== 0) this.history.record(index, [{ op, key, value }]);
    return { done: true, current };
  }

  get(key: string): Item | undefined {
    return this.items.get(key);
  }

  /**
   * The first `limit` keys that begin with `prefix` and come after `after`, and whether there are more. Fewer if keys
   * and values have more than `maxSize` characters together, but one at least.
   */
  list(prefix: string, after: string, limit: number, maxSize: number = LARGEST_PAGE): Page {
    const items: Listed[] = [];
    let size = 0;
    const from = compareKeys(after, prefix) > 0 ? after : prefix;
    for (const [key, { value, index }] of this.items.entries(from)) {
      if (!key.startsWith(prefix)) break;
      if (key === after) continue;
      size += key.length + value.length;
      if (items.length === limit || (size > maxSize && items.length > 0)) return { items, more: true };
      items.push({ key, value, index });
    }
    return { items, more: false };
  }

  get size(): number {
    return this.items.size;
  }

  /** As `entries`, but of this moment, whatever is written meanwhile. */
  view(): IterableIterator<[string, Item]> {
    return this.items.clone().entries();
  }

  /** In the order of the keys. */
  entries(): IterableIterator<[string, Item]> {
    return this.items.entries();
  }

  /**
   * The state's sections as a JSON object. The tree is shared with the copy, node by node, until it is written to.
   */
  snapshot(): Iterable<Uint8Array> {
    return piecesOf(this.items.clone());
  }

  /** Takes over the state in a snapshot, whose other sections are passed over. */
  async restore(chunks: AsyncIterable<Uint8Array>, at: Position): Promise<void> {
    // The former state goes first: the two together would take twice the memory.
    const items = newSortedMap<Item>();
    this.items = items;
    await readState(chunks, { item: (key, item) => void items.set(key, item) });
    this.history.restart(at.index);
  }
}

function* piecesOf(items: SortedMap<Item>): Generator<Uint8Array, void> {
  const encoder = new TextEncoder();
  yield encoder.encode('{');
  for (const text of writeItems(items.entries(), PIECE)) yield encoder.encode(text);
  yield encoder.encode('}');
}
