/** The byte vectors that Go wrote, and what their JSON means in our records. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import {
  type ConfChange,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type EntryType,
  emptyConfState,
  emptySnapshot,
  type HardState,
  type Message,
  MessageType,
  type Snapshot,
  type SnapshotMetadata,
} from '@raft-ts/proto';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const packedFolder = join(root, 'test/vectors');
const fullFolder = process.env['RAFT_VECTORS'] ?? join(root, '../shared/vectors');

/** Null is an absent field, "0", 0, false and "" one that is present with that value. */
export type Json = null | string | number | boolean | Json[] | { [name: string]: Json };
export type JsonRecord = { [name: string]: Json };

export interface MessageVector {
  name: string;
  json: JsonRecord;
  hex: string;
  size: number;
  canonical: boolean;
  sparseHex?: string;
  entrySizes?: number[];
  refuse?: boolean;
  refuseFields?: string[];
}

export interface RecordVector {
  name: string;
  kind: string;
  json: JsonRecord;
  hex: string;
  size: number;
  refuse?: boolean;
}

export interface MalformedVector {
  name: string;
  hex: string;
  error: boolean;
  json?: JsonRecord;
  sparseHex?: string;
}

function parse<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** The lines of a file: of the full folder if there is one, else of the packed selection. */
export function loadVectors<T>(file: string): T[] {
  const full = join(fullFolder, file);
  return existsSync(full) ? parse<T>(readFileSync(full, 'utf8')) : loadPackedVectors<T>(file);
}

export function loadPackedVectors<T>(file: string): T[] {
  return parse<T>(gunzipSync(readFileSync(join(packedFolder, `${file}.gz`))).toString('utf8'));
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function field(json: JsonRecord, name: string): Json {
  const value = json[name];
  if (value === undefined) throw new Error(`vector without ${name}: ${JSON.stringify(json)}`);
  return value;
}

const position = (json: JsonRecord, name: string): number => Number(field(json, name) ?? 0);
const id = (json: JsonRecord, name: string): bigint => BigInt((field(json, name) as string | null) ?? 0);
const type = (json: JsonRecord, name: string): number => (field(json, name) as number | null) ?? 0;
const ids = (json: JsonRecord, name: string): bigint[] => (field(json, name) as string[]).map(BigInt);
const list = (json: JsonRecord, name: string): JsonRecord[] => field(json, name) as JsonRecord[];

function bytes(json: JsonRecord, name: string): Uint8Array | undefined {
  const value = field(json, name) as string | null;
  return value === null ? undefined : fromHex(value);
}

/** Bytes, of which absent and empty are the same. */
function someBytes(json: JsonRecord, name: string): Uint8Array | undefined {
  const value = bytes(json, name);
  return value?.length === 0 ? undefined : value;
}

export function entryOf(json: JsonRecord): Entry {
  return {
    type: ((field(json, 'type') as number | null) ?? undefined) as EntryType | undefined,
    term: position(json, 'term'),
    index: position(json, 'index'),
    data: bytes(json, 'data'),
  };
}

export function confStateOf(json: JsonRecord | null): ConfState {
  if (json === null) return emptyConfState();
  return {
    voters: ids(json, 'voters'),
    learners: ids(json, 'learners'),
    votersOutgoing: ids(json, 'votersOutgoing'),
    learnersNext: ids(json, 'learnersNext'),
    autoLeave: field(json, 'autoLeave') === true,
  };
}

export function snapshotMetadataOf(json: JsonRecord | null): SnapshotMetadata {
  if (json === null) return emptySnapshot().metadata;
  return {
    confState: confStateOf(field(json, 'confState') as JsonRecord | null),
    index: position(json, 'index'),
    term: position(json, 'term'),
  };
}

export function snapshotOf(json: JsonRecord): Snapshot {
  return {
    data: someBytes(json, 'data'),
    metadata: snapshotMetadataOf(field(json, 'metadata') as JsonRecord | null),
  };
}

/** Does every field of this record, and of those in it, read as zero? */
export function isZero(json: Json): boolean {
  if (json === null || json === false || json === 0 || json === '0' || json === '') return true;
  if (Array.isArray(json)) return json.length === 0;
  return typeof json === 'object' && Object.values(json).every(isZero);
}

export function messageOf(json: JsonRecord): Message {
  const snapshot = field(json, 'snapshot') as JsonRecord | null;
  const kind = type(json, 'type') as MessageType;
  return {
    type: kind,
    to: id(json, 'to'),
    from: id(json, 'from'),
    term: position(json, 'term'),
    logTerm: position(json, 'logTerm'),
    index: position(json, 'index'),
    entries: list(json, 'entries').map(entryOf),
    commit: position(json, 'commit'),
    vote: id(json, 'vote'),
    snapshot:
      snapshot === null || (kind !== MessageType.MsgSnap && isZero(snapshot)) ? undefined : snapshotOf(snapshot),
    reject: field(json, 'reject') === true,
    rejectHint: position(json, 'rejectHint'),
    context: someBytes(json, 'context'),
    responses: list(json, 'responses').map(messageOf),
  };
}

export function hardStateOf(json: JsonRecord): HardState {
  return { term: position(json, 'term'), vote: id(json, 'vote'), commit: position(json, 'commit') };
}

export function confChangeOf(json: JsonRecord): ConfChange {
  return {
    id: id(json, 'id'),
    type: type(json, 'type') as ConfChangeType,
    nodeId: id(json, 'nodeId'),
    context: someBytes(json, 'context'),
  };
}

export function confChangeV2Of(json: JsonRecord): ConfChangeV2 {
  return {
    transition: type(json, 'transition') as ConfChangeV2['transition'],
    changes: list(json, 'changes').map((change) => ({
      type: type(change, 'type') as ConfChangeType,
      nodeId: id(change, 'nodeId'),
    })),
    context: someBytes(json, 'context'),
  };
}

/** Is there a field that is present and zero? Not counted are an entry's type and data, which we keep. */
export function hasPresentZero(kind: string, json: JsonRecord): boolean {
  return Object.entries(json).some(([name, value]) => {
    if (value === null || name === 'typeName') return false;
    if (kind === 'Entry' && (name === 'type' || name === 'data')) return false;
    if (Array.isArray(value)) return value.some((item) => isRecord(item) && hasPresentZero(kindOf(name), item));
    if (!isRecord(value)) return isZero(value);
    // Only a MsgSnap keeps an empty snapshot.
    if (isZero(value)) {
      const kept = name === 'snapshot' && json['type'] === MessageType.MsgSnap;
      return !(kept && Object.values(value).every((inner) => inner === null));
    }
    return hasPresentZero(kindOf(name), value);
  });
}

function isRecord(json: Json): json is JsonRecord {
  return json !== null && typeof json === 'object' && !Array.isArray(json);
}

/** What the field of this name holds; only entries matter here. */
function kindOf(name: string): string {
  return name === 'entries' ? 'Entry' : name;
}

/** Has an entry a type or data that is present and zero? */
export function hasPresentZeroInEntries(json: JsonRecord): boolean {
  return (
    list(json, 'entries').some((entry) => entry['type'] === 0 || entry['data'] === '') ||
    list(json, 'responses').some(hasPresentZeroInEntries)
  );
}
