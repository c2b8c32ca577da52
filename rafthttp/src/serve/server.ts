import { once } from 'node:events';
import { rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { RaftError } from '@raft-ts/proto';
import { hasCode } from '@raft-ts/proto/internal';
import express, { type Express, type NextFunction, type Router } from 'express';
import { describeError, ERR_LISTEN } from '../base/errors.js';
import {
  CONNECTIONS_CHECK_MS,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  TCP_KEEP_ALIVE_MS,
} from '../base/limits.js';
import type { TransportContext } from '../member/context.js';
import { socketPathFault } from '../peer/url-picker.js';
import { admit } from './admission.js';
import { answer, greet } from './answers.js';
import type { Connections } from './connections.js';
import type { Listener, ListenOptions } from './listener.js';
import { type ProbedContext, probesFirst } from './routes.js';

/** By default node's servers would cut a stream or a snapshot after five minutes, and wait long for a head. */
const serverOptions: ServerOptions = {
  // A stream is a request that never ends, and a large snapshot one that takes long.
  requestTimeout: 0,
  headersTimeout: HEADERS_TIMEOUT_MS,
  connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  keepAlive: true,
  keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  noDelay: true,
  maxHeaderSize: MAX_HEADER_BYTES,
};

/** What a server needs of what the transport's parts share, and the bound on its connections. */
export interface ListenContext extends ProbedContext, Pick<TransportContext, 'logger' | 'tls' | 'warnings'> {
  readonly connections: Connections;
}

/** Serves this router, and nothing else, at an address of this machine. Rejects with `ERR_RAFT_LISTEN`. */
export async function listen(ctx: ListenContext, router: Router, options: ListenOptions): Promise<Listener> {
  if ('path' in options) checkSocketPath(options.path);
  const app = admit(probesFirst(ctx, createApp(ctx, router)), () =>
    ctx.warnings.warn('cut a connection that sent many requests without waiting for answers', {}),
  );
  const secure = 'port' in options && (options.tls ?? ctx.tls !== undefined);
  if (secure && ctx.tls === undefined) {
    throw new RaftError(ERR_LISTEN, 'TLS needs certificates: pass the option tls', { reason: 'no-tls' });
  }
  const server =
    secure && ctx.tls !== undefined ? ctx.tls.createServer(serverOptions, app) : createServer(serverOptions, app);
  // One more than is accepted, so that an excess shows.
  server.maxHeadersCount = MAX_HEADERS + 1;
  ctx.connections.watch(server);
  if ('path' in options) await removeAbandoned(options.path);
  await bind(server, options);
  // Without a listener, a connection that cannot be accepted, for lack of descriptors, would end the process.
  server.on('error', (error) => ctx.warnings.warn('failed to accept a connection', { error: describeError(error) }));
  let closed: Promise<void> | undefined;
  return {
    ...whereabouts(server, secure),
    close: () => {
      closed ??= close(server);
      return closed;
    },
  };
}

function whereabouts(server: Server, secure: boolean): Pick<Listener, 'address' | 'url'> {
  const bound = server.address() as AddressInfo | string;
  if (typeof bound === 'string') return { address: { host: bound, port: 0 }, url: `unix://${bound}` };
  const { address, port } = bound;
  const host = address.includes(':') ? `[${address}]` : address;
  return { address: { host: address, port }, url: `${secure ? 'https' : 'http'}://${host}:${port}` };
}

function checkSocketPath(path: string): void {
  const fault = socketPathFault(path);
  if (fault === undefined) return;
  throw new RaftError(ERR_LISTEN, `cannot listen at ${path}: ${fault}`, { reason: 'too-long' });
}

/** Removes the file of a Unix socket that a killed process left behind, at which nobody answers any more. */
async function removeAbandoned(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isSocket() !== true) return;
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
  } catch (error) {
    if (hasCode(error, 'ECONNREFUSED')) await rm(path, { force: true });
  } finally {
    socket.destroy();
  }
}

function createApp(ctx: Pick<ListenContext, 'logger' | 'ownHeaders'>, router: Router): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(router);
  app.use((req: IncomingMessage, res: ServerResponse) => answer(req, res, 404, '404 page not found'));
  // express recognises an error handler by its four parameters.
  app.use((error: unknown, req: IncomingMessage, res: ServerResponse, _next: NextFunction) => {
    ctx.logger.error('failed to answer a request', { error: describeError(error) });
    if (res.headersSent) return res.destroy();
    greet(ctx, res);
    return answer(req, res, 500, 'internal server error');
  });
  return app;
}

function bind(server: Server, options: ListenOptions): Promise<void> {
  const where = 'path' in options ? options.path : `${options.host}:${options.port}`;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message = `cannot listen at ${where}: ${describeError(error)}`;
      reject(new RaftError(ERR_LISTEN, message, { reason: error.code ?? 'unknown', cause: error }));
    });
    const place = 'path' in options ? { path: options.path } : { host: options.host, port: options.port };
    server.listen(place, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
