import type { NodeId } from '@raft-ts/raft';
import { MAX_FOUNDERS } from '@raft-ts/rafthttp/internal';
import { parseId } from './member-id.js';
import { UsageError } from './usage.js';

/** Where a member listens, or can be reached. */
export interface Address {
  /** A name or an IP address; an IPv6 address without its brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** A member of the cluster, and where the others reach it. */
export interface Peer extends Address {
  readonly id: NodeId;
}

/** Members 1 to `count` on this machine: member id listens on port 22210 + 10 * (id - 1). */
export function localPeers(count: number): Peer[] {
  return Array.from({ length: count }, (_, i) => ({ id: BigInt(i + 1), host: '127.0.0.1', port: 22210 + 10 * i }));
}

/** How members are dialled. */
export type Scheme = 'http' | 'https';

/** Returns how members with these certificates are dialled. */
export function schemeOf(tls: object | undefined): Scheme {
  return tls === undefined ? 'http' : 'https';
}

/** Parses `1=http://HOST:PORT,2=…`; returns the members in ascending order of ids. */
export function parsePeers(text: string, scheme: Scheme = 'http'): Peer[] {
  const peers: Peer[] = [];
  for (const part of text.split(',')) {
    const [, id, found, authority] = /^([^=]*)=(https?):\/\/(.*?)\/?$/u.exec(part) ?? [];
    if (id === undefined || authority === undefined || found !== scheme) {
      throw new UsageError(`--peers wants 1=${scheme}://HOST:PORT,2=${scheme}://HOST:PORT,…, not '${part}'`);
    }
    peers.push({ id: parseId('--peers', id), ...parseAddress('--peers', authority) });
  }
  if (peers.length > MAX_FOUNDERS) throw new UsageError(`--peers names more than ${MAX_FOUNDERS} members`);
  peers.sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const [i, peer] of peers.entries()) {
    if (peers[i + 1]?.id === peer.id) throw new UsageError(`--peers names member ${peer.id} twice`);
    if (peers.slice(i + 1).some((other) => other.host === peer.host && other.port === peer.port)) {
      throw new UsageError(`--peers gives ${formatAddress(peer)} to two members`);
    }
  }
  return peers;
}

/** Formats members as `parsePeers` reads them. */
export function formatPeers(peers: readonly Peer[], scheme: Scheme = 'http'): string {
  return peers.map((peer) => `${peer.id}=${peerUrl(peer, scheme)}`).join(',');
}

/** Parses `HOST:PORT`, with an IPv6 address in brackets. */
export function parseAddress(flag: string, text: string): Address {
  const [, v6, name, port] = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+)):(\d{1,5})$/iu.exec(text) ?? [];
  const host = v6 ?? name;
  if (host === undefined || Number(port) < 1 || Number(port) > 65535) {
    throw new UsageError(`${flag} wants HOST:PORT with a port from 1 to 65535, not '${text}'`);
  }
  return { host, port: Number(port) };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function peerUrl(peer: Peer, scheme: Scheme = 'http'): string {
  return `${scheme}://${formatAddress(peer)}`;
}
