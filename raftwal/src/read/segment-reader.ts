import { ERR_DECODE, ERR_POSITION_RANGE } from '@raft-ts/proto';
import { ERR_WAL_CORRUPT, hasCode, WalError } from '../base/errors.js';
import { type FsFile, readFully } from '../base/fs.js';
import { findNonZero } from '../base/zeros.js';
import { type Frame, FrameDecoder } from '../format/frame.js';
import { decodeRecord, RecordType, RecordView } from '../format/record.js';
import type { SegmentName } from '../format/segment-name.js';
import type { Chain } from './chain.js';

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

const CHUNK = 1 << 20;

/** Room before each piece, for the beginning of a frame that the piece before it ends with. */
const HEADROOM = 1 << 16;

/** How the first record that cannot be read fails. */
export type Defect =
  /** A length of zero, and other bytes behind it. */
  | 'bytes behind the end'
  /** The file ends in the record or its length field. */
  | 'longer than the file'
  | 'crc mismatch'
  /** Not a record in protobuf. */
  | 'not a record';

/** Where the records of a file end, and how the next one fails, if there is one. */
export interface RecordsEnd {
  readonly offset: number;
  readonly defect: Defect | undefined;
}

/** Where the records of the last file end, once nothing changes there any more. */
export interface LastRecordsEnd extends RecordsEnd {
  /** The file from `offset` on, if there is a defect; else it is empty. */
  readonly bytes: Uint8Array;
  /** How many of them lie before the zeros at the end. */
  readonly used: number;
  /** Was the head of this file read? */
  readonly headRead: boolean;
  /** Between `offset` and here the file holds zeros only; infinite if that is so to its end, or if there is a defect. */
  readonly clearTo: number;
}

const nothing = new Uint8Array(0);

/**
 * Reads one file record by record, up to where its records end. What it finds there it only describes: damage.ts says what it
 * means.
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

  /** Reads a file that another one follows: nobody writes it any more. */
  async readWhole(): Promise<RecordsEnd> {
    return this.records(0, await this.file.size());
  }

  /**
   * Reads the last file. Beside a writer its end may move while it is looked at: then what has come is read too.
   *
   * @param reach so many bytes after the records are checked, which must be zeros; all of them only if one is not
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

  /** Visits the records from `offset` on; where they end, and what is wrong there. */
  private async records(offset: number, size: number): Promise<RecordsEnd> {
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

  /** Visits what the decoder has; the first record that is bad, if one is. */
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
