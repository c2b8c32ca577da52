import type { Socket } from 'node:net';

/** As node's own listeners answer its parser about a request after which other bytes than HTTP come. */
const NO_MORE_HTTP = 2;

/**
 * Destroys a connection, and has nothing more made of what was read from it: node's parser goes on to the end of the
 * piece that it has, in one turn of the event loop, and makes a request and an answer of each of the thousands of
 * short requests that may stand there, although nobody could be answered.
 */
export function cut(socket: Socket): void {
  socket.destroy();
  const { parser } = socket as { readonly parser?: { onIncoming?: unknown } | null };
  // Node.js documents none of this. Should it change, a cut costs again what it did.
  if (typeof parser?.onIncoming === 'function') parser.onIncoming = () => NO_MORE_HTTP;
}
