import { emptyConfState, encodeConfChange } from '@raft-ts/proto';
import {
  type ConfState,
  type Entry,
  EntryType,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type NodeId,
  newMessage,
  type Snapshot,
} from '@raft-ts/raft';
import type { Choices } from './random.js';

/** Where a forger looks for plausible values. */
export interface Surroundings {
  readonly ids: readonly NodeId[];
  readonly term: number;
  readonly lastIndex: number;
  readonly commit: number;
}

const types = Object.values(MessageType);
/** What a forger would like best: what leaders send, and what makes leaders. */
const favourites = [
  MessageType.MsgApp,
  MessageType.MsgHeartbeat,
  MessageType.MsgSnap,
  MessageType.MsgTimeoutNow,
  MessageType.MsgVoteResp,
  MessageType.MsgPreVoteResp,
  MessageType.MsgAppResp,
];
// The highest position that is taken, and the lowest that is refused.
const limit = 2 ** 53 - 2 ** 32;

/** A message that no correct member sent: an honest one with some fields changed, or one made up. */
export function forge(choices: Choices, model: Message | undefined, around: Surroundings): Message {
  const base = model === undefined || choices.chance(0.35) ? invent(choices, around) : { ...model };
  const changes = choices.weighted({ none: 1, one: 6, two: 3, three: 1 });
  const count = { none: 0, one: 1, two: 2, three: 3 }[changes];
  for (let i = 0; i < count; i++) {
    choices.pick(alterations)(choices, base, around);
  }
  return base;
}

function invent(choices: Choices, around: Surroundings): Message {
  const m = newMessage(choices.pick(choices.chance(0.4) ? favourites : types), choices.pick(around.ids));
  m.from = choices.pick(around.ids);
  m.term = choices.chance(0.5) ? around.term : near(choices, around.term);
  m.index = near(choices, around.lastIndex);
  m.logTerm = near(choices, around.term);
  m.commit = choices.chance(0.5) ? 0 : near(choices, around.commit);
  m.reject = choices.chance(0.2);
  if (choices.chance(0.5)) alterEntries(choices, m, around);
  if (m.type === MessageType.MsgSnap && choices.chance(0.9)) m.snapshot = inventSnapshot(choices, around);
  return m;
}

function near(choices: Choices, value: number): number {
  return Math.max(0, value + choices.between(-2, 2));
}

type Alteration = (choices: Choices, m: Message, around: Surroundings) => void;

const alterations: readonly Alteration[] = [
  (choices, m, around) => {
    m.term = choices.chance(0.2) ? 0 : near(choices, around.term);
  },
  (choices, m) => {
    m.term = Math.max(0, m.term + choices.between(-1, 1));
  },
  (choices, m, around) => {
    m.index = choices.chance(0.2) ? near(choices, around.commit) : near(choices, m.index);
  },
  (choices, m) => {
    m.logTerm = near(choices, m.logTerm);
  },
  (choices, m, around) => {
    m.commit = near(choices, choices.chance(0.5) ? around.lastIndex : m.commit);
  },
  (choices, m, around) => {
    m.from = choices.weighted({ member: 8, none: 1, thread: 1 }) === 'member' ? choices.pick(around.ids) : m.from;
  },
  (choices, m) => {
    m.from = choices.pick([NONE, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, m.to, 77n]);
  },
  (choices, m) => {
    m.type = choices.pick(types);
  },
  (_choices, m) => {
    m.reject = !m.reject;
  },
  (choices, m, around) => {
    m.rejectHint = near(choices, around.lastIndex);
  },
  (choices, m) => {
    m.context = choices.chance(0.3) ? undefined : choices.bytes(choices.pick([0, 1, 7, 8, 8, 9]));
  },
  (choices, m) => {
    // A plausible counter of reads.
    m.context = Uint8Array.from([choices.below(5), 0, 0, 0, 0, 0, 0, 0]);
  },
  (_choices, m) => {
    m.context = new TextEncoder().encode('CampaignTransfer');
  },
  alterEntries,
  alterEntries,
  (choices, m, around) => {
    m.snapshot = choices.chance(0.3) ? undefined : inventSnapshot(choices, around);
  },
  (choices, m) => {
    const field = choices.pick(['term', 'index', 'logTerm', 'commit', 'rejectHint'] as const);
    // A term that high is taken only in part: how far messages raise it between two ticks is bounded here.
    const highest = field === 'term' ? 1 : choices.between(0, 1);
    m[field] = choices.chance(0.1) ? limit + highest : choices.below(40);
  },
];

function alterEntries(choices: Choices, m: Message, around: Surroundings): void {
  const entries = [...m.entries];
  const at = choices.below(entries.length + 1);
  switch (choices.weighted({ add: 4, remove: 2, change: 3, clear: 1 })) {
    case 'add':
      entries.splice(at, 0, inventEntry(choices, m, around, at));
      break;
    case 'remove':
      entries.splice(at, 1);
      break;
    case 'change':
      if (entries[at] !== undefined) entries[at] = alterEntry(choices, entries[at]);
      break;
    case 'clear':
      entries.length = 0;
      break;
  }
  m.entries = entries;
}

function inventEntry(choices: Choices, m: Message, around: Surroundings, at: number): Entry {
  const fits = choices.chance(0.7);
  const type = choices.pick([undefined, undefined, ...Object.values(EntryType)]);
  const nodeId = choices.pick(around.ids);
  const change = encodeConfChange({ id: 0n, type: choices.pick([0, 1, 2, 3]), nodeId, context: undefined });
  const readable = type === EntryType.EntryConfChange && choices.chance(0.8);
  return {
    type,
    term: fits ? Math.max(1, m.term) : near(choices, around.term),
    index: fits ? m.index + 1 + at : near(choices, around.lastIndex),
    data: readable ? change : choices.chance(0.2) ? undefined : choices.payload(choices.below(5)),
  };
}

function alterEntry(choices: Choices, entry: Entry): Entry {
  switch (choices.weighted({ index: 1, term: 2, data: 1, type: 1 })) {
    case 'index':
      return { ...entry, index: near(choices, entry.index) };
    case 'term':
      return { ...entry, term: near(choices, entry.term) };
    case 'data':
      return { ...entry, data: choices.payload(choices.below(6)) };
    case 'type':
      return { ...entry, type: choices.pick([undefined, ...Object.values(EntryType)]) };
  }
}

function inventConfState(choices: Choices, ids: readonly NodeId[]): ConfState {
  const voters = choices.some(ids, 0.6);
  return {
    ...emptyConfState(),
    voters: choices.chance(0.9) && voters.length === 0 ? [...ids] : voters,
    learners: choices.chance(0.8) ? ids.filter((id) => !voters.includes(id)) : choices.some(ids, 0.3),
    votersOutgoing: choices.chance(0.8) ? [] : choices.some(ids, 0.5),
    learnersNext: choices.chance(0.9) ? [] : choices.some(ids, 0.2),
    autoLeave: choices.chance(0.1),
  };
}

function inventSnapshot(choices: Choices, around: Surroundings): Snapshot {
  return {
    data: choices.chance(0.3) ? undefined : choices.bytes(choices.below(4)),
    metadata: {
      confState: inventConfState(choices, around.ids),
      index: near(choices, choices.pick([0, around.commit, around.lastIndex, around.lastIndex + 3])),
      term: near(choices, around.term),
    },
  };
}
