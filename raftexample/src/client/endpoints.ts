import { Client, Pool } from 'undici';
import { badArgument } from './errors.js';
import { announcedOrigin, originOf, type Settings } from './options.js';

/** After failures an endpoint is asked last for a while: so long after the first, in milliseconds, twice after each. */
const REST_MS = 250;
const LONGEST_REST_MS = 15_000;
/** More than any cluster has members. */
const MOST_ENDPOINTS = 64;

/** A place where a member answers clients. */
export class Endpoint {
  readonly origin: string;
  /** Did the caller name it? Such a one is kept whatever the cluster says. */
  readonly given: boolean;
  private readonly settings: Settings;
  private pool: Pool | undefined;
  private failures = 0;
  /** Until then others are asked first. */
  restsUntil = 0;

  constructor(origin: string, given: boolean, settings: Settings) {
    this.origin = origin;
    this.given = given;
    this.settings = settings;
  }

  /** The connections that requests share. */
  get requests(): Pool {
    this.pool ??= new Pool(this.origin, {
      connections: this.settings.maxConnections,
      // Attempts have an end of their own.
      headersTimeout: 0,
      bodyTimeout: 0,
      ...this.connection(),
    });
    return this.pool;
  }

  /** A connection of its own for an answer that lasts. @param silenceMs how long nothing may arrive */
  stream(silenceMs: number): Client {
    return new Client(this.origin, { headersTimeout: 0, bodyTimeout: silenceMs, ...this.connection() });
  }

  private connection(): Pool.Options {
    const { tls: { ca, cert, key, serverName } = {}, connectMs } = this.settings;
    return {
      // One request at a time on a connection: what is behind another would share its fate.
      pipelining: 1,
      connect: {
        timeout: connectMs,
        // A member may listen on one of the addresses of its name alone.
        autoSelectFamily: true,
        ...(ca === undefined ? {} : { ca: asBuffer(ca) }),
        ...(cert === undefined ? {} : { cert: asBuffer(cert) }),
        ...(key === undefined ? {} : { key: asBuffer(key) }),
        ...(serverName === undefined ? {} : { servername: serverName }),
      },
    };
  }

  answered(): void {
    this.failures = 0;
    this.restsUntil = 0;
  }

  failed(now: number): void {
    this.restsUntil = now + Math.min(LONGEST_REST_MS, REST_MS * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 16);
  }

  /** Lets running requests end. */
  async close(): Promise<void> {
    await this.pool?.close();
  }

  async destroy(): Promise<void> {
    await this.pool?.destroy();
  }
}

function asBuffer(pem: string | Uint8Array): string | Buffer {
  return typeof pem === 'string' ? pem : Buffer.from(pem);
}

/** Where members answer, and whom to ask next. */
export class Endpoints {
  private readonly settings: Settings;
  private readonly leaving = new Set<Promise<void>>();
  /** Those that were asked by name, and are not known. */
  private readonly named = new Map<string, Endpoint>();
  /** The one that answered last is the first. */
  private all: Endpoint[];

  constructor(given: readonly string[], settings: Settings) {
    if (!Array.isArray(given) || given.length === 0) throw badArgument('endpoints', 'there must be one at least');
    if (given.length > MOST_ENDPOINTS) throw badArgument('endpoints', `there may be ${MOST_ENDPOINTS} at most`);
    this.settings = settings;
    this.all = [...new Set(given.map(originOf))].map((origin) => new Endpoint(origin, true, settings));
    // Not every client asks the same member first.
    const first = Math.floor(Math.random() * this.all.length);
    this.all = [...this.all.slice(first), ...this.all.slice(0, first)];
  }

  get origins(): readonly string[] {
    return this.all.map(({ origin }) => origin);
  }

  /**
   * Returns the one to ask next: that which answered last, unless it has failed since or is among `tried`. If all were
   * tried, the first is tried again.
   */
  choose(tried: ReadonlySet<Endpoint>): Endpoint {
    const now = performance.now();
    const rest = (one: Endpoint): number => Math.max(0, one.restsUntil - now);
    const fresh = this.all.filter((one) => !tried.has(one));
    const among = fresh.length > 0 ? fresh : this.all;
    return among.reduce((best, one) => (rest(one) < rest(best) ? one : best));
  }

  /** The endpoint at this URL; one that is not known is not asked unless it is named. */
  at(url: string): Endpoint {
    const origin = originOf(url);
    const known = this.all.find((one) => one.origin === origin) ?? this.named.get(origin);
    if (known !== undefined) return known;
    if (this.named.size >= MOST_ENDPOINTS)
      throw badArgument('endpoint', `${MOST_ENDPOINTS} others than the known ones at most`);
    const made = new Endpoint(origin, false, this.settings);
    this.named.set(origin, made);
    return made;
  }

  /** It is asked first from now on. */
  prefer(one: Endpoint): void {
    one.answered();
    const at = this.all.indexOf(one);
    if (at > 0) this.all = [one, ...this.all.slice(0, at), ...this.all.slice(at + 1)];
  }

  failed(one: Endpoint): void {
    one.failed(performance.now());
  }

  /** Takes over who is in the cluster now; those whom the caller named stay. */
  learn(urls: readonly string[]): void {
    const given = this.all.filter((one) => one.given).map(({ origin }) => origin);
    const origins = new Set(urls.map((url) => announcedOrigin(url, given)).filter((origin) => origin !== undefined));
    const kept = this.all.filter((one) => one.given || origins.has(one.origin));
    for (const gone of this.all) {
      if (!kept.includes(gone)) this.leave(gone);
    }
    const known = new Set(kept.map(({ origin }) => origin));
    const more = [...origins].filter((origin) => !known.has(origin)).slice(0, MOST_ENDPOINTS - kept.length);
    this.all = [...kept, ...more.map((origin) => new Endpoint(origin, false, this.settings))];
  }

  private leave(gone: Endpoint): void {
    const left = gone.close().finally(() => this.leaving.delete(left));
    this.leaving.add(left);
  }

  /** Ends all connections. */
  async destroy(): Promise<void> {
    const open = [...this.all, ...this.named.values()];
    await Promise.all([...this.leaving, ...open.map((one) => one.destroy())]);
  }
}
