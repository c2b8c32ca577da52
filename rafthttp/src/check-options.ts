import { type NodeId, RaftError } from '@raft-ts/proto';
import { ERR_TRANSPORT_OPTIONS } from './base/errors.js';
import { formatFounders, Header, isAnnouncement, isIncarnation, parseFounders } from './base/headers.js';
import {
  FILES_ENOUGH,
  MAX_ANNOUNCEMENT_LENGTH,
  MAX_BUSY_POLL_MS,
  MAX_FEATURES,
  MAX_FOUNDERS,
  MIN_CONNECTIONS,
  MIN_SNAPSHOT_RATE,
} from './base/limits.js';
import type { TransportLogger } from './base/logger.js';
import type { HttpTransportOptions } from './options.js';
import { connectionsWithin, openFilesLimit } from './serve/open-files.js';

// What the transport makes of its options. Each throws RaftError `ERR_RAFT_TRANSPORT_OPTIONS` for what is not allowed.

export function checkOptionId(name: string, id: bigint, min: bigint): void {
  if (typeof id === 'bigint' && id >= min && id < 2n ** 64n) return;
  throw new RaftError(ERR_TRANSPORT_OPTIONS, `${name} must be from ${min} to 2^64 - 1, not ${String(id)}`);
}

/** Returns how many connections may be open, by the option and by what the system allows. */
export function connectionLimit(option: number | undefined, logger: TransportLogger): number {
  if (option !== undefined && !(Number.isSafeInteger(option) && option >= MIN_CONNECTIONS)) {
    const text = `maxConnections must be at least ${MIN_CONNECTIONS}, not ${option}`;
    throw new RaftError(ERR_TRANSPORT_OPTIONS, text);
  }
  const files = openFilesLimit();
  const { connections, isLow } = connectionsWithin(option, files);
  if (isLow) {
    const advice = `raise it to ${FILES_ENOUGH} or more: ulimit -n, or LimitNOFILE of systemd`;
    logger.warn('the system lets this process open few files', { limit: files ?? 0, connections, advice });
  }
  return connections;
}

export function busyPollOf(option = 0): number {
  if (option >= 0 && option <= MAX_BUSY_POLL_MS) return option;
  throw new RaftError(ERR_TRANSPORT_OPTIONS, `busyPollMs must be from 0 to ${MAX_BUSY_POLL_MS}, not ${option}`);
}

/** Returns the most bytes of snapshots per second; undefined if there is no limit. */
export function snapshotRateOf(option: number | undefined): number | undefined {
  if (option === undefined || (Number.isSafeInteger(option) && option >= MIN_SNAPSHOT_RATE)) return option;
  const text = `maxSnapshotBytesPerSecond must be a whole number from ${MIN_SNAPSHOT_RATE} on, not ${option}`;
  throw new RaftError(ERR_TRANSPORT_OPTIONS, text);
}

/** Returns what this member says of itself with every request and answer, beside the headers that etcd knows. */
export function ownHeadersOf(options: HttpTransportOptions, incarnation: string | undefined): Record<string, string> {
  const { founders = options.receiver.founders, features, announcement, snapshots } = options;
  const keepsParts = snapshots?.part !== undefined && snapshots.resume !== undefined;
  return {
    ...(incarnation === undefined ? {} : { [Header.incarnation]: incarnation, [Header.run]: crypto.randomUUID() }),
    ...(founders === undefined ? {} : { [Header.founders]: foundersOf(founders) }),
    ...(features === undefined ? {} : { [Header.features]: featuresOf(features) }),
    ...(keepsParts ? { [Header.snapshotParts]: '1' } : {}),
    ...(announcement === undefined ? {} : { [Header.announcement]: announcementOf(announcement) }),
  };
}

function foundersOf(ids: readonly NodeId[]): string {
  for (const id of ids) checkOptionId('founders', id, 1n);
  const text = formatFounders(ids);
  if (parseFounders(text) !== undefined) return text;
  throw new RaftError(ERR_TRANSPORT_OPTIONS, `founders must be 1 to ${MAX_FOUNDERS} ids, not ${ids.length}`);
}

function featuresOf(level: number): string {
  if (Number.isInteger(level) && level >= 1 && level <= MAX_FEATURES) return String(level);
  throw new RaftError(ERR_TRANSPORT_OPTIONS, `features must be a whole number from 1 to ${MAX_FEATURES}, not ${level}`);
}

function announcementOf(text: string): string {
  if (typeof text === 'string' && isAnnouncement(text)) return text;
  throw new RaftError(
    ERR_TRANSPORT_OPTIONS,
    `announcement must be 1 to ${MAX_ANNOUNCEMENT_LENGTH} characters of visible ASCII`,
  );
}

/** Returns the name of this log; `undefined` if that is disabled. */
export function ownIncarnation(option: string | false | undefined): string | undefined {
  if (option === false) return undefined;
  const incarnation = option ?? crypto.randomUUID();
  if (isIncarnation(incarnation)) return incarnation;
  throw new RaftError(ERR_TRANSPORT_OPTIONS, 'incarnation must be 1 to 128 characters of visible ASCII');
}
