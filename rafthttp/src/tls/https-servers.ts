import type { RequestListener, Server, ServerOptions } from 'node:http';
import { LogBudget } from '../base/log-budget.js';
import type { TransportLogger } from '../base/logger.js';
import { printableLogger } from '../base/printable-logger.js';
import { Warnings } from '../base/warnings.js';
import type { TlsOptions } from './options.js';
import { Tls } from './tls.js';

/** Creates a server, as `createServer` of `node:http` does. */
export type CreateServer = (options: ServerOptions, listener: RequestListener) => Server;

/**
 * Returns what creates HTTPS servers beside the transport's, such as one for an application's clients. They treat
 * certificates as the transport's do: files that change take effect with the next connection, revocation lists and
 * allowed names hold, and who is not let in is told to `logger`, a bounded number of times. `memberOf` and what is for
 * dialling are not used.
 *
 * @param tls with `trustedCaFile` or `clientCertAuth`, only who shows an accepted certificate is let in
 * @throws RaftError `ERR_RAFT_TLS` if the files or the options cannot be used
 */
export function httpsServers(tls: TlsOptions, logger: TransportLogger): CreateServer {
  const budget = new LogBudget(printableLogger(logger), () => false);
  const certificates = new Tls(tls, budget, new Warnings(budget));
  return (options, listener) => certificates.createServer(options, listener);
}
