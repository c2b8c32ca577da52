/**
 * The default format of snapshots: the magic, then records, each of them one byte for its kind, four for its length,
 * and so many bytes:
 *   HEAD     once: members, removed ids and what else is small, as JSON
 *   SESSION  once for each session, least recently used first
 *   STATE    a piece of the state machine's own bytes
 *   END      the CRC-32C of everything before it: a snapshot that was cut short lacks it
 * Numbers are little endian. In version 1, which is still read, END is empty.
 */
import { crc32cByTables } from '@raft-ts/proto/internal';
import { type NodeId, RaftError } from '@raft-ts/raft';
import { ERR_SNAPSHOT_FORMAT } from '../base/errors.js';
import type { SnapshotHead } from '../group/group.js';
import { type Answer, MAX_ANSWERS, MAX_ANSWERS_BYTES, MAX_SESSIONS, type SessionRecord } from '../group/sessions.js';
import { ChunkReader } from './chunks.js';
import type { UnwrappedSnapshot } from './format.js';
import { readNumber, writeNumber } from './numbers.js';

const MAGIC = new TextEncoder().encode('rafts\u0002\r\n');
/** Where the version stands in it. */
const VERSION = 5;

const HEAD = 1;
const SESSION = 2;
const STATE = 3;
const END = 4;
const LENGTH = 4;
const SUM = 4;

/** Bytes of the JSON in a head: some hundred thousand removed members. */
const LARGEST_HEAD = 16 * 2 ** 20;
/** Longest piece of the state in one record. */
const LARGEST_PIECE = 2 ** 30;

/** Positions have up to 53 bits. */
const NUMBER = 7;
/** A session: id, used and floor, and how many answers. */
const SESSION_START = 3 * NUMBER + 4;
/** An answer: sequence, index, term, kind, and how many bytes. */
const ANSWER_START = 3 * NUMBER + 1 + 4;
/** All answers of all sessions together are bounded, and a session has no more than all. */
const LARGEST_SESSION = SESSION_START + MAX_ANSWERS * ANSWER_START + MAX_ANSWERS_BYTES;

const RESULT = 1;
const FAILURE = 2;
const FORGOTTEN = 3;
const NO_RESULT = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export async function* wrap(
  { sessions, ...head }: SnapshotHead,
  state: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let sum = 0;
  for await (const piece of records(head, sessions, state)) {
    sum = crc32cByTables(sum, piece);
    yield piece;
  }
  const end = new Uint8Array(SUM);
  writeNumber(end, 0, sum, SUM);
  yield end;
}

/** Everything but the sum at its end. */
async function* records(
  head: Omit<SnapshotHead, 'sessions'>,
  sessions: SnapshotHead['sessions'],
  state: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  yield MAGIC;
  yield* record(HEAD, encoder.encode(JSON.stringify(head, idsAsText)));
  for (const session of sessions) yield* record(SESSION, encodeSession(session));
  for await (const piece of state) {
    for (let at = 0; at < piece.length; at += LARGEST_PIECE) {
      yield* record(STATE, piece.subarray(at, at + LARGEST_PIECE));
    }
  }
  yield recordStart(END, SUM);
}

function* record(kind: number, bytes: Uint8Array): Generator<Uint8Array, void> {
  yield recordStart(kind, bytes.length);
  if (bytes.length > 0) yield bytes;
}

function recordStart(kind: number, length: number): Uint8Array {
  const start = new Uint8Array(1 + LENGTH);
  start[0] = kind;
  writeNumber(start, 1, length, LENGTH);
  return start;
}

/** @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT, also while the state is read */
export async function unwrap(chunks: AsyncIterable<Uint8Array>): Promise<UnwrappedSnapshot> {
  const reader = new ChunkReader(chunks, 0);
  const start = await reader.take(MAGIC.length);
  const version = start?.[VERSION];
  if (start === undefined || MAGIC.some((byte, i) => start[i] !== byte && !(i === VERSION && version === 1))) {
    throw refuse('it does not begin as one does. Do all members use the same format?');
  }
  const sumLength = version === 1 ? 0 : SUM;
  const first = await nextRecord(reader);
  if (first.kind !== HEAD) throw refuse('it has no head');
  const head = parseHead(await contentOf(reader, first, LARGEST_HEAD));
  const sessions: SessionRecord[] = [];
  let answersBytes = 0;
  let next = await nextRecord(reader);
  for (; next.kind === SESSION; next = await nextRecord(reader)) {
    answersBytes += next.length;
    const most = MAX_SESSIONS * SESSION_START + LARGEST_SESSION;
    if (sessions.length >= MAX_SESSIONS || answersBytes > most)
      throw refuse('it holds more sessions than there can be');
    sessions.push(decodeSession(await contentOf(reader, next, LARGEST_SESSION)));
  }
  const pieces = stateFrom(reader, next, sumLength);
  let begun = false;
  let broken: { readonly error: unknown } | undefined;
  const state = async function* (): AsyncGenerator<Uint8Array, void> {
    begun = true;
    try {
      for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next()) yield piece.value;
    } catch (error) {
      broken = { error };
      throw error;
    } finally {
      // Whoever stops before the end may have stumbled over what is damaged, and only the sum tells.
      if (broken === undefined) await drain(pieces).catch((error: unknown) => void (broken = { error }));
    }
  };
  return {
    state: state(),
    head: async () => {
      // What nobody reads is read for its sum.
      if (!begun) await drain(pieces);
      if (broken !== undefined) throw broken.error;
      return { ...head, sessions };
    },
  };
}

async function* stateFrom(
  reader: ChunkReader,
  first: RecordStart,
  sumLength: number,
): AsyncGenerator<Uint8Array, void> {
  try {
    let next = first;
    for (; next.kind === STATE; next = await nextRecord(reader)) {
      for (let missing = next.length; missing > 0; ) {
        const piece = await reader.some(missing);
        if (piece === undefined) throw refuse('it ends within its state');
        missing -= piece.length;
        yield piece;
      }
    }
    if (next.kind !== END || next.length !== sumLength)
      throw refuse(`a record of kind ${next.kind} stands in its state`);
    if (sumLength > 0) await checkSum(reader);
    if ((await reader.some(1)) !== undefined) throw refuse('bytes follow its end');
  } finally {
    await reader.close();
  }
}

async function drain(chunks: AsyncIterator<Uint8Array>): Promise<void> {
  while ((await chunks.next()).done !== true);
}

async function checkSum(reader: ChunkReader): Promise<void> {
  const { sum } = reader;
  const end = await reader.take(SUM);
  if (end === undefined) throw refuse('it was cut short');
  if (readNumber(end, 0, SUM) !== sum) {
    throw refuse('its checksum is not that of its bytes: they were damaged where they are kept');
  }
}

interface RecordStart {
  readonly kind: number;
  readonly length: number;
}

async function nextRecord(reader: ChunkReader): Promise<RecordStart> {
  const start = await reader.take(1 + LENGTH);
  if (start === undefined) throw refuse('it was cut short');
  return { kind: start[0] as number, length: readNumber(start, 1, LENGTH) };
}

/** The limit is checked before anything is held. */
async function contentOf(reader: ChunkReader, { length }: RecordStart, most: number): Promise<Uint8Array> {
  if (length > most) throw refuse(`its head would take ${length} bytes`);
  const bytes = await reader.take(length);
  if (bytes === undefined) throw refuse('it ends within its head');
  return bytes;
}

function refuse(why: string, cause?: unknown): RaftError {
  return new RaftError(ERR_SNAPSHOT_FORMAT, `this is not a whole snapshot of a replica: ${why}`, { cause });
}

/** Ids have 64 bits, which JSON's numbers have not. */
function idsAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

interface HeadJson {
  readonly members: readonly (readonly [id: string, url: string])[];
  readonly removed: readonly string[];
  readonly lastId: string;
  readonly promising: readonly string[];
  /** Missing in snapshots of earlier versions. */
  readonly features?: number;
}

function parseHead(text: Uint8Array): Omit<SnapshotHead, 'sessions'> {
  try {
    const { members, removed, lastId, promising, features = 0 } = JSON.parse(decoder.decode(text)) as HeadJson;
    if (!Number.isSafeInteger(features)) throw new TypeError('the level of features is no number');
    if (members.some(([, url]) => typeof url !== 'string')) throw new TypeError('an address is no text');
    return {
      members: members.map(([id, url]): [NodeId, string] => [BigInt(id), url]),
      removed: removed.map(BigInt),
      lastId: BigInt(lastId),
      promising: promising.map(BigInt),
      features,
    };
  } catch (cause) {
    throw refuse('its head cannot be read', cause);
  }
}

function encodeSession({ id, used, floor, answers }: SessionRecord): Uint8Array {
  const bodies = answers.map(([, answer]) => bodyOf(answer));
  const length = bodies.reduce((sum, { bytes }) => sum + ANSWER_START + bytes.length, SESSION_START);
  const out = new Uint8Array(length);
  [id, used, floor].forEach((value, i) => writeNumber(out, i * NUMBER, value, NUMBER));
  writeNumber(out, 3 * NUMBER, answers.length, 4);
  let at = SESSION_START;
  answers.forEach(([sequence, { index, term }], i) => {
    const { kind, bytes } = bodies[i] as AnswerBody;
    [sequence, index, term].forEach((value, j) => writeNumber(out, at + j * NUMBER, value, NUMBER));
    out[at + 3 * NUMBER] = kind;
    writeNumber(out, at + 3 * NUMBER + 1, bytes.length, 4);
    out.set(bytes, at + ANSWER_START);
    at += ANSWER_START + bytes.length;
  });
  return out;
}

interface AnswerBody {
  readonly kind: number;
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

function bodyOf({ result, failure, forgotten }: Answer): AnswerBody {
  if (forgotten === true) return { kind: FORGOTTEN, bytes: nothing };
  if (failure !== undefined) return { kind: FAILURE, bytes: encoder.encode(failure) };
  if (result !== undefined) return { kind: RESULT, bytes: result };
  return { kind: NO_RESULT, bytes: nothing };
}

function decodeSession(bytes: Uint8Array): SessionRecord {
  if (bytes.length < SESSION_START) throw refuse('one of its sessions is cut short');
  const number = (at: number): number => readNumber(bytes, at, NUMBER);
  const count = readNumber(bytes, 3 * NUMBER, 4);
  const answers: [number, Answer][] = [];
  let at = SESSION_START;
  for (let i = 0; i < count; i++) {
    if (at + ANSWER_START > bytes.length) throw refuse('one of its sessions is cut short');
    const position = { index: number(at + NUMBER), term: number(at + 2 * NUMBER) };
    const length = readNumber(bytes, at + 3 * NUMBER + 1, 4);
    const start = at + ANSWER_START;
    if (start + length > bytes.length) throw refuse('one of its sessions is cut short');
    const body = { kind: bytes[at + 3 * NUMBER] as number, bytes: bytes.slice(start, start + length) };
    answers.push([number(at), { ...position, ...parseBody(body) }]);
    at = start + length;
  }
  return { id: number(0), used: number(NUMBER), floor: number(2 * NUMBER), answers };
}

function parseBody({ kind, bytes }: AnswerBody): Pick<Answer, 'result' | 'failure' | 'forgotten'> {
  switch (kind) {
    case RESULT:
      return { result: bytes };
    case FAILURE:
      return { failure: decoder.decode(bytes) };
    case FORGOTTEN:
      return { forgotten: true };
    case NO_RESULT:
      return {};
    default:
      throw refuse(`an answer of kind ${kind} stands in one of its sessions`);
  }
}
