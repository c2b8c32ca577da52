import { RaftError } from '@raft-ts/proto';

/** Where a peer can be dialled: `http://HOST:PORT` without a path, sorted as etcd does. Throws `ERR_RAFT_PEER_URL`. */
export function parsePeerUrls(urls: readonly string[]): string[] {
  return parseUrls(urls, 'http');
}

/** Where a member says that it is reached, which may be behind something that speaks TLS. Throws `ERR_RAFT_PEER_URL`. */
export function parseOwnUrls(urls: readonly string[]): string[] {
  return parseUrls(urls, 'https?');
}

function parseUrls(urls: readonly string[], scheme: 'http' | 'https?'): string[] {
  if (urls.length === 0) throw new RaftError('ERR_RAFT_PEER_URL', 'a member needs at least one URL');
  // URL accepts much that is no member's address, and drops a port that is the scheme's own.
  const form = new RegExp(`^(${scheme}://(?:\\[[0-9a-f:.]+\\]|[^\\s/?#@[\\]:]+):\\d{1,5})/?$`, 'iu');
  const parsed = urls.map((text) => {
    const [, url] = form.exec(text) ?? [];
    if (url !== undefined && URL.canParse(url)) return url;
    throw new RaftError('ERR_RAFT_PEER_URL', `a member's URL is http://HOST:PORT, not '${text}'`);
  });
  return parsed.sort();
}

/** Which of a peer's URLs to try: the same one until it fails. All of a peer's channels share one. */
export class UrlPicker {
  private urls: readonly string[];
  private current = 0;

  constructor(urls: readonly string[]) {
    this.urls = parsePeerUrls(urls);
  }

  pick(): string {
    return this.urls[this.current] as string;
  }

  /** Go on to the next one, unless somebody who failed at the same one did so already. */
  unreachable(url: string): void {
    if (url === this.pick()) this.current = (this.current + 1) % this.urls.length;
  }

  update(urls: readonly string[]): void {
    this.urls = parsePeerUrls(urls);
    this.current = 0;
  }
}
