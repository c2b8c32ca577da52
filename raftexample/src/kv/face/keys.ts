import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Consistency, Replica } from '@raft-ts/replica';
import type { KvCommand, KvMachine, KvResult, KvWrite } from '../machine/kv-machine.js';
import type { LeasePut } from '../machine/lease-commands.js';
import { answerText, HttpError, wrongMethod } from './answers.js';
import { readText } from './body.js';
import { requireFeatures } from './features.js';
import { idempotencyKey, proposeOnce } from './idempotency.js';
import { leaseError, leaseIn } from './leases.js';
import { parseQuery } from './query.js';
import { FREE_BYTES, roomsOf } from './room.js';

export interface KeysHost {
  readonly replica: Replica<KvCommand, KvResult>;
  readonly machine: KvMachine;
  /** Longest value in bytes. */
  readonly maxValue: number;
}

/** The path of one key: everything after it is the key. */
export const KEY_PATH = '/kv/';
export const KEY_METHODS: readonly string[] = ['GET', 'PUT', 'DELETE'];

/** Answers a request for one key. It is not async itself: each layer of promises is garbage of every request. */
export function answerKey(host: KeysHost, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { key, query } = splitUrl(request.url ?? '');
  switch (request.method) {
    case 'GET':
      return get(host, key, query, response);
    case 'PUT':
      return put(host, { key, query }, request, response);
    case 'DELETE': {
      const ifIndex = condition(request);
      const once = idempotencyKey(request);
      request.resume();
      return write(host, { op: 'delete', key, value: '', ifIndex }, once, response);
    }
    default:
      throw wrongMethod(response, KEY_METHODS);
  }
}

interface Target {
  readonly key: string;
  /** What stands after the question mark. */
  readonly query: string;
}

/** No URL parser: it would resolve `..`, even as `%2E%2E`, and change the key. */
function splitUrl(url: string): Target {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  let key: string;
  try {
    key = decodeURIComponent(path.slice(KEY_PATH.length));
  } catch {
    key = '';
  }
  if (key === '') throw new HttpError('ERR_KV_REQUEST', 'key', 'the path must be /kv/KEY, the key UTF-8 and not empty');
  return { key, query: mark < 0 ? '' : url.slice(mark + 1) };
}

async function get(
  { replica, machine }: KeysHost,
  key: string,
  query: string,
  response: ServerResponse,
): Promise<void> {
  const item = await replica.read(() => machine.get(key), { consistency: consistencyOf(query) });
  if (item === undefined) throw new HttpError('ERR_KV_NOT_FOUND', 'key', 'no such key');
  const length = Buffer.byteLength(item.value);
  if (length > FREE_BYTES) await roomsOf(response.socket)?.answers.take(response, length);
  response.writeHead(200, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': length,
    ETag: `"${item.index}"`,
  });
  response.end(item.value);
}

function consistencyOf(query: string): Consistency {
  const text = parseQuery(query).get('consistency') ?? 'linearizable';
  if (text === 'linearizable' || text === 'lease' || text === 'stale') return text;
  throw new HttpError('ERR_KV_REQUEST', 'query', 'consistency must be linearizable, lease or stale');
}

async function put(
  host: KeysHost,
  { key, query }: Target,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const ifIndex = condition(request);
  const once = idempotencyKey(request);
  const lease = query === '' ? undefined : parseQuery(query).get('lease');
  const value = await readText(request, host.maxValue, 'the value');
  if (lease === undefined) {
    await write(host, { op: 'put', key, value, ifIndex }, once, response);
    return;
  }
  requireFeatures(host);
  await write(host, { op: 'lease-put', key, value, ifIndex, lease: leaseIn(lease) }, once, response);
}

async function write(
  host: KeysHost,
  command: KvWrite | LeasePut,
  once: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const { index, result } = await (once === undefined
    ? host.replica.propose(command)
    : proposeOnce(host, once, command));
  if (result.done) return answerText(response, 200, `{"index":${index}}`, 'application/json');
  if (result.why !== undefined) throw leaseError(result);
  throw new HttpError('ERR_KV_CONDITION', 'index', `the condition failed: the key's index is ${result.current}`, {
    index,
    current: result.current,
  });
}

/** The header that makes a write depend on the key's index: 0 if the key must be absent, `undefined` for none. */
function condition(request: IncomingMessage): number | undefined {
  const { method, headers } = request;
  // Most writes have none, and need no list of what each header was given as.
  if (headers['if-match'] === undefined && headers['if-none-match'] === undefined) return undefined;
  const { headersDistinct } = request;
  const match = headersDistinct['if-match'] ?? [];
  const noneMatch = headersDistinct['if-none-match'] ?? [];
  if (match.length + noneMatch.length > 1) throw new HttpError('ERR_KV_REQUEST', 'condition', 'one condition at most');
  if (noneMatch.length === 1) {
    if (method !== 'PUT' || noneMatch[0] !== '*')
      throw new HttpError('ERR_KV_REQUEST', 'condition', 'If-None-Match must be * and is for PUT only');
    return 0;
  }
  const [, digits] = /^"([1-9]\d*)"$/u.exec(match[0] ?? '') ?? [];
  // An index beyond 2^53 is no key's, so the condition fails, as it should.
  if (digits === undefined || BigInt(digits) >= 2n ** 64n)
    throw new HttpError('ERR_KV_REQUEST', 'condition', 'If-Match must be "INDEX", with its quotes');
  return Number(digits);
}
