import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { TransportLogger } from '@raft-ts/rafthttp';
import { Connections, cut, isEncoded, LogBudget, Warnings } from '@raft-ts/rafthttp/internal';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { answerError, HttpError, PROBLEM_TYPE, problemOf, wrongMethod } from './answers.js';
import { limitBody } from './body.js';
import { answerKey, KEY_PATH } from './keys.js';
import { defaultLimits, type FaceLimits } from './limits.js';
import { LockDesk } from './locks.js';
import { RequestMetrics } from './metrics.js';
import { placeIn, Room, type Rooms } from './room.js';
import { KEY_ROUTE, type Route, type RoutesHost, routes, type Streams } from './routes.js';
import { Slots } from './slots.js';
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
  /** Hears of what clients do that concerns all of them. Default: nothing. */
  readonly logger?: TransportLogger;
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
  /** Requests that wait for their answers, the one that is worked on among them. */
  waiting: number;
  /** Begin those that wait for it. */
  readonly queue: (() => void)[];
  /** When its place among the connections was last renewed. */
  renewed: number;
}

/** A connection that is used renews its place once in so many milliseconds. */
const RENEW_MS = 100;

// A client that has gone is nobody to answer.
const ignore = (): void => {};
const silent: TransportLogger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const noTunnel = new HttpError('ERR_KV_REQUEST', 'http', 'this is no proxy');

function isOfKey({ url }: IncomingMessage): boolean {
  return url?.startsWith(KEY_PATH) === true;
}

/**
 * The store's HTTP face. Keys are answered without express, whose URL parser would change them, and which costs more
 * than the rest of a request; everything else is routed by it.
 */
export function createFace(host: FaceHost): FaceServer {
  const { server, streams } = new Face(host);
  return Object.assign(server, { endStreams: () => endAll(streams) });
}

function endAll({ watchers, locks }: Streams): void {
  watchers.end();
  locks.end();
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
  private readonly places: Connections;
  private readonly rooms: Rooms;

  constructor(host: FaceHost) {
    this.host = host;
    this.limits = { ...defaultLimits, ...host.limits };
    this.guard = new TokenGuard(host.token);
    this.metrics = new RequestMetrics(host.registry);
    this.streams = {
      watchers: new Watchers(host, this.limits),
      snapshots: new SnapshotReader(host, this.limits),
      locks: new LockDesk(host, this.limits),
    };
    this.router = this.createRouter();
    const { maxBodies, maxAnswers, patienceMs, maxConnections } = this.limits;
    this.rooms = {
      bodies: new Room(maxBodies, patienceMs),
      answers: new Room(maxAnswers, patienceMs),
      texts: new Slots(1, Number.POSITIVE_INFINITY),
    };
    const budget = new LogBudget(host.logger ?? silent, () => false);
    const warnings = new Warnings(budget);
    this.places = new Connections(maxConnections, warnings);
    this.server = this.createServer();
    this.places.watchOpened(this.server);
    const heart = setInterval(() => this.streams.watchers.beat(), this.limits.heartbeatMs).unref();
    this.server.once('close', () => {
      clearInterval(heart);
      budget.close();
    });
    // Without a listener, a connection that cannot be accepted, for lack of descriptors, would end the process.
    this.server.on('error', ({ message: error }) => {
      if (this.server.listening) warnings.warn('failed to accept a connection of a client', { error });
    });
  }

  private createServer(): Server {
    const { maxHeader, headersMs, requestMs, idleMs, checkMs } = this.limits;
    const server = (this.host.createServer ?? createServer)(
      {
        maxHeaderSize: maxHeader,
        headersTimeout: headersMs,
        requestTimeout: requestMs,
        connectionsCheckingInterval: checkMs,
        // Said by `faultOf`, in the form of all errors.
        requireHostHeader: false,
        // So that two of what may be given once are not taken for the first of them.
        joinDuplicateHeaders: true,
      },
      (request, response) => this.receive(request, response),
    );
    server.timeout = idleMs;
    server.keepAliveTimeout = idleMs;
    server.on('clientError', (error, socket) => this.refuse(this.meaningOf(error), socket as Socket));
    server.on('connect', (_request, socket) => this.refuse(noTunnel, socket as Socket));
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      // Whoever asks first need not send what is too long.
      const isTooLong = Number(request.headers['content-length']) > this.host.maxValue;
      if (!(isTooLong && request.url?.startsWith(KEY_PATH))) response.writeContinue();
      this.receive(request, response);
    });
    server.on('checkExpectation', (_request, response: ServerResponse) => {
      const error = new HttpError('ERR_KV_REQUEST', 'expect', 'nothing but 100-continue can be expected');
      answerError(response, error, this.host.tell);
    });
    return server;
  }

  /**
   * Takes a request. Those of one connection are worked on one after the other, so that nobody is served before others
   * because he sends more at once, and so that a client that takes no answer has one of them in memory, not all.
   */
  private receive(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.connectionOf(socket);
    const { queue } = connection;
    if (queue.length >= this.limits.maxPipelined) {
      cut(socket);
      return;
    }
    limitBody(request, connection.waiting > 0);
    connection.waiting++;
    const began = performance.now();
    if (began - connection.renewed > RENEW_MS) {
      connection.renewed = began;
      this.places.used(socket);
    }
    response.once('close', () => {
      connection.waiting--;
      if (isOfKey(request)) this.count({ route: KEY_ROUTE, streams: false }, request, response, began);
      const next = queue.shift();
      if (next !== undefined && !socket.destroyed) next();
    });
    response.on('error', ignore);
    if (connection.waiting === 1) this.begin(request, response);
    else queue.push(() => this.begin(request, response));
  }

  private begin(request: IncomingMessage, response: ServerResponse): void {
    const fault = this.faultOf(request);
    if (fault !== undefined) answerError(response, fault, this.host.tell);
    else if (isOfKey(request)) void this.serveKey(request, response);
    else this.router(request, response);
  }

  private faultOf(request: IncomingMessage): HttpError | undefined {
    const { url = '', headers, httpVersion } = request;
    const { maxUrl } = this.limits;
    if (url.length > maxUrl)
      return new HttpError('ERR_KV_URL_TOO_LONG', 'url', `the path and the query take ${maxUrl} characters at most`);
    const { host } = headers;
    if (host === undefined ? httpVersion === '1.1' : host.includes(','))
      return new HttpError('ERR_KV_REQUEST', 'host', 'there must be one header Host');
    if (isEncoded(request))
      return new HttpError(
        'ERR_KV_ENCODING',
        'encoding',
        'a body is taken as it is, or in chunks, and never compressed',
      );
    // A client that takes this member for a proxy sends the whole URL.
    if (!url.startsWith('/')) request.url = url.replace(/^https?:\/\/[^/?#]*(?=[/?])/iu, '');
    return undefined;
  }

  private connectionOf(socket: Socket): Connection {
    const known = this.connections.get(socket);
    if (known !== undefined) return known;
    const connection = { waiting: 0, queue: [], renewed: 0 };
    this.connections.set(socket, connection);
    placeIn(socket, this.rooms);
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
    app.enable('case sensitive routing');
    app.enable('strict routing');
    const host = { ...this.host, ...this.streams };
    for (const route of routes) app.all(route.path.replaceAll(/\{(\w+)\}/gu, ':$1'), this.routed(route, host));
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

  private routed(
    { path, methods, open = false, streams = false, slots: of }: Route,
    host: RoutesHost & Streams,
  ): (request: Request, response: Response) => void {
    const slots = of === undefined ? undefined : new Slots(...of);
    return (request, response) => {
      void this.serve({ route: path, streams }, request, response, () => {
        if (!open) this.guard.check(request, response);
        const handler = methods[request.method];
        if (handler === undefined) throw wrongMethod(response, Object.keys(methods));
        if (streams) this.places.hold(request, response);
        const parameters = request.params as Readonly<Record<string, string>>;
        const work = (): Promise<void> | void => handler(host, request, response, parameters);
        const done = slots !== undefined && request.method === 'GET' ? slots.run(response, work) : work();
        // Handlers take a body at once or not at all. A client may not look for an answer before it has sent all of it.
        if (request.readableFlowing === null) request.resume();
        return done;
      });
    };
  }

  /** Answers what is no request, or did not come in time, if the connection is not in the middle of an answer. */
  private refuse(error: HttpError, socket: Socket): void {
    if (!socket.writable || this.connectionOf(socket).waiting > 0) {
      socket.destroy();
      return;
    }
    const problem = problemOf(error, this.host.tell);
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

  private meaningOf({ code }: Error & { readonly code?: string }): HttpError {
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
