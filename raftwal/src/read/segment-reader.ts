import { ERR_DECODE, ERR_POSITION_RANGE } from '@raft-ts/proto';
import { ERR_WAL_CORRUPT, hasCode, WalError } from '../base/errors.js';
import { type FsFile, readFully } from '../base/fs.js';
import { findNonZero } from '../base/zeros.js';
import { type Frame, FrameDecoder } from '../format/frame.js';
import { decodeRecord, RecordType, RecordView } from '../format/record.js';
import type { SegmentName } from '../format/segment-name.js';
import type { Chain } from './chain.js';

/** The place of a record. */
export interface Place {
  readonly segment: SegmentName;
  /** Offset of its length field. */
  readonly offset: number;
  /** Size of the record without its frame. */
  readonly size: number;
  readonly padding: number;
}

/**
 * Receives the records, in order. Both objects are reused with other values, so they must not be kept. `record.data`
 * may be kept: it is a view of a piece of the file that nothing else uses.
 */
export interface RecordVisitor {
  record(record: RecordView, place: Place): void;
  /** Called for each piece with the number of bytes read. Reading continues when the returned promise has resolved. */
  progress?(bytes: number): void | Promise<void>;
}

const CHUNK = 1 << 20;

/** Room before each piece for the beginning of a frame that started in the piece before. */
const HEADROOM = 1 << 16;

/** Why the first record that cannot be read is invalid. */
export type Defect =
  /** The length is zero, and bytes that are not zero follow. */
  | 'bytes after the end'
  /** The file ends within the record or its length field. */
  | 'longer than the file'
  | 'crc mismatch'
  /** The bytes are not a record in protobuf. */
  | 'not a record';

/** Where the records of a file end, and why the next one is invalid, if there is one. */
export interface RecordsEnd {
  readonly offset: number;
  readonly defect: Defect | undefined;
}

/** Where the records of the last file end, once nothing changes there any more. */
export interface LastRecordsEnd extends RecordsEnd {
  /** The bytes of the file from `offset` on if there is a defect; else empty. */
  readonly bytes: Uint8Array;
  /** Number of bytes before the zeros at the end. */
  readonly used: number;
  /** Whether the head of this file was read. */
  readonly headRead: boolean;
  /**
   * Between `offset` and here the file holds zeros only; infinite if that is so to its end, or if there is a defect.
   */
  readonly clearTo: number;
}

const nothing = new Uint8Array(0);

/**
 * Reads one file record by record, up to the end of its records. It only describes what follows them; damage.ts says
 * what it means.
 */
export class SegmentReader {
  private readonly file: FsFile;
  private readonly chain: Chain;
  private readonly visitor: RecordVisitor;
  private headRead = false;
  private readonly record = new RecordView();
  private readonly place: { -readonly [K in keyof Place]: Place[K] };

  constructor(file: FsFile, segment: SegmentName, chain: Chain, visitor: RecordVisitor) {
    this.file = file;
    this.chain = chain;
    this.visitor = visitor;
    this.place = { segment, offset: 0, size: 0, padding: 0 };
  }

  /** Reads a file that is not the last one: nobody writes to it any more. */
  async readWhole(): Promise<RecordsEnd> {
    return this.records(0, await this.file.size());
  }

  /**
   * Reads the last file. If a writer appends meanwhile, the new records are read too.
   *
   * @param reach number of bytes after the records that are checked to be zeros; if one is not, the whole rest is read
   */
  async follow(reach: number): Promise<LastRecordsEnd> {
    for (let from = 0; ; ) {
      const size = await this.file.size();
      const { offset, defect } = await this.records(from, size);
      from = offset;
      if (defect === undefined) {
        const to = Math.min(size, offset + reach);
        const { nonZero } = await findNonZero(this.file, offset, to);
        const clearTo = to < size ? to : Number.POSITIVE_INFINITY;
        if (nonZero === undefined) {
          return { offset, defect, bytes: nothing, used: 0, headRead: this.headRead, clearTo };
        }
      }
      const rest = new Uint8Array(size - offset);
      const bytes = rest.subarray(0, await readFully(this.file, rest, offset));
      const used = usedLength(bytes);
      // A writer has cut off what was there.
      if (used === 0) continue;
      const still = this.defectAt(bytes);
      if (still !== undefined && !(await this.moved(offset, bytes))) {
        const clearTo = Number.POSITIVE_INFINITY;
        return { offset, defect: still, bytes, used, headRead: this.headRead, clearTo };
      }
    }
  }

  /** Visits the records from `offset` on. Returns where they end, and what is wrong there. */
  private async records(offset: number, size: number): Promise<RecordsEnd> {
    const decoder = new FrameDecoder(size - offset);
    let position = offset;
    let piece = newPiece(size - position);
    let pending = this.file.read(piece.subarray(HEADROOM), position);
    for (;;) {
      const count = await pending;
      const read = piece.subarray(0, HEADROOM + count);
      position += count;
      // Read the next piece while this one is processed.
      const more = count > 0 && position < size;
      if (more) {
        piece = newPiece(size - position);
        pending = this.file.read(piece.subarray(HEADROOM), position);
      }
      decoder.push(read, HEADROOM);
      let bad: RecordsEnd | undefined;
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
      return { offset: offset + decoder.offset, defect };
    }
  }

  /** Visits the frames that the decoder has. Returns the first bad record, if there is one. */
  private frames(decoder: FrameDecoder, base: number): RecordsEnd | undefined {
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      const defect = this.frame(frame, base);
      if (defect !== undefined) return { offset: base + frame.offset, defect };
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

  /** Returns what is wrong with the record at the beginning of `bytes`; undefined if it is valid. */
  private defectAt(bytes: Uint8Array): Defect | undefined {
    const decoder = new FrameDecoder(bytes.length);
    decoder.push(bytes);
    const frame = decoder.next();
    if (frame === undefined) return decoder.stop === 'end' ? 'bytes after the end' : 'longer than the file';
    try {
      const record = decodeRecord(frame.bytes, frame.start, frame.end);
      return this.chain.sumOf(record) === record.crc ? undefined : 'crc mismatch';
    } catch {
      return 'not a record';
    }
  }

  /** Tells whether the file has changed since `seen` was read at `offset`. */
  private async moved(offset: number, seen: Uint8Array): Promise<boolean> {
    const now = new Uint8Array(seen.length);
    const count = await readFully(this.file, now, offset);
    if (count !== seen.length) return true;
    for (let i = 0; i < count; i++) if (now[i] !== seen[i]) return true;
    return false;
  }
}

/**
 * Allocates memory for the next piece. It is not shared, because entries are views of it, and not zeroed, because only
 * bytes that were read are used.
 */
function newPiece(left: number): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.allocUnsafeSlow(HEADROOM + Math.min(CHUNK, left));
  // Views of a plain array are faster to make than those of a Buffer.
  return new Uint8Array(buffer, byteOffset, length);
}

/**
 * Waits for a read whose result is not needed any more, so that it neither rejects unhandled nor reads from a closed
 * file.
 */
async function settled(read: Promise<number>): Promise<void> {
  await read.catch(() => 0);
}

/**
 * Returns the number of bytes before the zeros at the end, of which there may be millions. `bytes` must begin at a
 * multiple of four in memory.
 */
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

/** Adds the place of the record to an error about its content. */
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
  return new WalError(ERR_WAL_CORRUPT, `a record has the right sum but invalid content: ${String(error)}`, {
    file: segment.name,
    offset,
    reason: 'content',
    cause: error,
  });
}
