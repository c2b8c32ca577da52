import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout } from 'node:timers';
import { describeError } from '@raft-ts/proto/internal';
import { hasCode } from '../base/errors.js';
import { type Fs, type FsFile, readFully, SECTOR_SIZE, withCleanup, writeFully } from '../base/fs.js';
import { lockFile } from '../base/lock.js';
import type { LogOptions } from '../base/options.js';
import { updateCrc } from '../format/crc.js';
import { hex16 } from '../format/segment-name.js';

/**
 * A place just after a record: the sequence number of a segment, and the offset in it. Indexes would not do, because a
 * log can get shorter in terms of them.
 */
export interface MarkPlace {
  readonly sequence: number;
  readonly offset: number;
}

/**
 * Two copies, each in its own sector, are written in turn: a power cut can tear at most one, and the other is older.
 */
const SLOTS = 2;

/**
 * The mark is written this long after the first acknowledgement that it lacks. Writing it at each acknowledgement of a
 * busy writer costs 4 % of the saves per second; this delay makes the cost too small to measure.
 */
const BEHIND_MS = 5;

function afterAMoment(run: () => void): void {
  // A process with nothing else to do need not wait for the timer: closing the log writes the mark.
  setTimeout(run, BEHIND_MS).unref();
}

/** Returns `DIR.mark`, a path beside the folder of the log. Inside the folder, etcd's tools would complain about it. */
export function markPath(dir: string): string {
  const named = /^\.*$/.test(basename(dir)) ? resolve(dir) : dir;
  return join(dirname(named), `${basename(named)}.mark`);
}

function encodeSlot({ sequence, offset }: MarkPlace): Uint8Array {
  const text = `raft-wal mark 1 ${hex16(sequence)} ${hex16(offset)} `;
  const sum = updateCrc(0, Buffer.from(text, 'latin1')).toString(16).padStart(8, '0');
  return Buffer.from(`${text}${sum}\n`, 'latin1');
}

function decodeSlot(bytes: Uint8Array): MarkPlace | undefined {
  const text = new TextDecoder('latin1').decode(bytes);
  const match = /^raft-wal mark 1 ([0-9a-f]{16}) ([0-9a-f]{16}) [0-9a-f]{8}\n/.exec(text);
  if (match === null) return undefined;
  const place = { sequence: Number.parseInt(match[1] as string, 16), offset: Number.parseInt(match[2] as string, 16) };
  // A wrong sum shows a torn write: then the other copy counts.
  return new TextDecoder().decode(encodeSlot(place)) === match[0] ? place : undefined;
}

/** Tells whether `one` is further along in the log than `other`. */
export function isBeyond(one: MarkPlace, other: MarkPlace | undefined): boolean {
  if (other === undefined) return true;
  return one.sequence > other.sequence || (one.sequence === other.sequence && one.offset > other.offset);
}

type MarkOptions = Pick<LogOptions, 'unsafeNoLock' | 'logger' | 'later'>;

interface Found {
  readonly place: MarkPlace | undefined;
  /** The copy that has it. */
  readonly slot: number;
}

async function readSlots(file: FsFile): Promise<Found> {
  const bytes = new Uint8Array(SLOTS * SECTOR_SIZE);
  const count = await readFully(file, bytes, 0);
  let found: Found = { place: undefined, slot: SLOTS - 1 };
  for (let slot = 0; slot < SLOTS; slot++) {
    const place = decodeSlot(bytes.subarray(slot * SECTOR_SIZE, Math.min(count, (slot + 1) * SECTOR_SIZE)));
    if (place !== undefined && isBeyond(place, found.place)) found = { place, slot };
  }
  return found;
}

/**
 * Reads the mark beside a log without locking it; returns undefined if there is none. Read it before the log, because a
 * writer may advance both.
 */
export async function readMark(fs: Fs, dir: string): Promise<MarkPlace | undefined> {
  let file: FsFile;
  try {
    file = await fs.open(markPath(dir));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  return withCleanup(
    async () => (await readSlots(file)).place,
    () => file.close(),
  );
}

/**
 * The file `DIR.mark` of a log that is open for writing. It is the lock of the whole log, taken before anything else is
 * touched: the segments are locked too, as etcd does it, but a log that is being created has none yet. It also keeps
 * the furthest place that was acknowledged, so that a log whose end is missing does not pass for a shorter one.
 *
 * The mark never claims more than what was durable when it was written: it is written after the acknowledgement,
 * without a sync, so a power cut may leave an older one. No caller waits for it, and its failures do not affect the
 * log.
 */
export class LogMark {
  /** The mark as it was when it was opened. */
  readonly found: MarkPlace | undefined;
  private readonly file: FsFile;
  private readonly path: string;
  private readonly logger: LogOptions['logger'];
  /** The furthest place that was acknowledged, and the place that the file has. */
  private latest: MarkPlace | undefined;
  private written: MarkPlace | undefined;
  private slot: number;
  private readonly later: NonNullable<LogOptions['later']>;
  /** A write is planned. */
  private planned = false;
  private writing: Promise<void> | undefined = undefined;
  private phase: 'open' | 'failed' | 'closed' = 'open';

  private constructor(file: FsFile, path: string, { place, slot }: Found, { logger, later }: MarkOptions) {
    this.file = file;
    this.path = path;
    this.logger = logger;
    this.later = later ?? afterAMoment;
    this.found = place;
    this.latest = place;
    this.written = place;
    this.slot = slot;
  }

  /**
   * Locks the log in `dir`, whether or not it exists yet.
   * @throws WalError `ERR_RAFT_WAL_LOCKED`, `_LOCK_UNAVAILABLE`, `_IO`
   */
  static async take(fs: Fs, dir: string, options: MarkOptions): Promise<LogMark> {
    const path = markPath(dir);
    const file = await fs.open(path, { write: true, create: true });
    try {
      await lockFile(file, path, options);
      return new LogMark(file, path, await readSlots(file), options);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
  }

  /** Takes note of an acknowledged place. */
  acknowledged(place: MarkPlace): void {
    this.latest = place;
    this.plan();
  }

  private plan(): void {
    if (this.planned || this.phase !== 'open') return;
    this.planned = true;
    this.later(() => {
      this.planned = false;
      if (this.phase !== 'open' || this.writing !== undefined) return;
      this.writing = this.catchUp().finally(() => {
        this.writing = undefined;
        if (this.latest !== this.written) this.plan();
      });
    });
  }

  /** Writes the latest place if the file does not have it. Never rejects. */
  private async catchUp(): Promise<void> {
    const { latest } = this;
    if (latest === undefined || latest === this.written || this.phase !== 'open') return;
    try {
      await this.put(latest);
    } catch (error) {
      this.phase = 'failed';
      const so = 'the log continues without it, so a later loss of its end may go unnoticed';
      this.logger?.warn(`the mark of the log cannot be written: ${describeError(error)}; ${so}`);
    }
  }

  private async put(place: MarkPlace): Promise<void> {
    this.slot = (this.slot + 1) % SLOTS;
    await writeFully(this.file, encodeSlot(place), this.slot * SECTOR_SIZE);
    this.written = place;
  }

  /**
   * Lowers the mark to `place`, in both copies, durably: an operator has decided to give up what is beyond.
   * @throws WalError `ERR_RAFT_WAL_IO`
   */
  async lower(place: MarkPlace): Promise<void> {
    for (let slot = 0; slot < SLOTS; slot++) await this.put(place);
    await this.file.datasync();
    this.latest = place;
  }

  /**
   * Writes the last mark and releases the lock. Never fails: everything acknowledged is in the log, whatever the mark
   * says.
   */
  async close(): Promise<void> {
    if (this.phase === 'closed') return;
    await this.writing;
    // A timer that fires meanwhile must not write too.
    this.writing = this.catchUp();
    await this.writing;
    this.phase = 'closed';
    await this.file
      .close()
      .catch((error: unknown) => this.logger?.warn(`${this.path} was not closed: ${describeError(error)}`));
  }
}
