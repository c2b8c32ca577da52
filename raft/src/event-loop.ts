/**
 * Lets the host's event loop turn: what waits for timers and sockets runs before the promise resolves. A chain of
 * awaited promises alone never lets them. The core may use no timer, and a message to oneself is none.
 *
 * Each turn has a channel of its own: Node.js takes up to a thousand messages of one port in one turn, so that a turn
 * asked for in answer to another one through the same port would be none.
 */
export function turnOfEventLoop(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      // Closing lets a process end that has nothing else to wait for.
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
