import { readFileSync } from 'node:fs';
import { FILES_ENOUGH, FILES_RESERVE, MAX_CONNECTIONS, MIN_CONNECTIONS } from '../base/limits.js';

/**
 * Returns how many files and sockets the system lets this process hold open; undefined where it does not tell. node has
 * no getrlimit; Linux shows the limits as a file, and to ask a shell elsewhere would start a process.
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

/** How many connections may be accepted, and whether that is few because of the system's limit. */
export interface ConnectionLimit {
  readonly connections: number;
  readonly isLow: boolean;
}

/**
 * Returns how many connections may be accepted so that a reserve stays for the log, snapshots and connections to peers:
 * a log that cannot open its next file ends the member. Of a low limit half is kept.
 *
 * @param wanted what the options ask for
 * @param files what the system allows
 */
export function connectionsWithin(wanted: number = MAX_CONNECTIONS, files: number | undefined): ConnectionLimit {
  if (files === undefined) return { connections: wanted, isLow: false };
  const room = Math.max(MIN_CONNECTIONS, files - Math.min(FILES_RESERVE, Math.ceil(files / 2)));
  return { connections: Math.min(wanted, room), isLow: files < FILES_ENOUGH };
}
