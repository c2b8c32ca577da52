/** Reads segments record by record: frames, chain, and what to make of the end. */
import { join } from 'node:path';
import { ERR_DECODE, ERR_POSITION_RANGE, type HardState } from '@raft-ts/proto';
import { ERR_WAL_CORRUPT, ERR_WAL_NOT_FOUND, hasCode, WalError } from '../base/errors.js';
import { type Fs, type FsFile, readFully, withCleanup } from '../base/fs.js';
import { updateCrc } from '../format/crc.js';
import { type Frame, FrameDecoder } from '../format/frame.js';
import { type Content, contentOf, decodeRecord, RecordType, RecordView } from '../format/record.js';
import { hex16, type SegmentName, segmentsAmong } from '../format/segment-name.js';
import type { MarkPlace } from '../mark/log-mark.js';
import { type Damage, type Defect, damageError, judge, lostEnd } from './damage.js';

/** Where a record lies. */
export interface Place {
  readonly segment: SegmentName;
  /** Of its length field. */
  readonly offset: number;
  /** Of the record alone. */
  readonly size: number;
  readonly padding: number;
}

/**
 * What is done with the records, in order. Both objects are the same each time, with other values: nothing may keep them. What
 * `record.data` gives may be kept: it is a view of a piece of the file that nothing else uses.
 */
export interface RecordVisitor {
  record(record: RecordView, place: Place): void;
  /** So many bytes of the log have been read; called for each piece. Reading goes on when what it returns has resolved. */
  progress?(bytes: number): void | Promise<void>;
}

/** How the log ends. */
export interface Tail {
  readonly segment: SegmentName;
  /** Where the next record belongs. */
  readonly offset: number;
  /** The chain's value there. */
  readonly chain: number;
  /** Set where the last file does not end well; the records before it were visited. Never `corrupt` or `lost`: that is thrown. */
  readonly damage: Damage | undefined;
}

const CHUNK = 1 << 20;

/** Room before each piece, for the beginning of a frame that the piece before it ends with. */
const HEADROOM = 1 << 16;

export interface ReadLogOptions {
  readonly fs: Fs;
  readonly dir: string;
  /** What to read, in order; the last one is the last of the log. */
  readonly segments: readonly SegmentName[];
  /** Files that are open already, by name: those are read and stay open. */
  readonly files?: ReadonlyMap<string, FsFile>;
  /** What the mark beside the log said before these files were listed. */
  readonly mark?: MarkPlace | undefined;
}

/**
 * Visits every record of these segments.
 * @throws WalError `ERR_RAFT_WAL_CORRUPT` with file and offset; what the visitor throws
 */
export async function readLog(options: ReadLogOptions, visitor: RecordVisitor): Promise<Tail> {
  const { fs, dir, segments, files, mark } = options;
  const chain = new Chain();
  let tail: Tail | undefined;
  for (const [i, segment] of segments.entries()) {
    checkSequence(segments[i - 1], segment);
    const given = files?.get(segment.name);
    const file = given ?? (await fs.open(join(dir, segment.name)));
    const reader = new SegmentReader(file, segment, chain, visitor);
    tail = await withCleanup(
      () => reader.read(i === segments.length - 1),
      () => (given === undefined ? file.close() : Promise.resolve()),
    );
  }
  if (tail === undefined) throw new WalError(ERR_WAL_NOT_FOUND, 'the folder holds no log');
  const lost = lostEnd(tail, mark);
  if (lost !== undefined) throw damageError(lost);
  return tail;
}

/** @throws WalError `ERR_RAFT_WAL_CORRUPT` where a file is missing between these two, which it names as far as its name is known */
function checkSequence(before: SegmentName | undefined, segment: SegmentName): void {
  if (before === undefined || segment.sequence === before.sequence + 1) return;
  const missing = `${hex16(before.sequence + 1)}-*.wal`;
  const text = `a file of the log is missing, between ${before.name} and ${segment.name}: put it back, or remove the member and add it anew`;
  throw new WalError(ERR_WAL_CORRUPT, text, { file: missing, reason: 'missing' });
}

/** The sum that runs through all records, and the last hard state, which the verdict on damage needs. */
class Chain {
  value = 0;
  private stateBytes: Uint8Array | undefined = undefined;

  /** The sum that this record must have. */
  sumOf({ type, crc, bytes, start, end }: RecordView): number {
    // A chain of 0 is one that begins here, in the first file or in the middle of the log.
    if (type === RecordType.Crc) return this.value === 0 ? crc : this.value;
    return start < 0 ? this.value : updateCrc(this.value, bytes, start, end);
  }

  /** Takes a record in. False where its sum does not fit. */
  accept(record: RecordView): boolean {
    const sum = this.sumOf(record);
    if (sum !== record.crc) return false;
    this.value = sum;
    if (record.type === RecordType.State) this.stateBytes = record.data?.slice();
    return true;
  }

  get state(): HardState | undefined {
    if (this.stateBytes === undefined) return undefined;
    const content = contentOf({ type: RecordType.State, crc: 0, data: this.stateBytes });
    return content.kind === 'state' ? content.state : undefined;
  }
}

/** Where the records of a file end, and what is wrong there. */
interface Outcome {
  readonly end: number;
  readonly defect: Defect | undefined;
}

class SegmentReader {
  private readonly file: FsFile;
  private readonly segment: SegmentName;
  private readonly chain: Chain;
  private readonly visitor: RecordVisitor;
  private headRead = false;
  private readonly record = new RecordView();
  private readonly place: { -readonly [K in keyof Place]: Place[K] };

  constructor(file: FsFile, segment: SegmentName, chain: Chain, visitor: RecordVisitor) {
    this.file = file;
    this.segment = segment;
    this.chain = chain;
    this.visitor = visitor;
    this.place = { segment, offset: 0, size: 0, padding: 0 };
  }

  async read(last: boolean): Promise<Tail> {
    let offset = 0;
    // Beside a writer the end may move while it is looked at: then what has come is read too.
    for (;;) {
      const size = await this.file.size();
      const { end, defect } = await this.records(offset, size);
      const tail = (damage: Damage | undefined): Tail => ({
        segment: this.segment,
        offset: end,
        chain: this.chain.value,
        damage,
      });
      if (!last) {
        if (defect === undefined) return tail(undefined);
        // Only the last file can be torn: the others were synced before the next one had its name.
        throw this.corrupt(defect, end, 'this is not the last file of the log');
      }
      const rest = new Uint8Array(size - end);
      const bytes = rest.subarray(0, await readFully(this.file, rest, end));
      const used = usedLength(bytes);
      if (defect === undefined && used === 0) {
        if (this.headRead) return tail(undefined);
        throw this.corrupt('no records', end, 'the head of a file is durable before the file has its name');
      }
      const still = this.defectAt(bytes);
      if (still === undefined || (await this.moved(end, bytes))) {
        offset = end;
        continue;
      }
      const damage = judge({
        file: this.segment.name,
        offset: end,
        defect: still,
        bytes,
        used,
        chain: this.chain.value,
        state: this.chain.state,
        headRead: this.headRead,
      });
      if (damage.verdict === 'corrupt') throw damageError(damage);
      return tail(damage);
    }
  }

  /** Visits the records from `offset` on; where they end, and what is wrong there. */
  private async records(offset: number, size: number): Promise<Outcome> {
    const decoder = new FrameDecoder(size - offset);
    let position = offset;
    let piece = newPiece(size - position);
    let pending = this.file.read(piece.subarray(HEADROOM), position);
    for (;;) {
      const count = await pending;
      const read = piece.subarray(0, HEADROOM + count);
      position += count;
      // The next piece is on its way while this one is looked at.
      const more = count > 0 && position < size;
      if (more) {
        piece = newPiece(size - position);
        pending = this.file.read(piece.subarray(HEADROOM), position);
      }
      decoder.push(read, HEADROOM);
      let bad: Outcome | undefined;
      try {
        bad = this.frames(decoder, offset);
        await this.visitor.progress?.(count);
      } catch (error) {
        await settled(pending);
        throw error;
      }
      if (bad === undefined && decoder.stop === undefined && more) continue;
      await settled(pending);
      if (bad !== undefined) return bad;
      const defect = decoder.stop === 'end' ? undefined : 'longer than the file';
      return { end: offset + decoder.offset, defect };
    }
  }

  /** Visits what the decoder has; the first record that is bad, if one is. */
  private frames(decoder: FrameDecoder, base: number): Outcome | undefined {
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      const defect = this.frame(frame, base);
      if (defect !== undefined) return { end: base + frame.offset, defect };
    }
    return undefined;
  }

  private frame(frame: Frame, base: number): Defect | undefined {
    const { record, place } = this;
    try {
      record.read(frame.bytes, frame.start, frame.end);
    } catch {
      return 'not a record';
    }
    if (!this.chain.accept(record)) return 'crc mismatch';
    if (record.type === RecordType.Metadata) this.headRead = true;
    place.offset = base + frame.offset;
    place.size = frame.end - frame.start;
    place.padding = frame.padding;
    try {
      this.visitor.record(record, place);
    } catch (error) {
      throw placed(error, place);
    }
    return undefined;
  }

  /** What is wrong with the record at the beginning of `bytes`, if anything is. */
  private defectAt(bytes: Uint8Array): Defect | undefined {
    const decoder = new FrameDecoder(bytes.length);
    decoder.push(bytes);
    const frame = decoder.next();
    if (frame === undefined) return decoder.stop === 'end' ? 'bytes behind the end' : 'longer than the file';
    try {
      const record = decodeRecord(frame.bytes, frame.start, frame.end);
      return this.chain.sumOf(record) === record.crc ? undefined : 'crc mismatch';
    } catch {
      return 'not a record';
    }
  }

  private corrupt(what: string, offset: number, why: string): WalError {
    return new WalError(ERR_WAL_CORRUPT, `${what}: ${why}`, { file: this.segment.name, offset, reason: 'corrupt' });
  }

  /** Has the file changed since `seen` was read at `offset`? */
  private async moved(offset: number, seen: Uint8Array): Promise<boolean> {
    const now = new Uint8Array(seen.length);
    const count = await readFully(this.file, now, offset);
    if (count !== seen.length) return true;
    for (let i = 0; i < count; i++) if (now[i] !== seen[i]) return true;
    return false;
  }
}

/** Memory for the next piece. Of its own, as entries are views of it, and not zeroed: only what was read is looked at. */
function newPiece(left: number): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.allocUnsafeSlow(HEADROOM + Math.min(CHUNK, left));
  // Views of a plain array are made in less time than those of a Buffer.
  return new Uint8Array(buffer, byteOffset, length);
}

/** Waits for a read whose bytes nobody wants any more, so that it neither fails unheard nor meets a closed file. */
async function settled(read: Promise<number>): Promise<void> {
  await read.catch(() => 0);
}

/** How many bytes lie before the zeros at the end, of which there may be millions. `bytes` begin at a multiple of four in memory. */
function usedLength(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end % 4 !== 0 && bytes[end - 1] === 0) end--;
  if (end % 4 === 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, end / 4);
    let count = words.length;
    while (count > 0 && words[count - 1] === 0) count--;
    end = count * 4;
  }
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** Says where in the log the record lies that could not be understood. */
function placed(error: unknown, { segment, offset }: Place): unknown {
  if (error instanceof WalError && error.file === undefined) {
    return new WalError(error.code, error.message, {
      file: segment.name,
      offset,
      cause: error,
      ...(error.reason === undefined ? {} : { reason: error.reason }),
    });
  }
  if (!hasCode(error, ERR_DECODE) && !hasCode(error, ERR_POSITION_RANGE)) return error;
  return new WalError(ERR_WAL_CORRUPT, `a record with the right sum and impossible content: ${String(error)}`, {
    file: segment.name,
    offset,
    reason: 'content',
    cause: error,
  });
}

/** A visitor that looks at what the records say. */
export function contentVisitor(visit: (content: Content, place: Place) => void): RecordVisitor {
  return { record: (record, place) => visit(contentOf(record), place) };
}

/** The segments of a folder; empty where it does not exist. */
export async function listSegments(fs: Fs, dir: string): Promise<SegmentName[]> {
  try {
    return segmentsAmong(await fs.readdir(dir));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/**
 * The segments that hold everything above `index`: the last one that begins at or below it, and all later ones.
 * @throws WalError `ERR_RAFT_WAL_NOT_FOUND`; `ERR_RAFT_WAL_CORRUPT` where one is missing among them
 */
export function segmentsFrom(segments: readonly SegmentName[], index: number): readonly SegmentName[] {
  const first = segments.findLastIndex((segment) => segment.index <= index);
  if (first < 0) {
    throw new WalError(ERR_WAL_NOT_FOUND, `no file of the log reaches back to index ${index}`);
  }
  const wanted = segments.slice(first);
  for (const [i, segment] of wanted.entries()) checkSequence(wanted[i - 1], segment);
  return wanted;
}
