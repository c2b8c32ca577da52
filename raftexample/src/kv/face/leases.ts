import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Done } from '@raft-ts/replica';
import { isWhole } from '../machine/fields.js';
import type { KvCommand, KvResult } from '../machine/kv-machine.js';
import { LONGEST_MS, MAX_LEASE_KEYS, MAX_LEASES, SHORTEST_MS } from '../machine/leases.js';
import { answer, HttpError, Repeatable } from './answers.js';
import { onlyFields, readObject } from './body.js';
import { requireFeatures } from './features.js';
import { idempotencyKey, proposeOnce } from './idempotency.js';
import { toJson } from './json.js';
import type { KeysHost } from './keys.js';
import { parseIndex } from './query.js';
import { answerLarge } from './room.js';

type Parameters = Readonly<Record<string, string>>;

/** Answers POST /leases: the lease's id is the index of the entry that grants it. */
export async function grantLease(host: KeysHost, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const shape = `{"ttlMs": a whole number from ${SHORTEST_MS} to ${LONGEST_MS}}`;
  const once = idempotencyKey(request);
  const body = await readObject(request, shape);
  onlyFields('the body', body, ['ttlMs']);
  const ttl = wholeIn(body['ttlMs'], SHORTEST_MS, LONGEST_MS, shape);
  requireFeatures(host);
  const command = { op: 'lease', ttl } as const;
  const { index, result } = await (once === undefined
    ? host.replica.propose(command)
    : proposeOnce(host, once, command));
  if (!result.done) throw leaseError(result);
  answer(response, 200, { index, id: index, ttlMs: result.ttl });
}

/** Answers GET /leases/ID. */
export async function answerLease(
  { replica, machine }: KeysHost,
  _request: IncomingMessage,
  response: ServerResponse,
  { id = '' }: Parameters,
): Promise<void> {
  const lease = leaseIn(id);
  const found = await replica.read(() => machine.leases.get(lease));
  if (found === undefined) throw noLease();
  // A thousand keys, each as long as a URL.
  await answerLarge(response, toJson(found));
}

/** Answers POST /leases/ID/keepalive: the time of the lease begins anew. */
export async function keepLease(
  host: KeysHost,
  _request: IncomingMessage,
  response: ServerResponse,
  { id = '' }: Parameters,
): Promise<void> {
  const lease = leaseIn(id);
  const { index, result } = await proposeRepeatable(host, { op: 'keep', lease });
  if (!result.done) throw leaseError(result);
  answer(response, 200, { index, id: lease, ttlMs: result.ttl });
}

/** Answers DELETE /leases/ID: its keys vanish, and its locks are free. */
export async function revokeLease(
  host: KeysHost,
  _request: IncomingMessage,
  response: ServerResponse,
  { id = '' }: Parameters,
): Promise<void> {
  const { index, result } = await proposeRepeatable(host, { op: 'revoke', lease: leaseIn(id) });
  if (!result.done) throw leaseError(result);
  answer(response, 200, { index });
}

/**
 * Proposes what may be carried out twice without harm.
 * @throws HttpError 503 `ERR_KV_FEATURE`; Repeatable for whatever else fails, so that its answer says that the same
 * request may be sent again
 */
export async function proposeRepeatable(host: KeysHost, command: KvCommand): Promise<Done<KvResult>> {
  requireFeatures(host);
  try {
    return await host.replica.propose(command);
  } catch (error) {
    throw new Repeatable(error);
  }
}

/** The id of a lease, as a path or a query has it. @throws HttpError 400 */
export function leaseIn(text: string): number {
  return parseIndex("a lease's id", text);
}

/** What a command came to that did not do what it should. */
export function leaseError({ why }: Pick<KvResult, 'why'>): HttpError {
  switch (why) {
    case 'too-many':
      return new HttpError('ERR_KV_BUSY', 'leases', `there are ${MAX_LEASES} leases, or as many locks, already`);
    case 'too-many-keys':
      return new HttpError(
        'ERR_KV_CONFLICT',
        'lease-keys',
        `the lease has ${MAX_LEASE_KEYS} keys already, or all leases together have too many`,
      );
    default:
      return noLease();
  }
}

function noLease(): HttpError {
  return new HttpError('ERR_KV_NOT_FOUND', 'lease', 'no such lease: it has ended, or there never was one');
}

/** @throws HttpError 400 with this shape of the body */
export function wholeIn(value: unknown, least: number, most: number, shape: string): number {
  if (isWhole(value, least) && value <= most) return value;
  throw new HttpError('ERR_KV_REQUEST', 'body', `the body must be ${shape}`);
}
