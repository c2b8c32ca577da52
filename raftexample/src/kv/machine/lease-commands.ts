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

type Fields = Readonly<Record<string, unknown>>;

/** Reads a command out of an entry's fields, of which key, value and ifIndex are known to be well-formed. */
export function leaseCommandOf(op: string, fields: Fields): LeaseCommand | undefined {
  const { key = '', value = '', ifIndex, name } = fields;
  const [ms, term, ttl, lease, fence] = ['ms', 'term', 'ttl', 'lease', 'fence'].map((field) => wholeOf(fields[field]));
  switch (op) {
    case 'clock':
      return ms === undefined || term === undefined ? undefined : { op, ms, term };
    case 'lease':
      return ttl === undefined ? undefined : { op, ttl };
    case 'keep':
    case 'revoke':
      return lease === undefined ? undefined : { op, lease };
    case 'lease-put':
      if (lease === undefined) return undefined;
      return { op, key: key as string, value: value as string, ifIndex: ifIndex as number | undefined, lease };
    case 'lock':
      return typeof name !== 'string' || lease === undefined ? undefined : { op, name, lease };
    case 'unlock':
      return typeof name !== 'string' || fence === undefined ? undefined : { op, name, fence };
    default:
      return undefined;
  }
}

function wholeOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
