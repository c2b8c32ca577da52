import { RaftError } from '@raft-ts/raft';
import type { CommandPosition, Position, StateMachine } from '@raft-ts/replica';
import { FEATURES } from './features.js';
import { type Change, History, type HistoryLimits } from './history.js';
import { type Earlier, type KeyLimits, type KeyRecord, Keys, type KvOnce } from './idempotency.js';
import { compareKeys } from './key-order.js';
import { readState, writeItems, writeKeys } from './kv-sections.js';
import type { LeaseCommand, LeasePut } from './lease-commands.js';
import { leaseSections, leaseSink } from './lease-sections.js';
import { type LeaseResult, Leases } from './leases.js';
import { type Item, LongItem, LongPut } from './long-text.js';
import { newSortedMap, type SortedMap } from './sorted-map.js';
import { type KvRead, type KvTransaction, transact } from './transaction.js';

export type { KvOnce } from './idempotency.js';
export type { KvCondition, KvOperation, KvTransaction } from './transaction.js';

/** A write. `ifIndex`: only if the key's index is this when it is applied; 0: only if the key is absent. */
export interface KvWrite {
  readonly op: 'put' | 'delete';
  readonly key: string;
  /** Of a put. */
  readonly value: string;
  readonly ifIndex: number | undefined;
}

/** A command; one of an unknown kind does nothing, on every member alike. */
export type KvCommand = KvWrite | KvTransaction | KvOnce | LeaseCommand | { readonly op: 'nothing' };

/** What a command came to. */
export interface KvResult extends Omit<LeaseResult, 'ended'> {
  /** Its conditions held, or it had none. */
  readonly done: boolean;
  /** Of a write: the key's index before. Of a condition of a transaction that failed: its key's. 0: it was absent. */
  readonly current: number;
  /** Of a transaction whose conditions did not hold: the place of the first that failed. */
  readonly failed?: number;
  /** Of a transaction: what it read, in the order of its gets. */
  readonly reads?: readonly KvRead[];
  /** Of a transaction: it would have read more than one answer may hold. */
  readonly tooLarge?: true;
  /** Of a write whose key was known: it was not carried out, and the rest is what the earlier one came to. */
  readonly earlier?: Earlier;
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

/** A member meets what it does not know to be open. */
export const ERR_FEATURES_LOST = 'ERR_KV_FEATURES_LOST';
/** What becomes of a command that does nothing. */
const nothing: KvResult = { done: true, current: 0 };

/** A map of keys to values, in the order of the keys' UTF-8 bytes. It knows no clock and does no I/O. */
export class KvMachine implements StateMachine<KvCommand, KvResult> {
  /** What the last entries did, for those who watch. */
  readonly history: History;
  readonly leases: Leases = new Leases();
  private items: SortedMap<Item> = newSortedMap();
  private readonly keys: Keys;

  /** Called when a state was dropped whose place another is about to take. */
  private readonly onDropped: () => void;

  constructor(history: Partial<HistoryLimits> = {}, keys: Partial<KeyLimits> = {}, onDropped: () => void = () => {}) {
    this.history = new History(history);
    this.keys = new Keys(keys);
    this.onDropped = onDropped;
  }

  apply(command: KvCommand, at: CommandPosition): KvResult {
    const { index } = at;
    switch (command.op) {
      case 'put':
      case 'delete':
        return this.write(command, index);
      case 'nothing':
        return nothing;
      case 'txn':
        requireOpen(at);
        return this.transact(command, index);
      case 'once':
        requireOpen(at);
        return this.keys.carryOut(command, index, () => this.apply(command.write, at));
      case 'lease-put':
        requireOpen(at);
        return this.writeWithLease(command, index);
      default:
        requireOpen(at);
        return this.applyToLeases(command, at);
    }
  }

  private write(write: KvWrite, index: number): KvResult {
    const { op, key, ifIndex } = write;
    const current = this.items.get(key)?.index ?? 0;
    if (ifIndex !== undefined && ifIndex !== current) return { done: false, current };
    if (op === 'put') this.items.set(key, itemOf(write, index));
    else this.items.delete(key);
    if (op === 'put' || current !== 0) this.changed(index, [changeOf(write)]);
    return { done: true, current };
  }

  /** A key that is written or deleted does not vanish with its lease any more. */
  private changed(index: number, changes: readonly Change[]): void {
    for (const { key } of changes) this.leases.detach(key);
    this.history.record(index, changes);
  }

  private transact(transaction: KvTransaction, index: number): KvResult {
    const { result, changes } = transact(transaction, index, this.items);
    if (changes.length > 0) this.changed(index, changes);
    return result;
  }

  private writeWithLease({ key, value, ifIndex, lease }: LeasePut, index: number): KvResult {
    const why = this.leases.refusalOf(lease, key);
    if (why !== undefined) return { done: false, current: 0, why };
    const result = this.write({ op: 'put', key, value, ifIndex }, index);
    if (result.done) this.leases.attach(lease, key);
    return result;
  }

  private applyToLeases(command: Exclude<LeaseCommand, LeasePut>, at: Position): KvResult {
    const { ended = [], ...result } = this.leases.apply(command, at);
    for (const key of ended) this.items.delete(key);
    if (ended.length > 0) {
      const changes = ended.map((key): Change => ({ op: 'delete', key, value: '' }));
      this.history.record(at.index, changes);
    }
    return { ...result, current: 0 };
  }

  get(key: string): Item | undefined {
    const item = this.items.get(key);
    return item instanceof LongItem ? { value: item.value, index: item.index } : item;
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
    return letGoOf(piecesOf(this.items.clone(), this.keys.records(), leaseSections(this.leases)));
  }

  /** Takes over the state in a snapshot, whose other sections are passed over. */
  async restore(chunks: AsyncIterable<Uint8Array>, at: Position): Promise<void> {
    // The former state goes first: the two together would take twice the memory.
    const hadState = this.items.size > 0;
    const items = newSortedMap<Item>();
    this.items = items;
    this.leases.clear();
    if (hadState) this.onDropped();
    const keys: KeyRecord[] = [];
    await readState(chunks, {
      item: (key, item) => void items.set(key, item),
      key: (record) => void keys.push(record),
      leases: leaseSink(this.leases),
    });
    this.leases.link();
    this.keys.restore(keys);
    this.history.restart(at.index);
  }
}

function itemOf(write: KvWrite, index: number): Item {
  return write instanceof LongPut ? new LongItem(write.text, index) : { value: write.value, index };
}

function changeOf(write: KvWrite): Change {
  return write instanceof LongPut ? write : { op: write.op, key: write.key, value: write.value };
}

/**
 * The same pieces. Whoever reads no further lets go of all that they were made of, even if what it holds of them stays:
 * a generator that has ended may hold what it was given.
 */
function letGoOf(pieces: Generator<Uint8Array, void>): IterableIterator<Uint8Array> {
  let rest: Generator<Uint8Array, void> | undefined = pieces;
  return {
    next: () => rest?.next() ?? { done: true, value: undefined },
    return: () => {
      rest = undefined;
      return { done: true, value: undefined };
    },
    [Symbol.iterator]() {
      return this;
    },
  };
}

/**
 * Members ask for what Go members pass over only once they have seen it opened, so whoever has not, and meets it, has
 * lost that: a Go program ran on its log, and took a snapshot.
 * @throws RaftError, which ends this member: to pass it over would be to differ from the others in silence
 */
function requireOpen({ features, index }: CommandPosition): void {
  if (features >= FEATURES) return;
  throw new RaftError(
    ERR_FEATURES_LOST,
    `entry ${index} is of a kind that was opened in an entry before it, of which the snapshot of this member knows nothing: ` +
      'a program of another kind took that snapshot. Replace this member by a new one, with an empty folder and another id',
    { reason: 'features' },
  );
}

function* piecesOf(
  items: SortedMap<Item>,
  keys: readonly KeyRecord[],
  leases: readonly string[],
): Generator<Uint8Array, void> {
  const encoder = new TextEncoder();
  yield encoder.encode('{');
  for (const text of writeItems(items.entries(), PIECE)) yield encoder.encode(text);
  for (const text of writeKeys(keys, PIECE)) yield encoder.encode(text);
  for (const text of leases) yield encoder.encode(text);
  yield encoder.encode('}');
}
