import { RaftError } from '@raft-ts/raft';
import { type Codec } from '../base/codec.js';
import { describe, ERR_ENTRY_FORMAT } from '../base/errors.js';
import { counted } from '../base/text.js';
import type { SessionPlace } from '../group/sessions.js';
import type { DecodedEntry, EntryContent, Format, OpenFeatures, RequestId, StateHashesContent } from './format.js';
import { readNumber48, writeNumber48 } from './numbers.js';
import { allocate } from './slab.js';
import { unwrap, wrap } from './snapshot-format.js';

// An entry: one byte for its kind, six for the boot, six for the sequence, then
//   COMMAND        the command's bytes
//   SESSION        session, sequence, acknowledged (six bytes each), then the command's bytes
//   OPEN, RESERVE  nothing
//   PROMISE        the member's id, eight bytes
//   FEATURES       level and term, six bytes each, then the members' ids
//   STATE_HASHES   the member's id, eight bytes, from, six bytes, then the hashes, four bytes each
// Numbers are little endian.
const COMMAND = 1;
const SESSION = 2;
const OPEN = 3;
const RESERVE = 4;
const PROMISE = 5;
const FEATURES = 6;
const STATE_HASHES = 7;

const NUMBER = 6;
const HEADER = 1 + 2 * NUMBER;
const PLACE = 3 * NUMBER;
const ID = 8;
const HASH = 4;

/** Encodes a command that belongs to no session: as `encode` does, but no objects are made for content and request. */
export type CommandWriter<Command> = (command: Command, boot: number, sequence: number) => Uint8Array;

/** By the `decode` that each is quicker than: a copy of a format may have another one. */
const readers = new WeakMap<object, CommandReader<unknown>>();
/** By the `encode` that each is quicker than. */
const writers = new WeakMap<object, CommandWriter<never>>();

/** Returns the format that replicas speak among themselves, with commands as this codec writes them. */
export function defaultFormat<Command>(codec: Codec<Command>): Format<Command> {
  const decode = (data: Uint8Array): DecodedEntry<Command> | undefined => decodeEntry(codec, data);
  readers.set(decode, new CommandReader(codec));
  const encode = (content: EntryContent<Command>, request: RequestId): Uint8Array =>
    encodeEntry(codec, content, request);
  writers.set(encode, (command: Command, boot, sequence) => encodeCommand(codec.encode(command), boot, sequence));
  return { encode, decode, wrap, unwrap };
}

/** Returns what reads commands of this format without making objects for it, if there is one. */
export function commandReader<Command>(format: Format<Command>): CommandReader<Command> | undefined {
  return readers.get((format as { readonly decode: object }).decode) as CommandReader<Command> | undefined;
}

/** Returns what writes commands of this format without making objects for it, if there is one. */
export function commandWriter<Command>(format: Format<Command>): CommandWriter<Command> | undefined {
  return writers.get((format as { readonly encode: object }).encode) as CommandWriter<Command> | undefined;
}

/**
 * Reads out of an entry that holds a command, and belongs to no session, what `decode` does: nearly all entries do, and
 * the objects that `decode` makes of each were a seventh of the garbage of a command.
 */
export class CommandReader<Command> {
  private readonly codec: Codec<Command>;

  constructor(codec: Codec<Command>) {
    this.codec = codec;
  }

  /** Does this entry hold such a command? The other functions are for those alone. */
  reads(data: Uint8Array): boolean {
    return data[0] === COMMAND && data.length >= HEADER;
  }

  /** @throws what `decode` would: the codec cannot read it */
  command(data: Uint8Array): Command {
    return decodeCommand(this.codec, data.subarray(HEADER));
  }

  boot(data: Uint8Array): number {
    return readNumber48(data, 1);
  }

  sequence(data: Uint8Array): number {
    return readNumber48(data, 1 + NUMBER);
  }
}

function encodeEntry<Command>(codec: Codec<Command>, content: EntryContent<Command>, request: RequestId): Uint8Array {
  switch (content.kind) {
    case 'command': {
      const payload = codec.encode(content.command);
      const { place } = content;
      if (place === undefined) return encodeCommand(payload, request.boot, request.sequence);
      const start = HEADER + PLACE;
      const bytes = entry(SESSION, request, start + payload.length);
      checkPlace(place);
      writeNumber48(bytes, HEADER, place.session);
      writeNumber48(bytes, HEADER + NUMBER, place.sequence);
      writeNumber48(bytes, HEADER + 2 * NUMBER, place.acknowledged);
      bytes.set(payload, start);
      return bytes;
    }
    case 'open-session':
      return entry(OPEN, request, HEADER);
    case 'reserve-id':
      return entry(RESERVE, request, HEADER);
    case 'promise': {
      const bytes = entry(PROMISE, request, HEADER + ID);
      new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(HEADER, content.member, true);
      return bytes;
    }
    case 'features':
      return encodeFeatures(content, request);
    case 'state-hashes':
      return encodeStateHashes(content, request);
  }
}

function encodeFeatures({ level, term, members }: OpenFeatures, request: RequestId): Uint8Array {
  const start = HEADER + 2 * NUMBER;
  const bytes = entry(FEATURES, request, start + members.length * ID);
  writeNumber48(bytes, HEADER, level);
  writeNumber48(bytes, HEADER + NUMBER, term);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  for (const [i, id] of members.entries()) view.setBigUint64(i * ID, id, true);
  return bytes;
}

function decodeFeatures(data: Uint8Array): OpenFeatures | undefined {
  const start = HEADER + 2 * NUMBER;
  if (data.length < start || (data.length - start) % ID !== 0) return undefined;
  const view = new DataView(data.buffer, data.byteOffset + start, data.length - start);
  const members = Array.from({ length: view.byteLength / ID }, (_, i) => view.getBigUint64(i * ID, true));
  return { kind: 'features', level: readNumber48(data, HEADER), term: readNumber48(data, HEADER + NUMBER), members };
}

function encodeStateHashes({ member, from, hashes }: StateHashesContent, request: RequestId): Uint8Array {
  const start = HEADER + ID + NUMBER;
  const bytes = entry(STATE_HASHES, request, start + hashes.length * HASH);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setBigUint64(HEADER, member, true);
  writeNumber48(bytes, HEADER + ID, from);
  for (const [i, hash] of hashes.entries()) view.setUint32(start + i * HASH, hash, true);
  return bytes;
}

function decodeStateHashes(data: Uint8Array): StateHashesContent | undefined {
  const start = HEADER + ID + NUMBER;
  if (data.length < start || (data.length - start) % HASH !== 0) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const length = (data.length - start) / HASH;
  const hashes = Uint32Array.from({ length }, (_, i) => view.getUint32(start + i * HASH, true));
  return {
    kind: 'state-hashes',
    member: view.getBigUint64(HEADER, true),
    from: readNumber48(data, HEADER + ID),
    hashes,
  };
}

/** A number that is cut off would name another command. */
function checkPlace(place: SessionPlace): void {
  for (const [name, value] of Object.entries(place)) {
    if (Number.isSafeInteger(value) && value >= 0 && value < 2 ** (8 * NUMBER)) continue;
    throw new RaftError(ERR_ENTRY_FORMAT, `place.${name} must be a whole number below 2^48, not ${String(value)}`, {
      reason: name,
    });
  }
}

function encodeCommand(payload: Uint8Array, boot: number, sequence: number): Uint8Array {
  const bytes = begin(COMMAND, boot, sequence, HEADER + payload.length);
  bytes.set(payload, HEADER);
  return bytes;
}

function entry(kind: number, { boot, sequence }: RequestId, length: number): Uint8Array {
  return begin(kind, boot, sequence, length);
}

function begin(kind: number, boot: number, sequence: number, length: number): Uint8Array {
  const bytes = allocate(length);
  bytes[0] = kind;
  writeNumber48(bytes, 1, boot);
  writeNumber48(bytes, 1 + NUMBER, sequence);
  return bytes;
}

function decodeEntry<Command>(codec: Codec<Command>, data: Uint8Array): DecodedEntry<Command> | undefined {
  if (data.length < HEADER) return undefined;
  const request = { boot: readNumber48(data, 1), sequence: readNumber48(data, 1 + NUMBER) };
  switch (data[0]) {
    case COMMAND:
      return { content: { kind: 'command', command: decodeCommand(codec, data.subarray(HEADER)) }, request };
    case SESSION: {
      if (data.length < HEADER + PLACE) return undefined;
      const place = {
        session: readNumber48(data, HEADER),
        sequence: readNumber48(data, HEADER + NUMBER),
        acknowledged: readNumber48(data, HEADER + 2 * NUMBER),
      };
      const command = decodeCommand(codec, data.subarray(HEADER + PLACE));
      return { content: { kind: 'command', command, place }, request };
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
    case FEATURES: {
      const content = decodeFeatures(data);
      return content === undefined ? undefined : { content, request };
    }
    case STATE_HASHES: {
      const content = decodeStateHashes(data);
      return content === undefined ? undefined : { content, request };
    }
    default:
      return undefined;
  }
}

/** What a codec throws says nothing of where it was thrown, and may be anything. */
function decodeCommand<Command>(codec: Codec<Command>, bytes: Uint8Array): Command {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new RaftError(
      ERR_ENTRY_FORMAT,
      `the codec cannot read a command of ${counted(bytes.length, 'byte')}: ${describe(cause)}`,
      {
        cause,
      },
    );
  }
}
