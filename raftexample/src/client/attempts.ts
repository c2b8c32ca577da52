import type { Endpoint, Endpoints } from './endpoints.js';
import { type Effect, StoreError } from './errors.js';
import { type Answer, ExchangeFailure, exchange, type Sent } from './exchange.js';
import { attemptMsOf, pauseAfter, type Settings } from './options.js';
import { type Refusal, readRefusal } from './problem.js';
import type { Ending, Scope } from './scope.js';

/** A request, and what to make of its answer. */
export interface Ask<T> extends Sent {
  /**
   * May it be sent again although nobody knows what became of it? Reads may, and what is the same if it happens twice.
   */
  readonly repeatable: boolean;
  /**
   * Reads the answer with a status of 2xx; it must take all of the body, or hand it on.
   * @throws Error for one that no member gives
   */
  readonly read: (answer: Answer) => Promise<T>;
  /** A refusal that is a result, such as that there is no such key. */
  readonly refusal?: (refusal: Refusal) => T | undefined;
  /** How to reach the endpoint; default: over its shared connections. */
  readonly send?: (endpoint: Endpoint, sent: Sent, signal: AbortSignal) => Promise<Answer>;
}

/** What a call comes to. */
export type Outcome<T> =
  | { readonly kind: 'value'; readonly value: T; readonly endpoint: Endpoint }
  /** It would fail again. */
  | { readonly kind: 'refused'; readonly error: StoreError }
  /** Nothing that may be done any more would bring a result. */
  | { readonly kind: 'failed'; readonly error: StoreError; readonly effect: Effect };

/** What one attempt comes to. */
type Attempt<T> =
  | { readonly kind: 'value'; readonly value: T }
  /** @property answered did the member answer? One that did is well, whatever it cannot do now. */
  | {
      readonly kind: 'failed';
      readonly error: StoreError;
      readonly retry: Refusal['retry'];
      readonly answered: boolean;
    };

/** Whom to ask. */
export interface Whom {
  /** This one and no other. */
  readonly only?: Endpoint | undefined;
  /** These after all others. */
  readonly avoid?: Iterable<Endpoint>;
  /** Do not ask again, whatever comes of it. */
  readonly once?: boolean;
}

/** Asks one member after the other until there is a result, or there is a reason not to ask again. */
export class Attempts {
  private readonly endpoints: Endpoints;
  private readonly settings: Settings;
  /** Hears of what a member had to say after others had failed: the members may be others now. */
  private readonly onMoved: () => void;

  constructor(endpoints: Endpoints, settings: Settings, onMoved: () => void) {
    this.endpoints = endpoints;
    this.settings = settings;
    this.onMoved = onMoved;
  }

  async run<T>(ask: Ask<T>, call: Scope, { only, avoid = [], once = false }: Whom = {}): Promise<Outcome<T>> {
    const tried = new Set<Endpoint>(avoid);
    let effect: Effect = 'none';
    let last: StoreError | undefined;
    for (let n = 1; call.ended === undefined; n++) {
      const endpoint = only ?? this.endpoints.choose(tried);
      const mayMoveOn = ask.repeatable && !once && only === undefined && this.endpoints.origins.length > 1;
      const attemptMs = mayMoveOn ? attemptMsOf(this.settings, call.ms) : this.settings.attemptMs;
      const attempt = await this.once(ask, endpoint, call.part(attemptMs));
      if (attempt.kind === 'value') {
        if (only === undefined) this.endpoints.prefer(endpoint);
        if (tried.size > 0) this.onMoved();
        return { ...attempt, endpoint };
      }
      const { error, retry, answered } = attempt;
      if (error.effect === 'unknown' && ask.method !== 'GET') effect = 'unknown';
      if (call.ended !== undefined) {
        // It took all the time that there was: the next call begins with another one.
        if (call.ended === 'timeout') this.note(endpoint, answered);
        break;
      }
      last = error;
      // What was refused now may have been carried out before.
      if (retry === 'never') return effect === 'none' ? { kind: 'refused', error } : { kind: 'failed', error, effect };
      this.note(endpoint, answered);
      tried.add(endpoint);
      const mayAskAgain = ask.repeatable || retry === 'again';
      if (!mayAskAgain || once || n >= this.settings.maxAttempts) return { kind: 'failed', error, effect };
      const isNextFresh = only === undefined && tried.size < this.endpoints.origins.length;
      // A member that cannot be reached says nothing about the next one, which is asked at once. One that answers that
      // it cannot do it now speaks for all: most likely they elect a leader.
      if (answered || !isNextFresh) await call.pause(pauseAfter(this.settings, n));
      if (this.endpoints.origins.length <= tried.size) tried.clear();
    }
    return { kind: 'failed', error: call.error(effect, last), effect };
  }

  private note(endpoint: Endpoint, answered: boolean): void {
    if (answered) endpoint.answered();
    else this.endpoints.failed(endpoint);
  }

  /** @param time how long it may take; ends with it */
  private async once<T>(ask: Ask<T>, endpoint: Endpoint, time: Scope): Promise<Attempt<T>> {
    using attempt = time;
    let answer: Answer;
    try {
      answer = await (ask.send ?? overShared)(endpoint, this.authorized(ask), attempt.signal);
    } catch (error) {
      return failedBefore(endpoint, error, attempt.ended);
    }
    try {
      if (answer.status >= 200 && answer.status < 300) return { kind: 'value', value: await ask.read(answer) };
      const refusal = await readRefusal(answer, endpoint.origin);
      const value = ask.refusal?.(refusal);
      if (value !== undefined) return { kind: 'value', value };
      return { kind: 'failed', error: refusal.error, retry: refusal.retry, answered: true };
    } catch (error) {
      answer.body.destroy();
      return failedAfter(endpoint, error, answer.status, attempt.ended);
    }
  }

  private authorized({ method, path, headers, body }: Sent): Sent {
    const { token } = this.settings;
    return {
      method,
      path,
      headers: { ...headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body }),
    };
  }
}

function overShared(endpoint: Endpoint, sent: Sent, signal: AbortSignal): Promise<Answer> {
  return exchange(endpoint.requests, sent, signal);
}

/** There was no answer. */
function failedBefore<T>({ origin }: Endpoint, error: unknown, ended: Ending | undefined): Attempt<T> {
  const sent = !(error instanceof ExchangeFailure) || error.sent;
  const { message, cause } = error as Error;
  const details = { effect: sent ? 'unknown' : 'none', endpoint: origin, cause: cause ?? error } as const;
  const failed = (code: string, text: string, reason: string): Attempt<T> => ({
    kind: 'failed',
    error: new StoreError(code, `${origin} ${text}`, { ...details, reason }),
    // What has not left this process may be sent by all means.
    retry: sent ? 'unsafe' : 'again',
    answered: false,
  });
  if (ended === 'timeout') return failed('ERR_CLIENT_TIMEOUT', 'did not answer in time', 'attempt');
  if (!sent) return failed('ERR_CLIENT_UNREACHABLE', `cannot be reached: ${message}`, codeOf(cause));
  return failed('ERR_CLIENT_CONNECTION', `gave no answer: ${message}`, codeOf(cause));
}

/** There was an answer, and it broke off or makes no sense. */
function failedAfter<T>({ origin }: Endpoint, error: unknown, status: number, ended: Ending | undefined): Attempt<T> {
  const broke = ended !== undefined || codeOf(error) !== 'none';
  const { message } = error as Error;
  const text = broke
    ? `broke off its answer: ${ended === 'timeout' ? 'it did not end in time' : message}`
    : `answers ${status}, but not like a member of the store: ${message}`;
  const code = broke ? 'ERR_CLIENT_CONNECTION' : 'ERR_CLIENT_ANSWER';
  const reason = broke ? codeOf(error) : 'body';
  return {
    kind: 'failed',
    error: new StoreError(code, `${origin} ${text}`, {
      reason,
      effect: 'unknown',
      status,
      endpoint: origin,
      cause: error,
    }),
    retry: 'unsafe',
    answered: false,
  };
}

/** The code of an error of the network or of undici, such as `ECONNREFUSED`. */
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'none';
}
