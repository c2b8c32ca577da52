import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the page asks for: data whose `kind` says what, checked by the host. */
export type Asked = Readonly<Record<string, unknown>>;

/** What the page shows and disturbs. */
export interface PageHost {
  /** What somebody who has just come must know: sent first, and again whenever it changes. */
  state(): unknown;
  /** Does what is asked. @throws Error with a text for people, if it cannot be done */
  act(asked: Asked): unknown;
  /** Somebody begins to watch, or nobody watches any more. */
  watched(isWatched: boolean): void;
}

/** A request has a few words. */
const MAX_BODY = 4096;
/** A watcher that does not read is let go of with so many bytes unread. */
const MAX_UNREAD = 1024 * 1024;
/** What the targets of requests are relative to. */
const BASE = 'http://127.0.0.1';
/** Watchers at once. */
const MAX_WATCHERS = 16;

const HEADERS = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/**
 * Serves the page of a running cluster on this machine alone. Whoever can break things with it is whoever has the
 * address with its token: other pages in the same browser, which could send requests here, do not have it, and are
 * refused by host and origin besides.
 */
export class PageServer {
  private readonly host: PageHost;
  private readonly page: string;
  private readonly token = randomBytes(18).toString('base64url');
  private readonly server: Server;
  private readonly watchers = new Set<ServerResponse>();

  private constructor(host: PageHost, page: string) {
    this.host = host;
    this.page = page;
    this.server = createServer((request, response) => void this.answer(request, response));
    // Without a listener, a connection that cannot be accepted, for lack of descriptors, would end the launcher.
    this.server.on('error', () => {});
  }

  /** @param port 0 for any that is free */
  static async listen(host: PageHost, page: string, port = 0): Promise<PageServer> {
    const server = new PageServer(host, page);
    server.server.listen(port, '127.0.0.1');
    await once(server.server, 'listening');
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The address to open, with the token. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/?token=${this.token}`;
  }

  /** Tells everybody who watches. */
  tell(event: unknown): void {
    const text = `data: ${JSON.stringify(event)}\n\n`;
    for (const watcher of this.watchers) {
      if (watcher.writableLength > MAX_UNREAD) watcher.destroy();
      else watcher.write(text);
    }
  }

  async close(): Promise<void> {
    for (const watcher of this.watchers) watcher.destroy();
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.refusal(request);
    if (refusal !== undefined) {
      response.writeHead(refusal[0], { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' });
      response.end(`${refusal[1]}\n`);
      return;
    }
    const { pathname } = new URL(request.url ?? '/', BASE);
    if (request.method === 'GET' && pathname === '/') {
      response.writeHead(200, { ...HEADERS, 'content-type': 'text/html; charset=utf-8' }).end(this.page);
    } else if (request.method === 'GET' && pathname === '/events') {
      this.watch(response);
    } else if (request.method === 'POST' && pathname === '/act') {
      await this.act(request, response);
    } else {
      response.writeHead(404, HEADERS).end();
    }
  }

  /** Why a request is not answered; undefined if it may be. */
  private refusal({ headers, url }: IncomingMessage): readonly [status: number, text: string] | undefined {
    const { host = '', origin } = headers;
    const names = [`127.0.0.1:${this.port}`, `localhost:${this.port}`];
    // A name that leads here although it is not this machine's may belong to a page that wants to be of this origin.
    if (!names.includes(host)) return [421, 'this host is not served here'];
    if (origin !== undefined && origin !== `http://${host}`) return [403, 'another page may not ask this'];
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return [403, 'another page may not ask this'];
    if (!URL.canParse(url ?? '/', BASE)) return [400, 'this is no address'];
    const shown = Buffer.from(new URL(url ?? '/', BASE).searchParams.get('token') ?? '');
    const token = Buffer.from(this.token);
    const isRight = shown.length === token.length && timingSafeEqual(shown, token);
    return isRight ? undefined : [403, 'open the address that the launcher has printed: it ends with a token'];
  }

  private watch(response: ServerResponse): void {
    if (this.watchers.size >= MAX_WATCHERS) {
      response.writeHead(503, HEADERS).end('too many watch already\n');
      return;
    }
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    this.watchers.add(response);
    if (this.watchers.size === 1) this.host.watched(true);
    response.write(`data: ${JSON.stringify(this.host.state())}\n\n`);
    response.on('close', () => {
      if (this.watchers.delete(response) && this.watchers.size === 0) this.host.watched(false);
    });
  }

  private async act(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { ...HEADERS, 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
    };
    try {
      const asked: unknown = JSON.parse(await bodyOf(request));
      if (typeof asked !== 'object' || asked === null) throw new Error('an object is wanted');
      answer(200, (await this.host.act(asked as Asked)) ?? {});
    } catch (error) {
      answer(400, { problem: (error as Error).message });
    }
    this.tell(this.host.state());
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk as string;
    if (text.length > MAX_BODY) throw new Error(`a request has at most ${MAX_BODY} bytes`);
  }
  return text;
}
