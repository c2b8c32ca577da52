import { type CreateServer, httpsServers, type TlsOptions } from '@raft-ts/rafthttp';
import type { Logger } from 'winston';
import { transportLogger } from './log.js';
import { asCoded } from './raft-code.js';
import { UsageError } from './usage.js';

/**
 * Reads the files, and returns what creates servers with them.
 * @param flag the one by which the files were named
 * @throws UsageError if they cannot be used
 */
export function openTls(flag: '--peer-cert-file' | '--cert-file', tls: TlsOptions, log: Logger): CreateServer {
  try {
    return httpsServers(tls, transportLogger(log));
  } catch (error) {
    const coded = asCoded(error);
    if (coded === undefined) throw error;
    throw new UsageError(`cannot use what ${flag} and the flags beside it name: ${coded.message}`);
  }
}
