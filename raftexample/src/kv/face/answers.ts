import type { ServerResponse } from 'node:http';
import { toJson } from './json.js';

/** What a request comes to, other than a value. */
export class HttpError extends Error {
  readonly status: number;
  readonly fields: object;

  constructor(status: number, message: string, fields: object = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

export function answer(response: ServerResponse, status: number, body: object): void {
  const bytes = Buffer.from(toJson(body));
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': bytes.length });
  response.end(bytes);
}

/** Answers with the status that an error stands for; whatever is not expected is the store's own fault. */
export function answerError(response: ServerResponse, error: unknown, tell: (text: string) => void): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, text, fields } = meaning(error, tell);
  answer(response, status, { error: text, ...fields });
}

function meaning(
  error: unknown,
  tell: (text: string) => void,
): { readonly status: number; readonly text: string; readonly fields?: object } {
  if (error instanceof HttpError) return { status: error.status, text: error.message, fields: error.fields };
  const { code, message, reason } = error as {
    readonly code?: unknown;
    readonly message?: unknown;
    readonly reason?: unknown;
  };
  const text = String(message);
  switch (code) {
    case 'ERR_RAFT_DROPPED':
      return { status: 503, text };
    case 'ERR_RAFT_UNKNOWN':
      return { status: 504, text };
    case 'ERR_RAFT_READ_FAILED':
      return { status: reason === 'busy' || reason === 'no-leader' || reason === 'stopped' ? 503 : 504, text };
    case 'ERR_RAFT_REPLICA_STOPPED':
      return { status: 503, text };
    default:
      tell(`a request failed: ${String((error as { readonly stack?: unknown }).stack ?? error)}`);
      return { status: 500, text: 'the store failed to answer; its log says why' };
  }
}
