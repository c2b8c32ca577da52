/** The host's own, taken before a simulation keeps it from what runs inside. */
const { setImmediate, MessageChannel } = globalThis as unknown as {
  readonly setImmediate?: (call: () => void) => unknown;
  readonly MessageChannel: new () => {
    readonly port1: { onmessage: (() => void) | null; close(): void };
    readonly port2: { postMessage(message: unknown): void };
  };
};

/** Resolves in a later turn of the host's event loop: everything that promises lead to is done by then. */
export function hostTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (setImmediate !== undefined) {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
