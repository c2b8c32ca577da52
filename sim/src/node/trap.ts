import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire, syncBuiltinESMExports } from 'node:module';

/** A simulation did something that its seed does not decide. */
export class EscapeError extends Error {
  override readonly name = 'EscapeError';
  readonly code = 'ERR_RAFT_SIM_ESCAPE';
}

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
const require = createRequire(import.meta.url);

/** Traps what reads a clock, draws a number, sets a timer or reaches outside. Once for each process. */
function install(): void {
  if (installed) return;
  installed = true;
  const { Date: RealDate } = globalThis;
  trap(RealDate, 'now', 'Date.now()');
  trapNewDate(RealDate);
  trap(Math, 'random', 'Math.random()');
  trap(performance, 'now', 'performance.now()');
  trap(process, 'hrtime', 'process.hrtime()');
  trap(crypto, 'getRandomValues', 'crypto.getRandomValues()');
  trap(crypto, 'randomUUID', 'crypto.randomUUID()');
  for (const name of timers) trap(globalThis, name, `${name}()`);
  trap(globalThis, 'fetch', 'fetch()');
  const modules: Record<string, readonly string[]> = {
    'node:timers': timers,
    'node:timers/promises': ['setTimeout', 'setImmediate', 'setInterval'],
    'node:crypto': ['randomBytes', 'randomInt', 'randomUUID', 'randomFillSync'],
    'node:net': ['connect', 'createConnection', 'createServer'],
    'node:http': ['request', 'get', 'createServer'],
    'node:https': ['request', 'get', 'createServer'],
    'node:dns': ['lookup', 'resolve'],
    'node:child_process': ['spawn', 'exec', 'execFile', 'fork', 'spawnSync', 'execSync', 'execFileSync'],
  };
  for (const [module, names] of Object.entries(modules)) {
    for (const name of names) trap(require(module) as object, name, `${name}() of ${module}`);
  }
  for (const module of ['node:fs', 'node:fs/promises']) trapFiles(module);
  // Whoever has imported a name from these modules gets the trapped function too.
  syncBuiltinESMExports();
}

/** Every call of the file system, but for those that only make values. */
function trapFiles(module: string): void {
  const functions = require(module) as Functions;
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value === 'function' && /^[a-z]/.test(name)) trap(functions, name, `${name}() of ${module}`);
  }
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
