import { type Effect, HistoryGoneError, StoreError } from './errors.js';
import { type Answer, readLoosely } from './exchange.js';

/** Longest answer that says what is wrong, in bytes. */
const LONGEST_PROBLEM = 64 * 1024;

/** What an answer other than the wanted one means. */
export interface Refusal {
  readonly error: StoreError;
  /**
   * `again`: the same request may be sent again. `never`: it would fail again. `unsafe`: it may be carried out twice.
   */
  readonly retry: 'again' | 'never' | 'unsafe';
  /** The other fields of the answer. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Reads what a member says that it does not do: problem JSON, or the `{"error":TEXT}` of members written in Go. */
export async function readRefusal(answer: Answer, endpoint: string): Promise<Refusal> {
  const { status } = answer;
  const fields = parseObject(await readLoosely(answer, LONGEST_PROBLEM));
  const { detail, error, code, reason } = fields ?? {};
  const text = typeof detail === 'string' ? detail : error;
  if (typeof text !== 'string') return stranger(answer, endpoint);
  const [effect, retry] = meaningOf(status, fields?.['retry']);
  const details = { reason: typeof reason === 'string' ? reason : String(status), effect, status, endpoint };
  const { oldest } = fields ?? {};
  return {
    error:
      status === 410 && typeof oldest === 'number'
        ? new HistoryGoneError(`${endpoint}: ${text}`, oldest, details)
        : new StoreError(typeof code === 'string' ? code : `ERR_HTTP_${status}`, `${endpoint}: ${text}`, details),
    retry,
    fields: fields ?? {},
  };
}

/**
 * The statuses say what happened, `retry` whether to ask again; members written in Go say no more than the status. 504
 * with `retry: safe` is what may have happened and may happen twice without harm.
 */
function meaningOf(status: number, retry: unknown): readonly [Effect, Refusal['retry']] {
  const told = retry === 'safe' ? 'again' : retry === 'no' ? 'never' : retry === 'unsafe' ? 'unsafe' : undefined;
  switch (status) {
    case 408:
    case 503:
      return ['none', told ?? 'again'];
    case 504:
      return ['unknown', told ?? 'unsafe'];
    default:
      return status >= 400 && status < 500 ? ['none', told ?? 'never'] : ['unknown', told ?? 'unsafe'];
  }
}

/** Something else than a member of the store answers there, or stands between: nobody knows what it did. */
function stranger({ status, headers }: Answer, endpoint: string): Refusal {
  const { location } = headers;
  const what = status < 400 && typeof location === 'string' ? `redirects to ${location}` : `answers ${status}`;
  return {
    error: new StoreError(
      'ERR_CLIENT_ANSWER',
      `${endpoint} ${what}, not like a member of the store: is it where a member answers clients?`,
      { reason: 'stranger', effect: 'unknown', status, endpoint },
    ),
    retry: 'unsafe',
    fields: {},
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // It is not a member that answers.
  }
  return undefined;
}
