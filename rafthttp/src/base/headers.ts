import type { IncomingMessage } from 'node:http';
import type { NodeId } from '@raft-ts/proto';
import { MAX_ANNOUNCEMENT_LENGTH, MAX_FOUNDERS, MAX_INCARNATION_LENGTH } from './limits.js';
import { MIN_CLUSTER_VERSION, SERVER_VERSION } from './version.js';

/** The headers of requests and answers, spelled as Go members spell them. */
export const Header = {
  from: 'X-Server-From',
  version: 'X-Server-Version',
  minVersion: 'X-Min-Cluster-Version',
  clusterId: 'X-Etcd-Cluster-Id',
  to: 'X-Raft-To',
  peerUrls: 'X-Peerurls',
  /** Ours: which log is this? On every request and answer. */
  incarnation: 'X-Raft-Incarnation',
  /** Ours: which log is the request meant for? On requests to a peer whose incarnation is known. */
  incarnationTo: 'X-Raft-Incarnation-To',
  /** Ours: distinguishes processes that were started with the same log. On every request and answer. */
  run: 'X-Raft-Run',
  /** Ours: the members that founded the cluster, whatever has changed since. On every request and answer. */
  founders: 'X-Raft-Founders',
  /** Ours: the level of features that the member understands. On every request and answer. */
  features: 'X-Raft-Features',
  /** Ours: what the application has the member tell the others. On every request and answer. */
  announcement: 'X-Raft-Announcement',
  /** Ours: the member can go on with a snapshot that broke off. On every request and answer. */
  snapshotParts: 'X-Raft-Snapshot-Parts',
  /** Ours: the index, term and size of the body of a streamed snapshot, or of the one that is asked about. */
  snapshotBody: 'X-Raft-Snapshot-Body',
  /** Ours: the length and checksum of what the receiver has of it, in its answer and in the request that goes on. */
  snapshotPart: 'X-Raft-Snapshot-Part',
} as const;

/** Formats an id for headers and paths: base 16, lower case, no leading zeros. */
export function formatId(id: bigint): string {
  return id.toString(16);
}

/** Parses an id in base 16, in either case; undefined if it is malformed or has more than 64 bits. */
export function parseId(text: string | undefined): NodeId | undefined {
  if (text === undefined || !/^[0-9a-f]{1,64}$/iu.test(text)) return undefined;
  const id = BigInt(`0x${text}`);
  return id < 2n ** 64n ? id : undefined;
}

/** Returns a header; undefined if it is missing. The values of a repeated header are joined by commas. */
export function headerOf(message: IncomingMessage, name: string): string | undefined {
  const value = message.headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Returns the incarnation in a header; one that is too long, or not visible ASCII, counts as missing. */
export function incarnationIn(message: IncomingMessage, name: string): string | undefined {
  const value = headerOf(message, name);
  return value !== undefined && isIncarnation(value) ? value : undefined;
}

export function isIncarnation(text: string): boolean {
  return text.length <= MAX_INCARNATION_LENGTH && /^[!-~]+$/u.test(text);
}

/** Returns the level of features that the sender shows; 0 if it shows none, as Go members do. */
export function featuresIn(message: IncomingMessage): number {
  const text = headerOf(message, Header.features);
  return text !== undefined && /^[1-9]\d{0,8}$/u.test(text) ? Number(text) : 0;
}

/** Is this text fit for a header, and short enough for one on every request? */
export function isAnnouncement(text: string): boolean {
  return text.length <= MAX_ANNOUNCEMENT_LENGTH && /^[!-~]+$/u.test(text);
}

/** Returns what the sender announces; `undefined` if it is nothing, or unfit. */
export function announcementIn(message: IncomingMessage): string | undefined {
  const text = headerOf(message, Header.announcement);
  return text !== undefined && isAnnouncement(text) ? text : undefined;
}

/** A process, as named in its requests and answers. */
export interface ProcessName {
  readonly incarnation: string;
  /** Drawn at random when the process started. */
  readonly run: string;
}

/** Returns the process that sent this; undefined if it does not say, as Go members do not. */
export function processIn(message: IncomingMessage): ProcessName | undefined {
  const incarnation = incarnationIn(message, Header.incarnation);
  const run = incarnationIn(message, Header.run);
  return incarnation === undefined || run === undefined ? undefined : { incarnation, run };
}

/** Formats ids in ascending order, as one header. */
export function formatFounders(ids: readonly NodeId[]): string {
  return [...new Set(ids)]
    .sort((a, b) => (a < b ? -1 : 1))
    .map(formatId)
    .join(',');
}

/** Parses the ids in such a header; undefined if it is malformed. */
export function parseFounders(text: string | undefined): readonly NodeId[] | undefined {
  const parts = text?.split(',', MAX_FOUNDERS + 1) ?? [];
  const ids = parts.map(parseId).filter((id) => id !== undefined);
  return ids.length === 0 || ids.length < parts.length || ids.length > MAX_FOUNDERS ? undefined : ids;
}

/** Does a request or answer come from a cluster with other founders? If either side does not say: no. */
export function hasOtherFounders(ownHeaders: Readonly<Record<string, string>>, message: IncomingMessage): boolean {
  const theirs = headerOf(message, Header.founders);
  const ours = ownHeaders[Header.founders];
  return theirs !== undefined && ours !== undefined && theirs !== ours;
}

/** Returns the headers that all requests of a member share. The URLs must be sorted. */
export function commonHeaders(
  id: NodeId,
  clusterId: bigint,
  urls: readonly string[] | undefined,
  ownHeaders: Readonly<Record<string, string>>,
): Record<string, string> {
  const headers: Record<string, string> = {
    ...ownHeaders,
    [Header.from]: formatId(id),
    [Header.version]: SERVER_VERSION,
    [Header.minVersion]: MIN_CLUSTER_VERSION,
    [Header.clusterId]: formatId(clusterId),
  };
  if (urls !== undefined) headers[Header.peerUrls] = urls.join(',');
  return headers;
}
