import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Replica } from '@raft-ts/replica';
import type { Change, Changes, History } from '../machine/history.js';
import type { KvCommand, KvMachine, KvResult } from '../machine/kv-machine.js';
import { HttpError } from './answers.js';
import type { FaceLimits } from './limits.js';
import { parseIndex, parseQuery, queryOf } from './query.js';

/** So much is read from the history in one turn of the event loop before it may be dropped from there. */
const PUMP_SIZE = 2 ** 20;

export interface WatchHost {
  readonly replica: Replica<KvCommand, KvResult>;
  readonly machine: KvMachine;
}

/** Why a watch ends that its client did not end. */
type EndReason = 'slow' | 'history-gone' | 'stopped';

const details: Readonly<Record<EndReason, string>> = {
  slow: 'events came faster than they were taken',
  'history-gone': 'this member took over a snapshot, and does not know what led to it',
  stopped: 'this member ends',
};

/**
 * Everybody who watches. A watch holds no events of its own: it reads the history, which is bounded, as fast as its
 * client takes them, and ends if the history has gone on without it.
 */
export class Watchers {
  private readonly host: WatchHost;
  private readonly limits: Pick<FaceLimits, 'maxWatchers'>;
  private readonly all = new Set<Watcher>();
  /** Watches that are about to begin. */
  private opening = 0;
  private unsubscribe: (() => void) | undefined;
  private unread = 0;
  private scheduled = false;

  constructor(host: WatchHost, limits: Pick<FaceLimits, 'maxWatchers'>) {
    this.host = host;
    this.limits = limits;
  }

  get count(): number {
    return this.all.size;
  }

  /** Answers `GET /watch?prefix=&from=`. */
  async open(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parameters = parseQuery(queryOf(request));
    for (const name of parameters.keys()) {
      if (name !== 'prefix' && name !== 'from')
        throw new HttpError('ERR_KV_REQUEST', 'query', 'the query may hold prefix and from');
    }
    const prefix = parameters.get('prefix') ?? '';
    const seen = seenBefore(request, parameters.get('from'));
    const { maxWatchers } = this.limits;
    if (this.all.size + this.opening >= maxWatchers)
      throw new HttpError('ERR_KV_BUSY', 'watchers', `${maxWatchers} clients watch already on this member`);
    this.opening++;
    try {
      // "Now" comes after everything that was acknowledged before.
      const after = seen ?? (await this.host.replica.read(() => this.host.replica.applied.index));
      this.begin(prefix, after, response);
    } finally {
      this.opening--;
    }
  }

  private begin(prefix: string, after: number, response: ServerResponse): void {
    const { history } = this.host.machine;
    if (after < history.floor) {
      const oldest = history.floor + 1;
      throw new HttpError(
        'ERR_KV_HISTORY_GONE',
        'history',
        `the oldest change that is known here has index ${oldest}`,
        {
          oldest,
        },
      );
    }
    if (response.destroyed) return;
    this.unsubscribe ??= history.subscribe((size) => this.hear(size));
    const watcher = new Watcher({ history, prefix, after, response });
    this.all.add(watcher);
    response.once('close', () => this.forget(watcher));
    watcher.pump();
  }

  private forget(watcher: Watcher): void {
    this.all.delete(watcher);
    if (this.all.size > 0) return;
    this.unsubscribe?.();
    this.unsubscribe = undefined;
  }

  private hear(size: number): void {
    this.unread += size;
    // Whoever keeps up must not lose what comes within one turn.
    if (this.unread > PUMP_SIZE) this.pump();
    else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.pump();
      });
    }
  }

  private pump(): void {
    this.unread = 0;
    for (const watcher of this.all) watcher.pump();
  }

  /** Shows clients that their connections live, and ends those of clients that take nothing. */
  beat(): void {
    for (const watcher of this.all) watcher.beat();
  }

  /** Ends all of them: this member stops. */
  end(): void {
    for (const watcher of this.all) watcher.end('stopped');
  }
}

/** The index up to which a client has seen everything; `undefined` if it wants what comes from now on. */
function seenBefore({ headers }: IncomingMessage, from: string | undefined): number | undefined {
  const id = headers['last-event-id'];
  if (typeof id === 'string' && id !== '') return parseIndex('Last-Event-ID', id);
  return from === undefined ? undefined : Math.max(0, parseIndex('from', from) - 1);
}

interface WatcherParts {
  readonly history: History;
  readonly prefix: string;
  readonly after: number;
  readonly response: ServerResponse;
}

/** Events as they are sent, for all who are sent them. */
const written = new WeakMap<Change, Buffer>();

class Watcher {
  private readonly history: History;
  private readonly prefix: string;
  private readonly response: ServerResponse;
  /** Everything up to this index was sent, or is not for this client. */
  private seen: number;
  /** The last id that the client was told. */
  private told: number;
  private place: number;
  /** The client has to take something first. */
  private blocked = false;
  private beatsBlocked = 0;
  private ended = false;

  constructor({ history, prefix, after, response }: WatcherParts) {
    this.history = history;
    this.prefix = prefix;
    this.response = response;
    this.seen = after;
    this.told = after;
    this.place = history.placeAfter(after);
    response.on('drain', () => {
      this.blocked = false;
      this.beatsBlocked = 0;
      this.pump();
    });
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store' });
    // An id without an event: if the connection breaks before the first one, the client goes on from here.
    this.write(`: events of entries after ${after}\nid: ${after}\n\n`);
  }

  /** Sends what the client has not seen, as far as it takes it. */
  pump(): void {
    if (this.ended) return;
    const { history } = this;
    if (this.place < history.begin) {
      if (this.seen < history.floor) {
        this.end(this.blocked ? 'slow' : 'history-gone');
        return;
      }
      this.place = history.placeAfter(this.seen);
    }
    for (let entry = history.at(this.place); entry !== undefined && !this.blocked; entry = history.at(this.place)) {
      this.place++;
      // A client that comes from a member that is further on has seen what this one applies only now.
      if (entry.index <= this.seen) continue;
      this.seen = entry.index;
      this.send(entry);
    }
  }

  /**
   * The id stands on the last event of an entry: if the connection breaks between two of them, the client is sent the
   * entry again, rather than the rest of it never.
   */
  private send({ index, changes }: Changes): void {
    const mine = changes.filter(({ key }) => key.startsWith(this.prefix));
    for (const [i, change] of mine.entries()) {
      this.write(textOf(index, change));
      const isLast = i === mine.length - 1;
      if (isLast) this.told = index;
      this.write(isLast ? `id: ${index}\n\n` : '\n');
    }
  }

  beat(): void {
    if (this.ended) {
      // It did not even take why it ends.
      this.response.destroy();
    } else if (this.blocked) {
      this.beatsBlocked++;
      if (this.beatsBlocked >= 2) this.end('slow');
    } else if (this.seen > this.told) {
      // What came was for others: a client that comes back need not find it in the history.
      this.told = this.seen;
      this.write(`: \nid: ${this.seen}\n\n`);
    } else {
      this.write(': \n\n');
    }
  }

  end(reason: EndReason): void {
    if (this.ended) return;
    this.ended = true;
    const body = { reason, oldest: this.history.floor + 1, detail: details[reason] };
    this.response.end(`event: end\ndata: ${JSON.stringify(body)}\n\n`);
  }

  private write(text: string | Buffer): void {
    if (!this.response.write(text)) this.blocked = true;
  }
}

/** An event, but for its end. JSON has no line breaks. */
function textOf(index: number, change: Change): Buffer {
  const found = written.get(change);
  if (found !== undefined) return found;
  const { op, key, value } = change;
  const data = op === 'put' ? { key, value, index } : { key, index };
  const text = Buffer.from(`event: ${op}\ndata: ${JSON.stringify(data)}\n`);
  written.set(change, text);
  return text;
}
