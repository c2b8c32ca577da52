import type { Entry, HardState } from '@raft-ts/proto';
import { describeError } from '@raft-ts/proto/internal';
import { ERR_WAL_INVALID, ERR_WAL_POISONED, hasCode, WalError } from '../base/errors.js';
import { closeAll, type Fs, type FsFile, withCleanup, writeFully } from '../base/fs.js';
import { DEFAULT_SEGMENT_SIZE, type LogOptions } from '../base/options.js';
import { RecordBuffer, RecordEncoder } from '../format/encoder.js';
import { encodeWalSnapshot, RecordType, type WalSnapshot } from '../format/record.js';
import { type SegmentName, segmentName } from '../format/segment-name.js';
import type { LogMark } from '../mark/log-mark.js';
import { Batch, type Cut } from './batch.js';
import { FilePipeline } from './file-pipeline.js';
import { beginFile, endFile } from './next-file.js';
import { ZeroCheck } from './zero-check.js';

/** A longer write is worth a warning, because it makes leaders lose their followers. */
const SLOW_SYNC_MS = 1000;

/**
 * The largest write; a longer batch takes several. So at most this many bytes at the end of a log can be visible
 * without being durable.
 */
export const LARGEST_WRITE: number = 4 << 20;

/** A buffer that grew beyond this for one large batch is not kept. */
const LARGEST_KEPT_BUFFER = 4 << 20;

/** Errors that do not cast doubt on what is on the disk. */
const NO_ROOM: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** An open file of the log, which is locked if it is open for writing. */
export interface OpenSegment extends SegmentName {
  readonly file: FsFile;
}

/** The place at which a log continues. */
export interface LogPosition {
  /** Offset just past the last record of the last file. */
  readonly offset: number;
  /** Up to here the last file was checked to hold zeros only; infinite if that is so to its end. */
  readonly clearTo: number;
  /** The value of the chain there. */
  readonly chain: number;
  /** Index of the last entry or snapshot. */
  readonly lastIndex: number;
  readonly hardState: HardState | undefined;
  readonly metadata: Uint8Array | undefined;
}

const durable: Promise<void> = Promise.resolve();

/**
 * Appends to a log, whose open files it owns. Records are encoded when they are saved. One write at a time carries them
 * to the disk, and everything that is saved during a write shares the next one.
 */
export class LogWriter {
  /** Index of the last entry or snapshot that was saved. */
  lastIndex: number;
  private readonly fs: Fs;
  private readonly dir: string;
  private readonly options: LogOptions;
  private readonly now: () => number;
  private readonly segmentSize: number;
  /** The open files, in order. The last one is written to. */
  private readonly held: OpenSegment[];
  private readonly mark: LogMark;
  private readonly pipeline: FilePipeline;
  /** The check of the file that was the last one when the log was opened. It ends before the next file begins. */
  private readonly zeros: ZeroCheck;
  private readonly metadata: Uint8Array | undefined;
  private readonly encoder: RecordEncoder;
  private offset: number;
  /** Sequence number of the last file, including planned ones. */
  private sequence: number;
  /** The last hard state that was saved. */
  private state: HardState | undefined;
  /** The same state while only its commit is new: the next write includes it, and a crash before that loses it. */
  private deferred: HardState | undefined = undefined;
  /** Batches whose write has not begun. Only the last can be open. */
  private readonly batches: Batch[] = [];
  private running: Promise<void> | undefined = undefined;
  private spare: RecordBuffer | undefined = undefined;
  private poison: WalError | undefined = undefined;

  /** @param segments open and locked files, in order; the writer closes them */
  constructor(
    fs: Fs,
    dir: string,
    segments: readonly OpenSegment[],
    mark: LogMark,
    position: LogPosition,
    options: LogOptions,
  ) {
    this.fs = fs;
    this.dir = dir;
    this.held = [...segments];
    this.mark = mark;
    this.options = options;
    this.now = options.now ?? (() => performance.now());
    this.segmentSize = options.segmentSize ?? DEFAULT_SEGMENT_SIZE;
    this.encoder = new RecordEncoder(position.chain);
    this.offset = position.offset;
    this.lastIndex = position.lastIndex;
    this.state = position.hardState;
    this.metadata = position.metadata;
    const { sequence, file, name } = segments.at(-1) as OpenSegment;
    this.sequence = sequence;
    this.zeros = new ZeroCheck(file, name, position.clearTo, (error) => this.poisonForRest(error));
    this.pipeline = new FilePipeline(fs, dir, this.segmentSize, options.logger);
    this.pipeline.prepare();
  }

  /** Returns the open files, in order. */
  get segments(): readonly SegmentName[] {
    return this.held;
  }

  /** @throws WalError `ERR_RAFT_WAL_POISONED` once a write has failed */
  check(): void {
    if (this.poison !== undefined) throw this.poison;
  }

  save(hardState: HardState | undefined, entries: readonly Entry[]): Promise<void> {
    this.check();
    const state = hardState === undefined || isZero(hardState) ? undefined : hardState;
    const vital = state !== undefined && (state.term !== this.state?.term || state.vote !== this.state.vote);
    if (entries.length === 0 && !vital) {
      if (state !== undefined) this.defer(state);
      return durable;
    }
    const batch = this.openBatch();
    this.append(batch, (out) => {
      if (entries.length > 0) this.addEntries(out, entries);
      if (vital) this.addState(batch, state);
    });
    if (entries.length > 0) this.lastIndex = (entries.at(-1) as Entry).index;
    if (vital) {
      this.state = state;
      batch.closed = true;
    } else if (state !== undefined) this.defer(state);
    return batch.done;
  }

  saveSnapshot(snapshot: WalSnapshot): Promise<void> {
    this.check();
    const { index, term, confState } = snapshot;
    if (!Number.isSafeInteger(index) || !Number.isSafeInteger(term) || index < 0 || term < 0) {
      throw new WalError(ERR_WAL_INVALID, `a snapshot needs index and term, got ${index} and ${term}`);
    }
    if (index > 0 && confState === undefined) {
      throw new WalError(ERR_WAL_INVALID, `the mark of snapshot ${index} needs its ConfState`);
    }
    const data = encodeWalSnapshot(snapshot);
    const batch = this.openBatch();
    this.append(batch, (out) => {
      // Readers believe a mark only up to the commit.
      if (this.deferred !== undefined) this.addState(batch, this.deferred);
      batch.beginWrite();
      this.encoder.record(out, RecordType.Snapshot, data);
    });
    this.lastIndex = Math.max(this.lastIndex, index);
    batch.closed = true;
    return batch.done;
  }

  /** Resolves when everything saved so far is durable, including the commit. */
  async sync(): Promise<void> {
    this.check();
    const { deferred } = this;
    if (deferred !== undefined) {
      const batch = this.openBatch();
      this.append(batch, () => this.addState(batch, deferred));
      batch.closed = true;
      await batch.done;
    }
    await this.settled();
  }

  /** Begins a new file after everything that was saved so far. */
  async cut(): Promise<void> {
    this.check();
    const batch = this.openBatch();
    this.planCut(batch);
    await batch.done;
    await this.settled();
  }

  /** Closes and unlocks the files that hold nothing at or above `index` - 1. They stay on disk. */
  async releaseTo(index: number): Promise<void> {
    // A snapshot's mark counts only up to the commit. Without the commit, the next start would need the files that are
    // released here.
    await this.sync();
    const above = this.held.findIndex((segment) => segment.index >= index);
    const keep = (above < 0 ? this.held.length : above) - 1;
    if (keep <= 0) return;
    await closeAll(this.held.splice(0, keep).map(({ file }) => file));
  }

  /** Writes what is left, unless the log is poisoned. Nothing may be saved afterwards; `closeFiles` comes next. */
  async finish(): Promise<void> {
    await withCleanup(
      async () => {
        if (this.poison === undefined) await this.sync();
      },
      async () => {
        while (this.running !== undefined) await this.running;
        await this.zeros.stop();
        await this.pipeline.close();
      },
    );
  }

  /** Closes and unlocks all files. */
  async closeFiles(): Promise<void> {
    await closeAll(this.held.splice(0).map(({ file }) => file));
  }

  private async settled(): Promise<void> {
    while (this.running !== undefined) await this.running;
    this.check();
  }

  private defer(state: HardState): void {
    if (state.commit === this.state?.commit) return;
    this.state = state;
    this.deferred = state;
  }

  /** Returns the batch for new records. */
  private openBatch(): Batch {
    const open = this.batches.at(-1);
    if (open !== undefined && !open.closed) return open;
    const batch = new Batch(this.spare);
    this.spare = undefined;
    this.batches.push(batch);
    this.running ??= this.run();
    return batch;
  }

  /** Adds records to a batch. If that fails, the log is as before. */
  private append(batch: Batch, add: (out: RecordBuffer) => void): void {
    const { buffer, ends } = batch;
    const { encoder, deferred } = this;
    const { length } = buffer;
    const { chain } = encoder;
    const writes = ends.length;
    try {
      add(buffer);
    } catch (error) {
      buffer.length = length;
      ends.length = writes;
      encoder.chain = chain;
      this.deferred = deferred;
      throw error;
    }
  }

  private addEntries(out: RecordBuffer, entries: readonly Entry[]): void {
    if (out.length === 0 && this.deferred !== undefined) {
      this.encoder.state(out, this.deferred);
      this.deferred = undefined;
    }
    for (let i = 0; i < entries.length; i++) this.encoder.entry(out, entries[i] as Entry);
  }

  /** Adds a State in a separate write. It holds the deferred commit or a later one. */
  private addState(batch: Batch, state: HardState): void {
    batch.beginWrite();
    this.encoder.state(batch.buffer, state);
    this.deferred = undefined;
  }

  /** Writes one batch after another until none is left. */
  private async run(): Promise<void> {
    // Everything that is saved in the same turn shares a write.
    await durable;
    for (let batch = this.batches.shift(); batch !== undefined; batch = this.batches.shift()) {
      const { buffer } = batch;
      // If there is another batch, it already continues the chain, and no file can begin before it.
      if (this.batches.length === 0 && this.offset + buffer.length >= this.segmentSize) this.planCut(batch);
      try {
        this.check();
        await this.write(batch);
        batch.resolve();
        this.noteAcknowledged();
        if (batch.cut !== undefined) await this.beginNext(batch.cut);
      } catch (error) {
        const poison = await this.fail(error);
        batch.reject(poison);
        for (const waiting of this.batches.splice(0)) waiting.reject(poison);
        break;
      }
      this.recycle(buffer);
    }
    this.running = undefined;
  }

  private noteAcknowledged(): void {
    const { sequence } = this.held.at(-1) as OpenSegment;
    this.mark.acknowledged({ sequence, offset: this.offset });
  }

  private async write({ buffer, ends }: Batch): Promise<void> {
    const { file, name } = this.held.at(-1) as OpenSegment;
    const { metrics, logger } = this.options;
    const { length } = buffer;
    for (let from = 0, part = 0; from < length; ) {
      const end = Math.min(ends[part] ?? length, from + LARGEST_WRITE);
      if (!this.zeros.covers(this.offset + end - from)) await this.zeros.reach(this.offset + end - from);
      const began = this.now();
      await writeFully(file, buffer.bytes.subarray(from, end), this.offset);
      const took = this.now() - began;
      metrics?.observeSync(took / 1000);
      metrics?.observeWrite(took / 1000, end - from);
      if (took > SLOW_SYNC_MS) logger?.warn(`slow fdatasync: ${name} took ${Math.round(took)} ms`);
      this.offset += end - from;
      from = end;
      if (from === ends[part]) part++;
    }
  }

  private recycle(buffer: RecordBuffer): void {
    if (buffer.bytes.length > LARGEST_KEPT_BUFFER) return;
    buffer.length = 0;
    this.spare = buffer;
  }

  /** Encodes the head of the next file, which continues the chain after this batch. */
  private planCut(batch: Batch): void {
    if (batch.cut !== undefined) return;
    const { encoder, state } = this;
    const head = new RecordBuffer();
    encoder.record(head, RecordType.Crc, undefined);
    encoder.record(head, RecordType.Metadata, this.metadata);
    // Even if no state was saved since the log was opened: the files before this one may be removed one day.
    if (state !== undefined) encoder.state(head, state);
    this.deferred = undefined;
    this.sequence++;
    batch.cut = { name: segmentName(this.sequence, this.lastIndex + 1), head };
    batch.closed = true;
  }

  private async beginNext(cut: Cut): Promise<void> {
    const { fs, dir, pipeline, options } = this;
    await this.cutRest();
    const file = await beginFile({ fs, dir, pipeline, options }, cut);
    this.held.push({ ...cut.name, file });
    this.offset = cut.head.length;
    pipeline.prepare();
  }

  /** Cuts off what the last file has after its records, once it is known not to be proof that records were lost. */
  private async cutRest(): Promise<void> {
    const { file } = this.held.at(-1) as OpenSegment;
    await this.zeros.reach(Number.POSITIVE_INFINITY);
    await endFile(file, this.offset);
  }

  /** Poisons the log after a failed write: the bytes on disk cannot be relied on, so nothing more is written. */
  private async fail(cause: unknown): Promise<WalError> {
    if (this.poison !== undefined) return this.poison;
    const poison = this.poisonFor('a write failed', cause);
    if (NO_ROOM.some((code) => hasCode(cause, code))) {
      try {
        // A record may be incomplete. No part of it was acknowledged.
        await this.cutRest();
      } catch {
        // Then the next open finds a torn write.
      }
    }
    return poison;
  }

  /** Ends all writing. If there are several reasons, the first one counts. */
  private poisonFor(what: string, cause: unknown): WalError {
    const { name } = this.held.at(-1) as OpenSegment;
    const text = `${what}, and nothing more is written until the log is opened again: ${describeError(cause)}`;
    this.poison ??= new WalError(ERR_WAL_POISONED, text, { file: name, offset: this.offset, cause });
    return this.poison;
  }

  /** The logger is told too, because it may be long until the next save. */
  private poisonForRest(cause: unknown): void {
    this.poisonFor('the rest of the last file cannot be relied on', cause);
    this.options.logger?.warn(`the log in ${this.dir} takes no more records: ${describeError(cause)}`);
  }
}

function isZero({ term, vote, commit }: HardState): boolean {
  return term === 0 && vote === 0n && commit === 0;
}
