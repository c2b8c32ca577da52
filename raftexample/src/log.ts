import { printableLine, quoteBytes, quoteText, SHOWN_LENGTH } from '@raft-ts/proto';
import {
  confChangesToString,
  decodeConfChangeEntry,
  type Entry,
  isConfChangeEntry,
  type NodeId,
  type Logger as RaftLogger,
  type Snapshot,
} from '@raft-ts/raft';
import type { LogFields, Removal, TransportLogger } from '@raft-ts/rafthttp';
import winston from 'winston';
import { type Address, formatAddress } from './peers.js';
import { asCoded } from './raft-code.js';
import type { MemberStorage } from './storage.js';
import { LINE_LENGTH } from './usage.js';

/** Most steps of a membership change that are shown. */
const SHOWN_CHANGES = 32;

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

/** Describes the log that a member finds when it starts. */
export function describeLog({ raft, isNew, place }: MemberStorage): string {
  if (isNew) return `log ${place}: new`;
  const { hardState } = raft.initialState();
  const { index: snapshot } = raft.snapshot().metadata;
  const behind = snapshot === 0 ? '' : `snapshot ${snapshot}, `;
  return (
    `log ${place}: ${behind}entries ${raft.firstIndex()} to ${raft.lastIndex()}, ` +
    `term ${hardState?.term ?? 0}, commit ${hardState?.commit ?? 0}; the committed ones follow`
  );
}

/** Describes a snapshot. The entries that it covers are not shown: nobody has them any more. */
export function describeSnapshot({ metadata: { index, term } }: Snapshot): string {
  return `snapshot index=${index} term=${term}`;
}

/**
 * Describes a committed entry on one line. Every member must print the same lines, in order of their indexes, without a
 * gap. Of a long entry it shows the beginning, and how much is left out.
 */
export function describeCommitted(entry: Entry): string {
  const { kind, text } = contentOf(entry);
  return `committed index=${entry.index} term=${entry.term} kind=${kind} text=${text}`;
}

function contentOf(entry: Entry): { kind: string; text: string } {
  // A new leader commits an empty entry of its own term before anything else.
  if (!isConfChangeEntry(entry)) {
    return { kind: (entry.data?.length ?? 0) === 0 ? 'empty' : 'normal', text: quoteBytes(entry.data, SHOWN_LENGTH) };
  }
  return { kind: 'conf-change', text: confChangeText(entry) };
}

/** Describes a membership change. Malformed bytes are quoted: they were committed all the same. */
function confChangeText(entry: Entry): string {
  try {
    const change = decodeConfChangeEntry(entry);
    const changes = 'changes' in change ? change.changes : [change];
    const more = changes.length - SHOWN_CHANGES;
    const text = quoteText(confChangesToString(changes.slice(0, SHOWN_CHANGES)));
    return more <= 0 ? text : `${text} and ${more} more changes`;
  } catch (error) {
    if (asCoded(error) !== undefined) return quoteBytes(entry.data, SHOWN_LENGTH);
    throw error;
  }
}

/** Warns, for whoever reads the log later, that a member listens without TLS. */
export function describeInsecure(listen: Address): string {
  return (
    `listens on ${formatAddress(listen)} without TLS, as --insecure says: whoever reaches this port can erase committed ` +
    'entries and stop the cluster for good. Let only members reach it'
  );
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

/** Describes how the flags differ from the founders of the cluster; undefined if they agree. */
export function describeOtherPeers(founders: readonly NodeId[], flagged: readonly NodeId[]): string | undefined {
  const added = flagged.filter((id) => !founders.includes(id));
  const missing = founders.filter((id) => !flagged.includes(id));
  if (added.length + missing.length === 0) return undefined;
  return [
    `this log belongs to a cluster that was founded by ${describeMembers(founders)}`,
    ...(added.length === 0 ? [] : [`--peers also names ${describeMembers(added)}, which that does not add to it`]),
    ...(missing.length === 0 ? [] : [`--peers does not say where to reach ${describeMembers(missing)}`]),
  ].join('; ');
}

function describeMembers(ids: readonly NodeId[]): string {
  return `member${ids.length === 1 ? '' : 's'} ${ids.join(', ')}`;
}
