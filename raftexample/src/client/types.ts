import type { StoreError } from './errors.js';
import type { CallOptions } from './options.js';

/** A key with its value. */
export interface Item {
  readonly key: string;
  readonly value: string;
  /** The index of the entry that wrote it: the key's version. */
  readonly index: number;
}

/**
 * - `linearizable`: sees everything that was acknowledged before
 * - `lease`: sees the same, and asks nobody while the leader has a lease: relies on clocks that run about equally fast
 * - `stale`: what the member that is asked has applied, which may be old
 */
export type Consistency = 'linearizable' | 'lease' | 'stale';

/** Options of `get`. */
export interface GetOptions extends CallOptions {
  /** Default `linearizable`. */
  readonly consistency?: Consistency | undefined;
}

/** Options of a write that is carried out once, however often it is sent. */
export interface OnceOptions extends CallOptions {
  /**
   * A name for this write that no other one has, such as a UUID: 1 to 128 printable ASCII characters. With it the write
   * is carried out once, however often it is sent. So it is sent again until there is an answer, and may be sent again
   * later, by any client, as long as the members remember the name. Members written in Go pass over it: as long as
   * there are any, such a write is `not-done`.
   */
  readonly idempotencyKey?: string | undefined;
}

/** Options of `put` and `delete`. */
export interface WriteOptions extends OnceOptions {
  /**
   * Carry it out only if this is the key's version then, an index, or if there is no such key, `'absent'`. Otherwise
   * the outcome is `condition-failed`.
   */
  readonly if?: number | 'absent' | undefined;
  /** Of a put: the id of the lease with which the key vanishes. */
  readonly lease?: number | undefined;
}

/** It was carried out; every later linearizable read sees it. */
export interface Done {
  readonly outcome: 'done';
  /** The index of its entry: of a put, the key's version. */
  readonly index: number;
}

/** It was not carried out, because the key is not as the condition says. */
export interface ConditionFailed {
  readonly outcome: 'condition-failed';
  /** The key's version instead; 0 if there is no such key. */
  readonly current: number;
}

/** Certainly nothing happened: the same may be asked again. */
export interface NotDone {
  readonly outcome: 'not-done';
  readonly error: StoreError;
}

/**
 * It may have been carried out, or may be later: asking again may carry it out twice, unless it has an
 * `idempotencyKey`.
 */
export interface Unknown {
  readonly outcome: 'unknown';
  readonly error: StoreError;
}

/**
 * What became of a write. Whoever asked for one has to tell these apart; what is wrong with the request itself is
 * thrown as `StoreError`.
 */
export type WriteOutcome = Done | ConditionFailed | NotDone | Unknown;

/** Several operations that are carried out at once, if all conditions hold, or not at all. */
export interface Transaction {
  /** Each key once. Default: no conditions. */
  readonly if?: readonly {
    readonly key: string;
    /** The version that the key must have, or `'absent'`. */
    readonly index: number | 'absent';
  }[];
  /** Each key once; at least one. */
  readonly do: readonly (
    | { readonly op: 'put'; readonly key: string; readonly value: string }
    | { readonly op: 'delete' | 'get'; readonly key: string }
  )[];
}

/** A transaction was carried out, with what it read. */
export interface TransactionDone extends Done {
  /**
   * What the gets read, in their order, before anything was changed; `undefined` for a key that was absent. `undefined`
   * as a whole if it was carried out when it was sent before, and what it read then is not kept any more.
   */
  readonly reads: readonly (Item | undefined)[] | undefined;
}

/** Nothing was carried out, because this key is not as the condition says. */
export interface TransactionConditionFailed extends ConditionFailed {
  readonly key: string;
}

/** What became of a transaction. */
export type TransactionOutcome = TransactionDone | TransactionConditionFailed | NotDone | Unknown;

/** What became of a change that has no condition. */
export type ChangeOutcome = Done | NotDone | Unknown;

/** Leadership was handed over. */
export interface Transferred {
  readonly outcome: 'done';
  /** Who leads now. */
  readonly leader: bigint;
}

/** What became of a transfer of leadership. */
export type TransferOutcome = Transferred | NotDone | Unknown;

/** Options of `list`. */
export interface ListOptions extends CallOptions {
  /** Only keys that begin with this. Default: all keys. */
  readonly prefix?: string | undefined;
  /** Only keys after this one, in the order of their UTF-8 bytes. */
  readonly after?: string | undefined;
  /** Keys in one page at most, from 1 to 1000. Default 100. */
  readonly pageSize?: number | undefined;
}

/** Some keys at one moment. */
export interface Page {
  readonly items: readonly Item[];
  /** Are there more after the last of these? */
  readonly more: boolean;
}

/** What happened to a key. */
export type WatchEvent =
  | { readonly type: 'put'; readonly key: string; readonly value: string; readonly index: number }
  | { readonly type: 'delete'; readonly key: string; readonly index: number };

/** Options of `watch`. */
export interface WatchOptions {
  /** Only keys that begin with this. Default: all keys. */
  readonly prefix?: string | undefined;
  /** The index of the first entry that is wanted. Default: what is applied from now on. */
  readonly from?: number | undefined;
  /** Ends the watch: the iteration rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may be without a member that answers, in milliseconds, before it ends. Default: that of calls. */
  readonly timeoutMs?: number | undefined;
}

/** How a member sees the cluster and itself. */
export interface MemberStatus {
  readonly id: bigint;
  readonly clusterId: bigint;
  /** The leader's id; 0 if none is known. */
  readonly leader: bigint;
  /** `follower`, `candidate`, `precandidate` or `leader`. */
  readonly state: string;
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  /** Since that snapshot was taken or installed, in milliseconds; `undefined` if there is none. */
  readonly snapshotAgeMs?: number | undefined;
  /** The disk of its log, in bytes; `undefined` if it does not say. */
  readonly disk?: { readonly free: number; readonly size: number } | undefined;
  /** By how many milliseconds its clock is ahead of those of others: of those that differ by more than a second. */
  readonly clocks?: ReadonlyMap<bigint, number>;
  /** What is going to end it, or to make it slow, unless somebody does something about it. */
  readonly warnings?: readonly { readonly kind: string; readonly text: string }[];
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  /** Where the members reach each other, by id. */
  readonly members: ReadonlyMap<bigint, string>;
  /** Up to where it knows the logs of the others to be its own, by id; `undefined` if it does not lead, or say so. */
  readonly followers?: ReadonlyMap<bigint, number>;
  /** Of its process. */
  readonly pid: number;
}

/** Options of `statuses`. */
export interface StatusesOptions extends CallOptions {
  /** Whom to ask. Default: all endpoints that the client knows. */
  readonly endpoints?: readonly string[] | undefined;
}

/** A lease, as a member tells of it. */
export interface LeaseInfo {
  readonly id: number;
  /** How long it lasts without being kept, in milliseconds. */
  readonly ttlMs: number;
  /** At least so long it still lasts, in milliseconds. */
  readonly remainingMs: number;
  /** They vanish with it. */
  readonly keys: readonly string[];
  /** It holds them. */
  readonly locks: readonly string[];
}

/** A status, or why there is none. */
export type EndpointStatus =
  | { readonly endpoint: string; readonly status: MemberStatus; readonly error?: undefined }
  | { readonly endpoint: string; readonly error: StoreError; readonly status?: undefined };

/** Who is in the cluster. */
export interface Members {
  /** Where they reach each other, by id. */
  readonly members: ReadonlyMap<bigint, string>;
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  /** Where they answer clients, by id, as far as the member that was asked knows. */
  readonly clients: ReadonlyMap<bigint, string>;
}

/** A member to be added. */
export interface NewMember {
  /** One that no member has or had. */
  readonly id: bigint;
  /** Where the other members reach it, `http://HOST:PORT`. */
  readonly url: string;
  /** It gets everything and never votes. Default false. */
  readonly learner?: boolean;
  /**
   * The member whose vote it takes, in one step, once it has caught up; the new one may have its URL. A member written
   * in Go does not look at it.
   */
  readonly replaces?: bigint;
}

/** About what `explain` is asked; at most one of `index`, `member`, `read` and `features`. */
export interface Question extends CallOptions {
  /** Ask there, and nowhere else. Default: whoever answers. */
  readonly endpoint?: string;
  /** Why is this entry not committed, or not applied there? */
  readonly index?: number;
  /** Why is this member behind? */
  readonly member?: bigint;
  /** Why was the slowest read of the last minute slow? */
  readonly read?: true;
  /** Is everything open that members written in Go do not know, and why not? */
  readonly features?: true;
}

/** A sentence for a person, and a code for a program. */
export interface Explanation {
  readonly code: string;
  readonly text: string;
}

/** A copy of the whole store; `await using`, or `close`, ends it if it is not read to its end. */
export interface Snapshot extends AsyncDisposable {
  /** The store at this index. */
  readonly index: number;
  readonly term: number;
  /**
   * Its bytes, as they come. A connection that breaks is an error of the iteration: what came before is no snapshot.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends the copy before its end. */
  close(): Promise<void>;
}
