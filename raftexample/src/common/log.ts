import { printableLine, quoteText, SHOWN_LENGTH } from '@raft-ts/proto';
import type { NodeId, Logger as RaftLogger } from '@raft-ts/raft';
import type { LogFields, Removal, TransportLogger } from '@raft-ts/rafthttp';
import winston from 'winston';
import type { Danger } from './listen.js';
import { type Address, formatAddress } from './peers.js';
import { LINE_LENGTH } from './usage.js';

/**
 * Creates a member's log on standard output: one line per event, starting with the member's id and, except for `info`,
 * the level. Whatever bytes of a peer a line contains, it is a single printable line of bounded length.
 */
export function memberLog(id: NodeId, verbose: boolean): winston.Logger {
  return winston.createLogger({
    level: verbose ? 'debug' : 'info',
    format: winston.format.printf(({ level, message }) => {
      return printableLine(`[${id}] ${level === 'info' ? '' : `${level}: `}${String(message)}`, LINE_LENGTH);
    }),
    transports: [new winston.transports.Console()],
  });
}

/** Adapts the log to raft's logger. */
export function raftLogger(log: winston.Logger): RaftLogger {
  return {
    debugEnabled: log.isDebugEnabled(),
    debug: (message) => void log.debug(`raft: ${message}`),
    info: (message) => void log.info(`raft: ${message}`),
    warn: (message) => void log.warn(`raft: ${message}`),
    error: (message) => void log.error(`raft: ${message}`),
  };
}

/**
 * Adapts the log to the transport's logger, with the fields at the end of the line. Connections that open normally are
 * logged only on request; those that break always are.
 */
export function transportLogger(log: winston.Logger): TransportLogger {
  const shown = (value: LogFields[string]): string => {
    const text = String(value);
    return text.length <= SHOWN_LENGTH && /^[!#-~]+$/u.test(text) ? text : quoteText(text, SHOWN_LENGTH);
  };
  const line = (message: string, fields: LogFields): string =>
    ['http:', message, ...Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`)].join(' ');
  return {
    debug: (message, fields) => log.debug(line(message, fields)),
    info: (message, fields) => log.verbose(line(message, fields)),
    warn: (message, fields) => log.warn(line(message, fields)),
    error: (message, fields) => log.error(line(message, fields)),
  };
}

/** Warns, for whoever reads the log later, that a member listens in spite of a danger. */
export function describeInsecure(listen: Address, { lack, harm, users }: Danger): string {
  return `listens on ${formatAddress(listen)} ${lack}, as --insecure says: ${harm}. Let only ${users} reach it`;
}

/** Says in one line why a member has to end, and what to do. */
export function describeRemoval(id: NodeId, { reason, by, founders }: Removal): string {
  const who = `refused by ${describeMembers(by)}`;
  switch (reason) {
    case 'incarnation':
      return (
        `${who}: another log of member ${id} was met before, and this one began empty. A member that lost its log could ` +
        `vote twice, so this one ends and the others go on without it. If the earlier folder still exists, ` +
        `start member ${id} with it`
      );
    case 'twin':
      return (
        `${who}: another process with this log is alive at the address of member ${id}, so this one ends. One of the two ` +
        `folders is a copy of the other: member ${id} must run with one of them alone`
      );
    case 'founders':
      return (
        `${who}: ${by.length === 1 ? 'its' : 'their'} cluster was founded by ` +
        `${founders === undefined ? 'other members' : describeMembers(founders)}, so it is another one. --peers does not ` +
        `add members to a cluster: start those members alone, or, for a new cluster, give each of its members ` +
        `a folder of its own with --data`
      );
    default:
      return `${who}: member ${id} was removed from the cluster, so this one ends`;
  }
}

/** Names members, for a line. */
export function describeMembers(ids: readonly NodeId[]): string {
  return `member${ids.length === 1 ? '' : 's'} ${ids.join(', ')}`;
}
