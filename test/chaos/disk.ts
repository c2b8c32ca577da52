/** A small file system of its own for one member, which can be filled. Needs Linux and root. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Room for the segments of a log, which take 64 MB each, written or prepared, and for the 128 MB that a streamed
 * snapshot has to leave free: with less, a member that needs one never gets it.
 */
const SIZE = '450m';
const PIECE = Buffer.alloc(1024 * 1024);

export class SmallDisk {
  readonly folder: string;
  private readonly mountPoint: string;
  private readonly filler: string;

  private constructor(mountPoint: string) {
    this.mountPoint = mountPoint;
    this.folder = join(mountPoint, 'data');
    this.filler = join(mountPoint, 'filler');
  }

  /** Returns why there is none, if that needs rights that this process does not have. */
  static mount(mountPoint: string): SmallDisk | string {
    mkdirSync(mountPoint);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', mountPoint], { stdio: 'pipe' });
      return new SmallDisk(mountPoint);
    } catch (error) {
      return (error as Error).message.trim();
    }
  }

  /** Leaves not one byte. */
  fill(): void {
    const file = openSync(this.filler, 'w');
    try {
      for (let size = PIECE.length; size >= 1; size = Math.floor(size / 2)) {
        while (writes(file, PIECE.subarray(0, size)));
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.filler, { force: true });
  }

  /** What it held is lost. Also while a process still has files open there. */
  unmount(): void {
    execFileSync('umount', ['--lazy', this.mountPoint], { stdio: 'pipe' });
  }
}

function writes(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
