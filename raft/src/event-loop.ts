/**
 * Resolves after a turn of the host's event loop, in which timers and sockets run; a chain of awaited promises never
 * lets them. The core may not use timers, so it sends itself a message.
 *
 * Each turn has a channel of its own: Node.js handles up to a thousand messages of one port in a turn, so a second
 * message through the same port might not wait for another turn.
 */
export function turnOfEventLoop(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      // An open port would keep the process alive.
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
