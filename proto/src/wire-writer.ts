/**
 * Writing of single fields: each function writes at `pos` into `buf`, which has room, and returns the position behind.
 * Values are checked here and nowhere else.
 *
 * Not methods of a protobufjs `Writer`: with the position in a local variable a heartbeat takes 30 ns instead of 40,
 * and `Writer` takes -1, 1.5, NaN and bigints for something else without a word.
 */
import { badArgument, isBytes } from './arguments.js';
import { outOfRange, POSITION_RANGE, TYPE_RANGE } from './codes.js';
import { highHalf, lowHalf } from './ids.js';

/** Up to this length a loop beats the engine's copy. */
const SHORT_BYTES = 16;

/** Writes an unsigned integer of at most 53 bits. */
function writeNumber(buf: Uint8Array, pos: number, value: number): number {
  if (value > 127) return writeLongNumber(buf, pos, value);
  buf[pos] = value;
  return pos + 1;
}

function writeLongNumber(buf: Uint8Array, pos: number, value: number): number {
  let at = pos;
  let rest = value;
  if (rest > 0x7fffffff) {
    // Four groups of seven bits; what is left has 25 at most.
    const low = rest % 0x10000000;
    rest = (rest - low) / 0x10000000;
    buf[at++] = (low & 127) | 128;
    buf[at++] = ((low >>> 7) & 127) | 128;
    buf[at++] = ((low >>> 14) & 127) | 128;
    buf[at++] = (low >>> 21) | 128;
  }
  while (rest > 127) {
    buf[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  buf[at++] = rest;
  return at;
}

/** Writes an unsigned integer of 64 bits. */
function writeHalves(buf: Uint8Array, pos: number, low: number, high: number): number {
  let at = pos;
  let lo = low;
  let hi = high;
  while (hi !== 0 || lo >>> 0 > 127) {
    buf[at++] = (lo & 127) | 128;
    lo = (lo >>> 7) | (hi << 25);
    hi >>>= 7;
  }
  buf[at++] = lo;
  return at;
}

/** A term, index, or other position. */
export function writePosition(buf: Uint8Array, pos: number, tag: number, value: number, field: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw outOfRange(field, value, POSITION_RANGE);
  buf[pos] = tag;
  return writeNumber(buf, pos + 1, value);
}

/** An id; zero is left out. To ask that of the halves is cheaper than of the bigint. */
export function writeId(buf: Uint8Array, pos: number, tag: number, id: bigint, field: string): number {
  const low = lowHalf(id, field);
  const high = highHalf();
  return (low | high) === 0 ? pos : writeTaggedHalves(buf, pos, tag, low, high);
}

/** An id, zero too. */
export function writePresentId(buf: Uint8Array, pos: number, tag: number, id: bigint, field: string): number {
  const low = lowHalf(id, field);
  return writeTaggedHalves(buf, pos, tag, low, highHalf());
}

function writeTaggedHalves(buf: Uint8Array, pos: number, tag: number, low: number, high: number): number {
  buf[pos] = tag;
  if (high !== 0 || low >>> 0 > 127) return writeHalves(buf, pos + 1, low, high);
  buf[pos + 1] = low;
  return pos + 2;
}

/** An enum. */
export function writeType(buf: Uint8Array, pos: number, tag: number, value: number, field: string): number {
  if (!Number.isInteger(value) || (value | 0) !== value) throw outOfRange(field, value, TYPE_RANGE);
  // A negative number is written with its sign extended to 64 bits.
  return writeTaggedHalves(buf, pos, tag, value, value >> 31);
}

/** The bool true. */
export function writeTrue(buf: Uint8Array, pos: number, tag: number): number {
  buf[pos] = tag;
  buf[pos + 1] = 1;
  return pos + 2;
}

/** The length of these bytes. What is none has a length in JavaScript too, and would be written as other bytes. */
export function bytesLength(value: Uint8Array, field: string): number {
  if (isBytes(value)) return value.length;
  throw badArgument(field, { path: '', value, allowed: 'a Uint8Array or undefined' });
}

/** Bytes. */
export function writeBytes(buf: Uint8Array, pos: number, tag: number, value: Uint8Array, field: string): number {
  const length = bytesLength(value, field);
  const at = writeLength(buf, pos, tag, length);
  if (length <= SHORT_BYTES) for (let i = 0; i < length; i++) buf[at + i] = value[i] as number;
  // Where a caller's buffer is too small nothing is written, and the position says so in the end.
  else if (at + length <= buf.length) buf.set(value, at);
  return at + length;
}

/** Bytes; empty ones are left out. */
export function writeSomeBytes(
  buf: Uint8Array,
  pos: number,
  tag: number,
  value: Uint8Array | undefined,
  field: string,
): number {
  if (value === undefined || bytesLength(value, field) === 0) return pos;
  return writeBytes(buf, pos, tag, value, field);
}

/** The head of bytes or of a nested record. */
export function writeLength(buf: Uint8Array, pos: number, tag: number, length: number): number {
  buf[pos] = tag;
  return writeNumber(buf, pos + 1, length);
}
