/**
 * Checks of what a JavaScript caller passes in. Types do not hold at run time: a string in place of bytes has a length
 * too, and would be counted, replicated, and written as something else on each member. So every value is checked as it
 * comes in, before anything is changed.
 *
 * The functions named `…Fault` return what is wrong, and allocate nothing if nothing is.
 */
import { ERR_ARGUMENT, ID_RANGE, MAX_NESTING, POSITION_RANGE } from './codes.js';
import { RaftError } from './errors.js';
import {
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  NONE,
  type Snapshot,
} from './records.js';

/** What is wrong with a value: where in it (`''` for the value itself), what is there, and what is allowed. */
export interface Fault {
  readonly path: string;
  readonly value: unknown;
  readonly allowed: string;
}

const BYTES = 'a Uint8Array';
const BYTES_OR_NONE = 'a Uint8Array or undefined';
const LIST = 'an array';
const RECORD = 'an object';
const FLAG = 'a boolean';
const TEXT = 'a string';
const SMALL_NUMBER = 'a number';

// Tells what a typed array really is, whichever realm (a worker's, a test runner's) it comes from and whatever it
// claims to be. `instanceof` knows one realm only.
const typedArrayTag: PropertyDescriptor | undefined = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
);
const typedArrayName = (typedArrayTag as { readonly get: (this: unknown) => string | undefined }).get;

/** Is this a Uint8Array (or Buffer) of any realm? */
export function isBytes(value: unknown): value is Uint8Array {
  return typedArrayName.call(value) === 'Uint8Array';
}

export function isId(value: unknown): value is bigint {
  // Cheaper than two comparisons.
  return typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
}

export function isPosition(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** Builds the error for a malformed argument. */
export function badArgument(name: string, { path, value, allowed }: Fault): RaftError {
  const field = `${name}${path}`;
  return new RaftError(ERR_ARGUMENT, `${field} is ${describeValue(value)}; allowed: ${allowed}`, { reason: field });
}

/** The kind of a value, and the value itself if it is short. */
function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `a string of length ${value.length}`;
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
    default:
      return String(value);
  }
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` for the fault, if there is one */
export function refuseFault(name: string, fault: Fault | undefined): void {
  if (fault !== undefined) throw badArgument(name, fault);
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless these are bytes */
export function checkBytes(name: string, value: unknown): void {
  if (!isBytes(value)) throw badArgument(name, { path: '', value, allowed: BYTES });
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless these are bytes, or undefined */
export function checkOptionalBytes(name: string, value: unknown): void {
  if (value !== undefined && !isBytes(value)) throw badArgument(name, { path: '', value, allowed: BYTES_OR_NONE });
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless this is a bigint of 64 bits */
export function checkId(name: string, value: unknown): void {
  if (!isId(value)) throw badArgument(name, { path: '', value, allowed: ID_RANGE });
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless this is a safe integer that is not negative */
export function checkPosition(name: string, value: unknown): void {
  if (!isPosition(value)) throw badArgument(name, { path: '', value, allowed: POSITION_RANGE });
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless this is an array */
export function checkList(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw badArgument(name, { path: '', value, allowed: LIST });
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless this is an object; its contents are not checked */
export function checkRecord(name: string, value: unknown): void {
  if (!isRecord(value)) throw badArgument(name, { path: '', value, allowed: RECORD });
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` unless this is a string */
export function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string') throw badArgument(name, { path: '', value, allowed: TEXT });
}

/** The fault of a part, as a fault of the whole. */
export function within(prefix: string, fault: Fault): Fault {
  return { ...fault, path: `${prefix}${fault.path}` };
}

export function positionFault(path: string, value: unknown): Fault | undefined {
  return isPosition(value) ? undefined : { path, value, allowed: POSITION_RANGE };
}

function optionalBytesFault(path: string, value: unknown): Fault | undefined {
  return value === undefined || isBytes(value) ? undefined : { path, value, allowed: BYTES_OR_NONE };
}

export function recordFault(value: unknown): Fault | undefined {
  return isRecord(value) ? undefined : { path: '', value, allowed: RECORD };
}

export function entryFault(entry: Entry, largest: number = Number.MAX_SAFE_INTEGER): Fault | undefined {
  if (!isRecord(entry)) return recordFault(entry);
  const { type, term, index, data } = entry;
  if (type !== undefined && typeof type !== 'number') return { path: '.type', value: type, allowed: SMALL_NUMBER };
  if (!isWhole(term, largest)) return { path: '.term', value: term, allowed: POSITION_RANGE };
  if (!isWhole(index, largest)) return { path: '.index', value: index, allowed: POSITION_RANGE };
  return data === undefined || isBytes(data) ? undefined : { path: '.data', value: data, allowed: BYTES_OR_NONE };
}

function isWhole(value: unknown, largest: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= largest;
}

/**
 * @param largest highest position that is accepted: a receiver may have its own rule, and error code, for higher ones
 */
export function entriesFault(entries: readonly Entry[], largest: number = Number.MAX_SAFE_INTEGER): Fault | undefined {
  if (!Array.isArray(entries)) return { path: '', value: entries, allowed: LIST };
  for (let i = 0; i < entries.length; i++) {
    const fault = entryFault(entries[i] as Entry, largest);
    if (fault !== undefined) return within(`[${i}]`, fault);
  }
  return undefined;
}

function idsFault(path: string, ids: readonly bigint[]): Fault | undefined {
  if (!Array.isArray(ids)) return { path, value: ids, allowed: LIST };
  const at = ids.findIndex((id) => !isId(id));
  return at < 0 ? undefined : { path: `${path}[${at}]`, value: ids[at], allowed: ID_RANGE };
}

export function confStateFault(state: ConfState): Fault | undefined {
  if (!isRecord(state)) return recordFault(state);
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = state;
  return (
    idsFault('.voters', voters) ??
    idsFault('.learners', learners) ??
    idsFault('.votersOutgoing', votersOutgoing) ??
    idsFault('.learnersNext', learnersNext) ??
    (typeof autoLeave === 'boolean' ? undefined : { path: '.autoLeave', value: autoLeave, allowed: FLAG })
  );
}

export function hardStateFault(state: HardState): Fault | undefined {
  if (!isRecord(state)) return recordFault(state);
  const { term, vote, commit } = state;
  return (
    positionFault('.term', term) ??
    (isId(vote) ? undefined : { path: '.vote', value: vote, allowed: ID_RANGE }) ??
    positionFault('.commit', commit)
  );
}

export function snapshotFault(snapshot: Snapshot): Fault | undefined {
  if (!isRecord(snapshot)) return recordFault(snapshot);
  const { data, metadata } = snapshot;
  if (!isRecord(metadata)) return { path: '.metadata', value: metadata, allowed: RECORD };
  const confState = confStateFault(metadata.confState);
  if (confState !== undefined) return within('.metadata.confState', confState);
  return (
    optionalBytesFault('.data', data) ??
    positionFault('.metadata.index', metadata.index) ??
    positionFault('.metadata.term', metadata.term)
  );
}

/** The fault of a membership change of either form. */
export function confChangeFault(cc: ConfChange | ConfChangeV2): Fault | undefined {
  if (!isRecord(cc)) return recordFault(cc);
  if (!('changes' in cc)) {
    if (!isId(cc.id)) return { path: '.id', value: cc.id, allowed: ID_RANGE };
    return singleFault('', cc) ?? optionalBytesFault('.context', cc.context);
  }
  const { transition, changes, context } = cc;
  if (typeof transition !== 'number') return { path: '.transition', value: transition, allowed: SMALL_NUMBER };
  if (!Array.isArray(changes)) return { path: '.changes', value: changes, allowed: LIST };
  for (const [i, change] of changes.entries()) {
    const path = `.changes[${i}]`;
    const fault = isRecord(change) ? singleFault(path, change) : { path, value: change, allowed: RECORD };
    if (fault !== undefined) return fault;
  }
  return optionalBytesFault('.context', context);
}

function singleFault(path: string, { type, nodeId }: Pick<ConfChange, 'type' | 'nodeId'>): Fault | undefined {
  if (typeof type !== 'number') return { path: `${path}.type`, value: type, allowed: SMALL_NUMBER };
  return isId(nodeId) ? undefined : { path: `${path}.nodeId`, value: nodeId, allowed: ID_RANGE };
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` for the first message that is malformed */
export function checkMessages(messages: readonly Message[]): void {
  checkList('messages', messages);
  for (let i = 0; i < messages.length; i++) {
    const fault = messageFault(messages[i] as Message);
    // The name is put together for what is refused alone.
    if (fault !== undefined) throw badArgument(`messages[${i}]`, fault);
  }
}

/** Checks the type of every field; whether the numbers make sense together is for the receiver to judge. */
export function messageFault(m: Message, depth = 0): Fault | undefined {
  if (!isRecord(m)) return recordFault(m);
  const { entries, snapshot, context, responses } = m;
  if (
    typeof m.type === 'number' &&
    typeof m.term === 'number' &&
    typeof m.logTerm === 'number' &&
    typeof m.index === 'number' &&
    typeof m.rejectHint === 'number' &&
    typeof m.reject === 'boolean' &&
    Number.isInteger(m.commit) &&
    isId(m.to) &&
    isId(m.from) &&
    // Comparing is cheaper than checking, and almost no message names a vote.
    (m.vote === NONE || isId(m.vote)) &&
    context === undefined &&
    snapshot === undefined &&
    Array.isArray(responses) &&
    responses.length === 0
  ) {
    // Almost every message gets here: only its entries remain to be checked.
    if (Array.isArray(entries) && entries.length === 0) return undefined;
    const fault = entriesFault(entries, Number.MAX_VALUE);
    return fault === undefined ? undefined : within('.entries', fault);
  }
  return scalarFault(m) ?? nestedFault(m, depth);
}

function scalarFault(m: Message): Fault | undefined {
  for (const field of ['type', 'term', 'logTerm', 'index', 'rejectHint'] as const) {
    if (typeof m[field] !== 'number') return { path: `.${field}`, value: m[field], allowed: SMALL_NUMBER };
  }
  for (const field of ['to', 'from', 'vote'] as const) {
    if (!isId(m[field])) return { path: `.${field}`, value: m[field], allowed: ID_RANGE };
  }
  if (typeof m.reject !== 'boolean') return { path: '.reject', value: m.reject, allowed: FLAG };
  // The receiver judges commit indexes beyond its log; but it would adopt one that is not a number.
  if (!Number.isInteger(m.commit)) return { path: '.commit', value: m.commit, allowed: 'an integer' };
  return optionalBytesFault('.context', m.context);
}

function nestedFault({ entries, snapshot, responses }: Message, depth: number): Fault | undefined {
  const inEntries = entriesFault(entries, Number.MAX_VALUE);
  if (inEntries !== undefined) return within('.entries', inEntries);
  const inSnapshot = snapshot === undefined ? undefined : snapshotFault(snapshot);
  if (inSnapshot !== undefined) return within('.snapshot', inSnapshot);
  if (!Array.isArray(responses) || depth >= MAX_NESTING) return { path: '.responses', value: responses, allowed: LIST };
  for (const [i, response] of responses.entries()) {
    const fault = messageFault(response, depth + 1);
    if (fault !== undefined) return within(`.responses[${i}]`, fault);
  }
  return undefined;
}
