import type { IncomingMessage } from 'node:http';
import { HttpError } from './answers.js';

/** What stands after the question mark. */
export function queryOf({ url = '' }: IncomingMessage): string {
  const mark = url.indexOf('?');
  return mark < 0 ? '' : url.slice(mark + 1);
}

/** Form-encoded parameters, each at most once. @throws HttpError 400 */
export function parseQuery(query: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (query === '') return found;
  for (const part of query.split('&')) {
    if (part === '') continue;
    const mark = part.indexOf('=');
    const name = decode(mark < 0 ? part : part.slice(0, mark));
    if (found.has(name)) throw new HttpError('ERR_KV_REQUEST', 'query', `"${name}" must be given once`);
    found.set(name, mark < 0 ? '' : decode(part.slice(mark + 1)));
  }
  return found;
}

/** A whole number in digits, such as an index. @throws HttpError 400 */
export function parseIndex(what: string, text: string): number {
  if (/^\d{1,15}$/u.test(text)) return Number(text);
  throw new HttpError('ERR_KV_REQUEST', 'query', `${what} must be an index, a whole number in digits`);
}

/** A member's id. @throws HttpError 400 */
export function parseMember(what: string, text: string): bigint {
  if (/^\d{1,20}$/u.test(text)) return BigInt(text);
  throw new HttpError('ERR_KV_REQUEST', 'member', `${what} must be a member's id, a whole number in digits`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new HttpError('ERR_KV_REQUEST', 'query', 'the query must be form-encoded UTF-8');
  }
}
