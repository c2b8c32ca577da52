import { RaftError } from '@raft-ts/proto';
import { ERR_PEER_URL } from '../base/errors.js';
import { MAX_ADDRESSES, MAX_SOCKET_PATH_BYTES, PROOF_TIMEOUT_MS } from '../base/limits.js';

/** `http://HOST:PORT`, `https://HOST:PORT`; a host may be a name, an IPv4 address, or an IPv6 address in brackets. */
const network = /^((https?):\/\/(?:\[[0-9a-f:.]+\]|[^\s/\\?#@[\]:]+):\d{1,5})\/?$/iu;

/** `unix:///PATH`, or `unix://NAME` for a file in the working directory, as in etcd. */
const local = /^unix:\/\/(\/?[^\s?#@]+)$/iu;

/**
 * Checks a member's URLs and sorts them as etcd does. Throws `ERR_RAFT_PEER_URL`.
 *
 * @param tls are `https` URLs allowed?
 */
export function parsePeerUrls(urls: readonly string[], tls: boolean = true): string[] {
  if (urls.length === 0) throw new RaftError(ERR_PEER_URL, 'a member needs at least one URL');
  return urls.map((text) => parsePeerUrl(text, tls)).sort();
}

function parsePeerUrl(text: string, tls: boolean): string {
  const [, socketPath] = local.exec(text) ?? [];
  if (socketPath !== undefined) {
    const fault = socketPathFault(socketPath);
    if (fault !== undefined) throw new RaftError(ERR_PEER_URL, `'${text}': ${fault}`, { reason: 'too-long' });
    return text;
  }
  // URL accepts much that is not a member's address, and drops a port that is the scheme's default.
  const [, url, scheme = ''] = network.exec(text) ?? [];
  if (url === undefined || !isUrl(url)) {
    throw new RaftError(ERR_PEER_URL, `a member's URL is http://HOST:PORT, not '${text}'`);
  }
  if (scheme.toLowerCase() === 'https' && !tls) {
    throw new RaftError(ERR_PEER_URL, `'${text}' needs certificates: pass the option tls`, { reason: 'no-tls' });
  }
  return url;
}

/**
 * Not `URL.canParse`: once optimized, that of Node.js 20 accepts some strings that `new URL`, and so any dial, refuses.
 */
function isUrl(text: string): boolean {
  try {
    return new URL(text).href !== '';
  } catch {
    return false;
  }
}

/** Returns why no socket can have this path; undefined if one can. */
export function socketPathFault(path: string): string | undefined {
  const length = Buffer.byteLength(path);
  if (length <= MAX_SOCKET_PATH_BYTES) return undefined;
  return `the path of a Unix socket has at most ${MAX_SOCKET_PATH_BYTES} bytes, not ${length}; use a shorter one`;
}

/** Target of a request to a member. */
export interface DialTarget {
  readonly url: string;
  /** The Unix socket to connect to, if any. */
  readonly socketPath?: string;
}

/** @param url as returned by `parsePeerUrls` */
export function dialTarget(url: string, path: string): DialTarget {
  const [, socketPath] = local.exec(url) ?? [];
  return socketPath === undefined ? { url: url + path } : { url: `http://localhost${path}`, socketPath };
}

/** The place that a request takes among those that may be under way: any of them, or the last one that is free. */
export type Place = 'any' | 'last';

/**
 * Says which of a member's URLs to try: the same one until it fails. All channels to the member share a picker. Each
 * `pick` is followed by exactly one `release`, and before that by `unreachable` if the URL failed.
 */
export class UrlPicker {
  private readonly tls: boolean;
  protected urls: readonly string[];
  private current = 0;

  /** @param tls are `https` URLs allowed? */
  constructor(urls: readonly string[], tls: boolean = false) {
    this.tls = tls;
    this.urls = parsePeerUrls(urls, tls);
  }

  get all(): readonly string[] {
    return this.urls;
  }

  pick(_place: Place = 'any'): string {
    return this.urls[this.current] as string;
  }

  /** How long to wait for an answer from this URL, in milliseconds. */
  patienceMs(_url: string): number {
    return Infinity;
  }

  /** What was sent to a picked URL has been answered, or has failed. */
  release(_url: string, _answered: boolean): void {
    // How much is under way makes no difference here.
  }

  /** Moves on to the next URL, unless another channel that failed at the same one has done so. */
  unreachable(url: string): void {
    if (url === this.urls[this.current]) this.current = (this.current + 1) % this.urls.length;
  }

  update(urls: readonly string[]): void {
    this.urls = parsePeerUrls(urls, this.tls);
    this.current = 0;
  }
}

/** The history of a URL. */
interface Use {
  /** Number of picks that have not been released. */
  readonly underWay: number;
  /** When it was last picked, and when it last answered, by the count of picks and answers. */
  readonly picked: number;
  readonly answered: number;
  /** When it last failed; 0 if it has answered since. */
  readonly failed: number;
}

/**
 * For this many picks and answers a failed URL is left out while others work; not for good, or a single failure of the
 * member itself would leave everything to an impostor.
 */
const SIT_OUT: number = 4 * MAX_ADDRESSES;

/**
 * Takes each URL in turn, for a member whose URLs were learned: one of them may belong to an impostor, who must not
 * receive everything. Nor may a URL that never answers hold all requests in flight, so the URL with the fewest of them
 * comes first.
 */
export class TakingTurns extends UrlPicker {
  private readonly uses = new Map<string, Use>();
  private count = 0;

  /** Returns which of these has not answered for the longest time; of those that never have, the first. */
  leastAnswering(urls: readonly string[]): string | undefined {
    const [first, ...others] = urls;
    const answered = (url: string | undefined): number => this.useOf(url).answered;
    return others.reduce((least, url) => (answered(url) < answered(least) ? url : least), first);
  }

  override pick(place: Place = 'any'): string {
    const able = this.urls.filter((url) => !this.isFailing(url));
    if (able.length === 0) this.forgetFailures();
    const among = able.length === 0 ? this.urls : able;
    const url = among.reduce((best, other) => (this.isBefore(other, best, place) ? other : best));
    const use = this.useOf(url);
    this.uses.set(url, { ...use, underWay: use.underWay + 1, picked: ++this.count });
    return url;
  }

  /** A URL that has never answered gets no more time than a proof. */
  override patienceMs(url: string): number {
    return this.useOf(url).answered === 0 ? PROOF_TIMEOUT_MS : Infinity;
  }

  override release(url: string, answered: boolean): void {
    const use = this.useOf(url);
    this.uses.set(url, {
      ...use,
      underWay: use.underWay - 1,
      answered: answered ? ++this.count : use.answered,
      failed: answered ? 0 : use.failed,
    });
    this.forgetUnused();
  }

  override unreachable(url: string): void {
    this.uses.set(url, { ...this.useOf(url), failed: ++this.count });
  }

  override update(urls: readonly string[]): void {
    super.update(urls);
    this.forgetFailures();
    this.forgetUnused();
  }

  private isBefore(url: string, other: string, place: Place): boolean {
    const [a, b] = [this.useOf(url), this.useOf(other)];
    // URLs that were replaced may still hold places, so the last one is kept for a URL that answers.
    if (place === 'last' && a.answered !== b.answered) return a.answered > b.answered;
    return a.underWay === b.underWay ? a.picked < b.picked : a.underWay < b.underWay;
  }

  private useOf(url: string = ''): Use {
    return this.uses.get(url) ?? { underWay: 0, picked: 0, answered: 0, failed: 0 };
  }

  private isFailing(url: string): boolean {
    const { failed } = this.useOf(url);
    return failed > 0 && this.count - failed < SIT_OUT;
  }

  private forgetFailures(): void {
    for (const [url, use] of this.uses) this.uses.set(url, { ...use, failed: 0 });
  }

  private forgetUnused(): void {
    for (const [url, { underWay }] of this.uses) if (underWay === 0 && !this.urls.includes(url)) this.uses.delete(url);
  }
}
