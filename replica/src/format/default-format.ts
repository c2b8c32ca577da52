import { type NodeId, RaftError } from '@raft-ts/raft';
import { type Codec } from '../base/codec.js';
import { ERR_SNAPSHOT_FORMAT } from '../base/errors.js';
import type { SnapshotHead } from '../group/group.js';
import type { Answer, SessionRecord } from '../group/sessions.js';
import { ChunkReader } from './chunks.js';
import type { DecodedEntry, EntryContent, Format, RequestId } from './format.js';

// An entry: one byte for its kind, six for the boot, six for the sequence, then
//   COMMAND        the command's bytes
//   SESSION        session, sequence, acknowledged (six bytes each), then the command's bytes
//   OPEN, RESERVE  nothing
//   PROMISE        the member's id, eight bytes
// Numbers are little endian.
const COMMAND = 1;
const SESSION = 2;
const OPEN = 3;
const RESERVE = 4;
const PROMISE = 5;

const NUMBER = 6;
const HEADER = 1 + 2 * NUMBER;
const PLACE = 3 * NUMBER;
const ID = 8;

// A snapshot: the magic, the length of the head in four bytes, the head as JSON, then the state.
const MAGIC = new TextEncoder().encode('rafts\u0001\r\n');
/** A head holds what sessions answered, and little else. */
const LARGEST_HEAD = 2 ** 30;

function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0, low = value; i < NUMBER; i++, low = Math.floor(low / 256)) bytes[at + i] = low % 256;
}

function readNumber(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = NUMBER - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}

/** The format that replicas speak among themselves, with commands as this codec writes them. */
export function defaultFormat<Command>(codec: Codec<Command>): Format<Command> {
  return {
    encode: (content, request) => encodeEntry(codec, content, request),
    decode: (data) => decodeEntry(codec, data),
    wrap,
    unwrap,
  };
}

function encodeEntry<Command>(codec: Codec<Command>, content: EntryContent<Command>, request: RequestId): Uint8Array {
  switch (content.kind) {
    case 'command': {
      const payload = codec.encode(content.command);
      const { place } = content;
      const start = place === undefined ? HEADER : HEADER + PLACE;
      const bytes = entry(place === undefined ? COMMAND : SESSION, request, start + payload.length);
      if (place !== undefined) {
        writeNumber(bytes, HEADER, place.session);
        writeNumber(bytes, HEADER + NUMBER, place.sequence);
        writeNumber(bytes, HEADER + 2 * NUMBER, place.acknowledged);
      }
      bytes.set(payload, start);
      return bytes;
    }
    case 'open-session':
      return entry(OPEN, request, HEADER);
    case 'reserve-id':
      return entry(RESERVE, request, HEADER);
    case 'promise': {
      const bytes = entry(PROMISE, request, HEADER + ID);
      new DataView(bytes.buffer).setBigUint64(HEADER, content.member, true);
      return bytes;
    }
  }
}

function entry(kind: number, { boot, sequence }: RequestId, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = kind;
  writeNumber(bytes, 1, boot);
  writeNumber(bytes, 1 + NUMBER, sequence);
  return bytes;
}

function decodeEntry<Command>(codec: Codec<Command>, data: Uint8Array): DecodedEntry<Command> | undefined {
  if (data.length < HEADER) return undefined;
  const request = { boot: readNumber(data, 1), sequence: readNumber(data, 1 + NUMBER) };
  switch (data[0]) {
    case COMMAND:
      return { content: { kind: 'command', command: codec.decode(data.subarray(HEADER)) }, request };
    case SESSION: {
      if (data.length < HEADER + PLACE) return undefined;
      const place = {
        session: readNumber(data, HEADER),
        sequence: readNumber(data, HEADER + NUMBER),
        acknowledged: readNumber(data, HEADER + 2 * NUMBER),
      };
      return { content: { kind: 'command', command: codec.decode(data.subarray(HEADER + PLACE)), place }, request };
    }
    case OPEN:
      return { content: { kind: 'open-session' }, request };
    case RESERVE:
      return { content: { kind: 'reserve-id' }, request };
    case PROMISE: {
      if (data.length !== HEADER + ID) return undefined;
      const member = new DataView(data.buffer, data.byteOffset + HEADER, ID).getBigUint64(0, true);
      return { content: { kind: 'promise', member }, request };
    }
    default:
      return undefined;
  }
}

async function* wrap(head: SnapshotHead, state: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const text = new TextEncoder().encode(JSON.stringify(head, asJson));
  const start = new Uint8Array(MAGIC.length + 4);
  start.set(MAGIC);
  new DataView(start.buffer).setUint32(MAGIC.length, text.length, true);
  yield start;
  yield text;
  yield* state;
}

async function unwrap(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: SnapshotHead; readonly state: AsyncIterable<Uint8Array> }> {
  const reader = new ChunkReader(chunks);
  const start = await reader.take(MAGIC.length + 4);
  if (start === undefined || MAGIC.some((byte, i) => start[i] !== byte)) {
    throw refuse('it does not begin as one does. Do all members use the same format?');
  }
  const length = new DataView(start.buffer, start.byteOffset + MAGIC.length, 4).getUint32(0, true);
  if (length > LARGEST_HEAD) throw refuse(`its head would take ${length} bytes`);
  const text = await reader.take(length);
  if (text === undefined) throw refuse('it ends within its head');
  return { head: parseHead(text), state: reader.rest() };
}

function refuse(why: string, cause?: unknown): RaftError {
  return new RaftError(ERR_SNAPSHOT_FORMAT, `this is not a snapshot of a replica: ${why}`, { cause });
}

/** Ids have 64 bits, and answers are bytes; JSON has neither. */
function asJson(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return value;
}

interface HeadJson {
  readonly members: readonly (readonly [id: string, url: string])[];
  readonly removed: readonly string[];
  readonly lastId: string;
  readonly promising: readonly string[];
  readonly sessions: readonly (Omit<SessionRecord, 'answers'> & {
    readonly answers: readonly (readonly [number, Omit<Answer, 'result'> & { readonly result?: string }])[];
  })[];
}

function parseHead(text: Uint8Array): SnapshotHead {
  try {
    const { members, removed, lastId, promising, sessions } = JSON.parse(new TextDecoder().decode(text)) as HeadJson;
    return {
      members: members.map(([id, url]): [NodeId, string] => [BigInt(id), url]),
      removed: removed.map(BigInt),
      lastId: BigInt(lastId),
      promising: promising.map(BigInt),
      sessions: sessions.map(({ answers, ...rest }) => ({ ...rest, answers: answers.map(parseAnswer) })),
    };
  } catch (cause) {
    throw refuse('its head cannot be read', cause);
  }
}

function parseAnswer([sequence, { result, ...rest }]: HeadJson['sessions'][number]['answers'][number]): [
  number,
  Answer,
] {
  if (result === undefined) return [sequence, rest];
  const bytes = new Uint8Array(result.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(result.slice(2 * i, 2 * i + 2), 16);
  return [sequence, { ...rest, result: bytes }];
}
