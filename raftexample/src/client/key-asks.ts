import type { Ask } from './attempts.js';
import { badArgument } from './errors.js';
import { type Answer, readText } from './exchange.js';
import { textOf, wholeOf } from './numbers.js';
import type { Refusal } from './problem.js';
import type { Consistency, Done, Item, ListOptions, Page, WriteOptions, WriteOutcome } from './types.js';

/**
 * Longest answer that is read as a whole, in bytes: a page has 4 Mi characters, each of which JSON may spell with six.
 */
export const LONGEST_ANSWER: number = 64 * 2 ** 20;
const LARGEST_PAGE = 1000;

const consistencies: readonly string[] = ['linearizable', 'lease', 'stale'] satisfies readonly Consistency[];

export function askGet(key: string, consistency: Consistency = 'linearizable'): Ask<Item | undefined | null> {
  if (!consistencies.includes(consistency))
    throw badArgument('consistency', `it must be one of ${consistencies.join(', ')}`);
  const query = consistency === 'linearizable' ? '' : `?consistency=${consistency}`;
  return {
    method: 'GET',
    path: `${pathOf(key)}${query}`,
    repeatable: true,
    read: async (answer) => {
      const [, digits] = /^"([1-9]\d{0,15})"$/u.exec(String(answer.headers['etag'])) ?? [];
      if (digits === undefined) throw new TypeError('the ETag is missing');
      return { key, value: await readText(answer, LONGEST_ANSWER), index: Number(digits) };
    },
    // `null`, because `undefined` says that it is no result.
    refusal: ({ error, fields }) => (isMissingKey(error.status, fields) ? null : undefined),
  };
}

/** A path that there is not is another 404. Members written in Go give no code. */
function isMissingKey(status: number | undefined, { code, reason }: Refusal['fields']): boolean {
  return status === 404 && (code === undefined || (code === 'ERR_KV_NOT_FOUND' && reason === 'key'));
}

export function askPut(key: string, value: string | Uint8Array, options: WriteOptions): Ask<WriteOutcome> {
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    throw badArgument('value', 'it must be a string, or bytes that are UTF-8');
  if (typeof value === 'string' && isBroken(value))
    throw badArgument('value', 'it must be well-formed Unicode: it has half of a surrogate pair');
  const { lease } = options;
  if (lease !== undefined && !Number.isSafeInteger(lease)) throw badArgument('lease', "it must be a lease's id");
  const ask = askWrite('PUT', key, options);
  return { ...ask, path: lease === undefined ? ask.path : `${ask.path}?lease=${lease}`, body: value };
}

export function askDelete(key: string, options: WriteOptions): Ask<WriteOutcome> {
  if (options.if === 'absent') throw badArgument('if', 'a key that must be absent cannot be deleted');
  if (options.lease !== undefined) throw badArgument('lease', 'it is for a put');
  return askWrite('DELETE', key, options);
}

function askWrite(method: 'PUT' | 'DELETE', key: string, options: WriteOptions): Ask<WriteOutcome> {
  const { idempotencyKey } = options;
  return {
    method,
    path: pathOf(key),
    headers: { ...conditionOf(options.if), ...onceOf(idempotencyKey) },
    repeatable: idempotencyKey !== undefined,
    read: readDone,
    refusal: ({ error, fields }) => {
      const { current } = fields;
      if (error.status !== 412 || typeof current !== 'number') return undefined;
      return { outcome: 'condition-failed', current };
    },
  };
}

/** `{"index":N}` */
export async function readDone(answer: Answer): Promise<Done> {
  const { index } = await readObject(answer);
  return { outcome: 'done', index: wholeOf(index, 'the index') };
}

export async function readObject(
  answer: Answer,
  parse: (text: string) => unknown = JSON.parse,
): Promise<Readonly<Record<string, unknown>>> {
  const value = parse(await readText(answer, LONGEST_ANSWER));
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new TypeError('it is not an object');
}

export function askPage({ prefix = '', after = '', pageSize = 100 }: ListOptions): Ask<Page> {
  if (!Number.isSafeInteger(pageSize) || pageSize < 1 || pageSize > LARGEST_PAGE)
    throw badArgument('pageSize', `it must be a whole number from 1 to ${LARGEST_PAGE}`);
  const query = queryOf({ prefix, after, limit: String(pageSize) });
  return {
    method: 'GET',
    path: `/kv${query}`,
    repeatable: true,
    read: async (answer) => {
      const { items, more } = await readObject(answer);
      if (!Array.isArray(items) || typeof more !== 'boolean') throw new TypeError('the items are missing');
      return { items: items.map(itemOf), more };
    },
  };
}

export function itemOf(item: Readonly<Record<string, unknown>>): Item {
  const { key, value, index } = item;
  return { key: textOf(key, 'a key'), value: textOf(value, 'a value'), index: wholeOf(index, 'an index') };
}

function conditionOf(condition: WriteOptions['if']): Readonly<Record<string, string>> {
  if (condition === undefined) return {};
  if (condition === 'absent') return { 'If-None-Match': '*' };
  if (Number.isSafeInteger(condition) && condition >= 1) return { 'If-Match': `"${condition}"` };
  throw badArgument('if', "it must be the index that the key must have, or 'absent'");
}

/** The header that has a write carried out once. */
export function onceOf(key: string | undefined): Readonly<Record<string, string>> {
  if (key === undefined) return {};
  if (typeof key !== 'string' || !/^[ -~]{1,128}$/u.test(key))
    throw badArgument('idempotencyKey', 'it must be a string of 1 to 128 printable ASCII characters');
  return { 'Idempotency-Key': `"${key.replaceAll(/["\\]/gu, '\\$&')}"` };
}

function pathOf(key: string): string {
  return `/kv/${encodeURIComponent(checkedKey(key))}`;
}

export function checkedKey(key: string): string {
  if (typeof key === 'string' && key !== '' && !isBroken(key)) return key;
  throw badArgument('key', 'it must be a string of well-formed Unicode, and not empty');
}

/** `?a=b&…` of what is not empty; '' if nothing is. */
export function queryOf(parameters: Readonly<Record<string, string>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== '');
  for (const [name, value] of given) {
    if (typeof value !== 'string' || isBroken(value))
      throw badArgument(name, 'it must be a string of well-formed Unicode');
  }
  const parts = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** Has it half of a surrogate pair? Such a text has no UTF-8. */
export function isBroken(text: string): boolean {
  return !text.isWellFormed();
}
