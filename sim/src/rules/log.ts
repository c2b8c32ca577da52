import type { Entry } from '@raft-ts/proto';
import { isConfChangeEntry } from '@raft-ts/raft';
import { chainEntry } from '../base/records.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { History } from './history.js';

/** A leader hands out new entries of its own log. */
export function leaderAppendOnly(member: Member, entries: readonly Entry[]): void {
  const { id, leadsTerm, handedTerm, log } = member;
  const first = entries[0];
  if (first === undefined || leadsTerm === 0 || leadsTerm !== handedTerm || first.index > log.last) return;
  throw new Violation(
    'leader-append-only',
    `Member ${id}, which leads in term ${leadsTerm}, replaces its own entries from index ${first.index} on; its log ends at ${log.last}.`,
  );
}

/** Adds what a member hands out to be written to the log that the rules know of it. */
export function logMatching(history: History, { id, log }: Member, entries: readonly Entry[]): void {
  const first = entries[0];
  if (first === undefined) return;
  if (first.index > log.last + 1 || first.index <= log.base) {
    throw new Violation(
      'log-matching',
      `Member ${id} writes entry ${first.index}; its log holds indexes ${log.base + 1} to ${log.last}.`,
    );
  }
  log.truncate(first.index);
  let chain = log.chain(first.index - 1);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as Entry;
    if (entry.index !== first.index + i) {
      throw new Violation(
        'log-matching',
        `Member ${id} holds entry ${entry.index} where entry ${first.index + i} belongs.`,
      );
    }
    chain = chainEntry(chain, entry);
    const known = history.write(entry.index, entry.term, chain);
    if (known !== chain) {
      throw new Violation(
        'log-matching',
        `Member ${id} holds another entry ${entry.index} of term ${entry.term} than others, or others before it.`,
      );
    }
    log.push(entry.term, chain, isConfChangeEntry(entry));
  }
}

/** A log that has just grown. */
export function oneChangeAtATime({ committed, decreed }: History, { id, log }: Member): void {
  const { changes } = log;
  const count = changes.length;
  if (count < 2 || (changes[count - 2] as number) <= Math.max(committed, decreed)) return;
  throw new Violation(
    'one-change-at-a-time',
    `The log of member ${id} holds membership changes at indexes ${changes[count - 2]} and ${changes[count - 1]}; neither is committed.`,
  );
}
