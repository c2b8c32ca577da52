import type { Steering } from '../common/steering.js';
import type { Network } from '../page/network.js';
import type { Asked, PageHost } from '../page/server.js';

/** A client waits so long for an answer. */
const CLIENT_MS = 5000;
/** Longest delay of the links, in milliseconds. */
const MAX_SLOW_MS = 5000;
/** The key that clients of the page write and read. */
const KEY = 'page';

/** What a client was told, for the page. */
interface Answer {
  readonly verdict: 'done' | 'not done' | 'unknown';
  readonly told: string;
}

/** The running store, for its page. */
export class StorePage implements PageHost {
  private readonly ids: readonly number[];
  private readonly network: Network;
  private readonly steering: Steering;
  private readonly clientAt: (id: number) => string;
  private isWatched = false;
  private slowMs = 0;

  constructor(parts: {
    readonly network: Network;
    readonly steering: Steering;
    /** HOST:PORT where a member answers clients. */
    readonly clientAt: (id: number) => string;
  }) {
    this.network = parts.network;
    this.ids = parts.network.ids;
    this.steering = parts.steering;
    this.clientAt = parts.clientAt;
  }

  state(): unknown {
    const { ids, network, steering } = this;
    const cut = ids.flatMap((from) => ids.filter((to) => !network.isOpen(from, to)).map((to) => [from, to]));
    return {
      kind: 'state',
      processes: ids.map((id) => steering.stateOf(BigInt(id))),
      cut,
      slowMs: this.slowMs,
    };
  }

  watched(isWatched: boolean): void {
    this.isWatched = isWatched;
    for (const id of this.ids) this.ask(id);
  }

  /** A member that has just started does not know whether somebody watches. */
  ask(id: number): void {
    this.steering.send(BigInt(id), { tell: this.isWatched });
  }

  act(asked: Asked): unknown {
    const { network, steering } = this;
    switch (asked['kind']) {
      case 'kill':
        steering.kill(this.member(asked['who']));
        return undefined;
      case 'pause':
        steering.pause(this.member(asked['who']));
        return undefined;
      case 'continue':
        steering.goOn(this.member(asked['who']));
        return undefined;
      case 'start':
        steering.start(this.member(asked['who']));
        return undefined;
      case 'cut':
      case 'open':
        network.set(this.id(asked['who']), this.id(asked['to']), asked['kind'] === 'open');
        return undefined;
      case 'isolate':
        network.split([this.id(asked['who'])]);
        return undefined;
      case 'split':
        network.split(this.side(asked['side']));
        return undefined;
      case 'heal':
        this.slowMs = 0;
        network.heal();
        return undefined;
      case 'slow':
        this.slowMs = this.delay(asked['ms']);
        network.slow(this.slowMs);
        return undefined;
      case 'write':
        return this.write(this.id(asked['who']), asked['value']);
      case 'read':
      case 'stale-read':
        return this.read(this.id(asked['who']), asked['kind'] === 'stale-read');
      default:
        throw new Error('this cannot be done here');
    }
  }

  private id(value: unknown): number {
    const id = this.ids.find((known) => known === value);
    if (id === undefined) throw new Error('there is no such member');
    return id;
  }

  private member(value: unknown): bigint {
    return BigInt(this.id(value));
  }

  private side(value: unknown): number[] {
    if (!Array.isArray(value)) throw new Error('"side" must be a list of members');
    return value.map((each) => this.id(each));
  }

  private delay(value: unknown): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_SLOW_MS) return value;
    throw new Error(`"ms" must be a whole number from 0 to ${MAX_SLOW_MS}`);
  }

  private async write(id: number, value: unknown): Promise<Answer> {
    if (typeof value !== 'string' || value.length > 20) throw new Error('"value" must be a short text');
    const answer = await this.request(id, '', { method: 'PUT', body: value });
    if (answer.status === 200 || answer.status === 201 || answer.status === 204) {
      return { verdict: 'done', told: `n${id} answered: ${value} is committed.` };
    }
    // What an answer does not say is safe may have been done.
    const isSafe = answer.status !== 0 && /"retry":\s*"safe"/u.test(answer.text);
    if (isSafe || answer.isRefused)
      return { verdict: 'not done', told: `n${id}: ${answer.text}. Trying again is safe.` };
    return { verdict: 'unknown', told: `n${id}: ${answer.text}. The write may have happened, or may yet.` };
  }

  private async read(id: number, isStale: boolean): Promise<Answer> {
    const answer = await this.request(id, isStale ? '?consistency=stale' : '', { method: 'GET' });
    const how = isStale ? 'Nobody else was asked: it may be old.' : 'A majority confirmed the leader: it is current.';
    if (answer.status === 200) return { verdict: 'done', told: `n${id} answered ${answer.text}. ${how}` };
    if (answer.status === 404) return { verdict: 'done', told: `n${id} answered: nothing is written. ${how}` };
    return { verdict: 'not done', told: `n${id}: ${answer.text}. Asking again is safe.` };
  }

  private async request(
    id: number,
    query: string,
    init: { readonly method: string; readonly body?: string },
  ): Promise<{ readonly status: number; readonly text: string; readonly isRefused: boolean }> {
    try {
      const response = await fetch(`http://${this.clientAt(id)}/kv/${KEY}${query}`, {
        ...init,
        signal: AbortSignal.timeout(CLIENT_MS),
      });
      return { status: response.status, text: (await response.text()).trim(), isRefused: false };
    } catch (error) {
      const { cause, name } = error as Error & { readonly cause?: { readonly code?: unknown } };
      const isRefused = cause?.code === 'ECONNREFUSED';
      const text =
        name === 'TimeoutError'
          ? `no answer in ${CLIENT_MS / 1000} s`
          : isRefused
            ? 'it is down'
            : 'the connection broke';
      return { status: 0, text, isRefused };
    }
  }
}
