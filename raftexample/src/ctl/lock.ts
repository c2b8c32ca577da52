import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Lock } from '../client/index.js';
import { parseDuration } from '../common/duration.js';
import { UsageError } from '../common/usage.js';
import { type CtlCommand, type CtlContext, print, tell, textOf, type Values } from './command.js';
import { CtlExit } from './exit-codes.js';

/** The longest that a timer of Node.js takes. */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

export const lock: CtlCommand = {
  usage: 'NAME [-- COMMAND …]',
  summary: 'holds a lock while COMMAND runs; without COMMAND, until it is stopped',
  help: `  --ttl DURATION    how long the lock outlives this process if it is killed (default 10s)
  --wait DURATION   how long to wait if somebody else holds it (default: until it is free)
  --no-wait         do not wait

COMMAND finds a number in $RAFTEXAMPLE_FENCE that is higher each time somebody takes the lock: whatever it changes
should refuse one that is lower than the highest it has seen. If the lock is lost, COMMAND is sent SIGTERM. The exit
code is that of COMMAND, 3 if somebody else holds the lock, and 1 if it was lost.

Examples:
  raftexample ctl lock nightly -- ./backup.sh
  raftexample ctl lock nightly --no-wait -- ./backup.sh
`,
  options: { ttl: { type: 'string' }, wait: { type: 'string' }, 'no-wait': { type: 'boolean' } },
  words: [1, Number.POSITIVE_INFINITY],
  parse: ([name, ...command], values) => {
    const ttlMs = duration(values, 'ttl');
    const waitMs = values['no-wait'] === true ? 0 : duration(values, 'wait');
    if (values['no-wait'] === true && values['wait'] !== undefined)
      throw new UsageError('--wait and --no-wait exclude each other');
    return async (context) => {
      const { client, stopping: signal } = context;
      const held = await client.lock(name as string, { ttlMs, waitMs, signal });
      if (held === undefined) {
        await tell(context, 'not taken: somebody else holds it');
        return CtlExit.Condition;
      }
      try {
        return await (command.length === 0 ? hold(context, held) : run(context, held, command));
      } finally {
        await held
          .close()
          .catch((error: unknown) => tell(context, `it was not given back, and is free in a while: ${String(error)}`));
      }
    };
  },
};

function duration(values: Values, name: string): number | undefined {
  const text = textOf(values, name);
  return text === undefined ? undefined : parseDuration(`--${name}`, text);
}

async function hold(context: CtlContext, { name, fence, lost }: Lock): Promise<number> {
  const { stopping } = context;
  // Keeping a lease does not keep the process alive.
  const alive = setInterval(() => {}, LONGEST_INTERVAL_MS);
  try {
    await print(context, { name, fence }, `held, fence ${fence}\n`);
    await new Promise<void>((resolve) => {
      for (const signal of [lost, stopping]) {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      }
    });
  } finally {
    clearInterval(alive);
  }
  return stopping.aborted ? CtlExit.Done : sayLost(context);
}

async function sayLost(context: CtlContext): Promise<number> {
  await tell(context, 'the lock was lost: no member has kept it in time');
  return CtlExit.Refused;
}

async function run(
  context: CtlContext,
  { fence, lost }: Lock,
  [program, ...words]: readonly string[],
): Promise<number> {
  const { io, stopping } = context;
  const env = { ...io.env, RAFTEXAMPLE_FENCE: String(fence) };
  const child = spawn(program as string, words, { stdio: 'inherit', env });
  const stop = (): void => void child.kill('SIGTERM');
  for (const signal of [lost, stopping]) signal.addEventListener('abort', stop, { once: true });
  if (lost.aborted || stopping.aborted) stop();
  try {
    const code = await exitOf(child);
    return lost.aborted && !stopping.aborted ? await sayLost(context) : code;
  } finally {
    for (const signal of [lost, stopping]) signal.removeEventListener('abort', stop);
  }
}

/** The exit code, as a shell tells it. */
function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new UsageError(`cannot run the command: ${error.message}`)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
