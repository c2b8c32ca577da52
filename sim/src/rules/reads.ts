import type { ReadState } from '@raft-ts/raft';
import { numberOf } from '../base/bytes.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { History } from './history.js';

/** A member was told at which index a read of its own can be served. */
export function readLinearizable(history: History, { id, slot, life }: Member, { index, requestCtx }: ReadState): void {
  const number = requestCtx === undefined ? undefined : numberOf(requestCtx);
  const read = number === undefined ? undefined : history.reads.get(number);
  // A repeated answer, or one to an earlier life.
  if (number === undefined || read === undefined || read.slot !== slot || read.life !== life) return;
  history.reads.delete(number);
  history.readsAnswered++;
  if (index >= read.bound) return;
  throw new Violation(
    'read-linearizable',
    `Member ${id} may serve read ${number} at index ${index}; entry ${read.bound} was committed before the read was asked for.`,
  );
}
