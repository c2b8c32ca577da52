import { type Ask, Attempts, type Outcome, type Whom } from './attempts.js';
import { askAddMember, askExplain, askMembers, askRemoveMember, askStatus, askTransfer } from './cluster-asks.js';
import { Endpoints } from './endpoints.js';
import { StoreError } from './errors.js';
import { askDelete, askGet, askPage, askPut } from './key-asks.js';
import { Lease, type LeaseHost, type LeaseOptions, Lock, type LockOptions } from './lease.js';
import { askGrant, askKeep, askLease, askRevoke, type Granted } from './lease-asks.js';
import { attemptMsOf, type CallOptions, type ClientOptions, checkWhole, type Settings, settingsOf } from './options.js';
import { Scope } from './scope.js';
import { askSnapshot } from './streams.js';
import { askTransaction } from './transaction-asks.js';
import type {
  ChangeOutcome,
  EndpointStatus,
  Explanation,
  GetOptions,
  Item,
  LeaseInfo,
  ListOptions,
  Members,
  NewMember,
  NotDone,
  OnceOptions,
  Page,
  Question,
  Snapshot,
  StatusesOptions,
  Transaction,
  TransactionOutcome,
  TransferOutcome,
  Unknown,
  WatchOptions,
  WriteOptions,
  WriteOutcome,
} from './types.js';
import { Watch } from './watch.js';

/** How long asking who the members are may take, in milliseconds: nobody waits for it. */
const LEARN_MS = 5_000;
/** How long a member may take to say how it is, in milliseconds, unless the call says otherwise. */
const STATUS_MS = 5_000;

/**
 * A client of the store. It asks the member that answered last, moves on to another when that fails, and asks again
 * where that is safe: reads always, and writes with an `idempotencyKey`; other writes only if nothing of them was sent,
 * or the answer says that nothing happened.
 *
 * Reads reject with a `StoreError` when nothing more may be tried, and with the signal's reason when that aborts.
 * Writes resolve with a `WriteOutcome`; they reject only if the request itself is refused, such as for a wrong token.
 */
export class StoreClient implements AsyncDisposable {
  private readonly settings: Settings;
  private readonly endpointList: Endpoints;
  private readonly attempts: Attempts;
  private readonly closing = new AbortController();
  private underWay = 0;
  /** Writes may carry an `idempotencyKey`: every member looks at it. */
  private namesOpen = false;
  private learntAt = Number.NEGATIVE_INFINITY;
  private learning: Promise<void> | undefined;
  private closed: Promise<void> | undefined;

  /** @throws StoreError `ERR_CLIENT_ARGUMENT` for options that make no sense */
  constructor(options: ClientOptions) {
    this.settings = settingsOf(options);
    this.endpointList = new Endpoints(options.endpoints, this.settings);
    this.attempts = new Attempts(this.endpointList, this.settings, () => {
      this.learntAt = Number.NEGATIVE_INFINITY;
    });
  }

  /** Where it would ask now, the first first: what it was given, and what it has learnt. */
  get endpoints(): readonly string[] {
    return this.endpointList.origins;
  }

  /** Resolves with the key's value and version; with `undefined` if there is no such key. */
  async get(key: string, options: GetOptions = {}): Promise<Item | undefined> {
    return (await this.read(askGet(key, options.consistency), options)) ?? undefined;
  }

  /** Writes a value, of UTF-8. */
  async put(key: string, value: string | Uint8Array, options: WriteOptions = {}): Promise<WriteOutcome> {
    return this.write(askPut(key, value, options), options);
  }

  /** Deletes a key; that there was no such key is `done` too, unless there is a condition. */
  async delete(key: string, options: WriteOptions = {}): Promise<WriteOutcome> {
    return this.write(askDelete(key, options), options);
  }

  /**
   * Carries out several operations at once if all conditions hold, and otherwise none of them. Members written in Go
   * refuse it.
   */
  async transact(transaction: Transaction, options: OnceOptions = {}): Promise<TransactionOutcome> {
    return this.write(askTransaction(transaction, options), options);
  }

  /** Asks for a lease, which is kept until it is closed. Members written in Go refuse it. */
  async lease(options: LeaseOptions = {}): Promise<Lease> {
    return Lease.grant(this.leases(), options);
  }

  /** Asks for a lease that nobody keeps unless `keepLease` is called: for what lasts longer than this process. */
  async grantLease(ttlMs: number, options: CallOptions = {}): Promise<Granted> {
    checkWhole('ttlMs', ttlMs);
    return this.read(askGrant(ttlMs), options);
  }

  /** Has the time of a lease begin anew. Resolves with whether there still is such a lease. */
  async keepLease(id: number, options: CallOptions = {}): Promise<boolean> {
    return this.read(askKeep(id), options);
  }

  /** Resolves with how a lease is; `undefined` if there is none. */
  async findLease(id: number, options: CallOptions = {}): Promise<LeaseInfo | undefined> {
    const found = await this.read(askLease(id), options);
    return found === 'none' ? undefined : found;
  }

  /** Ends a lease: its keys vanish, and its locks are free. Resolves with whether there still was such a lease. */
  async revokeLease(id: number, options: CallOptions = {}): Promise<boolean> {
    return this.read(askRevoke(id), options);
  }

  /**
   * Takes a lock, or waits until it is free; `undefined` if somebody else holds it for as long as `waitMs`. Of those
   * that wait any may be the next.
   */
  async lock(name: string, options: LockOptions = {}): Promise<Lock | undefined> {
    return Lock.acquire(this.leases(), name, options);
  }

  /** Resolves with one page of keys, all of one moment. */
  async listPage(options: ListOptions = {}): Promise<Page> {
    return this.read(askPage(options), options);
  }

  /**
   * Iterates over keys in the order of their UTF-8 bytes, page by page: each page is of one moment, and the next one of
   * a later one. `timeoutMs` is for each page.
   */
  async *list(options: ListOptions = {}): AsyncGenerator<Item, void, undefined> {
    for (let { after } = options, more = true; more; ) {
      const page = await this.listPage({ ...options, after });
      yield* page.items;
      after = page.items.at(-1)?.key;
      more = page.more && after !== undefined;
    }
  }

  /** Follows what happens to keys: see `Watch`. Nothing is sent before it is iterated, or `opened` is called. */
  watch(options: WatchOptions = {}): Watch {
    return new Watch(
      { attempts: this.attempts, endpoints: this.endpointList, settings: this.settings, closing: this.closing.signal },
      options,
    );
  }

  /**
   * Begins to read a copy of the whole store. `timeoutMs` is until it begins; `signal` also ends it later.
   * @throws StoreError also from the iteration of its chunks
   */
  async snapshot(options: CallOptions = {}): Promise<Snapshot> {
    const whole = new Scope(undefined, ['closed', this.closing.signal], ['aborted', options.signal]);
    try {
      return await this.read(askSnapshot(this.settings.silenceMs, whole), options);
    } catch (error) {
      whole[Symbol.dispose]();
      throw error;
    }
  }

  /** Resolves with how the members at these endpoints are, in their order; each is asked once, and for 5 s at most. */
  statuses(options: StatusesOptions = {}): Promise<readonly EndpointStatus[]> {
    const { endpoints = this.endpoints, signal, timeoutMs = STATUS_MS } = options;
    return Promise.all(
      endpoints.map(async (endpoint) => {
        const only = this.endpointList.at(endpoint);
        using call = this.scopeOf({ signal, timeoutMs });
        const outcome = await this.run(askStatus(), call, { only, once: true });
        return outcome.kind === 'value' ? { endpoint, status: outcome.value } : { endpoint, error: outcome.error };
      }),
    );
  }

  /** Resolves with who is in the cluster, as the member that is asked has applied it. */
  async members(options: CallOptions = {}): Promise<Members> {
    const found = await this.read(askMembers(), options);
    this.learn(found);
    return found;
  }

  /**
   * Adds a member. It is a learner at first, to be started now, and votes once it has caught up: `members` tells.
   * Adding one again that is there does no harm, and goes on with what was left off.
   */
  async addMember(member: NewMember, options: CallOptions = {}): Promise<ChangeOutcome> {
    return this.write(askAddMember(member), options);
  }

  /** Removes a member, for good: its id is never used again. */
  async removeMember(id: bigint, options: CallOptions = {}): Promise<ChangeOutcome> {
    return this.write(askRemoveMember(id), options);
  }

  /** Hands leadership over; it is done once the member that was asked sees this one lead. */
  async transferLeadership(id: bigint, options: CallOptions = {}): Promise<TransferOutcome> {
    return this.write(askTransfer(id), options);
  }

  /** Asks a member why something is as it is. */
  async explain(question: Question = {}): Promise<Explanation> {
    const { endpoint } = question;
    const only = endpoint === undefined ? undefined : this.endpointList.at(endpoint);
    return this.read(askExplain(question), question, { only });
  }

  /** Ends all calls, watches and connections. Resolves once they have ended. */
  close(): Promise<void> {
    this.closed ??= this.end();
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async end(): Promise<void> {
    this.closing.abort();
    await this.learning;
    await this.endpointList.destroy();
  }

  private scopeOf(options: CallOptions): Scope {
    return Scope.ofCall(options, this.closing.signal, this.settings.timeoutMs);
  }

  private async run<T>(ask: Ask<T>, call: Scope, whom: Whom = {}): Promise<Outcome<T>> {
    const { maxUnderWay } = this.settings;
    if (this.underWay >= maxUnderWay) {
      const text = `${maxUnderWay} calls of this client are under way`;
      const error = new StoreError('ERR_CLIENT_BUSY', text, { reason: 'under-way', effect: 'none' });
      return { kind: 'failed', error, effect: 'none' };
    }
    this.underWay++;
    try {
      const outcome = await this.attempts.run(ask, call, whom);
      if (outcome.kind === 'value') this.refresh();
      return outcome;
    } finally {
      this.underWay--;
    }
  }

  private async read<T>(ask: Ask<T>, options: CallOptions, whom: Whom = {}): Promise<T> {
    using call = this.scopeOf(options);
    const outcome = await this.run(ask, call, whom);
    if (outcome.kind === 'value') return outcome.value;
    if (outcome.error.code === 'ERR_CLIENT_ABORTED') options.signal?.throwIfAborted();
    throw outcome.error;
  }

  private leases(): LeaseHost {
    return {
      closing: this.closing.signal,
      attemptMs: (timeoutMs) => attemptMsOf(this.settings, timeoutMs),
      call: (ask, options) => this.read(ask, options),
    };
  }

  private async write<T>(ask: Ask<T>, options: OnceOptions): Promise<T | NotDone | Unknown> {
    using call = this.scopeOf(options);
    const named = options.idempotencyKey !== undefined;
    const closed = named && !this.namesOpen ? await this.openNames(call) : undefined;
    return closed ?? outcomeOf(await this.run(ask, call));
  }

  /**
   * A member written in Go would pass over a write's name, and carry every copy out. Once no such member can take part
   * any more, none ever will.
   */
  private async openNames(call: Scope): Promise<NotDone | undefined> {
    const outcome = await this.run(askExplain({ features: true }), call);
    this.namesOpen = outcome.kind === 'value' && outcome.value.code === 'features-open';
    if (this.namesOpen) return undefined;
    if (outcome.kind !== 'value') {
      // Members written in Go do not know the path; whatever else is refused, such as a wrong token, is so for a write.
      if (outcome.kind === 'refused' && outcome.error.status !== 404) throw outcome.error;
      return { outcome: 'not-done', error: outcome.error };
    }
    const { code: reason, text } = outcome.value;
    return { outcome: 'not-done', error: new StoreError('ERR_KV_FEATURE', text, { reason, effect: 'none' }) };
  }

  /** Asks who the members are, if what is known is old. Nobody waits for it. */
  private refresh(): void {
    const { learn, learnMs } = this.settings;
    if (!learn || this.learning !== undefined || this.closing.signal.aborted) return;
    if (performance.now() - this.learntAt < learnMs) return;
    // Also if it fails: a member that does not tell is not asked after every call.
    this.learntAt = performance.now();
    this.learning = this.ask().finally(() => {
      this.learning = undefined;
    });
  }

  private async ask(): Promise<void> {
    using call = new Scope(LEARN_MS, ['closed', this.closing.signal]);
    const outcome = await this.attempts.run(askMembers(), call);
    if (outcome.kind === 'value') this.learn(outcome.value);
  }

  private learn({ clients }: Members): void {
    // A cluster that does not know where its members answer clients says nothing about the endpoints.
    if (this.settings.learn && clients.size > 0) this.endpointList.learn([...clients.values()]);
  }
}

function outcomeOf<T>(outcome: Outcome<T>): T | NotDone | Unknown {
  switch (outcome.kind) {
    case 'value':
      return outcome.value;
    case 'refused':
      throw outcome.error;
    case 'failed':
      return { outcome: outcome.effect === 'none' ? 'not-done' : 'unknown', error: outcome.error };
  }
}
