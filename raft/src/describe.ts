import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  messageName,
  NONE,
  type NodeId,
  quoteBytes,
  type Snapshot,
} from '@raft-ts/proto';
import { asV2, confChangesToString, decodeConfChangeEntry } from './confchange/conf-change.js';
import type { SoftState } from './raft.js';
import type { ReadState } from './read-only.js';
import { isEmptyHardState, isEmptySnap, type Ready } from './ready.js';

/**
 * Texts for people, in etcd's formats, which its test scripts compare. As in etcd, ids are hexadecimal in messages and
 * decimal elsewhere.
 */

/**
 * Limits on what is shown, because a stranger may have chosen payloads, lists and contexts: bytes of a payload, items
 * of a list, and characters of a list of entries or messages. What is left out is counted.
 */
const SHOWN_BYTES = 1024;
const SHOWN_ITEMS = 256;
const SHOWN_TEXT = 262_144;

/** Formats an entry's payload; the default quotes it as Go does, and truncates it. */
export type EntryFormatter = (data: Uint8Array | undefined) => string;

/** Returns a function from numbers to names; unknown numbers print as they are. */
function namesOf(table: Readonly<Record<string, number>>): (value: number) => string {
  const names = new Map(Object.entries(table).map(([name, value]) => [value, name]));
  return (value) => names.get(value) ?? String(value);
}
const entryTypeName = namesOf(EntryType);
const changeTypeName = namesOf(ConfChangeType);
const transitionName = namesOf(ConfChangeTransition);

function quotePayload(data: Uint8Array | undefined): string {
  return quoteBytes(data, SHOWN_BYTES);
}

/** A Go list: `[1 2 3]`. */
function list<T>(items: ArrayLike<T>, describe: (item: T) => string = String): string {
  const shown = Array.from({ length: Math.min(items.length, SHOWN_ITEMS) }, (_, i) => describe(items[i] as T));
  return `[${shown.join(' ')}${more(items.length - shown.length)}]`;
}

function more(count: number): string {
  return count > 0 ? ` and ${count} more` : '';
}

/** Concatenates the items' texts until the limit is reached. */
function each<T>(items: readonly T[], describe: (item: T) => string): string {
  let text = '';
  for (let i = 0; i < items.length; i++) {
    if (text.length >= SHOWN_TEXT) return `${text}${more(items.length - i)}\n`;
    text += describe(items[i] as T);
  }
  return text;
}

/** Returns `Term:1 Vote:2 Commit:3`; the vote is left out if there is none. */
export function describeHardState(hs: HardState): string {
  return `Term:${hs.term}${hs.vote === NONE ? '' : ` Vote:${hs.vote}`} Commit:${hs.commit}`;
}

/** Returns `Lead:1 State:StateFollower` */
export function describeSoftState(ss: SoftState): string {
  return `Lead:${ss.lead} State:${ss.raftState}`;
}

/** Returns `Voters:[1 2 3] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false` */
export function describeConfState(cs: ConfState): string {
  return `Voters:${list(cs.voters)} VotersOutgoing:${list(cs.votersOutgoing)} Learners:${list(cs.learners)} LearnersNext:${list(cs.learnersNext)} AutoLeave:${cs.autoLeave}`;
}

/** The protobuf text form: `voters:1 voters:2 auto_leave:false` */
export function confStateText(cs: ConfState): string {
  const lists = [
    ['voters', cs.voters],
    ['learners', cs.learners],
    ['voters_outgoing', cs.votersOutgoing],
    ['learners_next', cs.learnersNext],
  ] as const;
  const texts = lists.flatMap(([name, ids]) => [
    ...ids.slice(0, SHOWN_ITEMS).map((id) => `${name}:${id} `),
    ids.length > SHOWN_ITEMS ? `${name}:and ${ids.length - SHOWN_ITEMS} more ` : '',
  ]);
  return `${texts.join('')}auto_leave:${cs.autoLeave}`;
}

/** Returns `Index:11 Term:1 ConfState:…` */
export function describeSnapshot({ metadata }: Snapshot): string {
  return `Index:${metadata.index} Term:${metadata.term} ConfState:${describeConfState(metadata.confState)}`;
}

/** Returns `1/12 EntryNormal "prop_1"`; membership changes in their short form. */
export function describeEntry(entry: Entry, format: EntryFormatter = quotePayload): string {
  const type = entry.type ?? EntryType.EntryNormal;
  const text = entryText(entry, type, format);
  return `${entry.term}/${entry.index} ${entryTypeName(type)}${text === '' ? '' : ` ${text}`}`;
}

function entryText(entry: Entry, type: EntryType, format: EntryFormatter): string {
  switch (type) {
    case EntryType.EntryNormal:
      return format(entry.data);
    case EntryType.EntryConfChange:
    case EntryType.EntryConfChangeV2:
      try {
        return changesText(asV2(decodeConfChangeEntry(entry)).changes);
      } catch (error) {
        return (error as Error).message;
      }
    default:
      return '';
  }
}

function changesText(changes: readonly ConfChangeSingle[]): string {
  return `${confChangesToString(changes.slice(0, SHOWN_ITEMS))}${more(changes.length - SHOWN_ITEMS)}`;
}

/** Returns one line per entry. */
export function describeEntries(entries: readonly Entry[], format: EntryFormatter = quotePayload): string {
  return each(entries, (entry) => `${describeEntry(entry, format)}\n`);
}

/** Returns `transition:ConfChangeTransitionAuto changes:{type:ConfChangeAddNode node_id:4} context:"…"` */
export function describeConfChange(cc: ConfChange | ConfChangeV2): string {
  const { transition, changes, context } = asV2(cc);
  let text = `transition:${transitionName(transition)}`;
  for (const { type, nodeId } of changes.slice(0, SHOWN_ITEMS)) {
    text += ` changes:{type:${changeTypeName(type)} node_id:${nodeId}}`;
  }
  text += more(changes.length - SHOWN_ITEMS);
  if (context !== undefined && context.length > 0) text += ` context:${quotePayload(context)}`;
  return text;
}

function describeTarget(id: NodeId): string {
  switch (id) {
    case NONE:
      return 'None';
    case LOCAL_APPEND_THREAD:
      return 'AppendThread';
    case LOCAL_APPLY_THREAD:
      return 'ApplyThread';
    default:
      return id.toString(16);
  }
}

/**
 * Returns `1->2 MsgApp Term:1 Log:1/11 Commit:11 Entries:[…]`, over several lines if it holds several entries, a
 * snapshot or responses. The context is not shown.
 */
export function describeMessage(m: Message, format: EntryFormatter = quotePayload): string {
  return describeIndented(m, format, '');
}

function describeIndented(m: Message, format: EntryFormatter, indent: string): string {
  let text = `${indent}${describeTarget(m.from)}->${describeTarget(m.to)} ${messageName(m.type)} Term:${m.term} Log:${m.logTerm}/${m.index}`;
  if (m.reject) text += ` Rejected (Hint: ${m.rejectHint})`;
  if (m.commit !== 0) text += ` Commit:${m.commit}`;
  if (m.vote !== NONE) text += ` Vote:${m.vote}`;
  const [only] = m.entries;
  if (only !== undefined && m.entries.length === 1) {
    text += ` Entries:[${describeEntry(only, format)}]`;
  } else if (m.entries.length > 1) {
    const lines = each(m.entries, (entry) => `\n${indent}  ${describeEntry(entry, format)}`);
    text += ` Entries:[${lines}\n${indent}]`;
  }
  if (m.snapshot !== undefined && !isEmptySnap(m.snapshot)) {
    text += `\n${indent}  Snapshot: ${describeSnapshot(m.snapshot)}`;
  }
  if (m.responses.length > 0) {
    const lines = each(m.responses, (resp) => `\n${describeIndented(resp, format, `${indent}  `)}`);
    text += ` Responses:[${lines}\n${indent}]`;
  }
  return text;
}

function describeReadState({ index, requestCtx }: ReadState): string {
  return `{${index} ${list(requestCtx ?? [])}}`;
}

/** Returns everything that a Ready asks for, one line each; `<empty Ready>` if that is nothing. */
export function describeReady(rd: Ready, format: EntryFormatter = quotePayload): string {
  let text = '';
  if (rd.softState !== undefined) text += `${describeSoftState(rd.softState)}\n`;
  if (rd.hardState !== undefined && !isEmptyHardState(rd.hardState)) {
    text += `HardState ${describeHardState(rd.hardState)}\n`;
  }
  if (rd.readStates.length > 0) text += `ReadStates ${list(rd.readStates, describeReadState)}\n`;
  if (rd.entries.length > 0) text += `Entries:\n${describeEntries(rd.entries, format)}`;
  if (!isEmptySnap(rd.snapshot)) text += `Snapshot ${describeSnapshot(rd.snapshot)}\n`;
  if (rd.committedEntries.length > 0) text += `CommittedEntries:\n${describeEntries(rd.committedEntries, format)}`;
  if (rd.messages.length > 0) {
    text += `Messages:\n${each(rd.messages, (m) => `${describeMessage(m, format)}\n`)}`;
  }
  return text === '' ? '<empty Ready>' : `Ready MustSync=${rd.mustSync}:\n${text}`;
}
