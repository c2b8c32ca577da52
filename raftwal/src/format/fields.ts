/**
 * Reads the fields of the log's own small records (`walpb`, `snappb`) as strictly as etcd v3.7: known fields with
 * another wire type are skipped like unknown ones, and bytes that are not protobuf are refused.
 */
import { ERR_DECODE, MAX_NESTING, RaftError } from '@raft-ts/proto';
import { high, low, readVarint, TRUNCATED } from '@raft-ts/proto/internal';

const TWO_TO_32 = 0x100000000;

/** Length in bytes of a varint of 64 bits. */
const LONGEST_VARINT = 10;

function malformed(reason: string, position: number): RaftError {
  return new RaftError(ERR_DECODE, `malformed record: ${reason} at byte ${position}`, { reason });
}

/** Goes through the fields of a record: `next` reads a tag, and then one of the other methods its value. */
export class FieldReader {
  position = 0;
  /** The two halves, unsigned, of the value that `varint` read. */
  low = 0;
  high = 0;
  private bytes: Uint8Array;
  private end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** Starts again with the record at [position, end) of `bytes`. */
  reset(bytes: Uint8Array, position: number, end: number): void {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  /** Returns the next field's number and wire type as they are encoded; 0 at the end of the record. */
  next(): number {
    if (this.position >= this.end) return 0;
    const byte = this.bytes[this.position] as number;
    if (byte < 128 && byte > 7) {
      this.position++;
      return byte;
    }
    this.varint();
    if (this.high !== 0 || this.low < 8) throw malformed('field-number', this.position);
    return this.low;
  }

  /** Reads a varint into `low` and `high`. */
  varint(): void {
    const byte = this.bytes[this.position] as number;
    if (byte < 128 && this.position < this.end) {
      this.position++;
      this.low = byte;
      this.high = 0;
      return;
    }
    const next = readVarint(this.bytes, this.position, this.end);
    if (next < 0) {
      this.position = next === TRUNCATED ? this.end : this.position + LONGEST_VARINT;
      throw malformed(next === TRUNCATED ? 'truncated' : 'varint', this.position);
    }
    this.position = next;
    this.low = low >>> 0;
    this.high = high >>> 0;
  }

  /** Reads a varint and returns its low 32 bits, unsigned. */
  uint32(): number {
    this.varint();
    return this.low;
  }

  /** Reads a signed varint of 64 bits; exact up to 2^53. */
  int64(): number {
    this.varint();
    return (this.high | 0) * TWO_TO_32 + this.low;
  }

  /** Reads the length of a byte string, which must lie within the record; its first byte is at `position`. */
  length(): number {
    this.varint();
    const length = this.high * TWO_TO_32 + this.low;
    if (length > this.end - this.position) throw malformed('truncated', this.position);
    return length;
  }

  /** Reads a byte string; returns a view of it. */
  view(): Uint8Array {
    const length = this.length();
    const start = this.position;
    this.position = start + length;
    return this.bytes.subarray(start, this.position);
  }

  /** Skips the value of the field with this tag. */
  skip(tag: number): void {
    const open: number[] = [];
    let current = tag;
    do {
      switch (current & 7) {
        case 0:
          this.varint();
          break;
        case 1:
          this.advance(8);
          break;
        case 2:
          this.advance(this.length());
          break;
        case 3:
          open.push(current >>> 3);
          break;
        case 4:
          if (open.pop() !== current >>> 3) throw malformed('group', this.position);
          break;
        case 5:
          this.advance(4);
          break;
        default:
          throw malformed('wire-type', this.position);
      }
      if (open.length > MAX_NESTING) throw malformed('nesting', this.position);
      if (open.length > 0) {
        current = this.next();
        if (current === 0) throw malformed('truncated', this.position);
      }
    } while (open.length > 0);
  }

  private advance(count: number): void {
    if (count > this.end - this.position) throw malformed('truncated', this.position);
    this.position += count;
  }
}
