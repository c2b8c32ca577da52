import type { Fs, FsFile, LockOptions, OpenOptions } from '@raft-ts/raftwal';
import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { DirectoryNode, Disk, type Effect, FileNode, type Node, type Place, type SyncOutcome } from './disk.js';
import type { Sector } from './sector.js';

/** One call of `Fs` or `FsFile`, as it was made. */
export interface Call {
  readonly op: keyof Fs | keyof FsFile;
  readonly path: string;
  /** For `rename`: the old name; `path` is the new one. */
  readonly from?: string;
  readonly position?: number;
  /** For `read` and `write`: number of bytes requested. */
  readonly length?: number;
}

/**
 * A fault of a call. `short` reads or writes only that many bytes. `code` fails it, a write after `written` bytes have
 * reached the file. `drops` makes a failed sync mark what it should have written as clean, as Linux does.
 */
export type Fault =
  | { readonly short: number }
  | { readonly code: string; readonly written?: number; readonly drops?: boolean };

/** Options of `SimFs`. */
export interface SimFsOptions {
  /** Asked at each call; undefined lets it succeed. */
  readonly fault?: (call: Call) => Fault | undefined;
  /** Asked when a sync ends well: the first sector that it was to write has gone to this place instead. */
  readonly strays?: (call: Call) => Place | undefined;
  /** Awaited between a call and its effect, so that calls overlap. */
  readonly pace?: (call: Call) => Promise<void>;
  /**
   * Total number of bytes that the files may take. Beyond that, a write fails with `ENOSPC` after the part that fits.
   */
  readonly capacity?: () => number;
  /** Sees each call when it is made. */
  readonly onCall?: (call: Call) => void;
  /** Sees each effect after it happened. */
  readonly onEffect?: (effect: Effect, call: Call) => void;
}

/**
 * `Fs` on a `Disk`: the file system of one process, which may be killed. Others may use the same disk through their
 * own.
 */
export class SimFs implements Fs {
  readonly disk: Disk;
  readonly #options: SimFsOptions;
  readonly #handles: Set<SimFile> = new Set();
  #killed = false;

  constructor(disk: Disk = new Disk(), options: SimFsOptions = {}) {
    this.disk = disk;
    this.#options = options;
  }

  /**
   * Ends the process: no call comes back or does anything any more, and its locks are free. What it wrote stays
   * cached.
   */
  kill(): void {
    this.#killed = true;
    for (const handle of this.#handles) handle.release();
  }

  open(path: string, options: OpenOptions = {}): Promise<FsFile> {
    return this.call({ op: 'open', path }, (call) => {
      const { parent, name } = this.#parent(call);
      let node = parent.names.get(name);
      if (node === undefined) {
        if (options.create !== true || options.write !== true) throw fsError('ENOENT', call);
        this.apply({ kind: 'makeFile', parent: parent.id, name, node: this.disk.nextNode }, call);
        node = parent.names.get(name) as Node;
      } else if (options.exclusive === true) {
        throw fsError('EEXIST', call);
      }
      if (!(node instanceof FileNode)) throw fsError('EISDIR', call);
      if (options.truncate === true && node.size > 0) this.apply({ kind: 'truncate', node: node.id, size: 0 }, call);
      const handle = new SimFile(this, node, path, options);
      this.#handles.add(handle);
      return handle;
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.call({ op: 'rename', path: to, from }, (call) => {
      const { parent, name } = this.#parent(call);
      const source = this.#parent({ ...call, path: from });
      if (source.parent !== parent) throw fsError('EXDEV', call);
      const node = source.parent.names.get(source.name);
      if (node === undefined) throw fsError('ENOENT', { ...call, path: from });
      const replaced = parent.names.get(name);
      if (replaced === node) return;
      if (replaced instanceof DirectoryNode && replaced.names.size > 0) throw fsError('ENOTEMPTY', call);
      if (replaced !== undefined && replaced instanceof FileNode !== node instanceof FileNode) {
        throw fsError(replaced instanceof FileNode ? 'ENOTDIR' : 'EISDIR', call);
      }
      this.apply({ kind: 'rename', parent: parent.id, from: source.name, to: name }, call);
    });
  }

  unlink(path: string): Promise<void> {
    return this.call({ op: 'unlink', path }, (call) => {
      const { parent, name } = this.#parent(call);
      const node = parent.names.get(name);
      if (node === undefined) throw fsError('ENOENT', call);
      if (node instanceof DirectoryNode) throw fsError('EISDIR', call);
      this.apply({ kind: 'remove', parent: parent.id, name }, call);
    });
  }

  readdir(path: string): Promise<string[]> {
    return this.call({ op: 'readdir', path }, (call) => [...this.#directory(call).names.keys()].sort());
  }

  mkdir(path: string): Promise<void> {
    return this.call({ op: 'mkdir', path }, (call) => {
      const { parent, name } = this.#parent(call);
      if (parent.names.has(name)) throw fsError('EEXIST', call);
      this.apply({ kind: 'makeDirectory', parent: parent.id, name, node: this.disk.nextNode }, call);
    });
  }

  rmdir(path: string): Promise<void> {
    return this.call({ op: 'rmdir', path }, (call) => {
      const { parent, name } = this.#parent(call);
      if (this.#directory(call).names.size > 0) throw fsError('ENOTEMPTY', call);
      this.apply({ kind: 'remove', parent: parent.id, name }, call);
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.sync({ op: 'syncDirectory', path }, (call) => ({
      kind: 'syncStart',
      node: this.#directory(call).id,
      sync: this.disk.nextSync,
    }));
  }

  /** Makes one call: waits, asks whether it fails, and does it in one step. */
  async call<T>(call: Call, perform: (call: Call, fault: Fault | undefined) => T): Promise<T> {
    const fault = await this.#enter(call);
    if (fault !== undefined && 'code' in fault && fault.written === undefined) throw injected(fault.code, call);
    return perform(call, fault);
  }

  /** Makes one call that starts a sync, waits, and ends it. */
  async sync(call: Call, start: (call: Call) => Effect & { kind: 'syncStart' }): Promise<void> {
    this.#announce(call);
    const effect = start(call);
    this.apply(effect, call);
    await this.#pause(call);
    const fault = this.#options.fault?.(call);
    const failed = fault !== undefined && 'code' in fault;
    const outcome: SyncOutcome = failed ? (fault.drops === true ? 'dropped' : 'failed') : 'done';
    const strays = failed ? undefined : this.#options.strays?.(call);
    this.apply({ kind: 'syncEnd', sync: effect.sync, outcome, ...(strays !== undefined && { strays }) }, call);
    if (failed) throw injected(fault.code, call);
  }

  /** Returns the effect of a sync of these sectors of a file. */
  syncOf(node: FileNode, range?: readonly [number, number]): Effect & { kind: 'syncStart' } {
    return { kind: 'syncStart', node: node.id, sync: this.disk.nextSync, ...(range !== undefined && { range }) };
  }

  /** Carries out one effect of a call on the disk. */
  apply(effect: Effect, call: Call): void {
    this.disk.apply(effect);
    this.#options.onEffect?.(effect, call);
  }

  /** Forgets a file that was closed. */
  forget(handle: SimFile): void {
    this.#handles.delete(handle);
  }

  /** The paths of the files that are open. */
  get openPaths(): readonly string[] {
    return [...this.#handles].map(({ path }) => path);
  }

  /** Number of bytes that the files take. */
  get used(): number {
    return bytesIn(this.disk.root);
  }

  /** Number of bytes by which the files may still grow. */
  get free(): number {
    const capacity = this.#options.capacity?.() ?? Number.POSITIVE_INFINITY;
    return Number.isFinite(capacity) ? capacity - this.used : capacity;
  }

  async #enter(call: Call): Promise<Fault | undefined> {
    this.#announce(call);
    await this.#pause(call);
    return this.#options.fault?.(call);
  }

  #announce(call: Call): void {
    if (!this.#killed) this.#options.onCall?.(call);
  }

  async #pause(call: Call): Promise<void> {
    if (!this.#killed) await this.#options.pace?.(call);
    if (this.#killed) await new Promise<never>(() => {});
  }

  #parent(call: Call): { parent: DirectoryNode; name: string } {
    const parts = call.path.split('/').filter((part) => part !== '');
    const name = parts.pop();
    if (name === undefined) throw fsError('EBUSY', call);
    return { parent: this.#walk(parts, call), name };
  }

  #directory(call: Call): DirectoryNode {
    return this.#walk(
      call.path.split('/').filter((part) => part !== ''),
      call,
    );
  }

  #walk(parts: readonly string[], call: Call): DirectoryNode {
    let at: Node = this.disk.root;
    for (const part of parts) {
      if (!(at instanceof DirectoryNode)) throw fsError('ENOTDIR', call);
      const next = at.names.get(part);
      if (next === undefined) throw fsError('ENOENT', call);
      at = next;
    }
    if (!(at instanceof DirectoryNode)) throw fsError('ENOTDIR', call);
    return at;
  }
}

/**
 * Which handle holds the lock of a file. Locks are the running kernel's: a disk that comes up again is made of new
 * nodes.
 */
const locks = new WeakMap<FileNode, Map<SimFile, boolean>>();

class SimFile implements FsFile {
  readonly #fs: SimFs;
  readonly #node: FileNode;
  readonly path: string;
  readonly #options: OpenOptions;
  #open = true;

  constructor(fs: SimFs, node: FileNode, path: string, options: OpenOptions) {
    this.#fs = fs;
    this.#node = node;
    this.path = path;
    this.#options = options;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#fs.call({ op: 'read', path: this.path, position, length: into.length }, (call, fault) => {
      this.#check(call, false);
      const asked = fault !== undefined && 'short' in fault ? Math.min(fault.short, into.length) : into.length;
      const count = Math.max(0, Math.min(asked, this.#node.size - position));
      copyOut(this.#node.cached, position, into.subarray(0, count));
      return count;
    });
  }

  async write(from: Uint8Array, position: number): Promise<number> {
    // The kernel copies the bytes when the call is made as far as the caller can tell: a buffer that is used again
    // shows up as damage.
    const bytes = from.slice();
    const count = await this.#fs.call(
      { op: 'write', path: this.path, position, length: bytes.length },
      (call, fault) => {
        this.#check(call, true);
        return this.#writeNow(bytes, { position, call, fault });
      },
    );
    if (this.#options.writeThrough === true && count > 0) {
      const range = [Math.floor(position / SECTOR_SIZE), Math.ceil((position + count) / SECTOR_SIZE)] as const;
      await this.#fs.sync({ op: 'datasync', path: this.path }, () => this.#fs.syncOf(this.#node, range));
    }
    return count;
  }

  #writeNow(
    bytes: Uint8Array,
    { position, call, fault }: { position: number; call: Call; fault: Fault | undefined },
  ): number {
    const room = this.#fs.free + this.#node.size - position;
    const limit = fault === undefined ? bytes.length : 'short' in fault ? fault.short : (fault.written ?? 0);
    const count = Math.max(0, Math.min(bytes.length, limit, room));
    if (count > 0) this.#fs.apply({ kind: 'write', node: this.#node.id, position, bytes: bytes.slice(0, count) }, call);
    if (fault !== undefined && 'code' in fault) throw injected(fault.code, call);
    if (count === 0 && bytes.length > 0) throw fsError('ENOSPC', call);
    return count;
  }

  datasync(): Promise<void> {
    return this.#fs.sync({ op: 'datasync', path: this.path }, (call) => {
      this.#check(call, false);
      return this.#fs.syncOf(this.#node);
    });
  }

  truncate(size: number): Promise<void> {
    return this.#fs.call({ op: 'truncate', path: this.path, position: size }, (call) => {
      this.#check(call, true);
      if (size - this.#node.size > this.#fs.free) throw fsError('ENOSPC', call);
      if (size !== this.#node.size) this.#fs.apply({ kind: 'truncate', node: this.#node.id, size }, call);
    });
  }

  size(): Promise<number> {
    return this.#fs.call({ op: 'size', path: this.path }, (call) => {
      this.#check(call, false);
      return this.#node.size;
    });
  }

  lock({ shared = false }: LockOptions = {}): Promise<boolean> {
    return this.#fs.call({ op: 'lock', path: this.path }, (call) => {
      this.#check(call, !shared);
      const holders = locks.get(this.#node) ?? new Map<SimFile, boolean>();
      const isFree = [...holders].every(([holder, theirs]) => holder === this || (shared && theirs));
      if (isFree) locks.set(this.#node, holders.set(this, shared));
      return isFree;
    });
  }

  close(): Promise<void> {
    // As Linux does it: a close that reports an error has closed the file all the same.
    return this.#fs.call({ op: 'close', path: this.path }, () => {}).finally(() => this.release());
  }

  /** The handle is gone, and its lock. */
  release(): void {
    this.#open = false;
    locks.get(this.#node)?.delete(this);
    this.#fs.forget(this);
  }

  #check(call: Call, write: boolean): void {
    if (!this.#open || (write && this.#options.write !== true)) throw fsError('EBADF', call);
  }
}

function copyOut(sectors: readonly Sector[], position: number, into: Uint8Array): void {
  for (let at = 0; at < into.length; ) {
    const index = Math.floor((position + at) / SECTOR_SIZE);
    const offset = position + at - index * SECTOR_SIZE;
    const length = Math.min(SECTOR_SIZE - offset, into.length - at);
    const sector = sectors[index];
    if (sector === undefined) into.fill(0, at, at + length);
    else into.set(sector.bytes.subarray(offset, offset + length), at);
    at += length;
  }
}

function bytesIn(node: Node): number {
  if (node instanceof FileNode) return node.size;
  let sum = 0;
  for (const below of node.names.values()) sum += bytesIn(below);
  return sum;
}

/** The errors that faults made, as against those that any file system gives. */
const injectedErrors = new WeakSet<Error>();

function injected(code: string, call: Call): Error {
  const error = fsError(code, call);
  injectedErrors.add(error);
  return error;
}

/** Tells whether this error is one that a fault made, or was caused by one. */
export function isInjected(error: unknown): boolean {
  return error instanceof Error && (injectedErrors.has(error) || isInjected(error.cause));
}

function fsError(code: string, call: Call): Error {
  return Object.assign(new Error(`${code}: simulated, ${call.op} '${call.path}'`), {
    code,
    syscall: call.op,
    path: call.path,
  });
}
