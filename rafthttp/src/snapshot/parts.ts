import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MIN_PART_BYTES } from '../base/limits.js';
import type { BodyName, BodyPart } from './part.js';

const partial = /^([0-9a-f]{16})-([0-9a-f]{16})\.snap\.part$/u;

/** A timer for longer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A part that nobody is writing. */
interface Left {
  readonly path: string;
  readonly index: number;
  readonly term: number;
  readonly bytes: number;
  readonly changedMs: number;
}

/** A checksum that is being worked out, or was. */
interface Sum {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: Promise<string>;
  /** Those that wait for it hear of each piece that was read. */
  readonly listeners: Set<() => void>;
}

/**
 * What a folder keeps of bodies whose transfers broke off, so that the next one can go on: the newest, for a while. A
 * body that is arriving lies in such a file too, so that it outlasts the process.
 */
export class BodyParts {
  private readonly folder: string;
  private readonly keepMs: number;
  /** The files that are being written. */
  private readonly used = new Set<string>();
  /** The last checksum that was asked for: a file is read once for it, however often it is asked for. */
  private last: Sum | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** @param keepMs how long a part is kept that nobody goes on with, in milliseconds */
  constructor(folder: string, keepMs: number) {
    this.folder = folder;
    this.keepMs = keepMs;
  }

  /**
   * The file for a body that begins anew, in the place of all that is left; undefined if the same body is arriving
   * already.
   */
  async begin(name: BodyName): Promise<string | undefined> {
    const path = this.path(name);
    if (this.used.has(path)) return undefined;
    this.used.add(path);
    try {
      await this.removeIf(() => true);
      // Being used by now, it is not among what is left.
      await rm(path, { force: true });
    } catch (error) {
      this.used.delete(path);
      throw error;
    }
    return path;
  }

  /**
   * What there is of this body, read and summed; undefined if there is nothing to go on with.
   *
   * @param onPiece called after each piece that was read
   */
  async find(name: BodyName, onPiece: () => void): Promise<BodyPart | undefined> {
    await this.clean();
    const path = this.path(name);
    const { bytes } = (await this.left()).find((one) => one.path === path) ?? {};
    if (bytes === undefined) return undefined;
    if (this.last?.path !== path || this.last.bytes !== bytes) this.last = beginSum(path, bytes);
    const { last } = this;
    last.listeners.add(onPiece);
    try {
      return { bytes, sha256: await last.sha256 };
    } catch {
      // Another transfer has removed it meanwhile, or it cannot be read: there is nothing to go on with.
      if (this.last === last) this.last = undefined;
      return undefined;
    } finally {
      last.listeners.delete(onPiece);
    }
  }

  /** Opens a part that `find` has told of, to go on with it; undefined if it is another one by now. */
  async resume(name: BodyName, { bytes, sha256 }: BodyPart): Promise<{ file: FileHandle; path: string } | undefined> {
    const path = this.path(name);
    const { last } = this;
    if (this.used.has(path) || last?.path !== path || last.bytes !== bytes) return undefined;
    this.used.add(path);
    this.last = undefined;
    try {
      if ((await last.sha256) === sha256) {
        const file = await open(path, 'r+');
        if ((await file.stat()).size === bytes) return { file, path };
        await file.close();
      }
    } catch {
      // It is gone.
    }
    this.used.delete(path);
    return undefined;
  }

  /** Nobody writes this file any more: it is whole and has another name, or is removed. */
  leave(path: string): void {
    this.used.delete(path);
  }

  /** Nobody writes this file any more, and it is not whole. */
  async suspend(path: string): Promise<void> {
    this.used.delete(path);
    // What has come may be as long as what was there before, and differ from it.
    this.last = undefined;
    await this.clean();
  }

  /** Removes what is too short, too old, or not the newest. */
  async clean(): Promise<void> {
    const all = await this.left();
    const newest = all.reduce<Left | undefined>(
      (best, one) => (best === undefined || isNewer(one, best) ? one : best),
      undefined,
    );
    const now = Date.now();
    // A clock that was set back must not keep it for longer.
    const isStale = ({ changedMs }: Left): boolean => Math.abs(now - changedMs) >= this.keepMs;
    await this.removeIf((one) => one.path !== newest?.path || one.bytes < MIN_PART_BYTES || isStale(one));
    clearTimeout(this.timer);
    const ms = Math.min(this.keepMs, LONGEST_TIMER_MS);
    if (newest !== undefined) this.timer = setTimeout(() => void this.clean().catch(() => {}), ms).unref();
  }

  /** Removes what is of no more use, because a snapshot of this index is here. */
  removeUpTo(index: number): Promise<void> {
    return this.removeIf((one) => one.index <= index);
  }

  /** Bytes of what is left, which gives way to a body that begins anew. */
  async bytes(): Promise<number> {
    return (await this.left()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  private path({ index, term }: BodyName): string {
    return join(this.folder, `${hex(index)}-${hex(term)}.snap.part`);
  }

  private async left(): Promise<readonly Left[]> {
    const found = (await readdir(this.folder)).map((name) => partial.exec(name)).filter((match) => match !== null);
    const all = await Promise.all(
      found.map(async ([name, index = '', term = '']): Promise<Left[]> => {
        const path = join(this.folder, name);
        const file = await stat(path).catch(() => undefined);
        if (file === undefined || this.used.has(path)) return [];
        const [i, t] = [Number.parseInt(index, 16), Number.parseInt(term, 16)];
        return [{ path, index: i, term: t, bytes: file.size, changedMs: file.mtimeMs }];
      }),
    );
    return all.flat();
  }

  private async removeIf(isOld: (one: Left) => boolean): Promise<void> {
    const old = (await this.left()).filter((one) => isOld(one) && !this.used.has(one.path));
    await Promise.all(old.map(({ path }) => rm(path, { force: true })));
  }
}

function isNewer(one: Left, other: Left): boolean {
  return one.index > other.index || (one.index === other.index && one.term > other.term);
}

function hex(n: number): string {
  return n.toString(16).padStart(16, '0');
}

function beginSum(path: string, bytes: number): Sum {
  const listeners = new Set<() => void>();
  const onPiece = (): void => {
    for (const listener of listeners) listener();
  };
  return { path, bytes, sha256: sumOf(path, bytes, onPiece), listeners };
}

async function sumOf(path: string, bytes: number, onPiece: () => void): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { end: bytes - 1 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    onPiece();
  }
  return hash.digest('hex');
}
