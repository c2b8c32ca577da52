import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { StoreClient, StoreError } from '@raft-ts/raftexample/client';
import { expect } from 'chai';

/** What came to a scripted server. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** How one request is answered. */
export type Act = (response: ServerResponse, request: IncomingMessage) => void;

/** A server that answers the requests in turn as it is told, and the last way from then on. */
export class Scripted {
  readonly received: Received[] = [];
  private readonly server: Server;
  private acts: Act[] = [];
  url = '';

  constructor(server: Server) {
    this.server = server;
  }

  static start(...acts: Act[]): Promise<Scripted> {
    return Scripted.open(undefined, acts);
  }

  /** @param tls for `https:` */
  static async open(tls: ServerOptions | undefined, acts: Act[]): Promise<Scripted> {
    const receive = (request: IncomingMessage, response: ServerResponse): void => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => {});
      response.on('error', () => {});
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        scripted.received.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
        const act = scripted.acts.length > 1 ? scripted.acts.shift() : scripted.acts[0];
        if (act === undefined) throw new Error(`nobody expected ${method} ${url}`);
        act(response, request);
      });
    };
    const server = tls === undefined ? createServer(receive) : createTlsServer(tls, receive);
    const scripted = new Scripted(server);
    scripted.acts = acts;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    scripted.url = `http${tls === undefined ? '' : 's'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return scripted;
  }

  /** What comes from now on is answered like this. */
  play(...acts: Act[]): void {
    this.acts = acts;
  }

  /** The requests as `METHOD URL`. */
  get asked(): readonly string[] {
    return this.received.map(({ method, url }) => `${method} ${url}`);
  }

  async stop(): Promise<void> {
    const closed = this.server.listening ? once(this.server, 'close') : undefined;
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

export function json(status: number, body: object, type = 'application/json'): Act {
  return (response) => {
    response.writeHead(status, { 'Content-Type': type });
    response.end(JSON.stringify(body));
  };
}

export function problem(status: number, fields: object): Act {
  return json(status, { detail: 'because', error: 'because', ...fields }, 'application/problem+json');
}

export function text(status: number, body: string | Uint8Array, headers: Record<string, string> = {}): Act {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

export const reset: Act = (response) => void response.socket?.resetAndDestroy();
export const silence: Act = () => {};

/** Begins an answer and breaks it off. */
export function cut(status: number, headers: Record<string, string>, beginning: string): Act {
  return (response) => {
    response.writeHead(status, headers);
    response.write(beginning, () => response.socket?.destroy());
  };
}

/** Sends this as a stream of events, and keeps it open. */
export function stream(...pieces: (string | Uint8Array)[]): Act {
  return (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    for (const piece of pieces) response.write(piece);
  };
}

/** The same, and ends it. */
export function shortStream(...pieces: (string | Uint8Array)[]): Act {
  return (response) => {
    stream(...pieces)(response, response.req);
    response.end();
  };
}

/** Servers that answer as a test says, and clients of them, until `end`. */
export class ClientScenes {
  private readonly servers: Scripted[] = [];
  private readonly clients: StoreClient[] = [];

  readonly server = async (...acts: Act[]): Promise<Scripted> => {
    const made = await Scripted.start(...acts);
    this.add(made);
    return made;
  };

  /** Sees to the end of servers that were started otherwise. */
  add(...servers: readonly Scripted[]): void {
    this.servers.push(...servers);
  }

  readonly clientOf = (endpoints: readonly string[], more: object = {}): StoreClient => {
    const made = new StoreClient({ endpoints, learn: false, pauseMs: 1, longestPauseMs: 2, ...more });
    this.clients.push(made);
    return made;
  };

  async end(): Promise<void> {
    await Promise.all(this.clients.splice(0).map((client) => client.close()));
    await Promise.all(this.servers.splice(0).map((one) => one.stop()));
  }
}

/** What a call of a client fails with. */
export async function failure(call: Promise<unknown>): Promise<StoreError> {
  const error: unknown = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).to.be.instanceOf(StoreError);
  return error as StoreError;
}
