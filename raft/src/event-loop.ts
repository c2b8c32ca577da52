/** A port as Node has it: it keeps the process alive while it is referenced. Browsers have no such thing. */
type Port = MessagePort & { ref?(): void; unref?(): void };

const waiting: (() => void)[] = [];
let ports: { receiver: Port; sender: MessagePort } | undefined;

function open(): { receiver: Port; sender: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    (port1 as Port).unref?.();
    for (const resolve of waiting.splice(0)) resolve();
  };
  return { receiver: port1, sender: port2 };
}

/**
 * Lets the host's event loop turn: what waits for timers and sockets runs before the promise resolves. A chain of
 * awaited promises alone never lets them. The core may use no timer, and a message to oneself is none.
 */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) > 1) return;
    // One channel for all, made when it is first needed: making one costs more than many turns.
    ports ??= open();
    ports.receiver.ref?.();
    ports.sender.postMessage(undefined);
  });
}
