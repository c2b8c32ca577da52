/** One request to a member of the store. */
import { type Agent, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** The version that it names, 0 if none. */
  readonly etag: number;
  readonly body: string;
  /** The connection that it came on. */
  readonly connection: number;
}

const connections = new WeakMap<Socket, number>();
let lastConnection = 0;

function numberOf(socket: Socket): number {
  let number = connections.get(socket);
  if (number === undefined) connections.set(socket, (number = ++lastConnection));
  return number;
}

/** `refused`: nobody listens, so nothing was sent. `undefined`: no answer came, or not all of it. */
export type Answered = Answer | 'refused' | undefined;

export interface Question {
  readonly agent?: Agent | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly patienceMs?: number;
}

/** Longer than a member takes to say that it does not know. */
const PATIENCE_MS = 2500;

/** Keys are taken as they are, so everything but letters and digits is escaped. */
export function pathOf(key: string): string {
  return `/kv/${encodeURIComponent(key)}`;
}

/** For a version that the key must have; index 0: the key must be absent. */
export function conditionHeaders(index: number | undefined): Record<string, string> {
  if (index === undefined) return {};
  return index === 0 ? { 'If-None-Match': '*' } : { 'If-Match': `"${index}"` };
}

/** Where a member answers clients. */
export interface Door {
  readonly host: string;
  readonly clientPort: number;
}

/** Never sends anything twice. */
export function ask(
  { host, clientPort: port }: Door,
  method: string,
  path: string,
  { agent, headers, body, patienceMs = PATIENCE_MS }: Question = {},
): Promise<Answered> {
  return new Promise((resolve) => {
    const sent = request({ host, port, method, path, agent, headers: { ...headers } });
    const timer = setTimeout(() => sent.destroy(), patienceMs);
    const settle = (answer: Answered): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    sent.on('error', ({ code }: NodeJS.ErrnoException) => settle(code === 'ECONNREFUSED' ? 'refused' : undefined));
    // The request counts as closed before all of the answer has been read.
    sent.on('response', (response) => {
      const connection = numberOf(response.socket);
      void collect(response, connection).then(settle, () => settle(undefined));
    });
    sent.end(body);
  });
}

async function collect(response: IncomingMessage, connection: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const [, etag = '0'] = /^"(\d+)"$/u.exec(response.headers.etag ?? '') ?? [];
  return { status: response.statusCode ?? 0, etag: Number(etag), body: Buffer.concat(chunks).toString(), connection };
}
