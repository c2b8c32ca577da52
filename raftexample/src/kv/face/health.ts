import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Question, Replica } from '@raft-ts/replica';
import type { KvCommand, KvResult } from '../machine/kv-machine.js';
import { answer, HttpError } from './answers.js';
import { parseIndex, parseMember, parseQuery, queryOf } from './query.js';

export interface HealthHost {
  readonly replica: Replica<KvCommand, KvResult>;
  /** How long a member may take to show that it is ready, in milliseconds. */
  readonly readyMs: number;
}

/** Says in a sentence why something is as it is: see `Replica.explain`. */
export function answerExplain({ replica }: HealthHost, request: IncomingMessage, response: ServerResponse): void {
  answer(response, 200, replica.explain(questionOf(parseQuery(queryOf(request)))));
}

function questionOf(parameters: ReadonlyMap<string, string>): Question {
  const [first, ...more] = parameters;
  if (first === undefined) return {};
  const [name, value] = first;
  if (more.length === 0) {
    if (name === 'index') return { index: parseIndex(name, value) };
    if (name === 'member') return { member: parseMember(name, value) };
    if (name === 'read' && value === 'true') return { read: true };
    if (name === 'features' && value === 'true') return { features: true };
  }
  throw new HttpError(
    'ERR_KV_REQUEST',
    'query',
    'the query must be index=INDEX, member=ID, read=true, features=true or nothing',
  );
}

/** The process lives, and its replica has not ended: otherwise it is to be started again. */
export function answerHealth({ replica }: HealthHost, _request: IncomingMessage, response: ServerResponse): void {
  const { code, text } = replica.explain();
  if (code === 'stopped') throw new HttpError('ERR_KV_NOT_READY', code, text);
  answer(response, 200, { status: 'alive' });
}

/** Clients may be sent here: a linearizable read is served, so this member knows a leader and has caught up with it. */
export async function answerReady(
  { replica, readyMs }: HealthHost,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const applied = await replica.read(() => replica.applied.index, { timeoutMs: readyMs });
    answer(response, 200, { status: 'ready', leader: replica.leadership.leader, applied });
  } catch (error) {
    const { message, reason } = error as { readonly message?: unknown; readonly reason?: unknown };
    const detail = `${replica.explain().text} ${String(message)}.`;
    throw new HttpError('ERR_KV_NOT_READY', typeof reason === 'string' ? reason : 'failed', detail);
  }
}
