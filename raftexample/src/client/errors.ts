/**
 * What may have become of a request that was not answered as it should be: `none`, certainly nothing; `unknown`, it may
 * have been carried out, or may still be.
 */
export type Effect = 'none' | 'unknown';

/** The client's own codes; what a member answered keeps its code, `ERR_KV_…` or `ERR_RAFT_…`. */
export type ClientErrorCode =
  /** An argument or option makes no sense; `reason` names it. */
  | 'ERR_CLIENT_ARGUMENT'
  /** The client was closed. */
  | 'ERR_CLIENT_CLOSED'
  /** `maxUnderWay` calls are under way. */
  | 'ERR_CLIENT_BUSY'
  /** No connection to the endpoint could be opened. */
  | 'ERR_CLIENT_UNREACHABLE'
  /** The connection broke while the answer was awaited. */
  | 'ERR_CLIENT_CONNECTION'
  /** Time ran out: that of the call, or that of one attempt. */
  | 'ERR_CLIENT_TIMEOUT'
  /** The caller's signal aborted; `cause` is its reason. */
  | 'ERR_CLIENT_ABORTED'
  /** A lease may have ended; the reason of `Lease.lost`. */
  | 'ERR_CLIENT_LEASE_LOST'
  /** What answered did not answer like a member of the store. */
  | 'ERR_CLIENT_ANSWER';

/** What a `StoreError` carries beside its text. */
export interface StoreErrorDetails {
  /** Tells apart what has the same code. */
  readonly reason: string;
  readonly effect: Effect;
  /** The HTTP status, if there was an answer. */
  readonly status?: number | undefined;
  /** The endpoint that it is about. */
  readonly endpoint?: string | undefined;
  readonly cause?: unknown;
}

/** Why a call did not come to its result. Programs look at `code` and `reason`, people at `message`. */
export class StoreError extends Error {
  /** Either one of `ClientErrorCode`, or the code that a member answered with. */
  readonly code: string;
  readonly reason: string;
  readonly effect: Effect;
  readonly status: number | undefined;
  readonly endpoint: string | undefined;

  constructor(code: string, message: string, { reason, effect, status, endpoint, cause }: StoreErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StoreError';
    this.code = code;
    this.reason = reason;
    this.effect = effect;
    this.status = status;
    this.endpoint = endpoint;
  }
}

/**
 * Ends a watch that asked for entries that no member that answered still knows. The watcher has missed some: it has to
 * read the keys anew, and may watch from `oldest` on.
 */
export class HistoryGoneError extends StoreError {
  /** The oldest index from which on a watch would be answered now. */
  readonly oldest: number;

  constructor(message: string, oldest: number, details: StoreErrorDetails) {
    super('ERR_KV_HISTORY_GONE', message, details);
    this.name = 'HistoryGoneError';
    this.oldest = oldest;
  }
}

/** A mistake in the call; nothing was sent. */
export function badArgument(name: string, message: string): StoreError {
  return new StoreError('ERR_CLIENT_ARGUMENT', `${name}: ${message}`, { reason: name, effect: 'none' });
}
