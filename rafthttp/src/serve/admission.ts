import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { MAX_HEADERS, MAX_PIPELINED } from '../base/limits.js';
import { answer } from './answers.js';
import { cut } from './cut.js';

/**
 * Passes requests on to `listener`, unless they have more headers than any member sends, or their connection keeps
 * sending requests without waiting for answers: such a connection is cut, and its other requests are ignored.
 */
export function admit(listener: RequestListener, tooMany: () => void): RequestListener {
  /** Number of unanswered requests of each connection. */
  const unanswered = new WeakMap<Socket, number>();
  return (req: IncomingMessage, res: ServerResponse): void => {
    const { socket } = req;
    if (socket.destroyed) return;
    const count = (unanswered.get(socket) ?? 0) + 1;
    unanswered.set(socket, count);
    if (count > MAX_PIPELINED) {
      cut(socket);
      tooMany();
      return;
    }
    res.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    if (req.rawHeaders.length > 2 * MAX_HEADERS) {
      res.on('error', () => undefined);
      answer(req, res, 431, 'too many headers');
      return;
    }
    listener(req, res);
  };
}
