import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { Sector, ZERO_SECTOR } from './sector.js';

/**
 * A disk in memory that tells apart what programs see (the page cache) and what a power cut leaves.
 *
 * It changes only by effects, each a plain value: the same effects from the same image give the same disk, so a
 * recorded trace can be walked again and stopped anywhere. What `Fs` says about durability is the model: each sector
 * and each size of a file, and each change of a name, is pending from the effect that made it until a sync that started
 * later ends well.
 */
export type Effect =
  | {
      readonly kind: 'makeFile' | 'makeDirectory';
      readonly parent: number;
      readonly name: string;
      readonly node: number;
    }
  | { readonly kind: 'rename'; readonly parent: number; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly parent: number; readonly name: string }
  | { readonly kind: 'write'; readonly node: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly node: number; readonly size: number }
  /** A sync of the whole node, or of the sectors in `range` (first, past the last) and the size. */
  | {
      readonly kind: 'syncStart';
      readonly node: number;
      readonly sync: number;
      readonly range?: readonly [number, number];
    }
  | {
      readonly kind: 'syncEnd';
      readonly sync: number;
      readonly outcome: SyncOutcome;
      /** The first sector that was to be written went there, and its own place has kept what it had. */
      readonly strays?: Place | undefined;
    }
  /** What the disk holds in this sector has become something else, and so has what programs read of it. */
  | { readonly kind: 'rot'; readonly place: Place; readonly bytes: Uint8Array }
  /** The page cache lets go of everything clean: from now on programs read what the disk holds. */
  | { readonly kind: 'evict' }
  /** The machine came up again, with this on the disk. Numbers of nodes start again. */
  | { readonly kind: 'restart'; readonly image: DirectoryImage };

/** A sector of a file: the number of its node, and its own. */
export interface Place {
  readonly node: number;
  readonly sector: number;
}

/**
 * `failed`: the changes stay dirty and a later sync writes them. `dropped`: they are marked clean, and no later sync
 * knows of them.
 */
export type SyncOutcome = 'done' | 'failed' | 'dropped';

/** The contents of a disk at rest: the state after a power cut, or a starting point. */
export type DirectoryImage = ReadonlyMap<string, NodeImage>;
/** A folder or a file of a disk at rest. */
export type NodeImage = DirectoryImage | FileImage;

/** A file of a disk at rest. */
export class FileImage {
  readonly size: number;
  readonly sectors: readonly Sector[];

  constructor(size: number, sectors: readonly Sector[]) {
    this.size = size;
    this.sectors = sectors;
  }
}

/** Something not yet durable, with its place in the order of effects. */
interface Pending<T> {
  readonly value: T;
  readonly order: number;
}

export interface PendingSector {
  /** The contents of the sector after each write since it was durable. */
  readonly versions: Pending<Sector>[];
  /** Whether the next sync will write it. */
  dirty: boolean;
}

/** A file, with what of it is not durable yet. */
export class FileNode {
  readonly id: number;
  /** The contents that programs read. Bytes past the size are zero. */
  readonly cached: Sector[];
  size: number;
  readonly durable: Sector[];
  durableSize: number;
  readonly pending: Map<number, PendingSector> = new Map();
  readonly pendingSizes: Pending<number>[] = [];
  sizeDirty = false;

  constructor(id: number, image: FileImage) {
    this.id = id;
    this.cached = [...image.sectors];
    this.size = image.size;
    this.durable = [...image.sectors];
    this.durableSize = image.size;
  }
}

export type NameChange =
  | { readonly kind: 'set'; readonly name: string; readonly node: Node }
  | { readonly kind: 'remove'; readonly name: string; readonly node: Node };

/** A folder, with the changes of its names that are not durable yet. */
export class DirectoryNode {
  readonly id: number;
  readonly names: Map<string, Node>;
  readonly durable: Map<string, Node>;
  readonly pending: Pending<NameChange>[] = [];

  constructor(id: number, names: ReadonlyMap<string, Node>) {
    this.id = id;
    this.names = new Map(names);
    this.durable = new Map(names);
  }
}

/** A file or a folder. */
export type Node = FileNode | DirectoryNode;

/** A rename is one change: the new name replaces any name that the node had. */
export function applyNameChange(names: Map<string, Node>, change: NameChange): void {
  if (change.kind === 'remove') {
    if (names.get(change.name) === change.node) names.delete(change.name);
    return;
  }
  for (const [name, node] of names) if (node === change.node) names.delete(name);
  names.set(change.name, change.node);
}

/** A disk of which a power cut may lose whatever was not synced. */
export class Disk {
  #nodes: Node[] = [];
  #root: DirectoryNode;
  readonly #syncs: Map<number, { node: Node; upTo: number; range: readonly [number, number] }> = new Map();
  #order = 0;
  #started = 0;

  constructor(image: DirectoryImage = new Map()) {
    this.#root = this.#load(image) as DirectoryNode;
  }

  get root(): DirectoryNode {
    return this.#root;
  }

  /** The number that the next file or directory gets. */
  get nextNode(): number {
    return this.#nodes.length;
  }

  /** The number that the next sync gets. */
  get nextSync(): number {
    return this.#started;
  }

  /** Carries out one effect. */
  apply(effect: Effect): void {
    this.#order++;
    switch (effect.kind) {
      case 'makeFile':
      case 'makeDirectory':
        return this.#make(effect);
      case 'rename': {
        const parent = this.#directory(effect.parent);
        const node = parent.names.get(effect.from) as Node;
        return this.#changeName(parent, { kind: 'set', name: effect.to, node });
      }
      case 'remove': {
        const parent = this.#directory(effect.parent);
        return this.#changeName(parent, {
          kind: 'remove',
          name: effect.name,
          node: parent.names.get(effect.name) as Node,
        });
      }
      case 'write':
        return this.#write(this.#nodes[effect.node] as FileNode, effect.position, effect.bytes);
      case 'truncate':
        return this.#truncate(this.#nodes[effect.node] as FileNode, effect.size);
      case 'syncStart':
        this.#started = effect.sync + 1;
        this.#syncs.set(effect.sync, {
          node: this.#nodes[effect.node] as Node,
          upTo: this.#order,
          range: effect.range ?? [0, Number.POSITIVE_INFINITY],
        });
        return;
      case 'syncEnd':
        return this.#endSync(effect.sync, effect.outcome, effect.strays);
      case 'rot':
        return this.#rot(effect.place, new Sector(effect.bytes));
      case 'evict':
        for (const node of this.#nodes) if (node instanceof FileNode) evict(node);
        return;
      case 'restart':
        this.#nodes = [];
        this.#syncs.clear();
        this.#root = this.#load(effect.image) as DirectoryNode;
        return;
    }
  }

  #load(image: NodeImage): Node {
    const id = this.#nodes.length;
    if (image instanceof FileImage) {
      const file = new FileNode(id, image);
      this.#nodes.push(file);
      return file;
    }
    // The directory takes its number before what is in it, so that numbers follow from the image alone.
    this.#nodes.push(undefined as unknown as Node);
    const directory = new DirectoryNode(id, new Map([...image].map(([name, node]) => [name, this.#load(node)])));
    this.#nodes[id] = directory;
    return directory;
  }

  #make(effect: { kind: 'makeFile' | 'makeDirectory'; parent: number; name: string; node: number }): void {
    const isFile = effect.kind === 'makeFile';
    const node = isFile ? new FileNode(effect.node, new FileImage(0, [])) : new DirectoryNode(effect.node, new Map());
    this.#nodes[effect.node] = node;
    this.#changeName(this.#directory(effect.parent), { kind: 'set', name: effect.name, node });
  }

  #directory(id: number): DirectoryNode {
    return this.#nodes[id] as DirectoryNode;
  }

  #changeName(parent: DirectoryNode, change: NameChange): void {
    applyNameChange(parent.names, change);
    parent.pending.push({ value: change, order: this.#order });
  }

  #write(file: FileNode, position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    for (let at = position; at < end; ) {
      const index = Math.floor(at / SECTOR_SIZE);
      const stop = Math.min(end, (index + 1) * SECTOR_SIZE);
      const old = file.cached[index] ?? ZERO_SECTOR;
      this.#putSector(file, index, old.with(bytes.subarray(at - position, stop - position), at - index * SECTOR_SIZE));
      at = stop;
    }
    if (end > file.size) this.#setSize(file, end);
    // Data that goes beyond the size on the disk takes the size there with it.
    else if (end > file.durableSize && file.pendingSizes.length > 0) file.sizeDirty = true;
  }

  #truncate(file: FileNode, size: number): void {
    if (size < file.size) {
      const boundary = Math.floor(size / SECTOR_SIZE);
      for (let index = boundary; index < file.cached.length; index++) {
        const kept = index === boundary ? size % SECTOR_SIZE : 0;
        this.#putSector(file, index, (file.cached[index] ?? ZERO_SECTOR).head(kept));
      }
      file.cached.length = Math.min(file.cached.length, Math.ceil(size / SECTOR_SIZE));
    }
    if (size !== file.size) this.#setSize(file, size);
  }

  #putSector(file: FileNode, index: number, sector: Sector): void {
    const old = file.cached[index] ?? ZERO_SECTOR;
    while (file.cached.length < index) file.cached.push(ZERO_SECTOR);
    file.cached[index] = sector;
    const pending = file.pending.get(index);
    if (pending !== undefined) pending.dirty = true;
    // A write that changes nothing puts right what the disk holds instead.
    if (old.equals(sector) && (pending !== undefined || old.equals(file.durable[index] ?? ZERO_SECTOR))) return;
    const version = { value: sector, order: this.#order };
    if (pending !== undefined) pending.versions.push(version);
    else file.pending.set(index, { versions: [version], dirty: true });
  }

  #setSize(file: FileNode, size: number): void {
    file.size = size;
    file.pendingSizes.push({ value: size, order: this.#order });
    file.sizeDirty = true;
  }

  #rot({ node, sector }: Place, becomes: Sector): void {
    const file = this.#nodes[node] as FileNode;
    if (file.pending.has(sector)) return;
    file.durable[sector] = becomes;
    if (sector < file.cached.length) file.cached[sector] = becomes;
  }

  #endSync(sync: number, outcome: SyncOutcome, strays: Place | undefined): void {
    const started = this.#syncs.get(sync);
    // A sync that the machine did not live to finish.
    if (started === undefined) return;
    this.#syncs.delete(sync);
    const { node, upTo, range } = started;
    if (node instanceof DirectoryNode) {
      if (outcome === 'done')
        for (const change of takeUpTo(node.pending, upTo)) applyNameChange(node.durable, change.value);
      return;
    }
    if (outcome === 'failed') return;
    let stray = strays;
    for (const [index, pending] of node.pending) {
      if (index < range[0] || index >= range[1]) continue;
      const written = endSyncOfSector(node, index, pending, { upTo, outcome });
      if (written === undefined) continue;
      const [file, place] = stray === undefined ? [node, index] : [this.#nodes[stray.node] as FileNode, stray.sector];
      stray = undefined;
      while (file.durable.length < place) file.durable.push(ZERO_SECTOR);
      file.durable[place] = written;
    }
    if (!node.sizeDirty) return;
    if (outcome === 'done') {
      node.durableSize = takeUpTo(node.pendingSizes, upTo).at(-1)?.value ?? node.durableSize;
      node.sizeDirty = node.pendingSizes.length > 0;
    } else {
      node.sizeDirty = node.pendingSizes.some((size) => size.order > upTo);
    }
  }
}

/** Returns what the sync has written of a sector. */
function endSyncOfSector(
  file: FileNode,
  index: number,
  pending: PendingSector,
  { upTo, outcome }: { upTo: number; outcome: SyncOutcome },
): Sector | undefined {
  if (!pending.dirty) return undefined;
  if (outcome === 'dropped') {
    pending.dirty = pending.versions.some((version) => version.order > upTo);
    return undefined;
  }
  const written = takeUpTo(pending.versions, upTo).at(-1);
  if (pending.versions.length === 0) file.pending.delete(index);
  return written?.value;
}

/** Clean is what was synced, and what a failed sync has marked so. */
function evict(file: FileNode): void {
  for (let index = 0; index < file.cached.length; index++) {
    if (file.pending.get(index)?.dirty === true) continue;
    file.pending.delete(index);
    file.cached[index] = file.durable[index] ?? ZERO_SECTOR;
  }
}

/** Removes and answers the first items, those of at most this order. */
function takeUpTo<T>(items: Pending<T>[], upTo: number): Pending<T>[] {
  const rest = items.findIndex((item) => item.order > upTo);
  return items.splice(0, rest === -1 ? items.length : rest);
}
