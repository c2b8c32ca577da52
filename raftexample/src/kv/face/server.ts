import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { answerError, HttpError, PROBLEM_TYPE, problemOf, wrongMethod } from './answers.js';
import { answerKey, KEY_PATH } from './keys.js';
import { defaultLimits, type FaceLimits } from './limits.js';
import { RequestMetrics } from './metrics.js';
import { KEY_ROUTE, type Route, type RoutesHost, routes, type Streams } from './routes.js';
import { SnapshotReader } from './snapshot.js';
import { TokenGuard } from './token.js';
import { Watchers } from './watch.js';

export type { AdminHost } from './members.js';

export interface FaceHost extends RoutesHost {
  /** For what the store itself got wrong. */
  readonly tell: (text: string) => void;
  /** What clients must show. Default: nothing. */
  readonly token?: string | undefined;
  readonly limits?: Partial<FaceLimits>;
  /** Creates the server. Default: one of plain HTTP. */
  readonly createServer?: ((options: ServerOptions, listener: RequestListener) => Server) | undefined;
}

/** What is counted when a request is over. */
interface Counted {
  readonly route: string;
  readonly streams: boolean;
}

/** A client's connection. */
interface Connection {
  /** Requests that wait for their answers. */
  waiting: number;
}

// A client that has gone is nobody to answer.
const ignore = (): void => {};

/**
 * The store's HTTP face. Keys are answered without express, whose URL parser would change them, and which costs more
 * than the rest of a request; everything else is routed by it.
 */
export function createFace(host: FaceHost): FaceServer {
  const { server, streams } = new Face(host);
  return Object.assign(server, { endStreams: () => streams.watchers.end() });
}

/** The server; streams, which their clients do not end, are ended before it is closed. */
export type FaceServer = Server & { readonly endStreams: () => void };

class Face {
  readonly server: Server;
  readonly streams: Streams;
  private readonly host: FaceHost;
  private readonly limits: FaceLimits;
  private readonly guard: TokenGuard;
  private readonly metrics: RequestMetrics;
  private readonly router: Express;
  private readonly connections = new WeakMap<Socket, Connection>();

  constructor(host: FaceHost) {
    this.host = host;
    this.limits = { ...defaultLimits, ...host.limits };
    this.guard = new TokenGuard(host.token);
    this.metrics = new RequestMetrics(host.registry);
    this.streams = {
      watchers: new Watchers(host, this.limits),
      snapshots: new SnapshotReader(host, this.limits),
    };
    this.router = this.createRouter();
    const { maxHeader, maxConnections, headersMs, requestMs, idleMs, checkMs } = this.limits;
    this.server = (host.createServer ?? createServer)(
      {
        maxHeaderSize: maxHeader,
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        connectionsCheckingInterval: checkMs,
      },
      (request, response) => this.receive(request, response),
    );
    this.server.maxConnections = maxConnections;
    this.server.timeout = idleMs;
    this.server.keepAliveTimeout = idleMs;
    const heart = setInterval(() => this.streams.watchers.beat(), this.limits.heartbeatMs).unref();
    this.server.once('close', () => clearInterval(heart));
    this.server.on('clientError', (error, socket) => this.refuse(error, socket as Socket));
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    const { socket, url = '' } = request;
    const connection = this.connectionOf(socket);
    connection.waiting++;
    const began = performance.now();
    let ofKey = false;
    response.once('close', () => {
      connection.waiting--;
      if (ofKey) this.count({ route: KEY_ROUTE, streams: false }, request, response, began);
    });
    response.on('error', ignore);
    const { maxUrl, maxPipelined } = this.limits;
    if (url.length > maxUrl) {
      const error = new HttpError(
        'ERR_KV_URL_TOO_LONG',
        'url',
        `the path and the query take ${maxUrl} characters at most`,
      );
      answerError(response, error, this.host.tell);
    } else if (connection.waiting > maxPipelined) {
      const error = new HttpError(
        'ERR_KV_BUSY',
        'pipelined',
        `${maxPipelined} requests of this connection wait already`,
      );
      answerError(response, error, this.host.tell);
    } else if (url.startsWith(KEY_PATH)) {
      ofKey = true;
      void this.serveKey(request, response);
    } else {
      this.router(request, response);
    }
  }

  private connectionOf(socket: Socket): Connection {
    const known = this.connections.get(socket);
    if (known !== undefined) return known;
    const connection = { waiting: 0 };
    this.connections.set(socket, connection);
    return connection;
  }

  private count(
    { route, streams }: Counted,
    { method = '' }: IncomingMessage,
    response: ServerResponse,
    began: number,
  ): void {
    const status = response.headersSent ? response.statusCode : 0;
    this.metrics.count(route, method, status, began, streams);
  }

  private async serveKey(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.guard.check(request, response);
      await answerKey(this.host, request, response);
    } catch (error) {
      answerError(response, error, this.host.tell);
    }
  }

  private async serve(
    counted: Counted,
    request: IncomingMessage,
    response: ServerResponse,
    work: () => Promise<void> | void,
  ): Promise<void> {
    const began = performance.now();
    response.once('close', () => this.count(counted, request, response, began));
    try {
      await work();
    } catch (error) {
      answerError(response, error, this.host.tell);
    }
  }

  private createRouter(): Express {
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');
    app.set('query parser', false);
    for (const route of routes) app.all(route.path.replaceAll(/\{(\w+)\}/gu, ':$1'), this.routed(route));
    app.use((request: Request, response: Response) => {
      void this.serve({ route: 'none', streams: false }, request, response, () => {
        throw new HttpError('ERR_KV_NOT_FOUND', 'path', 'no such path');
      });
    });
    // Four parameters are how express knows a handler of errors.
    app.use((_error: unknown, _request: Request, response: Response, _next: NextFunction) => {
      const error = new HttpError('ERR_KV_REQUEST', 'path', 'the path must be percent-encoded UTF-8');
      answerError(response, error, this.host.tell);
    });
    return app;
  }

  private routed({
    path,
    methods,
    open = false,
    streams = false,
  }: Route): (request: Request, response: Response) => void {
    return (request, response) => {
      void this.serve({ route: path, streams }, request, response, () => {
        if (!open) this.guard.check(request, response);
        const handler = methods[request.method];
        if (handler === undefined) throw wrongMethod(response, Object.keys(methods));
        return handler(
          { ...this.host, ...this.streams },
          request,
          response,
          request.params as Readonly<Record<string, string>>,
        );
      });
    };
  }

  /** Answers what is no request, or did not come in time, if the connection is not in the middle of an answer. */
  private refuse(error: Error & { readonly code?: string }, socket: Socket): void {
    if (!socket.writable || this.connectionOf(socket).waiting > 0) {
      socket.destroy();
      return;
    }
    const problem = problemOf(this.meaningOf(error.code), this.host.tell);
    const body = JSON.stringify(problem);
    const head = [
      `HTTP/1.1 ${problem.status} ${problem.title}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    socket.destroySoon();
  }

  private meaningOf(code: string | undefined): HttpError {
    switch (code) {
      case 'HPE_HEADER_OVERFLOW':
        return new HttpError(
          'ERR_KV_HEADERS_TOO_LARGE',
          'headers',
          `${this.limits.maxHeader} bytes of headers at most`,
        );
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        return new HttpError('ERR_KV_SLOW_REQUEST', 'timeout', 'the request did not arrive in time');
      default:
        return new HttpError('ERR_KV_REQUEST', 'http', 'this is no request of HTTP/1.1');
    }
  }
}
