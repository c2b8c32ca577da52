import { type NodeId, RaftError } from '@raft-ts/raft';
import {
  type DecodedEntry,
  type EntryContent,
  ERR_OPTIONS,
  ERR_SNAPSHOT_FORMAT,
  type Format,
  type RequestId,
  type SnapshotHead,
} from '@raft-ts/replica';
import type { KvCommand } from './kv-machine.js';

/**
 * The bytes that the store's members share with those written in Go: entries are JSON objects
 * `{"op","key","value","ifIndex","id"}`, a snapshot is `{"members","removed","kv"}`. What this package alone writes
 * stands in operations and fields that the others pass over.
 */
export const kvFormat: Format<KvCommand> = { encode, decode, wrap, unwrap };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function encode(content: EntryContent<KvCommand>, request: RequestId & { readonly member: NodeId }): Uint8Array {
  const id = `${request.member}-${request.boot.toString(36)}-${request.sequence}`;
  return encoder.encode(JSON.stringify({ ...fieldsOf(content), id }));
}

function fieldsOf(content: EntryContent<KvCommand>): object {
  switch (content.kind) {
    case 'command':
      if (content.place !== undefined) throw noSessions();
      return content.command;
    case 'reserve-id':
      return { op: 'reserve-id' };
    case 'promise':
      return { op: 'promise', member: content.member.toString() };
    case 'open-session':
      throw noSessions();
  }
}

/** A member written in Go would apply a command twice that this one applies once. */
function noSessions(): RaftError {
  return new RaftError(ERR_OPTIONS, 'sessions are not part of the format that this store shares with other members', {
    reason: 'format',
  });
}

function decode(data: Uint8Array): DecodedEntry<KvCommand> | undefined {
  const fields = objectOf(data);
  if (fields === undefined) return undefined;
  const { op, key = '', value = '', ifIndex, id = '' } = fields;
  if (typeof id !== 'string') return undefined;
  const content = contentOf(op, key, value, ifIndex, fields);
  return content === undefined ? undefined : { content, request: requestOf(id) };
}

function objectOf(data: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(data));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function contentOf(
  op: unknown,
  key: unknown,
  value: unknown,
  ifIndex: unknown,
  { member }: Readonly<Record<string, unknown>>,
): EntryContent<KvCommand> | undefined {
  if (typeof op !== 'string' || typeof key !== 'string' || typeof value !== 'string') return undefined;
  if (ifIndex !== undefined && !(typeof ifIndex === 'number' && Number.isInteger(ifIndex) && ifIndex >= 0)) {
    return undefined;
  }
  switch (op) {
    case 'put':
    case 'delete':
      return { kind: 'command', command: { op, key, value, ifIndex } };
    case 'reserve-id':
      return { kind: 'reserve-id' };
    case 'promise':
      if (typeof member === 'string' && /^[1-9]\d*$/u.test(member)) return { kind: 'promise', member: BigInt(member) };
      return { kind: 'command', command: { op: 'nothing' } };
    default:
      return { kind: 'command', command: { op: 'nothing' } };
  }
}

function requestOf(id: string): RequestId | undefined {
  const [, boot, sequence] = /^\d+-([0-9a-z]{1,10})-(\d{1,15})$/u.exec(id) ?? [];
  if (boot === undefined || sequence === undefined) return undefined;
  return { boot: Number.parseInt(boot, 36), sequence: Number(sequence) };
}

/** What comes before the state in a snapshot of ours: a line of its own, so that the state need not be held whole. */
const BEFORE_STATE = ',\n"kv":';
const NEWLINE = 10;

async function* wrap(head: SnapshotHead, state: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const members = Object.fromEntries(head.members.map(([id, url]) => [id.toString(), url]));
  const own = { lastId: head.lastId.toString(), promising: head.promising.map(String) };
  const fields = `"members":${JSON.stringify(members)},"removed":[${head.removed.join(',')}],"replica":${JSON.stringify(own)}`;
  yield encoder.encode(`{${fields}${BEFORE_STATE}`);
  yield* state;
  yield encoder.encode('}');
}

interface Fields {
  readonly members?: Readonly<Record<string, string>>;
  readonly removed?: readonly string[];
  readonly replica?: { readonly lastId: string; readonly promising: readonly string[] };
  readonly kv?: object;
}

async function unwrap(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: SnapshotHead; readonly state: AsyncIterable<Uint8Array> }> {
  const source = chunks[Symbol.asyncIterator]();
  let text = '';
  const stream = new TextDecoder('utf-8', { ignoreBOM: true });
  for (;;) {
    const { done, value } = await source.next();
    if (done === true) break;
    const end = value.indexOf(NEWLINE);
    if (text === '' && end > 0 && startsAs(value, end)) {
      const line = stream.decode(value.subarray(0, end - 1));
      return { head: headOf(`${line}}`), state: allButLast(value.subarray(end + BEFORE_STATE.length - 1), source) };
    }
    text += stream.decode(value, { stream: true });
  }
  // Written by a member of another kind: on one line, in whatever order.
  const fields = fieldsOfSnapshot(text + stream.decode());
  const kv = encoder.encode(JSON.stringify(fields.kv ?? {}));
  return { head: headFrom(fields), state: one(kv) };
}

function startsAs(piece: Uint8Array, end: number): boolean {
  return piece[end - 1] === BEFORE_STATE.charCodeAt(0) && piece.length >= end + BEFORE_STATE.length - 1;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/** The state without the brace that closes the snapshot. */
async function* allButLast(
  first: Uint8Array,
  source: AsyncIterator<Uint8Array, unknown>,
): AsyncGenerator<Uint8Array, void> {
  let held = first;
  for (;;) {
    const { done, value } = await source.next();
    if (done === true) break;
    if (held.length > 0) yield held;
    held = value;
  }
  yield held.subarray(0, Math.max(0, held.length - 1));
}

function headOf(json: string): SnapshotHead {
  return headFrom(fieldsOfSnapshot(json));
}

function fieldsOfSnapshot(json: string): Fields {
  try {
    // Ids have 64 bits, which numbers of JSON do not keep: those in `removed` become strings first.
    const quoted = json.replace(
      /"removed":\[([\d,\s]*)\]/u,
      (_, ids: string) => `"removed":[${ids.replace(/\d+/gu, '"$&"')}]`,
    );
    return JSON.parse(quoted) as Fields;
  } catch (cause) {
    throw new RaftError(
      ERR_SNAPSHOT_FORMAT,
      'this is not a snapshot of the store: it is not the JSON that it should be',
      {
        cause,
      },
    );
  }
}

function headFrom({ members = {}, removed = [], replica }: Fields): SnapshotHead {
  return {
    members: Object.entries(members).map(([id, url]): [NodeId, string] => [BigInt(id), url]),
    removed: removed.map(BigInt),
    lastId: BigInt(replica?.lastId ?? 0),
    promising: replica?.promising.map(BigInt) ?? [],
    sessions: [],
  };
}
