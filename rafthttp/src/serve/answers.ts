import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { MessageType } from '@raft-ts/proto';
import { describeError, isInvalidMessage } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import type { Refusal } from '../base/refusals.js';
import type { TransportContext } from '../member/context.js';

/** How long the connection of a request that was answered early stays open, in milliseconds. */
const LINGER_MS = 1000;

/** Begins an answer: says which process of which cluster gives it. */
export function greet(ctx: Pick<TransportContext, 'ownHeaders'>, res: ServerResponse): void {
  // The other side may be gone by the time it is answered.
  res.on('error', () => undefined);
  for (const [name, value] of Object.entries(ctx.ownHeaders)) res.setHeader(name, value);
}

/** Answers with a line of text, in the form that Go's servers use. */
export function answer(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders = {},
): void {
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.statusCode = status;
  end(res, `${text}\n`);
  leaveUnread(req);
}

export function refuse(req: IncomingMessage, res: ServerResponse, { status, text }: Refusal): void {
  answer(req, res, status, text);
}

/** Answers 204: the message was processed. */
export function answerNothing(res: ServerResponse): void {
  res.statusCode = 204;
  res.removeHeader('Connection');
  res.end();
}

/** What the receiver threw, or rejected with, and for which message. */
interface Failure {
  readonly type: MessageType;
  readonly error: unknown;
  /** Sent with the 500, unless no correct member would have sent the message. */
  readonly text: string;
}

/** Answers a message that the receiver did not take. */
export function answerFailure(
  { id, logger, warnings }: Pick<TransportContext, 'id' | 'logger' | 'warnings'>,
  req: IncomingMessage,
  res: ServerResponse,
  { type, error, text }: Failure,
): void {
  const fields = { 'local-member-id': formatId(id), error: describeError(error) };
  // A proposal is refused each time that there is no leader, which is nothing to warn about.
  if (type === MessageType.MsgProp) logger.debug('failed to process Raft message', fields);
  else warnings.warn('failed to process Raft message', fields);
  if (isInvalidMessage(error)) answer(req, res, 400, 'invalid raft message');
  else answer(req, res, 500, text);
}

export function answerJson(req: IncomingMessage, res: ServerResponse, value: object): void {
  end(res, `${JSON.stringify(value)}\n`);
  leaveUnread(req);
}

function end(res: ServerResponse, body: string): void {
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.removeHeader('Connection');
  res.end(body);
}

/**
 * Stops reading a request that was answered early: node would read and drop the rest of its body, however long that
 * takes. The connection is cut a little later, so that the answer arrives before.
 */
function leaveUnread(req: IncomingMessage): void {
  if (req.complete || !hasBody(req)) return;
  req.pause();
  // Counts as reading; otherwise node would begin to drop the body once the answer is written.
  req.read(0);
  const timer = setTimeout(() => {
    if (!req.complete) req.destroy();
  }, LINGER_MS);
  // A body that has arrived in full but is not read keeps its request from closing.
  timer.unref();
  req.once('close', () => clearTimeout(timer));
}

/** Has the request a body? One without a body is not `complete` either while its head is handled. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
