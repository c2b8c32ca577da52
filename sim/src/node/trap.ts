import { AsyncLocalStorage } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';

/** A simulation did something that its seed does not decide. */
export class EscapeError extends Error {
  override readonly name = 'EscapeError';
  /** Inside a simulation, something asked the real clock, randomness, network or disk; the text names the call. */
  readonly code = 'ERR_RAFT_SIM_ESCAPE';
}

// So that it takes what it needs of the host before that is trapped.
export { hostTurn } from '../base/turn.js';

type Functions = Record<string, unknown>;

const inside = new AsyncLocalStorage<boolean>();
let installed = false;

/** Puts a function in the place of `owner[name]` that throws inside a simulation, and is the original outside. */
function trap(owner: object, name: string, shown: string): void {
  const functions = owner as Functions;
  const original = functions[name];
  if (typeof original !== 'function') return;
  const trapped = function (this: unknown, ...args: unknown[]): unknown {
    if (inside.getStore() === true) throw escape(shown);
    return new.target === undefined
      ? Reflect.apply(original, this, args)
      : Reflect.construct(original, args, new.target);
  };
  // What hangs on the function, such as `setTimeout[promisify.custom]` and `Date.UTC`, stays.
  Object.defineProperties(trapped, Object.getOwnPropertyDescriptors(original));
  // Some have a getter only.
  Object.defineProperty(owner, name, { value: trapped, writable: true, configurable: true, enumerable: true });
}

function escape(what: string): EscapeError {
  const error = new EscapeError();
  Error.captureStackTrace(error, escape);
  const line = error.stack?.split('\n').find((text) => /^\s+at /.test(text) && !text.includes('/node/trap.'));
  error.message = `${what} inside a simulation, whose seed does not decide it${line === undefined ? '' : `,${line.replace(/^\s+at/, ' at')}`}`;
  return error;
}

const timers = ['setTimeout', 'setInterval', 'setImmediate'];

/** What tells how long the process runs, what it has used, or what the machine has left. */
const ofProcess = ['uptime', 'cpuUsage', 'resourceUsage', 'memoryUsage', 'availableMemory', 'constrainedMemory'];

/** The functions of a module that are trapped; every one if undefined. */
const modules: Record<string, readonly string[] | undefined> = {
  'node:timers': timers,
  'node:timers/promises': timers,
  'node:crypto': [
    'randomBytes',
    'randomInt',
    'randomUUID',
    'randomFill',
    'randomFillSync',
    'pseudoRandomBytes',
    'generateKey',
    'generateKeySync',
    'generateKeyPair',
    'generateKeyPairSync',
    'generatePrime',
    'generatePrimeSync',
  ],
  'node:net': ['connect', 'createConnection', 'createServer'],
  'node:tls': ['connect', 'createServer'],
  'node:dgram': ['createSocket'],
  'node:http': ['request', 'get', 'createServer'],
  'node:https': ['request', 'get', 'createServer'],
  'node:http2': ['connect', 'createServer', 'createSecureServer'],
  'node:dns': undefined,
  'node:dns/promises': undefined,
  'node:child_process': undefined,
  'node:worker_threads': ['Worker'],
  'node:os': ['uptime', 'loadavg', 'freemem', 'networkInterfaces'],
  'node:fs': undefined,
  'node:fs/promises': undefined,
};

/** A module of Node.js as an object whose functions can be replaced, also in a bundle. */
function builtin(name: string): object {
  return process.getBuiltinModule(name) as object;
}

/** Traps what reads a clock, draws a number, sets a timer or reaches outside. Once for each process. */
function install(): void {
  if (installed) return;
  installed = true;
  const { Date: RealDate } = globalThis;
  trap(RealDate, 'now', 'Date.now()');
  trapNewDate(RealDate);
  trap(Math, 'random', 'Math.random()');
  for (const name of ['now', 'mark', 'measure']) trap(performance, name, `performance.${name}()`);
  trap(process, 'hrtime', 'process.hrtime()');
  trap(process.hrtime, 'bigint', 'process.hrtime.bigint()');
  for (const name of ofProcess) trap(process, name, `process.${name}()`);
  trap(crypto, 'getRandomValues', 'crypto.getRandomValues()');
  trap(crypto, 'randomUUID', 'crypto.randomUUID()');
  trap(crypto.subtle, 'generateKey', 'crypto.subtle.generateKey()');
  for (const name of timers) trap(globalThis, name, `${name}()`);
  trap(AbortSignal, 'timeout', 'AbortSignal.timeout()');
  for (const name of ['fetch', 'WebSocket', 'EventSource']) trap(globalThis, name, `${name}()`);
  for (const [module, names] of Object.entries(modules)) {
    const functions = builtin(module) as Functions;
    for (const name of names ?? callsOf(functions)) trap(functions, name, `${name}() of ${module}`);
  }
  // Whoever makes a socket or a server as an object gets no further.
  const { Socket, Server } = builtin('node:net') as typeof import('node:net');
  trap(Socket.prototype, 'connect', 'connect() of a socket');
  trap(Server.prototype, 'listen', 'listen() of a server');
  // Whoever has imported a name from these modules gets the trapped function too.
  syncBuiltinESMExports();
}

/** The names of a module's functions, but for its classes and what is not called. */
function callsOf(functions: Functions): string[] {
  return Object.keys(functions).filter((name) => typeof functions[name] === 'function' && /^[a-z]/.test(name));
}

/** `new Date()` reads the clock; `new Date(0)` does not. */
function trapNewDate(RealDate: DateConstructor): void {
  globalThis.Date = new Proxy(RealDate, {
    construct(target, args: unknown[], newTarget) {
      if (args.length === 0 && inside.getStore() === true) throw escape('new Date()');
      return Reflect.construct(target, args, newTarget) as object;
    },
    apply(target, self, args: unknown[]) {
      if (inside.getStore() === true) throw escape('Date()');
      return Reflect.apply(target, self, args) as string;
    },
  });
}

/**
 * Runs something, and everything that it starts, with the host's clocks, timers, random numbers, files and sockets out
 * of reach: using one throws an `EscapeError` that names the line. Whatever runs beside it, such as a test runner's
 * timers, keeps them.
 */
export function withoutHost<T>(run: () => T): T {
  install();
  return inside.run(true, run);
}
