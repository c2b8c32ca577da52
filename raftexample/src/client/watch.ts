import type { Ask, Attempts } from './attempts.js';
import type { Endpoint, Endpoints } from './endpoints.js';
import { badArgument, HistoryGoneError } from './errors.js';
import { EventStream, type ServerEvent } from './events.js';
import { LONGEST_ANSWER, queryOf } from './key-asks.js';
import { textOf, wholeOf } from './numbers.js';
import { checkWhole, pauseAfter, type Settings } from './options.js';
import { Scope } from './scope.js';
import { overOwnConnection } from './streams.js';
import type { WatchEvent, WatchOptions } from './types.js';

/** What a watch needs of its client. */
export interface WatchHost {
  readonly attempts: Attempts;
  readonly endpoints: Endpoints;
  readonly settings: Settings;
  readonly closing: AbortSignal;
}

/** An answer that is being read. */
interface Opened {
  readonly endpoint: Endpoint;
  readonly stream: EventStream;
}

/**
 * Follows what happens to keys, over failures and from member to member: every event once, in the order of the entries,
 * none left out. It can be iterated once; leaving the loop ends it, as do `close` and its signal.
 */
export class Watch implements AsyncIterable<WatchEvent>, AsyncDisposable {
  private readonly host: WatchHost;
  private readonly options: WatchOptions;
  private readonly closer = new AbortController();
  private lasts: Scope | undefined;
  private first: Promise<Opened> | undefined;
  private begun = false;
  /** Everything up to it was given out; `undefined` until a member has said where "now" is. */
  private seen: number | undefined;

  constructor(host: WatchHost, options: WatchOptions) {
    const { from, prefix = '', timeoutMs } = options;
    if (from !== undefined && (!Number.isSafeInteger(from) || from < 0))
      throw badArgument('from', 'it must be an index, a whole number');
    if (timeoutMs !== undefined) checkWhole('timeoutMs', timeoutMs);
    queryOf({ prefix });
    this.host = host;
    this.options = options;
    this.seen = from === undefined ? undefined : Math.max(0, from - 1);
  }

  /** Ends with the watch. Made when it begins: one that never does must leave nothing on the signals of others. */
  private get scope(): Scope {
    const { host, closer, options } = this;
    this.lasts ??= new Scope(
      undefined,
      ['aborted', closer.signal],
      ['closed', host.closing],
      ['aborted', options.signal],
    );
    return this.lasts;
  }

  /**
   * Everything up to this index has been given out: a later watch from the next one on misses nothing. `undefined` for
   * a watch without `from` that is not open yet.
   */
  get index(): number | undefined {
    return this.seen;
  }

  /**
   * Resolves once a member has begun to answer, with the index after which events follow: what is read after that holds
   * everything up to there.
   */
  async opened(): Promise<number> {
    try {
      await this.open();
    } catch (error) {
      this.options.signal?.throwIfAborted();
      throw error;
    }
    return this.seen as number;
  }

  private open(): Promise<Opened> {
    this.first ??= this.reach();
    // Whoever awaits it hears of its failure, and nothing comes after it.
    this.first.catch(() => this.scope[Symbol.dispose]());
    return this.first;
  }

  [Symbol.asyncIterator](): AsyncGenerator<WatchEvent, void, undefined> {
    if (this.begun) throw badArgument('watch', 'it can be iterated once');
    this.begun = true;
    return this.events();
  }

  /** Ends it: an iteration that waits is over. */
  async close(): Promise<void> {
    // What is being read ends with the scope.
    this.closer.abort();
    await this.first?.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async *events(): AsyncGenerator<WatchEvent, void, undefined> {
    /** Streams in a row that brought nothing. */
    let fruitless = 0;
    try {
      for (let { endpoint, stream } = await this.open(); ; { endpoint, stream } = await this.reach()) {
        const before = this.seen;
        try {
          yield* this.eventsOf(stream);
        } finally {
          stream.close();
        }
        if (this.scope.ended !== undefined) throw this.scope.error('none', undefined);
        this.host.endpoints.failed(endpoint);
        fruitless = this.seen === before ? fruitless + 1 : 0;
        if (fruitless > 0) await this.scope.pause(pauseAfter(this.host.settings, fruitless));
      }
    } catch (error) {
      if (this.closer.signal.aborted) return;
      this.options.signal?.throwIfAborted();
      throw error;
    } finally {
      this.scope[Symbol.dispose]();
    }
  }

  /** Returns when the stream is over, whatever ended it. */
  private async *eventsOf(stream: EventStream): AsyncGenerator<WatchEvent, void, undefined> {
    // What an entry does to several keys is given out once all of it is there: another member begins it anew.
    let pending: WatchEvent[] = [];
    let size = 0;
    for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
      size += event.data.length;
      const read = readEvent(event);
      if (read === undefined || size > LONGEST_ANSWER) return;
      // A member that is behind may send what an earlier one has sent.
      if (read.change !== undefined && read.change.index > (this.seen ?? 0)) pending.push(read.change);
      if (read.index === undefined) continue;
      yield* pending;
      [pending, size] = [[], 0];
      this.seen = Math.max(this.seen ?? 0, read.index);
    }
  }

  /** @throws HistoryGoneError if no member that answers knows what comes next */
  private async reach(): Promise<Opened> {
    const { attempts, endpoints, settings } = this.host;
    using call = new Scope(this.options.timeoutMs ?? settings.timeoutMs, ['aborted', this.scope.signal]);
    const gone = new Map<Endpoint, HistoryGoneError>();
    for (;;) {
      const outcome = await attempts.run(this.ask(), call, { avoid: gone.keys() });
      if (outcome.kind === 'value') return { endpoint: outcome.endpoint, stream: outcome.value };
      const { error } = outcome;
      if (this.scope.ended !== undefined) throw this.scope.error('none', undefined);
      if (!(error instanceof HistoryGoneError)) throw error;
      // Each member forgets at its own pace. One that is asked twice is asked because the others do not answer.
      const endpoint = endpoints.at(error.endpoint as string);
      const all = [...gone.values(), error];
      if (gone.has(endpoint) || all.length >= endpoints.origins.length)
        throw all.reduce((best, one) => (one.oldest < best.oldest ? one : best));
      gone.set(endpoint, error);
    }
  }

  private ask(): Ask<EventStream> {
    return {
      method: 'GET',
      path: `/watch${queryOf({ prefix: this.options.prefix ?? '' })}`,
      headers: this.seen === undefined ? {} : { 'Last-Event-ID': String(this.seen) },
      repeatable: true,
      send: overOwnConnection(this.host.settings.silenceMs, this.scope.signal),
      read: async ({ headers, body }) => {
        if (!String(headers['content-type']).startsWith('text/event-stream'))
          throw new TypeError('it is no stream of events');
        const stream = new EventStream(body, LONGEST_ANSWER);
        // The first thing that a member says is after which index events follow: that is "now".
        const start = await stream.next();
        if (start?.id === undefined || start.event !== undefined) throw new TypeError('the first index is missing');
        this.seen ??= indexOf(start.id);
        return stream;
      },
    };
  }
}

function indexOf(id: string): number {
  return wholeOf(/^\d{1,15}$/u.test(id) ? Number(id) : undefined, 'the id of an event');
}

/**
 * What an event says; `undefined` if it is the last one, or makes no sense: the rest is to be had from another member.
 */
function readEvent(
  event: ServerEvent,
): { readonly change: WatchEvent | undefined; readonly index: number | undefined } | undefined {
  if (event.event === 'end') return undefined;
  try {
    return { change: changeOf(event), index: event.id === undefined ? undefined : indexOf(event.id) };
  } catch {
    return undefined;
  }
}

/** An event of a name that is not known yet is none for this client. */
function changeOf({ event, data }: ServerEvent): WatchEvent | undefined {
  if (event !== 'put' && event !== 'delete') return undefined;
  const { key, value, index } = JSON.parse(data) as Readonly<Record<string, unknown>>;
  const place = { key: textOf(key, 'a key'), index: wholeOf(index, 'an index') };
  return event === 'put' ? { type: event, ...place, value: textOf(value, 'a value') } : { type: event, ...place };
}
