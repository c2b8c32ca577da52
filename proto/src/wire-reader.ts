/**
 * Reads single fields at the position of a protobufjs `Reader`, as strictly as etcd v3.7. `reader.len` is the end of
 * the record that is being read, so nothing reads past the record it belongs to.
 *
 * Varints come from `varint.ts`, the short ones inline: protobufjs would allocate a `Long` for each and accept
 * malformed ones.
 */
import protobuf from 'protobufjs/minimal.js';
import { checkBytes } from './arguments.js';
import { ERR_DECODE, LARGEST_COPY, MAX_FIELDS, MAX_NESTING, outOfRange, POSITION_RANGE } from './codes.js';
import { RaftError } from './errors.js';
import { idOf, smallId } from './ids.js';
import { copyBytes } from './slab.js';
import { high, low, readVarint, TRUNCATED } from './varint.js';

export type Reader = protobuf.Reader;

export function newReader(bytes: Uint8Array): Reader {
  checkBytes('bytes', bytes);
  return new protobuf.Reader(bytes);
}

const nothing = new Uint8Array(0);

/** Streams and logs hold millions of records, which share one reader. Reading one never starts reading another. */
const shared = newReader(nothing);

/** Start of what the shared reader reads. */
let origin = 0;

/** A reader of [start, end) of `bytes`, until `closeReader`. */
export function openReader(bytes: Uint8Array, start: number, end: number): Reader {
  checkBytes('bytes', bytes);
  shared.buf = bytes;
  shared.pos = start;
  shared.len = end;
  origin = start;
  return shared;
}

/** Releases the bytes. */
export function closeReader(): void {
  shared.buf = nothing;
}

/** The memory under a reader's bytes. */
export interface Region {
  readonly buffer: ArrayBufferLike;
  /** Offset in `buffer` of the reader's first byte. */
  readonly start: number;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

const TWO_TO_32 = 0x100000000;
/** High half of 2^53. */
const HIGH_OF_RANGE = 0x200000;

function malformed(r: Reader, reason: string, what: string): RaftError {
  const position = r === shared ? r.pos - origin : r.pos;
  return new RaftError(ERR_DECODE, `${what} at byte ${position}`, { reason });
}

/** Builds the error for a record that holds more than `allowed` of something. */
export function tooMany(r: Reader, what: string, allowed: number): RaftError {
  return malformed(r, 'limit', `more than ${allowed} ${what}`);
}

function truncated(r: Reader): RaftError {
  return malformed(r, 'truncated', 'record ends within a field');
}

/** Reads a varint of any length; returns its low 32 bits, signed, and leaves the high ones in `high`. */
function readHalves(r: Reader): number {
  const next = readVarint(r.buf, r.pos, r.len);
  if (next < 0) throw next === TRUNCATED ? truncated(r) : malformed(r, 'varint', 'number of more than 64 bits');
  r.pos = next;
  return low;
}

/** A term, index, or other position. Throws `ERR_RAFT_POSITION_RANGE` above 2^53 - 1. */
export function readPosition(r: Reader, field: string): number {
  const { buf, pos } = r;
  if (pos < r.len) {
    const byte = buf[pos] as number;
    if (byte < 128) {
      r.pos = pos + 1;
      return byte;
    }
  }
  return readLongPosition(r, field);
}

function readLongPosition(r: Reader, field: string): number {
  const { buf, pos } = r;
  // Most take two to four bytes.
  if (pos + 4 <= r.len) {
    let byte = buf[pos + 1] as number;
    let value = ((buf[pos] as number) & 127) | ((byte & 127) << 7);
    if (byte < 128) {
      r.pos = pos + 2;
      return value;
    }
    byte = buf[pos + 2] as number;
    value |= (byte & 127) << 14;
    if (byte < 128) {
      r.pos = pos + 3;
      return value;
    }
    byte = buf[pos + 3] as number;
    value |= (byte & 127) << 21;
    if (byte < 128) {
      r.pos = pos + 4;
      return value;
    }
  }
  const lo = readHalves(r);
  if (high >>> 0 >= HIGH_OF_RANGE) throw outOfRange(field, idOf(lo, high), POSITION_RANGE);
  return high * TWO_TO_32 + (lo >>> 0);
}

export function readId(r: Reader): bigint {
  const pos = r.pos;
  if (pos < r.len) {
    const byte = r.buf[pos] as number;
    if (byte < 128) {
      r.pos = pos + 1;
      return smallId(byte);
    }
  }
  return idOf(readHalves(r), high);
}

/** An enum: the low 32 bits, signed; the others are ignored. */
export function readType(r: Reader): number {
  const pos = r.pos;
  if (pos < r.len) {
    const byte = r.buf[pos] as number;
    if (byte < 128) {
      r.pos = pos + 1;
      return byte;
    }
  }
  return readHalves(r);
}

/** A bool: true unless all 64 bits are zero. */
export function readBool(r: Reader): boolean {
  return (readHalves(r) | high) !== 0;
}

/** The length of bytes or of a nested record, which must lie within the record that is being read. */
export function readLength(r: Reader): number {
  const pos = r.pos;
  if (pos < r.len) {
    const byte = r.buf[pos] as number;
    if (byte < 128) {
      if (byte > r.len - pos - 1) throw truncated(r);
      r.pos = pos + 1;
      return byte;
    }
  }
  return readLongLength(r);
}

function readLongLength(r: Reader): number {
  const { buf, pos } = r;
  // Most take two bytes.
  if (pos + 2 <= r.len && (buf[pos + 1] as number) < 128) {
    const length = ((buf[pos] as number) & 127) | ((buf[pos + 1] as number) << 7);
    r.pos = pos + 2;
    if (length > r.len - r.pos) throw truncated(r);
    return length;
  }
  const length = readHalves(r) >>> 0;
  if (high !== 0 || length > r.len - r.pos) throw truncated(r);
  return length;
}

/** A copy of the bytes. */
export function readBytes(r: Reader): Uint8Array {
  const length = readLength(r);
  const start = r.pos;
  r.pos = start + length;
  return copyBytes(r.buf, start, r.pos);
}

/** A view of the bytes in `region`, the memory under the reader, which may be shared. */
export function readView(r: Reader, region: Region): Uint8Array {
  const length = readLength(r);
  const start = r.pos;
  r.pos = start + length;
  return new Uint8Array(region.buffer, region.start + start, length);
}

/** A copy of the bytes; if they are very long, a view of `kept`, if the record may keep that memory. */
export function readLongBytes(r: Reader, kept: Region | undefined): Uint8Array {
  const { pos } = r;
  const isLong = kept !== undefined && readLength(r) > LARGEST_COPY;
  r.pos = pos;
  return isLong ? readView(r, kept) : readBytes(r);
}

/** As `readLongBytes`, but `undefined` if empty: for fields whose empty and absent values are equal. */
export function readOptionalBytes(r: Reader, kept?: Region): Uint8Array | undefined {
  const bytes = readLongBytes(r, kept);
  return bytes.length === 0 ? undefined : bytes;
}

/** Enters a nested record, which now bounds the reader. Returns the end of the outer one, for `leaveRecord`. */
export function enterRecord(r: Reader): number {
  const length = readLength(r);
  const outer = r.len;
  r.len = r.pos + length;
  return outer;
}

export function leaveRecord(r: Reader, outer: number): void {
  r.len = outer;
}

/** Reads the number of a field and its wire type. */
export function readTag(r: Reader): number {
  const pos = r.pos;
  const byte = r.buf[pos] as number;
  if (byte < 128 && byte > 7) {
    r.pos = pos + 1;
    return byte;
  }
  const tag = readHalves(r) >>> 0;
  // Field numbers have 29 bits, and 0 is invalid.
  if (high !== 0 || tag < 8) throw malformed(r, 'field-number', 'impossible field number');
  return tag;
}

/** Skips the value of a field that is unknown or has the wrong wire type. */
export function skipField(r: Reader, tag: number): void {
  const wireType = tag & 7;
  if (wireType === GROUP) skipGroup(r, tag >>> 3);
  else skipValue(r, wireType);
}

function skipValue(r: Reader, wireType: number): void {
  switch (wireType) {
    case VARINT:
      readHalves(r);
      return;
    case FIXED64:
      skipBytes(r, 8);
      return;
    case BYTES:
      skipBytes(r, readLength(r));
      return;
    case FIXED32:
      skipBytes(r, 4);
      return;
    case END_GROUP:
      throw malformed(r, 'group', 'end of a group that was not started');
    default:
      throw malformed(r, 'wire-type', `wire type ${wireType}`);
  }
}

function skipBytes(r: Reader, length: number): void {
  if (length > r.len - r.pos) throw truncated(r);
  r.pos += length;
}

/** Skips a group, whose start has been read, up to and including its end. */
function skipGroup(r: Reader, number: number): void {
  const open = [number];
  let fields = 0;
  while (open.length > 0) {
    if (++fields > MAX_FIELDS) throw tooMany(r, 'fields in a group', MAX_FIELDS);
    if (open.length > MAX_NESTING) throw malformed(r, 'nesting', 'groups nested too deeply');
    const tag = readHalves(r) >>> 0;
    // Within a group etcd accepts field numbers of 31 bits, not 29.
    const inner = high * 0x20000000 + (tag >>> 3);
    if (high < 0 || inner === 0 || inner > 0x7fffffff) throw malformed(r, 'field-number', 'impossible field number');
    const wireType = tag & 7;
    if (wireType === GROUP) open.push(inner);
    else if (wireType !== END_GROUP) skipValue(r, wireType);
    else if (open.pop() !== inner) throw malformed(r, 'group', 'group whose end does not match its start');
  }
}

/** Refuses a message that is nested too deeply in others. */
export function checkDepth(r: Reader, depth: number): void {
  if (depth > MAX_NESTING) throw malformed(r, 'nesting', 'responses nested too deeply');
}
