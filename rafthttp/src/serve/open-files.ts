import { readFileSync } from 'node:fs';
import { FILES_ENOUGH, FILES_RESERVE, MAX_CONNECTIONS, MIN_CONNECTIONS } from '../base/limits.js';

/**
 * Returns how many files and sockets the system lets this process hold open; undefined if unknown. node has no
 * getrlimit; Linux exposes the limits in a file, while asking a shell elsewhere would start a process.
 */
export function openFilesLimit(
  read: () => string = () => readFileSync('/proc/self/limits', 'latin1'),
): number | undefined {
  let text: string;
  try {
    text = read();
  } catch {
    return undefined;
  }
  const line = text.split('\n').find((one) => one.startsWith('Max open files'));
  const soft = Number(line?.slice('Max open files'.length).trim().split(' ')[0]);
  return Number.isSafeInteger(soft) ? soft : undefined;
}

/** How many connections may be accepted, and whether the system's limit is low. */
export interface ConnectionLimit {
  readonly connections: number;
  readonly isLow: boolean;
}

/**
 * Returns how many connections may be accepted so that enough files remain for the log, snapshots and connections to
 * peers: a log that cannot open its next file ends the member. Half of a low limit is reserved.
 *
 * @param wanted what the options ask for
 * @param files what the system allows
 */
export function connectionsWithin(wanted: number = MAX_CONNECTIONS, files: number | undefined): ConnectionLimit {
  if (files === undefined) return { connections: wanted, isLow: false };
  const room = Math.max(MIN_CONNECTIONS, files - Math.min(FILES_RESERVE, Math.ceil(files / 2)));
  return { connections: Math.min(wanted, room), isLow: files < FILES_ENOUGH };
}
