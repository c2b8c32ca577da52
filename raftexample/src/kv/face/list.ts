import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './answers.js';
import { toJson } from './json.js';
import type { KeysHost } from './keys.js';
import { parseQuery, queryOf } from './query.js';
import { answerLarge } from './room.js';

const DEFAULT_LIMIT = 100;
const LARGEST_LIMIT = 1000;

/** Answers with the first keys that begin with `prefix` and come after `after`: one page is one moment. */
export async function answerList(
  { replica, machine }: KeysHost,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const parameters = parseQuery(queryOf(request));
  const limit = limitOf(parameters.get('limit'));
  const prefix = parameters.get('prefix') ?? '';
  const after = parameters.get('after') ?? '';
  await answerLarge(response, toJson(await replica.read(() => machine.list(prefix, after, limit))));
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,4}$/u.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LARGEST_LIMIT) return limit;
  throw new HttpError('ERR_KV_REQUEST', 'query', 'limit must be a whole number from 1 to 1000');
}
