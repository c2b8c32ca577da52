import { type Message, messageSize, NONE, type Snapshot } from '@raft-ts/proto';
import { encodeMessageInto } from '@raft-ts/proto/internal';
import { quoteBytes, type RawNode } from '@raft-ts/raft';
import { numberOf } from '../base/bytes.js';
import { chainEntry, confStateKey, copyMessage } from '../base/records.js';
import type { Disk } from '../member/disk.js';

/** Payloads that are no number of ours are quoted up to here. */
const QUOTED = 64;

/** Writes payloads by their number, as `#7` or, if they are longer than four bytes, `#7(300)`. */
export function describePayload(data: Uint8Array | undefined): string {
  const number = data === undefined ? undefined : numberOf(data);
  if (data === undefined || number === undefined) return quoteBytes(data, QUOTED);
  return data.length === 4 ? `#${number}` : `#${number}(${data.length})`;
}

/**
 * Returns a text that equal messages share, whatever state a snapshot holds: the application of a script has another
 * one than that of a simulation.
 */
export function keyOf(m: Message): string {
  const copy = copyMessage(m);
  if (m.snapshot !== undefined) copy.snapshot = withoutState(m.snapshot);
  const bytes = new Uint8Array(messageSize(copy));
  encodeMessageInto(copy, bytes, 0);
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function withoutState({ metadata }: Snapshot): Snapshot {
  return { data: undefined, metadata };
}

/** Returns everything that the rules look at in a core: role, term, vote, leader, commit index, membership and log. */
export function stateOf({ raft }: Pick<RawNode, 'raft'>): string {
  const { raftLog } = raft;
  const membership = confStateKey(raft.trk.config.confState());
  const { state, term, vote, lead } = raft;
  const log = readable(() => describeLog(raft));
  return `${state} term ${term} vote ${vote} lead ${lead} commit ${raftLog.committed} ${membership} ${log}`;
}

function describeLog({ raftLog }: RawNode['raft']): string {
  const first = raftLog.firstIndex();
  const last = raftLog.lastIndex();
  const entries = raftLog.slice(first, last + 1, Number.POSITIVE_INFINITY);
  return `log ${first} to ${last} ${typeof entries === 'string' ? entries : entries.reduce(chainEntry, first)}`;
}

/** Returns what would survive a power cut now. */
export function describeDurable({ durable }: Disk): string {
  const { term, vote, commit } = durable.hardState ?? { term: 0, vote: NONE, commit: 0 };
  const { lastIndex } = durable;
  return `Term:${term} Vote:${vote} Commit:${commit} Last:${durable.term(lastIndex) ?? 0}/${lastIndex}`;
}

/** Returns what a function returns, or why it cannot: a broken core may have a log that it cannot read itself. */
export function readable(read: () => string): string {
  try {
    return read();
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
