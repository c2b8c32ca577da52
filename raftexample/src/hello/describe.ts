import { quoteBytes, quoteText, SHOWN_LENGTH } from '@raft-ts/proto';
import {
  confChangesToString,
  decodeConfChangeEntry,
  type Entry,
  isConfChangeEntry,
  type NodeId,
  type Snapshot,
} from '@raft-ts/raft';
import { describeMembers } from '../common/log.js';
import { asCoded } from '../common/raft-code.js';
import type { MemberStorage } from './storage.js';

/** Most steps of a membership change that are shown. */
const SHOWN_CHANGES = 32;

/** Describes the log that a member finds when it starts. */
export function describeLog({ raft, isNew, place }: MemberStorage): string {
  if (isNew) return `log ${place}: new`;
  const { hardState } = raft.initialState();
  const { index: snapshot } = raft.snapshot().metadata;
  const behind = snapshot === 0 ? '' : `snapshot ${snapshot}, `;
  return (
    `log ${place}: ${behind}entries ${raft.firstIndex()} to ${raft.lastIndex()}, ` +
    `term ${hardState?.term ?? 0}, commit ${hardState?.commit ?? 0}; the committed ones follow`
  );
}

/** Describes a snapshot. The entries that it covers are not shown: nobody has them any more. */
export function describeSnapshot({ metadata: { index, term } }: Snapshot): string {
  return `snapshot index=${index} term=${term}`;
}

/**
 * Describes a committed entry on one line. Every member must print the same lines, in order of their indexes, without a
 * gap. Of a long entry it shows the beginning, and how much is left out.
 */
export function describeCommitted(entry: Entry): string {
  const { kind, text } = contentOf(entry);
  return `committed index=${entry.index} term=${entry.term} kind=${kind} text=${text}`;
}

function contentOf(entry: Entry): { kind: string; text: string } {
  // A new leader commits an empty entry of its own term before anything else.
  if (!isConfChangeEntry(entry)) {
    return { kind: (entry.data?.length ?? 0) === 0 ? 'empty' : 'normal', text: quoteBytes(entry.data, SHOWN_LENGTH) };
  }
  return { kind: 'conf-change', text: confChangeText(entry) };
}

/** Describes a membership change. Malformed bytes are quoted: they were committed all the same. */
function confChangeText(entry: Entry): string {
  try {
    const change = decodeConfChangeEntry(entry);
    const changes = 'changes' in change ? change.changes : [change];
    const more = changes.length - SHOWN_CHANGES;
    const text = quoteText(confChangesToString(changes.slice(0, SHOWN_CHANGES)));
    return more <= 0 ? text : `${text} and ${more} more changes`;
  } catch (error) {
    if (asCoded(error) !== undefined) return quoteBytes(entry.data, SHOWN_LENGTH);
    throw error;
  }
}

/** Describes how the flags differ from the founders of the cluster; undefined if they agree. */
export function describeOtherPeers(founders: readonly NodeId[], flagged: readonly NodeId[]): string | undefined {
  const added = flagged.filter((id) => !founders.includes(id));
  const missing = founders.filter((id) => !flagged.includes(id));
  if (added.length + missing.length === 0) return undefined;
  return [
    `this log belongs to a cluster that was founded by ${describeMembers(founders)}`,
    ...(added.length === 0 ? [] : [`--peers also names ${describeMembers(added)}, which that does not add to it`]),
    ...(missing.length === 0 ? [] : [`--peers does not say where to reach ${describeMembers(missing)}`]),
  ].join('; ');
}
