/** The records of the log: `walpb.Record`, and `walpb.Snapshot`, which one kind of record holds. */
import {
  type ConfState,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  type Entry,
  encodeConfState,
  type HardState,
} from '@raft-ts/proto';
import { numberSize, writeNumber } from '@raft-ts/proto/internal';
import { ERR_WAL_CORRUPT, WalError } from '../base/errors.js';
import { FieldReader } from './fields.js';

/** The types of records. */
export const RecordType = {
  /** The owner of the log; the same in every file. */
  Metadata: 1,
  Entry: 2,
  /** A hard state. */
  State: 3,
  /** At the head of a file: the sum of everything in the files before it. */
  Crc: 4,
  /** States that the snapshot file of this index and term is complete. */
  Snapshot: 5,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** Names of the types, by number. */
export const recordTypeNames: Readonly<Record<number, keyof typeof RecordType>> = {
  1: 'Metadata',
  2: 'Entry',
  3: 'State',
  4: 'Crc',
  5: 'Snapshot',
};

export interface WalRecord {
  readonly type: number;
  /** The value of the chain after this record; in a Crc record, before it. */
  readonly crc: number;
  /** A view of the bytes that were read; undefined if the field is absent. */
  readonly data: Uint8Array | undefined;
}

const TYPE = 0x08;
const CRC = 0x10;
const DATA = 0x1a;

const nothing = new Uint8Array(0);

const reader = new FieldReader(nothing);

/** A record in the bytes that hold it. One object can read many records, one after another. */
export class RecordView implements WalRecord {
  type = 0;
  crc = 0;
  bytes: Uint8Array = nothing;
  /** The data are at [start, end) of `bytes`; `start` is -1 if the field is absent. */
  start = -1;
  end = -1;

  get data(): Uint8Array | undefined {
    return this.start < 0 ? undefined : this.bytes.subarray(this.start, this.end);
  }

  /**
   * Reads the record at [start, end) of `bytes`.
   * @throws RaftError `ERR_RAFT_DECODE`
   */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.type = 0;
    this.crc = 0;
    this.bytes = bytes;
    this.start = -1;
    reader.reset(bytes, start, end);
    for (let tag = reader.next(); tag !== 0; tag = reader.next()) {
      if (tag === TYPE) this.type = reader.int64();
      else if (tag === CRC) this.crc = reader.uint32();
      else if (tag === DATA) {
        const length = reader.length();
        this.start = reader.position;
        this.end = reader.position + length;
        reader.position = this.end;
      } else reader.skip(tag);
    }
  }
}

/**
 * Reads the record at [start, end) of `bytes`.
 * @throws RaftError `ERR_RAFT_DECODE`
 */
export function decodeRecord(bytes: Uint8Array, start: number, end: number): RecordView {
  const record = new RecordView();
  record.read(bytes, start, end);
  return record;
}

/** Returns the size of a record without its length field and padding. */
export function recordSize(crc: number, dataLength: number | undefined): number {
  const head = 3 + numberSize(crc);
  return dataLength === undefined ? head : head + 1 + numberSize(dataLength) + dataLength;
}

/** Writes a record except for its data; returns the position at which the data belong. */
export function writeRecordHead(
  buffer: Uint8Array,
  position: number,
  type: RecordType,
  crc: number,
  dataLength: number | undefined,
): number {
  buffer[position] = TYPE;
  buffer[position + 1] = type;
  buffer[position + 2] = CRC;
  const at = writeNumber(buffer, position + 3, crc);
  if (dataLength === undefined) return at;
  buffer[at] = DATA;
  return writeNumber(buffer, at + 1, dataLength);
}

/** The mark of a snapshot in the log. */
export interface WalSnapshot {
  readonly index: number;
  readonly term: number;
  /** Absent in logs that etcd before 3.5 wrote. */
  readonly confState?: ConfState | undefined;
}

/** The snapshot from which a log is read: its index and term, or zeros to read the whole log. */
export interface ReadFrom {
  readonly index: number;
  readonly term: number;
}

export const fromTheStart: ReadFrom = { index: 0, term: 0 };

/** Encodes the mark of a snapshot. Index and term are written even if they are zero: etcd requires both. */
export function encodeWalSnapshot({ index, term, confState }: WalSnapshot): Uint8Array {
  const state = confState === undefined ? undefined : encodeConfState(confState);
  const bytes = new Uint8Array(24 + (state === undefined ? 0 : 6 + state.length));
  bytes[0] = 0x08;
  let at = writeNumber(bytes, 1, index);
  bytes[at] = 0x10;
  at = writeNumber(bytes, at + 1, term);
  if (state !== undefined) {
    bytes[at] = 0x1a;
    at = writeNumber(bytes, at + 1, state.length);
    bytes.set(state, at);
    at += state.length;
  }
  return bytes.subarray(0, at);
}

export function decodeWalSnapshot(bytes: Uint8Array): WalSnapshot {
  let index = 0;
  let term = 0;
  let confState: ConfState | undefined;
  const fields = new FieldReader(bytes);
  for (let tag = fields.next(); tag !== 0; tag = fields.next()) {
    if (tag === 0x08) index = checked(fields.int64(), 'index');
    else if (tag === 0x10) term = checked(fields.int64(), 'term');
    else if (tag === 0x1a) confState = decodeConfState(fields.view());
    else fields.skip(tag);
  }
  return { index, term, confState };
}

function checked(value: number, field: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new WalError(ERR_WAL_CORRUPT, `Snapshot record: ${field} is above 2^53 - 1`, { reason: 'position' });
}

/** The decoded content of a record. */
export type Content =
  | { readonly kind: 'metadata'; readonly metadata: Uint8Array | undefined }
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'state'; readonly state: HardState }
  | { readonly kind: 'crc' }
  | { readonly kind: 'snapshot'; readonly snapshot: WalSnapshot };

/**
 * Decodes the data of a record whose sum was right. The result shares no memory with `record`; `decodeEntryView` does.
 * @throws RaftError if the data do not fit the type, or the type is unknown
 */
export function contentOf(record: WalRecord): Content {
  const data = record.data ?? nothing;
  switch (record.type) {
    case RecordType.Metadata:
      return { kind: 'metadata', metadata: record.data?.slice() };
    case RecordType.Entry:
      return { kind: 'entry', entry: decodeEntry(data) };
    case RecordType.State:
      return { kind: 'state', state: decodeHardState(data) };
    case RecordType.Crc:
      return { kind: 'crc' };
    case RecordType.Snapshot:
      return { kind: 'snapshot', snapshot: decodeWalSnapshot(data) };
    default:
      throw new WalError(ERR_WAL_CORRUPT, `unexpected record type ${record.type}`, { reason: 'type' });
  }
}
