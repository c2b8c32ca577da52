import { type ServerResponse, STATUS_CODES } from 'node:http';
import { toJson } from './json.js';

/** May the same request be sent again? `unsafe`: it may then be carried out twice. `no`: it would fail again. */
export type Retry = 'safe' | 'unsafe' | 'no';

/** The store's own errors; those of raft keep their codes. */
export type KvErrorCode =
  /** The request makes no sense; `reason` says which part of it. */
  | 'ERR_KV_REQUEST'
  /** The `Authorization` header has no token, or not that of this member. */
  | 'ERR_KV_TOKEN'
  /** There is no such key, lease, lock, member or path; `reason` says which of them. */
  | 'ERR_KV_NOT_FOUND'
  /** This path does not take this method; `Allow` lists those that it takes. */
  | 'ERR_KV_METHOD'
  /** The request did not arrive in time. */
  | 'ERR_KV_SLOW_REQUEST'
  /**
   * The change of the membership does not fit the present one; `reason` is a `MembershipRefusal` of `@raft-
   * ts/replica`.
   */
  | 'ERR_KV_CONFLICT'
  /** Another lease holds the lock; `lease` and `fence` are the holder's. */
  | 'ERR_KV_LOCKED'
  /** The watch begins at an index whose changes are not kept any more; `oldest` is the first that is. */
  | 'ERR_KV_HISTORY_GONE'
  /**
   * The write with this `Idempotency-Key` was carried out, by the entry `index`, but its answer is not kept any more.
   */
  | 'ERR_KV_ANSWER_GONE'
  /** `If-Match` or `If-None-Match` does not hold: the key has another version, or none. Nothing was changed. */
  | 'ERR_KV_CONDITION'
  /** The body, the key or the value is longer than this member takes. */
  | 'ERR_KV_TOO_LARGE'
  /** The URL is longer than this member takes. */
  | 'ERR_KV_URL_TOO_LONG'
  /** The body is compressed, or otherwise encoded. */
  | 'ERR_KV_ENCODING'
  /** The `Idempotency-Key` belongs to another request, which was carried out by the entry `index`. */
  | 'ERR_KV_KEY_REUSED'
  /** The headers are longer than this member takes. */
  | 'ERR_KV_HEADERS_TOO_LARGE'
  /** The store failed in a way that nobody expected; its log says how. */
  | 'ERR_KV_INTERNAL'
  /** This member has no room for the request now; `reason` says of what there is too much. Nothing was done. */
  | 'ERR_KV_BUSY'
  /** This member cannot serve now; `reason` is that of a read that failed, or `stopped`. */
  | 'ERR_KV_NOT_READY'
  /** The cluster has not opened what the request needs; `missing` names the members that do not know it. */
  | 'ERR_KV_FEATURE'
  /** A change of the membership may still happen, but was not seen in time. */
  | 'ERR_KV_UNKNOWN';

const kinds: Readonly<Record<KvErrorCode, readonly [status: number, retry: Retry]>> = {
  ERR_KV_REQUEST: [400, 'no'],
  ERR_KV_TOKEN: [401, 'no'],
  ERR_KV_NOT_FOUND: [404, 'no'],
  ERR_KV_METHOD: [405, 'no'],
  ERR_KV_SLOW_REQUEST: [408, 'safe'],
  ERR_KV_CONFLICT: [409, 'no'],
  ERR_KV_LOCKED: [409, 'safe'],
  ERR_KV_HISTORY_GONE: [410, 'no'],
  ERR_KV_ANSWER_GONE: [410, 'no'],
  ERR_KV_CONDITION: [412, 'no'],
  ERR_KV_TOO_LARGE: [413, 'no'],
  ERR_KV_URL_TOO_LONG: [414, 'no'],
  ERR_KV_ENCODING: [415, 'no'],
  ERR_KV_KEY_REUSED: [422, 'no'],
  ERR_KV_HEADERS_TOO_LARGE: [431, 'no'],
  ERR_KV_INTERNAL: [500, 'unsafe'],
  ERR_KV_BUSY: [503, 'safe'],
  ERR_KV_NOT_READY: [503, 'safe'],
  ERR_KV_FEATURE: [503, 'safe'],
  ERR_KV_UNKNOWN: [504, 'safe'],
};

/** What a request comes to, other than a value. */
export class HttpError extends Error {
  readonly code: KvErrorCode;
  readonly reason: string;
  readonly fields: object;

  /** @param reason tells apart what has the same code. @param fields stand in the answer beside those of all errors */
  constructor(code: KvErrorCode, reason: string, message: string, fields: object = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.fields = fields;
  }

  get status(): number {
    return kinds[this.code][0];
  }
}

/** What a request came to that may be sent again whatever that is, since it would be carried out once. */
export class Repeatable extends Error {
  constructor(cause: unknown) {
    super('the request may be repeated', { cause });
  }
}

/** An error as it is answered (RFC 9457), with the field `error`, by which members written in Go tell theirs. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly reason: string;
  readonly retry: Retry;
  readonly error: string;
}

export function answer(response: ServerResponse, status: number, body: object, type = 'application/json'): void {
  answerText(response, status, toJson(body), type);
}

/** Answers with this text: head and body leave in one system call. */
export function answerText(response: ServerResponse, status: number, text: string, type: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

export const PROBLEM_TYPE = 'application/problem+json';

/** Answers with what an error stands for; what is not expected is the store's own fault, and `tell` hears of it. */
export function answerError(response: ServerResponse, error: unknown, tell: (text: string) => void): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const found = problemOf(error, tell);
  answer(response, found.status, found, PROBLEM_TYPE);
}

/** @param tell hears of errors that nobody expected */
export function problemOf(error: unknown, tell: (text: string) => void): Problem {
  if (error instanceof Repeatable) {
    const found = problemOf(error.cause, tell);
    return found.retry === 'unsafe' ? { ...found, retry: 'safe' } : found;
  }
  if (error instanceof HttpError) {
    const { code, reason, message, fields } = error;
    const [status, retry] = kinds[code];
    return { ...problem(status, { code, reason, retry }, message), ...fields };
  }
  const { code, message, reason } = error as Partial<Readonly<Record<'code' | 'message' | 'reason', unknown>>>;
  const known = meaningOf(code, reason);
  if (known !== undefined) {
    const [status, retry] = known;
    return problem(
      status,
      { code: String(code), reason: typeof reason === 'string' ? reason : 'stopped', retry },
      String(message),
    );
  }
  tell(`a request failed: ${String((error as { readonly stack?: unknown }).stack ?? error)}`);
  return problemOf(new HttpError('ERR_KV_INTERNAL', 'bug', 'the store failed to answer; its log says why'), tell);
}

/** Only what certainly did not happen, or may happen twice without harm, is safe to send again. */
function meaningOf(code: unknown, reason: unknown): readonly [status: number, retry: Retry] | undefined {
  switch (code) {
    case 'ERR_RAFT_DROPPED':
      return reason === 'too-large' ? [413, 'no'] : [503, 'safe'];
    case 'ERR_RAFT_UNKNOWN':
      return [504, 'unsafe'];
    case 'ERR_RAFT_READ_FAILED':
      return [reason === 'busy' || reason === 'no-leader' || reason === 'stopped' ? 503 : 504, 'safe'];
    case 'ERR_RAFT_REPLICA_STOPPED':
      return [503, 'safe'];
    default:
      return undefined;
  }
}

function problem(
  status: number,
  { code, reason, retry }: Pick<Problem, 'code' | 'reason' | 'retry'>,
  detail: string,
): Problem {
  const title = STATUS_CODES[status] ?? 'Error';
  return { type: `urn:raft-ts:problem:${code}`, title, status, detail, code, reason, retry, error: detail };
}

/** What a route says to other methods than its own. */
export function wrongMethod(response: ServerResponse, methods: readonly string[]): HttpError {
  response.setHeader('Allow', methods.join(', '));
  return new HttpError('ERR_KV_METHOD', 'method', `only ${methods.join(' and ')} here`);
}
