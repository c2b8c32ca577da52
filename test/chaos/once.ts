/** Requests with an Idempotency-Key: sent until there is an answer, to whichever member, and perhaps once more. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answered, Question } from './ask.js';

/** A client gives up after so many. */
const ATTEMPTS = 12;

export interface OnceHost {
  readonly random: (n: number) => number;
  /** Sends it to a member. */
  readonly send: (question: Question) => Promise<Answered>;
  readonly find: (what: string) => void;
}

/**
 * `refused`: every attempt was, so nothing happened. `undefined`: nobody said what came of an attempt, or of any; with
 * the key that is only so if the client gives up.
 */
export async function askOnce({ random, send, find }: OnceHost, question: Question): Promise<Answered> {
  const keyed = { ...question, headers: { ...question.headers, 'Idempotency-Key': `"${randomUUID()}"` } };
  let isUnknown = false;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await send(keyed);
    if (typeof answer === 'object' && answer.status < 500) {
      if (random(4) === 0) await compare({ random, send, find }, keyed, answer);
      return answer;
    }
    if (answer === undefined || (typeof answer === 'object' && answer.status !== 503)) isUnknown = true;
    if (typeof answer === 'object' && !answer.body.includes('"retry":"safe"'))
      find(`a request with a key must not be sent again: ${answer.body.slice(0, 300)}`);
    await sleep(20 + random(300));
  }
  return isUnknown ? undefined : 'refused';
}

/** A copy has the same answer, if it has one. */
async function compare({ send, find }: OnceHost, question: Question, first: Answered & object): Promise<void> {
  const again = await send(question);
  if (typeof again !== 'object' || again.status >= 500) return;
  if (again.status !== first.status || again.body !== first.body)
    find(`a copy was answered ${again.status} '${again.body}', and the first ${first.status} '${first.body}'`);
}
