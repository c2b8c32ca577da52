/** Time, and the turns of the event loop. Everything in this package that waits asks for it here. */
export interface Clock {
  /** Milliseconds on a clock that never goes back, and that counts while the process is frozen. */
  monotonic(): number;
  /** Milliseconds since 1970, as far as the machine knows. */
  wall(): number;
  /** Calls back once, after at least `ms` milliseconds. @returns cancels it */
  after(ms: number, call: () => void): () => void;
  /** Calls back in a later turn of the event loop: what waits there, sockets above all, comes first. */
  soon(call: () => void): void;
}

/** Returns the host's clock. In Node.js `setImmediate` ends a turn; elsewhere a message to oneself does. */
export function systemClock(): Clock {
  return {
    monotonic: () => performance.now(),
    wall: () => Date.now(),
    after(ms, call) {
      const timer = setTimeout(call, ms);
      return () => clearTimeout(timer);
    },
    soon: soonOf(globalThis as { readonly setImmediate?: (call: () => void) => unknown }),
  };
}

function soonOf({
  setImmediate,
}: {
  readonly setImmediate?: (call: () => void) => unknown;
}): (call: () => void) => void {
  if (setImmediate !== undefined) return (call) => void setImmediate(call);
  return (call) => {
    // A channel for each turn: some hosts take many messages of one port in one turn.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      call();
    };
    port2.postMessage(undefined);
  };
}
