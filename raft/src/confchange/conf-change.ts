import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  EntryType,
  encodeConfChange,
  encodeConfChangeV2,
  printableLine,
  quoteText,
  RaftError,
  SHOWN_LENGTH,
} from '@raft-ts/proto';
import { ERR_CONF_CHANGE_INVALID, ERR_CONF_CHANGE_SYNTAX } from '../errors.js';

/** A membership change in either of its forms. */
export type AnyConfChange = ConfChange | ConfChangeV2;

export function isV2(cc: AnyConfChange): cc is ConfChangeV2 {
  return 'changes' in cc;
}

/** Returns the second form of this change; a V1 becomes one change with automatic transition. */
export function asV2(cc: AnyConfChange): ConfChangeV2 {
  if (isV2(cc)) return cc;
  return {
    transition: ConfChangeTransition.ConfChangeTransitionAuto,
    changes: [{ type: cc.type, nodeId: cc.nodeId }],
    context: cc.context,
  };
}

/** Returns the type and data of the entry that proposes this change, encoded as by etcd. */
export function marshalConfChange(cc: AnyConfChange): { type: EntryType; data: Uint8Array } {
  return isV2(cc)
    ? { type: EntryType.EntryConfChangeV2, data: encodeConfChangeV2(cc, { explicit: true }) }
    : { type: EntryType.EntryConfChange, data: encodeConfChange(cc, { explicit: true }) };
}

const noBytes = new Uint8Array(0);

/**
 * Decodes the membership change in an entry of type ConfChange or ConfChangeV2; absent data reads as a change with
 * every field zero.
 * @throws ERR_RAFT_DECODE if the data is malformed
 */
export function decodeConfChangeEntry(entry: Entry): AnyConfChange {
  const data = entry.data ?? noBytes;
  return entry.type === EntryType.EntryConfChange ? decodeConfChange(data) : decodeConfChangeV2(data);
}

/** Does this entry change the membership? */
export function isConfChangeEntry(entry: Entry): boolean {
  return entry.type === EntryType.EntryConfChange || entry.type === EntryType.EntryConfChangeV2;
}

/** Does this change do nothing but leave a joint configuration? */
export function leavesJoint(cc: ConfChangeV2): boolean {
  return cc.transition === ConfChangeTransition.ConfChangeTransitionAuto && cc.changes.length === 0;
}

/**
 * Returns how the change enters a joint configuration; `undefined` if the simple protocol suffices, that is, with at
 * most one change and an automatic transition.
 * @throws ERR_RAFT_CONF_CHANGE_INVALID if the transition is unknown
 */
export function entersJoint(cc: ConfChangeV2): { autoLeave: boolean } | undefined {
  if (cc.transition === ConfChangeTransition.ConfChangeTransitionAuto && cc.changes.length <= 1) return undefined;
  switch (cc.transition) {
    case ConfChangeTransition.ConfChangeTransitionAuto:
    case ConfChangeTransition.ConfChangeTransitionJointImplicit:
      return { autoLeave: true };
    case ConfChangeTransition.ConfChangeTransitionJointExplicit:
      return { autoLeave: false };
    default:
      throw new RaftError(ERR_CONF_CHANGE_INVALID, `unknown transition: ${String(cc.transition)}`);
  }
}

const letters = new Map<string, ConfChangeType>([
  ['v', ConfChangeType.ConfChangeAddNode],
  ['l', ConfChangeType.ConfChangeAddLearnerNode],
  ['r', ConfChangeType.ConfChangeRemoveNode],
  ['u', ConfChangeType.ConfChangeUpdateNode],
]);
const letterOf = new Map<ConfChangeType, string>([...letters].map(([letter, type]) => [type, letter]));

// White space according to Go's unicode.IsSpace; String.prototype.trim differs for U+0085 and U+FEFF.
const space = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/u;

/** Trims white space from both ends. A regular expression would take quadratic time for the end. */
function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && space.test(text.charAt(start))) start++;
  while (end > start && space.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

const utf8 = new TextEncoder();

/** Reads a decimal number of 64 bits as strictly as Go's strconv.ParseUint. */
function parseId(text: string): bigint {
  const refuse = (why: string): never => {
    throw new RaftError(ERR_CONF_CHANGE_SYNTAX, `strconv.ParseUint: parsing ${quoteText(text, SHOWN_LENGTH)}: ${why}`);
  };
  if (!/^[0-9]+$/.test(text)) return refuse('invalid syntax');
  const id = BigInt(text);
  return id < 1n << 64n ? id : refuse('value out of range');
}

/**
 * Reads changes in their short form: `v1 l2 r3 u4` adds voter 1 and learner 2, removes 3 and updates 4.
 * @throws ERR_RAFT_CONF_CHANGE_SYNTAX
 */
export function confChangesFromString(text: string): ConfChangeSingle[] {
  const trimmed = trimSpace(text);
  if (trimmed === '') return [];
  return trimmed.split(' ').map((token) => {
    if (utf8.encode(token).length < 2)
      throw new RaftError(ERR_CONF_CHANGE_SYNTAX, `unknown token ${printableLine(token, SHOWN_LENGTH)}`);
    const type = letters.get(token.charAt(0));
    if (type === undefined)
      throw new RaftError(ERR_CONF_CHANGE_SYNTAX, `unknown input: ${printableLine(token, SHOWN_LENGTH)}`);
    return { type, nodeId: parseId(token.slice(1)) };
  });
}

/** Returns the short form of these changes. */
export function confChangesToString(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${letterOf.get(type) ?? 'unknown'}${nodeId}`).join(' ');
}
