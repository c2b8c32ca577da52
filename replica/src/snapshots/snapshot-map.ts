import { RaftError } from '@raft-ts/raft';
import { type Codec, jsonCodec } from '../base/codec.js';
import { describe, ERR_SNAPSHOT_FORMAT, ERR_STATE_MACHINE } from '../base/errors.js';
import { ChunkReader } from '../format/chunks.js';
import { readNumber } from '../format/numbers.js';
import { COUNT, type Item, LENGTH, MapView } from './map-view.js';

/** Options of `SnapshotMap`. */
export interface SnapshotMapOptions<K, V> {
  /** How an entry becomes bytes in a snapshot. Default: JSON. */
  readonly codec?: Codec<readonly [K, V]>;
  /**
   * Bytes of entries that are kept for the view because commands have overwritten or deleted them since. Beyond it,
   * commands wait for the view. Default 16 MiB.
   */
  readonly maxHeldBytes?: number;
  /** Bytes of one piece of a snapshot, at least. Default 64 KiB. */
  readonly pieceBytes?: number;
}

const HELD_BYTES = 16 * 2 ** 20;
const PIECE_BYTES = 64 * 2 ** 10;
/**
 * A map whose snapshot is taken while it goes on changing: for a state machine whose state is a map. It is used as a
 * `Map`, and keeps the order of insertion as one does, also over a restore.
 *
 * ```ts
 * readonly map = new SnapshotMap<string, string>();
 * apply({ key, value }: Command) { this.map.set(key, value); }
 * snapshot() { return this.map.snapshot(); }
 * restore(chunks: AsyncIterable<Uint8Array>) { return this.map.restore(chunks); }
 * ```
 *
 * Return the view of `snapshot()` as it is: it makes commands wait when they overwrite more than may be held for it. A
 * value must be replaced, by `set`, and not changed in place: the view would see the change.
 */
export class SnapshotMap<K, V> implements ReadonlyMap<K, V> {
  private readonly codec: Codec<readonly [K, V]>;
  private readonly maxHeldBytes: number;
  private readonly pieceBytes: number;
  private readonly items = new Map<K, Item<K, V>>();
  private first: Item<K, V> | undefined = undefined;
  private last: Item<K, V> | undefined = undefined;
  private nextOrder = 1;
  /** How often it was cleared. */
  private clears = 0;
  private view: MapView<K, V> | undefined = undefined;

  constructor({ codec, maxHeldBytes, pieceBytes }: SnapshotMapOptions<K, V> = {}) {
    this.codec = codec ?? jsonCodec();
    this.maxHeldBytes = maxHeldBytes ?? HELD_BYTES;
    this.pieceBytes = pieceBytes ?? PIECE_BYTES;
  }

  get size(): number {
    return this.items.size;
  }

  /** Bytes that are held for a view at the moment. */
  get heldBytes(): number {
    return this.view?.heldBytes ?? 0;
  }

  get(key: K): V | undefined {
    return this.items.get(key)?.value;
  }

  has(key: K): boolean {
    return this.items.has(key);
  }

  /** Sets the value of a key; a view that is being read keeps the former one. */
  set(key: K, value: V): this {
    const item = this.items.get(key);
    if (item === undefined) {
      this.append(key, value);
    } else {
      this.view?.hold(item);
      item.value = value;
    }
    return this;
  }

  private append(key: K, value: V): void {
    const before = this.last;
    const order = this.nextOrder++;
    const item: Item<K, V> = { key, value, order, before, after: undefined, held: undefined, gone: false };
    if (before === undefined) this.first = item;
    else before.after = item;
    this.last = item;
    this.items.set(key, item);
  }

  /** Removes a key, and returns whether it was there; a view that is being read keeps it. */
  delete(key: K): boolean {
    const item = this.items.get(key);
    if (item === undefined) return false;
    this.items.delete(key);
    item.gone = true;
    // An item that a view still needs keeps its place until the view has come to it.
    if (this.view?.hold(item) !== true) this.unlink(item);
    return true;
  }

  private unlink({ before, after }: Item<K, V>): void {
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
  }

  /** Removes all keys; a view that is being read keeps them. */
  clear(): void {
    // A view goes on along the items that were there, which nothing else knows any more.
    this.view?.detach();
    this.items.clear();
    this.first = undefined;
    this.last = undefined;
    this.clears++;
  }

  *entries(): Generator<[K, V], undefined, unknown> {
    for (const { key, value } of this.walk()) yield [key, value];
    return undefined;
  }

  *keys(): Generator<K, undefined, unknown> {
    for (const { key } of this.walk()) yield key;
    return undefined;
  }

  *values(): Generator<V, undefined, unknown> {
    for (const { value } of this.walk()) yield value;
    return undefined;
  }

  [Symbol.iterator](): Generator<[K, V], undefined, unknown> {
    return this.entries();
  }

  forEach(call: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const { key, value } of this.walk()) call(value, key, this);
  }

  /** As a `Map` does: what is set while it walks is visited, what is deleted before it comes there is not. */
  private *walk(): Generator<Item<K, V>, void> {
    let { clears } = this;
    let item = this.first;
    while (item !== undefined) {
      const { order, after }: Item<K, V> = item;
      if (!item.gone) yield item;
      if (clears !== this.clears) {
        ({ clears } = this);
        item = this.first;
      } else {
        item = item.gone ? this.following(order, after) : item.after;
      }
    }
  }

  /** The first item after one that was deleted, whose place in the list may be gone. */
  private following(order: number, after: Item<K, V> | undefined): Item<K, V> | undefined {
    let next = after;
    while (next?.gone === true) next = next.after;
    if (next !== undefined) return next;
    // What was set meanwhile stands at the end.
    let item = this.last;
    if (item === undefined || item.order <= order) return undefined;
    while (item.before !== undefined && item.before.order > order) item = item.before;
    return item;
  }

  /**
   * Fixes a view of what the map holds now, and gives it as bytes, while the map goes on changing.
   * @throws RaftError ERR_RAFT_STATE_MACHINE (reason `snapshot`) while another view is being read: end it by `return()`
   */
  snapshot(): MapView<K, V> {
    if (this.view?.isOpen === true) {
      throw new RaftError(ERR_STATE_MACHINE, 'a snapshot of this map is still being read: read or end it first', {
        reason: 'snapshot',
      });
    }
    const { codec, maxHeldBytes, pieceBytes } = this;
    const view = new MapView<K, V>({
      first: this.first,
      lastOrder: this.nextOrder - 1,
      count: this.size,
      codec,
      maxHeldBytes,
      pieceBytes,
      unlink: (item) => this.unlink(item),
      onEnd: () => {
        if (this.view === view) this.view = undefined;
      },
    });
    this.view = view;
    return view;
  }

  /**
   * Replaces everything by the entries of a snapshot.
   * @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT; the map then holds a part of them
   */
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.clear();
    const reader = new ChunkReader(chunks);
    const count = await this.number(reader, COUNT);
    for (let i = 0; i < count; i++) {
      const bytes = await reader.take(await this.number(reader, LENGTH));
      if (bytes === undefined) throw refuse(`it ends within entry ${i + 1} of ${count}`);
      let entry: readonly [K, V];
      try {
        entry = this.codec.decode(bytes);
      } catch (cause) {
        throw refuse(`its codec cannot read entry ${i + 1} of ${count}: ${describe(cause)}`, cause);
      }
      this.set(entry[0], entry[1]);
    }
    if ((await reader.some(1)) !== undefined) throw refuse('bytes follow its last entry');
  }

  private async number(reader: ChunkReader, size: number): Promise<number> {
    const bytes = await reader.take(size);
    if (bytes === undefined) throw refuse('it was cut short');
    return readNumber(bytes, 0, size);
  }
}

function refuse(why: string, cause?: unknown): RaftError {
  return new RaftError(ERR_SNAPSHOT_FORMAT, `this is not a whole snapshot of a map: ${why}`, { cause });
}
