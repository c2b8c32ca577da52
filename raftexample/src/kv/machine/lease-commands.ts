import { type Fields, isWhole } from './fields.js';

/** Moves the replicated clock: what the leader's monotonic clock says, in whole milliseconds since it took office. */
export interface ReadClock {
  readonly op: 'clock';
  readonly ms: number;
  /** In which it leads. */
  readonly term: number;
}

/** What is done to leases and locks. A lease's id, and a lock's fence, is the index of the entry that gave it. */
export type LeaseCommand =
  | ReadClock
  /** Grants a lease. */
  | { readonly op: 'lease'; readonly ttl: number }
  /** Lets its time begin anew. */
  | { readonly op: 'keep'; readonly lease: number }
  /** Ends it now. */
  | { readonly op: 'revoke'; readonly lease: number }
  /** A put of a key that vanishes with the lease. */
  | LeasePut
  /** Takes a lock for a lease, if nobody else's holds it. */
  | { readonly op: 'lock'; readonly name: string; readonly lease: number }
  /** Gives a lock back, if it is held by this fence. */
  | { readonly op: 'unlock'; readonly name: string; readonly fence: number };

export interface LeasePut {
  readonly op: 'lease-put';
  readonly key: string;
  readonly value: string;
  readonly ifIndex: number | undefined;
  readonly lease: number;
}

/**
 * How each is read out of an entry's fields, of which key, value and ifIndex are known to be well-formed; `undefined`
 * for what is none.
 */
export const leaseCommands: ReadonlyMap<string, (fields: Fields) => LeaseCommand | undefined> = new Map<
  string,
  (fields: Fields) => LeaseCommand | undefined
>([
  ['clock', ({ ms, term }) => (isWhole(ms) && isWhole(term) ? { op: 'clock', ms, term } : undefined)],
  ['lease', ({ ttl }) => (isWhole(ttl) ? { op: 'lease', ttl } : undefined)],
  ['keep', ({ lease }) => (isWhole(lease) ? { op: 'keep', lease } : undefined)],
  ['revoke', ({ lease }) => (isWhole(lease) ? { op: 'revoke', lease } : undefined)],
  ['lease-put', leasePutOf],
  ['lock', ({ name, lease }) => (typeof name === 'string' && isWhole(lease) ? { op: 'lock', name, lease } : undefined)],
  [
    'unlock',
    ({ name, fence }) => (typeof name === 'string' && isWhole(fence) ? { op: 'unlock', name, fence } : undefined),
  ],
]);

function leasePutOf({ key = '', value = '', ifIndex, lease }: Fields): LeasePut | undefined {
  if (!isWhole(lease)) return undefined;
  return { op: 'lease-put', key: key as string, value: value as string, ifIndex: ifIndex as number | undefined, lease };
}
