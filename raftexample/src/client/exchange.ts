import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

export interface Sent {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Path and query, as they go over the wire: no URL parser resolves dots in a key. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Answer {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Must be read to its end, or destroyed. */
  readonly body: Readable;
}

/** How a request ended that was not answered. */
export class ExchangeFailure extends Error {
  /** Did a part of it leave this process? If not, certainly nothing came of it. */
  readonly sent: boolean;

  constructor(sent: boolean, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.sent = sent;
  }
}

/**
 * Sends one request and resolves with the head of its answer. `signal` ends it, also while its body is read. Redirects
 * are answers like any other.
 * @throws ExchangeFailure
 */
export function exchange(dispatcher: Dispatcher, sent: Sent, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const handler = new ExchangeHandler(signal, resolve, reject);
    const { method, path, headers = {}, body } = sent;
    dispatcher.dispatch({ method, path, headers: { ...headers }, body: body ?? null }, handler);
  });
}

/** undici's own `request` does not tell whether a request that failed had left the queue: a write must know. */
class ExchangeHandler implements Dispatcher.DispatchHandler {
  private readonly signal: AbortSignal;
  private readonly resolve: (answer: Answer) => void;
  private readonly reject: (error: ExchangeFailure) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private body: Readable | undefined;
  private over = false;
  private readonly onAbort = (): void => this.abort();

  constructor(signal: AbortSignal, resolve: (answer: Answer) => void, reject: (error: ExchangeFailure) => void) {
    this.signal = signal;
    this.resolve = resolve;
    this.reject = reject;
    if (signal.aborted) this.abort();
    else signal.addEventListener('abort', this.onAbort, { once: true });
  }

  private abort(): void {
    const { controller } = this;
    this.fail(abortReason(this.signal));
    controller?.abort(abortReason(this.signal));
  }

  /** It is at the head of its connection: what follows is written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.over) controller.abort(abortReason(this.signal));
    else this.controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Answer['headers']): void {
    if (status < 200 || this.over) return;
    this.body = new Readable({
      read: () => controller.resume(),
      destroy: (error, callback) => {
        if (!this.over) {
          this.finish();
          controller.abort(error ?? new Error('the rest of the answer is not wanted'));
        }
        callback(error);
      },
    });
    // Whoever reads it hears of it; nobody else need.
    this.body.on('error', () => {});
    this.resolve({ status, headers, body: this.body });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.body?.push(chunk) === false) controller.pause();
  }

  onResponseEnd(): void {
    this.finish();
    this.body?.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  private fail(error: Error): void {
    if (this.over) return;
    const sent = this.controller !== undefined;
    this.finish();
    if (this.body === undefined) this.reject(new ExchangeFailure(sent, error));
    else this.body.destroy(error);
  }

  private finish(): void {
    this.over = true;
    this.signal.removeEventListener('abort', this.onAbort);
  }
}

function abortReason({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/**
 * The whole body as text. What is no UTF-8 is refused: a value in which something was replaced might be written back.
 * @throws RangeError if it is longer than `limit` bytes; TypeError if it is not UTF-8
 */
export async function readText(answer: Answer, limit: number): Promise<string> {
  const bytes = await readBytes(answer, limit);
  if (!isUtf8(bytes)) throw new TypeError('it is not UTF-8');
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** The whole body as text, for people: whatever it is. @throws RangeError if it is longer than `limit` bytes */
export async function readLoosely(answer: Answer, limit: number): Promise<string> {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await readBytes(answer, limit));
}

async function readBytes({ body }: Answer, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > limit) throw new RangeError(`the answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
