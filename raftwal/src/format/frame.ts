/**
 * A frame is a length field of eight bytes, a record, and padding to a multiple of eight. The length field holds the
 * record's size in its low 56 bits, little-endian; its top byte is 0x80 + padding, or 0 if there is none.
 */

/** Every frame begins at a multiple of this, so that no length field crosses a sector boundary. */
export const ALIGNMENT = 8;
export const FRAME_HEAD = 8;

const TWO_TO_32 = 0x100000000;

export function paddingOf(recordSize: number): number {
  return (ALIGNMENT - (recordSize % ALIGNMENT)) % ALIGNMENT;
}

export function writeFrameHead(buffer: Uint8Array, position: number, recordSize: number): void {
  const padding = paddingOf(recordSize);
  buffer[position] = recordSize;
  buffer[position + 1] = recordSize >>> 8;
  buffer[position + 2] = recordSize >>> 16;
  buffer[position + 3] = recordSize >>> 24;
  buffer[position + 4] = Math.floor(recordSize / TWO_TO_32);
  buffer[position + 5] = 0;
  buffer[position + 6] = 0;
  buffer[position + 7] = padding === 0 ? 0 : 0x80 | padding;
}

export interface FrameHead {
  /** Size of the record in bytes; up to 2^56 - 1, because the field may be damaged. */
  readonly size: number;
  readonly padding: number;
}

/** Reads the length field at `position`. A size of 0 marks the end of the records. */
export function readFrameHead(bytes: Uint8Array, position: number): FrameHead {
  return { size: readRecordSize(bytes, position), padding: readPadding(bytes, position) };
}

function readPadding(bytes: Uint8Array, position: number): number {
  const top = bytes[position + 7] as number;
  return top < 0x80 ? 0 : top & 7;
}

function readRecordSize(bytes: Uint8Array, position: number): number {
  const low =
    ((bytes[position] as number) |
      ((bytes[position + 1] as number) << 8) |
      ((bytes[position + 2] as number) << 16) |
      ((bytes[position + 3] as number) << 24)) >>>
    0;
  const high =
    (bytes[position + 4] as number) | ((bytes[position + 5] as number) << 8) | ((bytes[position + 6] as number) << 16);
  return high * TWO_TO_32 + low;
}

const nothing = new Uint8Array(0);

/** A complete frame. */
export interface Frame {
  /** Offset of the length field in the file. */
  readonly offset: number;
  /** An array that was pushed, or the decoder's own memory. In both cases its contents do not change any more. */
  readonly bytes: Uint8Array;
  /** The record is at [start, end) of `bytes`. */
  readonly start: number;
  readonly end: number;
  readonly padding: number;
}

/** Why there are no more frames. */
export type FrameStop =
  /** The length is zero, or the file ends between two frames. */
  | 'end'
  /** The file ends within a length field. */
  | 'cut-head'
  /** The frame is longer than the rest of the file. */
  | 'past-end';

/**
 * Takes the bytes of one file in pieces of any size and returns its frames. It does no I/O. It keeps no more than twice
 * the pushed bytes, even if a damaged length announces more.
 */
export class FrameDecoder {
  private readonly fileSize: number;
  private buffer: Uint8Array = nothing;
  private start = 0;
  private end = 0;
  /** `buffer` was made here, for a frame of several pieces, and has room after `end`. */
  private gathering = false;
  /** Offset of `buffer[start]` in the file. */
  private position = 0;
  private stopped: FrameStop | undefined = undefined;
  private readonly frame = { offset: 0, bytes: nothing as Uint8Array, start: 0, end: 0, padding: 0 };

  /** @param fileSize total number of bytes that will be pushed */
  constructor(fileSize: number) {
    this.fileSize = fileSize;
  }

  /** Offset of the next frame; once stopped, the offset at which the frames end. */
  get offset(): number {
    return this.position;
  }

  /** Set once `next` has found that there are no more. */
  get stop(): FrameStop | undefined {
    return this.stopped;
  }

  /**
   * Takes the bytes from `from` on. Keeps `bytes`, which must not change afterwards. If a frame began in the piece
   * before, its beginning is copied to just before `from`, over what was there: so nearly nothing is copied.
   */
  push(bytes: Uint8Array, from = 0): void {
    const { buffer, start, end } = this;
    const rest = end - start;
    const count = bytes.length - from;
    if (rest <= from) {
      bytes.set(buffer.subarray(start, end), from - rest);
      this.buffer = bytes;
      this.start = from - rest;
      this.end = bytes.length;
      this.gathering = false;
      return;
    }
    if (!this.gathering || end + count > buffer.length) {
      this.buffer = new Uint8Array(Math.max(rest + count, Math.min(2 * (rest + count), this.fileSize)));
      this.buffer.set(buffer.subarray(start, end));
      this.start = 0;
      this.end = rest;
      this.gathering = true;
    }
    this.buffer.set(bytes.subarray(from), this.end);
    this.end += count;
  }

  /**
   * Returns the next frame; undefined if more bytes must be pushed, or if there are no more frames: see `stop`. Each
   * call returns the same object with other values, because a log has millions of frames.
   */
  next(): Frame | undefined {
    if (this.stopped !== undefined) return undefined;
    const { buffer, start, position } = this;
    const available = this.end - start;
    const left = this.fileSize - position;
    if (left < FRAME_HEAD) {
      // Zeros at the end are not an unfinished length field.
      if (available < left) return undefined;
      const empty = buffer.subarray(start, this.end).every((byte) => byte === 0);
      return this.finish(empty ? 'end' : 'cut-head');
    }
    if (available < FRAME_HEAD) return undefined;
    const size = readRecordSize(buffer, start);
    if (size === 0) return this.finish('end');
    const padding = readPadding(buffer, start);
    const length = FRAME_HEAD + size + padding;
    if (length > left) return this.finish('past-end');
    if (length > available) return undefined;
    this.start = start + length;
    this.position = position + length;
    const { frame } = this;
    frame.offset = position;
    frame.bytes = buffer;
    frame.start = start + FRAME_HEAD;
    frame.end = start + FRAME_HEAD + size;
    frame.padding = padding;
    return frame;
  }

  private finish(stop: FrameStop): undefined {
    this.stopped = stop;
    return undefined;
  }
}
