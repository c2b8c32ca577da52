import { badArgument } from './errors.js';

/** For `https:` endpoints: PEM texts, as `node:tls` takes them. */
export interface ClientTls {
  /** Who is trusted to have signed the members' certificates. Default: those whom Node.js trusts. */
  readonly ca?: string | Uint8Array;
  /** This client's certificate, if the members ask for one; needs `key`. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name that the members' certificates must carry. Default: the host of each endpoint. */
  readonly serverName?: string;
}

/** Options of `StoreClient`. */
export interface ClientOptions {
  /** Where members answer clients, at least one: `http://HOST:PORT` or `https://HOST:PORT`. */
  readonly endpoints: readonly string[];
  /** What members started with `--token-file` want to be shown. */
  readonly token?: string;
  readonly tls?: ClientTls;
  /** How long a call may take with all its attempts, in milliseconds. Default 15,000. A call may say otherwise. */
  readonly timeoutMs?: number;
  /**
   * How long one attempt may take, in milliseconds. Default 7,000, more than the 5,000 after which a member answers.
   * One that another member may be asked after takes half of the call at most.
   */
  readonly attemptMs?: number;
  /** How long opening a connection may take, in milliseconds. Default 2,000. */
  readonly connectMs?: number;
  /** Attempts of one call at most. Default 64. */
  readonly maxAttempts?: number;
  /**
   * Pause after the first attempt that failed, in milliseconds; each further one is up to twice as long. Default 25.
   */
  readonly pauseMs?: number;
  /** Longest pause between two attempts, in milliseconds. Default 1,000. */
  readonly longestPauseMs?: number;
  /** Calls under way at a time; those beyond it fail with `ERR_CLIENT_BUSY`. Default 1,024. */
  readonly maxUnderWay?: number;
  /** Connections to one endpoint; watches and snapshots have one each beside these. Default 16. */
  readonly maxConnections?: number;
  /**
   * Ask the members now and then who the members are, and use those too? Default true. With false, the client keeps to
   * the endpoints that it was given: right if they are proxies.
   */
  readonly learn?: boolean;
  /**
   * How old what was learnt may be, in milliseconds; it is asked for again after a call that succeeds. Default 30,000.
   */
  readonly learnMs?: number;
  /**
   * A watch on which nothing arrives for so long is opened again, in milliseconds; members send something every 15 s.
   */
  readonly silenceMs?: number;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call. A read rejects with the signal's reason; a write tells what may have become of it. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take with all its attempts, in milliseconds. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
}

export type Settings = Readonly<Required<Omit<ClientOptions, 'endpoints' | 'token' | 'tls'>>> &
  Pick<ClientOptions, 'token' | 'tls'>;

const defaults = {
  timeoutMs: 15_000,
  attemptMs: 7_000,
  connectMs: 2_000,
  maxAttempts: 64,
  pauseMs: 25,
  longestPauseMs: 1_000,
  maxUnderWay: 1_024,
  maxConnections: 16,
  learnMs: 30_000,
  silenceMs: 45_000,
} as const;

/** How long to pause after so many failures in a row, in milliseconds. */
export function pauseAfter({ pauseMs, longestPauseMs }: Settings, failures: number): number {
  const longest = Math.min(longestPauseMs, pauseMs * 2 ** Math.min(failures - 1, 20));
  // Those who failed together must not come back together.
  return longest * (0.5 + Math.random() / 2);
}

/**
 * How long one attempt of a call may take, in milliseconds, if another one may follow: a member that hangs must leave
 * time for the next.
 */
export function attemptMsOf({ attemptMs, timeoutMs }: Settings, callMs: number = timeoutMs): number {
  return Math.max(1, Math.min(attemptMs, Math.floor(callMs / 2)));
}

/** The longest time that a timer of Node.js takes. */
const LONGEST_MS = 2 ** 31 - 1;

/** Fills in what the options leave open. @throws StoreError `ERR_CLIENT_ARGUMENT` for one that makes no sense */
export function settingsOf({ token, tls, learn = true, ...others }: ClientOptions): Settings {
  const given = Object.entries(others).filter(([name, value]) => name !== 'endpoints' && value !== undefined);
  for (const [name, value] of given) {
    if (!Object.hasOwn(defaults, name)) throw badArgument(name, 'there is no such option');
    checkWhole(name, value);
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/u.test(token))
    throw badArgument('token', 'it must be one word of visible ASCII characters');
  if (tls !== undefined && (tls.cert === undefined) !== (tls.key === undefined))
    throw badArgument('tls', 'a certificate needs its key, and a key its certificate');
  return {
    ...defaults,
    ...Object.fromEntries(given),
    learn,
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** @throws StoreError `ERR_CLIENT_ARGUMENT` unless it is a whole number from 1 on that a timer takes */
export function checkWhole(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > LONGEST_MS)
    throw badArgument(name, `it must be a whole number from 1 to ${LONGEST_MS}, not ${String(value)}`);
}

/** The origin of an endpoint, `http://HOST:PORT`. @throws StoreError `ERR_CLIENT_ARGUMENT` */
export function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain =
    url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (plain && url.password === '' && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin;
  throw badArgument('endpoints', `an endpoint must be http://HOST:PORT or https://HOST:PORT, not '${text}'`);
}

/**
 * The origin of a URL that a member announces, if it may be asked: nobody may lure a client to where its token can be
 * read, so it must have the scheme of one of the `given` origins. `undefined` for any other text.
 */
export function announcedOrigin(url: string, given: readonly string[]): string | undefined {
  let origin: string;
  try {
    origin = originOf(url);
  } catch {
    // A member that announces nonsense is none to ask.
    return undefined;
  }
  const { protocol } = new URL(origin);
  return given.some((one) => one.startsWith(`${protocol}//`)) ? origin : undefined;
}
