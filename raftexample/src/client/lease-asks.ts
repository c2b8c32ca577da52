import { randomUUID } from 'node:crypto';
import type { Ask } from './attempts.js';
import { badArgument } from './errors.js';
import { isBroken, onceOf, readObject } from './key-asks.js';
import { textOf, wholeOf } from './numbers.js';
import type { LeaseInfo } from './types.js';

/** What a member grants. */
export interface Granted {
  readonly id: number;
  /** How long the lease lasts without being kept, in milliseconds. */
  readonly ttlMs: number;
}

/** Asks how a lease is. */
export function askLease(id: number): Ask<LeaseInfo | 'none'> {
  return {
    method: 'GET',
    path: pathOf(id),
    repeatable: true,
    read: async (answer) => {
      const found = await readObject(answer);
      const texts = (name: string): readonly string[] => {
        const list = found[name];
        if (!Array.isArray(list)) throw new TypeError(`${name} is missing`);
        return list.map((one) => textOf(one, name));
      };
      return {
        id: wholeOf(found['id'], 'the id'),
        ttlMs: wholeOf(found['ttlMs'], 'the time'),
        remainingMs: wholeOf(found['remainingMs'], 'the time that is left'),
        keys: texts('keys'),
        locks: texts('locks'),
      };
    },
    refusal: ({ error }) => (isNoLease(error) ? 'none' : undefined),
  };
}

function pathOf(id: number): string {
  if (!Number.isSafeInteger(id) || id < 1) throw badArgument('id', "it must be a lease's id, a whole number from 1 on");
  return `/leases/${id}`;
}

/** Asks for a lease, once. */
export function askGrant(ttlMs: number): Ask<Granted> {
  return {
    method: 'POST',
    path: '/leases',
    headers: { 'Content-Type': 'application/json', ...onceOf(randomUUID()) },
    body: JSON.stringify({ ttlMs }),
    repeatable: true,
    read: async (answer) => {
      const { id, ttlMs: granted } = await readObject(answer);
      return { id: wholeOf(id, 'the id'), ttlMs: wholeOf(granted, 'the time') };
    },
  };
}

/** Asks for the lease's time to begin anew; resolves to whether there still is such a lease. */
export function askKeep(id: number): Ask<boolean> {
  return {
    method: 'POST',
    path: `${pathOf(id)}/keepalive`,
    repeatable: true,
    read: async (answer) => wholeOf((await readObject(answer))['id'], 'the id') === id,
    refusal: ({ error }) => (isNoLease(error) ? false : undefined),
  };
}

/** Asks for the lease's end; resolves to whether there still was such a lease. */
export function askRevoke(id: number): Ask<boolean> {
  return {
    method: 'DELETE',
    path: pathOf(id),
    repeatable: true,
    read: async (answer) => wholeOf((await readObject(answer))['index'], 'the index') > 0,
    refusal: ({ error }) => (isNoLease(error) ? false : undefined),
  };
}

function isNoLease({ code, reason }: { readonly code: string; readonly reason: string }): boolean {
  return code === 'ERR_KV_NOT_FOUND' && reason === 'lease';
}

/** What a request for a lock comes to. */
export type Locked = { readonly fence: number } | { readonly holder: number };

/** Asks for a lock, for this lease; the member waits for up to `waitMs` until it is free. */
export function askLock(name: string, lease: number, waitMs: number): Ask<Locked> {
  if (typeof name !== 'string' || name === '' || isBroken(name))
    throw badArgument('name', 'it must be a string of well-formed Unicode, and not empty');
  return {
    method: 'POST',
    path: `/locks/${encodeURIComponent(name)}`,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ lease, waitMs }),
    // The same lease is given the same lock again.
    repeatable: true,
    read: async (answer) => ({ fence: wholeOf((await readObject(answer))['fence'], 'the fence') }),
    refusal: ({ error, fields }) =>
      error.code === 'ERR_KV_LOCKED' ? { holder: wholeOf(fields['lease'], 'the holder') } : undefined,
  };
}
