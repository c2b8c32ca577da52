import { RaftError } from '@raft-ts/proto';
import { ERR_PEER_URL } from '../base/errors.js';
import { MAX_SOCKET_PATH_BYTES } from '../base/limits.js';

/** `http://HOST:PORT`, `https://HOST:PORT`; a host may be a name, an IPv4 address, or an IPv6 address in brackets. */
const network = /^((https?):\/\/(?:\[[0-9a-f:.]+\]|[^\s/\\?#@[\]:]+):\d{1,5})\/?$/iu;

/** `unix:///PATH`, or `unix://NAME` for a file of the working directory, as etcd has it. */
const local = /^unix:\/\/(\/?[^\s?#@]+)$/iu;

/**
 * Where a member can be dialled, sorted as etcd does. Throws `ERR_RAFT_PEER_URL`.
 *
 * @param tls may it be dialled with TLS?
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
  // URL accepts much that is no member's address, and drops a port that is the scheme's own.
  const [, url, scheme = ''] = network.exec(text) ?? [];
  if (url === undefined || !isUrl(url)) {
    throw new RaftError(ERR_PEER_URL, `a member's URL is http://HOST:PORT, not '${text}'`);
  }
  if (scheme.toLowerCase() === 'https' && !tls) {
    throw new RaftError(ERR_PEER_URL, `'${text}' needs certificates: the option tls`, { reason: 'no-tls' });
  }
  return url;
}

/** Not `URL.canParse`: once optimized, that of Node.js 20 takes some strings that `new URL`, and so any dial, refuses. */
function isUrl(text: string): boolean {
  try {
    return new URL(text).href !== '';
  } catch {
    return false;
  }
}

/** Why no socket can have this path; undefined if one can. */
export function socketPathFault(path: string): string | undefined {
  const length = Buffer.byteLength(path);
  if (length <= MAX_SOCKET_PATH_BYTES) return undefined;
  return `the path of a Unix socket has at most ${MAX_SOCKET_PATH_BYTES} bytes, not ${length}; use a shorter one`;
}

/** How a path of a member is asked for. */
export interface DialTarget {
  readonly url: string;
  /** The socket to connect to, where it is none of the network. */
  readonly socketPath?: string;
}

/** @param url one of what `parsePeerUrls` gives */
export function dialTarget(url: string, path: string): DialTarget {
  const [, socketPath] = local.exec(url) ?? [];
  return socketPath === undefined ? { url: url + path } : { url: `http://localhost${path}`, socketPath };
}

/** Which of a peer's URLs to try: the same one until it fails. All of a peer's channels share one. */
export class UrlPicker {
  private readonly tls: boolean;
  protected urls: readonly string[];
  private current = 0;

  /** @param tls may `https` URLs be dialled? */
  constructor(urls: readonly string[], tls: boolean = false) {
    this.tls = tls;
    this.urls = parsePeerUrls(urls, tls);
  }

  /** All of them. */
  get all(): readonly string[] {
    return this.urls;
  }

  pick(): string {
    return this.urls[this.current] as string;
  }

  /** Go on to the next one, unless somebody who failed at the same one did so already. */
  unreachable(url: string): void {
    if (url === this.pick()) this.current = (this.current + 1) % this.urls.length;
  }

  update(urls: readonly string[]): void {
    this.urls = parsePeerUrls(urls, this.tls);
    this.current = 0;
  }
}

/**
 * Takes each URL in turn, for a member whose URLs were learned: one of them may be somebody's who only pretends to be the
 * member, and who must not get all that is sent.
 */
export class TakingTurns extends UrlPicker {
  private next = 0;
  /** Those that failed, while others do not. */
  private readonly failing = new Set<string>();

  override pick(): string {
    const able = this.urls.filter((url) => !this.failing.has(url));
    if (able.length === 0) this.failing.clear();
    const among = able.length === 0 ? this.urls : able;
    return among[this.next++ % among.length] as string;
  }

  override unreachable(url: string): void {
    this.failing.add(url);
  }

  override update(urls: readonly string[]): void {
    super.update(urls);
    this.failing.clear();
  }
}
