import { type Entry, entrySize, type HardState, hardStateSize } from '@raft-ts/proto';
import { encodeEntryInto, encodeHardStateInto, numberSize } from '@raft-ts/proto/internal';
import { updateCrc } from './crc.js';
import { FRAME_HEAD, paddingOf, writeFrameHead } from './frame.js';
import { RecordType, recordSize, writeRecordHead } from './record.js';

/** Type, tag of the sum, a sum of five bytes (true for fifteen sums in sixteen), tag of the data. */
const USUAL_HEAD = 2 + 1 + 5 + 1;

const SMALLEST = 4096;

/** Bytes of records on their way to the disk. */
export class RecordBuffer {
  bytes: Uint8Array = new Uint8Array(SMALLEST);
  length = 0;

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

/** Writes framed records one after another, and continues the chain. */
export class RecordEncoder {
  /** The value of the chain after the last record. */
  chain: number;

  constructor(chain: number) {
    this.chain = chain;
  }

  /** Adds an entry. @throws RaftError `ERR_RAFT_POSITION_RANGE`; the buffer and the chain are as before */
  entry(out: RecordBuffer, entry: Entry): void {
    const length = entrySize(entry);
    const at = room(out, length);
    encodeEntryInto(entry, out.bytes, at);
    this.inPlace(out, RecordType.Entry, at, length);
  }

  /** Adds a hard state. @throws as `entry` does */
  state(out: RecordBuffer, state: HardState): void {
    const length = hardStateSize(state);
    const at = room(out, length);
    encodeHardStateInto(state, out.bytes, at);
    this.inPlace(out, RecordType.State, at, length);
  }

  /**
   * Adds a record whose data were written at the position that `room` returned, so that they need not be copied. Nearly
   * all records take this path.
   */
  private inPlace(out: RecordBuffer, type: RecordType, dataAt: number, length: number): void {
    const { bytes } = out;
    const start = out.length + FRAME_HEAD;
    const crc = updateCrc(this.chain, bytes, dataAt, dataAt + length);
    const size = recordSize(crc, length);
    // With a shorter sum, the data move towards the front.
    if (start + size < dataAt + length) bytes.copyWithin(start + size - length, dataAt, dataAt + length);
    writeRecordHead(bytes, start, type, crc, length);
    this.finish(out, size, crc);
  }

  /** Adds a record of any other kind. A Crc record carries the chain and no data. */
  record(out: RecordBuffer, type: RecordType, data: Uint8Array | undefined): void {
    const crc = data === undefined ? this.chain : updateCrc(this.chain, data);
    const size = recordSize(crc, data?.length);
    out.reserve(FRAME_HEAD + size + 8);
    const at = writeRecordHead(out.bytes, out.length + FRAME_HEAD, type, crc, data?.length);
    if (data !== undefined) out.bytes.set(data, at);
    this.finish(out, size, crc);
  }

  private finish(out: RecordBuffer, size: number, crc: number): void {
    const { bytes, length } = out;
    writeFrameHead(bytes, length, size);
    const end = length + FRAME_HEAD + size;
    const next = end + paddingOf(size);
    for (let at = end; at < next; at++) bytes[at] = 0;
    out.length = next;
    this.chain = crc;
  }
}

/**
 * Makes room for a record with this many bytes of data. Returns where the data belong if the sum has the usual length.
 */
function room(out: RecordBuffer, length: number): number {
  const usual = USUAL_HEAD + numberSize(length);
  out.reserve(FRAME_HEAD + usual + length + 8);
  return out.length + FRAME_HEAD + usual;
}
