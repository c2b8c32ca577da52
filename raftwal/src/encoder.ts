import { type Entry, encodeEntryInto, encodeHardState, entrySize, type HardState } from '@raft-ts/proto';
import { updateCrc } from './crc.js';
import { varintSize } from './fields.js';
import { FRAME_HEAD, paddingOf, writeFrameHead } from './frame.js';
import { RecordType, recordSize, writeRecordHead } from './record.js';

/** Type, tag of the sum, a sum of five bytes (fifteen in sixteen have that many), tag of the data. */
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

/** Writes records, framed, one behind the other, and carries the chain on. */
export class RecordEncoder {
  /** The chain's value behind the last record. */
  chain: number;

  constructor(chain: number) {
    this.chain = chain;
  }

  /**
   * Adds an entry. The longest part of the log, so it is encoded in place.
   * @throws RaftError `ERR_RAFT_POSITION_RANGE`; the buffer and the chain are as before
   */
  entry(out: RecordBuffer, entry: Entry): void {
    const length = entrySize(entry);
    const usual = USUAL_HEAD + varintSize(length);
    out.reserve(FRAME_HEAD + usual + length + 8);
    const { bytes, length: begin } = out;
    const start = begin + FRAME_HEAD;
    const dataAt = start + usual;
    encodeEntryInto(entry, bytes, dataAt);
    const crc = updateCrc(this.chain, bytes.subarray(dataAt, dataAt + length));
    const size = recordSize(crc, length);
    // A shorter sum moves the data towards the front.
    if (size < usual + length) bytes.copyWithin(start + size - length, dataAt, dataAt + length);
    writeRecordHead(bytes, start, RecordType.Entry, crc, length);
    this.finish(out, size, crc);
  }

  /** Adds a hard state. @throws RaftError `ERR_RAFT_POSITION_RANGE` */
  state(out: RecordBuffer, state: HardState): void {
    this.record(out, RecordType.State, encodeHardState(state));
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
    const padding = paddingOf(size);
    bytes.fill(0, end, end + padding);
    out.length = end + padding;
    this.chain = crc;
  }
}
