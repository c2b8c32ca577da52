import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RaftError } from '@raft-ts/proto';
import express, { type Express, type NextFunction, type Router } from 'express';
import { answer, greet } from './answers.js';
import type { TransportContext } from './context.js';
import { describeError } from './describe-error.js';
import { HEADERS_TIMEOUT_MS, KEEP_ALIVE_MS, MAX_CONNECTIONS, MAX_HEADER_BYTES, TCP_KEEP_ALIVE_MS } from './limits.js';
import type { Listener, ListenOptions } from './options.js';

/** Serve this router, and nothing else, at an address of this machine. Rejects with `ERR_RAFT_LISTEN`. */
export async function listen(ctx: TransportContext, router: Router, { host, port }: ListenOptions): Promise<Listener> {
  const server = createServer(
    {
      // A stream is one request that never ends, and a large snapshot one that takes long.
      requestTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      noDelay: true,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    createApp(ctx, router),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await bind(server, host, port);
  const { address, port: bound } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  return {
    address: { host: address, port: bound },
    url: `http://${address.includes(':') ? `[${address}]` : address}:${bound}`,
    close: () => {
      closed ??= close(server);
      return closed;
    },
  };
}

function createApp(ctx: TransportContext, router: Router): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(router);
  app.use((req: IncomingMessage, res: ServerResponse) => answer(req, res, 404, '404 page not found'));
  // express takes a function of four parameters for the handler of what the others throw.
  app.use((error: unknown, req: IncomingMessage, res: ServerResponse, _next: NextFunction) => {
    ctx.logger.error('failed to answer a request', { error: describeError(error) });
    if (res.headersSent) return res.destroy();
    greet(ctx, res);
    return answer(req, res, 500, 'internal server error');
  });
  return app;
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message = `cannot listen at ${host}:${port}: ${describeError(error)}`;
      reject(new RaftError('ERR_RAFT_LISTEN', message, { reason: error.code ?? 'unknown', cause: error }));
    });
    server.listen(port, host, () => {
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
