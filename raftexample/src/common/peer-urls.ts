import type { NodeId } from '@raft-ts/raft';
import type { TlsOptions } from '@raft-ts/rafthttp';
import { parseId } from './member-id.js';
import { type Address, parseAddress } from './peers.js';
import { checkScheme } from './tls-flags.js';
import { UsageError } from './usage.js';

/** Where a member with this URL listens. @throws UsageError if it is no http://HOST:PORT, or https:// */
export function hostOf(flag: string, url: string): Address {
  const [, authority] = /^https?:\/\/([^/]+)\/?$/u.exec(url) ?? [];
  if (authority === undefined) throw new UsageError(`${flag} wants http://HOST:PORT, or https://, not '${url}'`);
  return parseAddress(flag, authority);
}

/** Parses what stands before and after the `=` of `ID=URL`, for as many members. */
export function parseUrls(flag: string, parts: readonly string[], tls: TlsOptions | undefined): Map<NodeId, string> {
  const urls = new Map<NodeId, string>();
  for (const part of parts) {
    const [, id, url] = /^([^=]*)=(.*)$/u.exec(part.trim()) ?? [];
    if (id === undefined || url === undefined) throw new UsageError(`${flag} wants ID=URL, not '${part}'`);
    hostOf(flag, url);
    const member = parseId(flag, id);
    checkScheme(flag, `member ${member}`, url, tls);
    if (urls.has(member)) throw new UsageError(`${flag} names member ${member} twice`);
    urls.set(member, url);
  }
  return urls;
}
