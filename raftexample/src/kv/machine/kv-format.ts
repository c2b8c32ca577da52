import { type NodeId, RaftError } from '@raft-ts/raft';
import { type DecodedEntry, type EntryContent, ERR_OPTIONS, type Format, type RequestId } from '@raft-ts/replica';
import { decodeFeatures, encodeFeatures } from './features.js';
import { type Fields, isFields } from './fields.js';
import type { KvOnce } from './idempotency.js';
import type { KvCommand } from './kv-machine.js';
import { kvSnapshots } from './kv-snapshot.js';
import { leaseCommands } from './lease-commands.js';
import { longPutIn } from './long-entry.js';
import { LONG_ENTRY } from './long-text.js';
import { transactionOf } from './transaction.js';

/**
 * The bytes that the store's members share with those written in Go: entries are JSON objects
 * `{"op","key","value","ifIndex","id"}`; of snapshots `kv-snapshot.ts` knows. What this package alone writes stands in
 * operations and fields that the others pass over.
 */
export const kvFormat: Format<KvCommand> = { encode, decode, ...kvSnapshots };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function encode(content: EntryContent<KvCommand>, request: RequestId & { readonly member: NodeId }): Uint8Array {
  // Small ones share their memory: an allocation of its own takes as long as all else here.
  return Buffer.from(jsonOf(content, `${startOf(request)}-${request.sequence}`));
}

/** A write is put together from its texts, which takes half as long as to have an object written. */
function jsonOf(content: EntryContent<KvCommand>, id: string): string {
  const { command, place } = content.kind === 'command' ? content : {};
  if (command === undefined || place !== undefined || (command.op !== 'put' && command.op !== 'delete')) {
    return JSON.stringify({ ...fieldsOf(content), id });
  }
  const { op, key, value, ifIndex } = command;
  const condition = ifIndex === undefined ? '' : `,"ifIndex":${JSON.stringify(ifIndex)}`;
  return `{"op":"${op}","key":${quoted(key)},"value":${quoted(value)}${condition},"id":"${id}"}`;
}

/** Only what JSON does not escape. */
const plain = /^[ !#-[\]-\ud7ff\ue000-\u{10ffff}]*$/u;

/** The text as JSON. `JSON.stringify` takes three times as long for most, in which nothing is escaped. */
function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

let lastStart: { readonly member: NodeId; readonly boot: number; readonly text: string } | undefined;

/** The part of an id that all requests of a process share: it is dear to write, and nearly always that of before. */
function startOf({ member, boot }: RequestId & { readonly member: NodeId }): string {
  if (lastStart?.member !== member || lastStart.boot !== boot) {
    lastStart = { member, boot, text: `${member}-${boot.toString(36)}` };
  }
  return lastStart.text;
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
    case 'features':
      return encodeFeatures(content);
    case 'open-session':
      throw noSessions();
    case 'state-hashes':
      throw new RaftError(ERR_OPTIONS, 'the format that this store shares with other members has no hashes of states', {
        reason: 'format',
      });
  }
}

/** A member written in Go would apply a command twice that this one applies once. */
function noSessions(): RaftError {
  return new RaftError(ERR_OPTIONS, 'sessions are not part of the format that this store shares with other members', {
    reason: 'format',
  });
}

function decode(data: Uint8Array): DecodedEntry<KvCommand> | undefined {
  const long = data.length < LONG_ENTRY ? undefined : longPutIn(data);
  if (long !== undefined) {
    return { content: { kind: 'command', command: long.command }, request: requestOf(long.id) };
  }
  const fields = objectOf(data);
  if (fields === undefined) return undefined;
  const { op, key = '', value = '', ifIndex, id = '' } = fields;
  if (typeof id !== 'string') return undefined;
  const content = contentOf(op, key, value, ifIndex, fields);
  return content === undefined ? undefined : { content, request: requestOf(id) };
}

function objectOf(data: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(data));
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What an entry says. An operation that this version does not know does nothing, as Go members have it: a later version
 * may have written it. One that it knows, whose fields are not what they should be, was written by no member: it is
 * skipped, on every member alike, and each says so.
 */
function contentOf(
  op: unknown,
  key: unknown,
  value: unknown,
  ifIndex: unknown,
  fields: Fields,
): EntryContent<KvCommand> | undefined {
  if (typeof op !== 'string' || typeof key !== 'string' || typeof value !== 'string') return undefined;
  // No key has an index that a number does not hold exactly, so a condition that names one fails, as on a Go member.
  if (ifIndex !== undefined && !(Number.isInteger(ifIndex) && (ifIndex as number) >= 0)) return undefined;
  switch (op) {
    case 'put':
    case 'delete':
      return { kind: 'command', command: { op, key, value, ifIndex: ifIndex as number | undefined } };
    case 'txn':
      return commandOf(transactionOf(fields));
    case 'once':
      return commandOf(onceOf(key, fields));
    case 'reserve-id':
      return { kind: 'reserve-id' };
    case 'promise':
      return promiseOf(fields);
    case 'features':
      return decodeFeatures(fields);
    default: {
      const read = leaseCommands.get(op);
      return read === undefined ? nothing : commandOf(read(fields));
    }
  }
}

function commandOf(command: KvCommand | undefined): EntryContent<KvCommand> | undefined {
  return command === undefined ? undefined : { kind: 'command', command };
}

const nothing: EntryContent<KvCommand> = { kind: 'command', command: { op: 'nothing' } };

function promiseOf({ member }: Fields): EntryContent<KvCommand> | undefined {
  if (typeof member !== 'string' || !/^[1-9]\d*$/u.test(member)) return undefined;
  return { kind: 'promise', member: BigInt(member) };
}

function onceOf(id: string, { print, write }: Fields): KvOnce | undefined {
  if (typeof print !== 'string' || !isFields(write)) return undefined;
  const { op, key = '', value = '', ifIndex } = write;
  const content = op === 'once' ? undefined : contentOf(op, key, value, ifIndex, write);
  if (content?.kind !== 'command') return undefined;
  const { command } = content;
  return command.op === 'once' || command.op === 'nothing' ? undefined : { op: 'once', key: id, print, write: command };
}

/** The start of the last id that was read, up to its last hyphen: most that come have the same, that of the leader. */
let lastRead = { start: '', boot: 0 };

function requestOf(id: string): RequestId | undefined {
  const { start } = lastRead;
  if (start !== '' && id.startsWith(start)) {
    const sequence = digitsFrom(id, start.length);
    return sequence === undefined ? undefined : { boot: lastRead.boot, sequence };
  }
  const [, place, text, digits] = /^(\d+-([0-9a-z]{1,10})-)(\d{1,15})$/u.exec(id) ?? [];
  if (place === undefined || text === undefined || digits === undefined) return undefined;
  const boot = Number.parseInt(text, 36);
  lastRead = { start: place, boot };
  return { boot, sequence: Number(digits) };
}

/** The number of 1 to 15 decimal digits that stands from there to the end. It makes no garbage, as a match would. */
function digitsFrom(id: string, from: number): number | undefined {
  const { length } = id;
  if (length === from || length - from > 15) return undefined;
  let number = 0;
  for (let i = from; i < length; i++) {
    const digit = id.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return number;
}
