/**
 * The fields of the small records that are the log's own (`walpb`, `snappb`), as strict as etcd v3.7: known fields with
 * another wire type are skipped as unknown ones are, and bytes that are no protobuf are refused.
 */
import { ERR_DECODE, MAX_NESTING, RaftError } from '@raft-ts/proto';
import { high, low, readVarint, TRUNCATED } from '@raft-ts/proto/internal';

const TWO_TO_32 = 0x100000000;

/** Of 64 bits, in bytes. */
const LONGEST_VARINT = 10;

function malformed(reason: string, position: number): RaftError {
  return new RaftError(ERR_DECODE, `malformed record: ${reason} at byte ${position}`, { reason });
}

/** Goes through the fields of a record: `next` reads a tag, then one of the others its value. */
export class FieldReader {
  position = 0;
  /** Of the value that `varint` read: its two halves, unsigned. */
  low = 0;
  high = 0;
  private bytes: Uint8Array;
  private end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** Starts over with the record that lies at [position, end) of `bytes`. */
  reset(bytes: Uint8Array, position: number, end: number): void {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  /** The next field's number and wire type, as they are written; 0 at the end of the record. */
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

  /** A varint's low 32 bits, unsigned. */
  uint32(): number {
    this.varint();
    return this.low;
  }

  /** A varint of 64 bits with a sign, as far as numbers are exact. */
  int64(): number {
    this.varint();
    return (this.high | 0) * TWO_TO_32 + this.low;
  }

  /** The length of bytes, which lie within the record; their first byte is at `position`. */
  length(): number {
    this.varint();
    const length = this.high * TWO_TO_32 + this.low;
    if (length > this.end - this.position) throw malformed('truncated', this.position);
    return length;
  }

  /** A view of the bytes. */
  view(): Uint8Array {
    const length = this.length();
    const start = this.position;
    this.position = start + length;
    return this.bytes.subarray(start, this.position);
  }

  /** Steps over the value of the field with this tag. */
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
