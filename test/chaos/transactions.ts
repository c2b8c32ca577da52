/** Transactions of clients: one operation for each key, all of which stand in one entry. */

import type { Operation } from '@raft-ts/sim/internal';
import type { Answered } from './ask.js';

export interface Part {
  readonly operation: Operation;
  /** Of a put. */
  readonly value: string;
}

/** For POST /kv. */
export function bodyOf(parts: readonly Part[]): string {
  return JSON.stringify({
    if: parts.flatMap(({ operation: { key, condition } }) =>
      condition === undefined ? [] : [{ key, index: condition.index }],
    ),
    do: parts.map(({ operation: { kind, key }, value }) => ({ op: kind, key, ...(kind === 'put' && { value }) })),
  });
}

interface Told {
  readonly index: number;
  readonly reads: readonly { readonly key: string; readonly value?: string; readonly index: number }[];
  /** Of a condition that failed. */
  readonly key: string;
  readonly current: number;
}

export type NoteRead = (operation: Operation, value: string, index: number) => void;

/** Writes down what came of it. @returns whether that is an answer which a member may give to it */
export function noteAnswer(parts: readonly Part[], answer: Answered, noteRead: NoteRead): boolean {
  // A read that has no answer says nothing; a write may have been carried out.
  for (const { operation } of parts) operation.outcome = operation.kind === 'get' ? 'nothing' : 'unknown';
  if (answer === undefined) return true;
  if (answer === 'refused' || answer.status === 503) {
    for (const { operation } of parts) operation.outcome = 'nothing';
    return true;
  }
  if (answer.status === 412) {
    noteRefusal(parts, JSON.parse(answer.body) as Told);
    return true;
  }
  if (answer.status !== 200) return answer.status === 504;
  const { index, reads } = JSON.parse(answer.body) as Told;
  let read = 0;
  for (const { operation } of parts) {
    operation.outcome = 'done';
    if (operation.kind !== 'get') {
      operation.index = index;
      continue;
    }
    operation.entry = index;
    const { value, index: version } = reads[read++] as Told['reads'][0];
    if (value !== undefined) noteRead(operation, value, version);
  }
  return true;
}

/** The condition of one part failed, so nothing of the others happened. */
function noteRefusal(parts: readonly Part[], { index, key, current }: Told): void {
  for (const { operation } of parts) {
    if (operation.key === key) Object.assign(operation, { outcome: 'refused', index, current });
    else operation.outcome = 'nothing';
  }
}
