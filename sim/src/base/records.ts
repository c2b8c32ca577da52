import { type ConfState, type Entry, EntryType, type Message, type NodeId } from '@raft-ts/proto';
import { wordAt } from './bytes.js';
import { mix } from './random.js';

/** Copies a message for its receiver, which may change it. Written out: a spread would be slow. */
export function copyMessage(m: Message): Message {
  return {
    type: m.type,
    to: m.to,
    from: m.from,
    term: m.term,
    logTerm: m.logTerm,
    index: m.index,
    entries: m.entries,
    commit: m.commit,
    vote: m.vote,
    snapshot: m.snapshot,
    reject: m.reject,
    rejectHint: m.rejectHint,
    context: m.context,
    responses: m.responses,
  };
}

/** Hashes an entry together with everything before it, which `chain` stands for. Never 0. */
export function chainEntry(chain: number, { type, term, index, data }: Entry): number {
  let hash = mix(mix(mix(chain, index), term), type ?? EntryType.EntryNormal);
  if (data !== undefined) {
    hash = mix(hash, data.length);
    let at = 0;
    for (; at + 4 <= data.length; at += 4) hash = mix(hash, wordAt(data, at));
    for (; at < data.length; at++) hash = mix(hash, data[at] as number);
  }
  return mix(hash, 0x5bd1e995) || 1;
}

/** Is this one of the members? */
export function names(cs: ConfState, id: NodeId): boolean {
  return cs.voters.includes(id) || cs.learners.includes(id) || cs.votersOutgoing.includes(id);
}

/** Returns a text that two equal configurations share. */
export function confStateKey(cs: ConfState): string {
  const sorted = (ids: readonly bigint[]): string => [...ids].sort((a, b) => (a < b ? -1 : 1)).join(',');
  const outgoing = cs.votersOutgoing.length > 0 ? `&&(${sorted(cs.votersOutgoing)})` : '';
  const next = cs.learnersNext.length > 0 ? ` learners-next (${sorted(cs.learnersNext)})` : '';
  const learners = cs.learners.length > 0 ? ` learners (${sorted(cs.learners)})` : '';
  return `voters (${sorted(cs.voters)})${outgoing}${learners}${next}${cs.autoLeave ? ' auto-leave' : ''}`;
}
