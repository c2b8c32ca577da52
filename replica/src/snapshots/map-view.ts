import type { Codec } from '../base/codec.js';
import type { SnapshotView } from '../base/contracts.js';
import { join } from '../format/chunks.js';
import { writeNumber } from '../format/numbers.js';

/** A snapshot of the map: how many entries, and for each of them its length and its bytes. */
export const COUNT = 6;
export const LENGTH = 4;
/** What an entry that is held takes beside its bytes, roughly. */
const HELD_OVERHEAD = 64;

/** An entry of a `SnapshotMap`, in the order of insertion. */
export interface Item<K, V> {
  readonly key: K;
  value: V;
  /** Counts up: an item that was set later has a higher one. */
  readonly order: number;
  before: Item<K, V> | undefined;
  after: Item<K, V> | undefined;
  /** The record of what it was when the view began, if that has changed and the view has not come to it. */
  held: Uint8Array | undefined;
  gone: boolean;
}

interface MapViewOptions<K, V> {
  readonly first: Item<K, V> | undefined;
  /** Items of a higher order were set later. */
  readonly lastOrder: number;
  readonly count: number;
  readonly codec: Codec<readonly [K, V]>;
  readonly maxHeldBytes: number;
  readonly pieceBytes: number;
  readonly unlink: (item: Item<K, V>) => void;
  readonly onEnd: () => void;
}

/** What a `SnapshotMap` held at one moment, as bytes. It is read once. */
export class MapView<K, V> implements SnapshotView, AsyncIterator<Uint8Array, undefined> {
  private readonly options: MapViewOptions<K, V>;
  /** The next item to give. It keeps its place in the list, because the view still needs it. */
  private upNext: Item<K, V> | undefined;
  /** The order of the item that was given last. */
  private given = 0;
  private held = 0;
  private open = true;
  private begun = false;
  /** The map was cleared: the items belong to the view alone. */
  private detached = false;
  private waiting: (() => void)[] = [];
  /** Why the view cannot be given: the codec threw. */
  private failure: { readonly error: unknown } | undefined = undefined;

  constructor(options: MapViewOptions<K, V>) {
    this.options = options;
    this.upNext = options.first;
  }

  get isOpen(): boolean {
    return this.open;
  }

  get heldBytes(): number {
    return this.held;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Resolves when commands may overwrite more; `undefined`: they may now. */
  room(): Promise<void> | undefined {
    if (!this.open || this.held <= this.options.maxHeldBytes) return undefined;
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      return Promise.resolve(this.piece());
    } catch (error) {
      this.end();
      return Promise.reject(error);
    }
  }

  /** Ends the view, however far it was read. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  private piece(): IteratorResult<Uint8Array, undefined> {
    if (this.failure !== undefined) throw this.failure.error;
    if (!this.open) return { done: true, value: undefined };
    const parts: Uint8Array[] = [];
    let bytes = 0;
    if (!this.begun) {
      this.begun = true;
      const count = new Uint8Array(COUNT);
      writeNumber(count, 0, this.options.count, COUNT);
      parts.push(count);
      bytes = COUNT;
    }
    for (let item = this.upcoming(); item !== undefined && bytes < this.options.pieceBytes; item = this.upcoming()) {
      const record = item.held ?? this.record(item);
      this.pass(item);
      parts.push(record);
      bytes += record.length;
    }
    if (bytes > 0) return { done: false, value: join(parts) };
    this.end();
    return { done: true, value: undefined };
  }

  private upcoming(): Item<K, V> | undefined {
    const item = this.upNext;
    return item !== undefined && item.order <= this.options.lastOrder ? item : undefined;
  }

  private record({ key, value }: Item<K, V>): Uint8Array {
    const bytes = this.options.codec.encode([key, value]);
    const record = new Uint8Array(LENGTH + bytes.length);
    writeNumber(record, 0, bytes.length, LENGTH);
    record.set(bytes, LENGTH);
    return record;
  }

  private pass(item: Item<K, V>): void {
    this.upNext = item.after;
    this.given = item.order;
    this.release(item);
    if (this.held <= this.options.maxHeldBytes / 2) this.wake();
  }

  /** Lets go of what was held of an item, and of the item itself if it is held only for the view. */
  private release(item: Item<K, V>): void {
    if (item.held === undefined) return;
    this.held -= item.held.length + HELD_OVERHEAD;
    item.held = undefined;
    if (item.gone && !this.detached) this.options.unlink(item);
  }

  /** Keeps what an item is before it changes, if the view has not come to it. @returns whether it needs the item */
  hold(item: Item<K, V>): boolean {
    if (!this.open || item.order <= this.given || item.order > this.options.lastOrder) return false;
    if (item.held !== undefined) return true;
    try {
      item.held = this.record(item);
    } catch (error) {
      // The snapshot fails of it. The command that changes the item must not, because on other members it does not.
      this.failure = { error };
      this.end();
      return false;
    }
    this.held += item.held.length + HELD_OVERHEAD;
    return true;
  }

  /** Leaves the items to the view alone: the map was cleared. */
  detach(): void {
    this.detached = true;
  }

  private end(): void {
    if (!this.open) return;
    this.open = false;
    for (let item = this.upcoming(); item !== undefined && this.held > 0; item = this.upcoming()) {
      const { after } = item;
      this.release(item);
      this.upNext = after;
    }
    this.upNext = undefined;
    this.wake();
    this.options.onEnd();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
