import process from 'node:process';
import { printableLine } from '@raft-ts/proto';
import { StoreClient, StoreError } from '../client/index.js';
import { CommandError, LINE_LENGTH, parseFlags, UsageError } from '../common/usage.js';
import { explain, members, remove, transfer } from './cluster.js';
import { type CtlCommand, type CtlIo, exitCodeOf, type Values, write } from './command.js';
import { CtlExit, exitHelp } from './exit-codes.js';
import { asUsage, clientOptionsOf, commonFlags, commonHelp } from './flags.js';
import { add, replace } from './growth.js';
import { del, get, list, put, watch } from './keys.js';
import { lease } from './lease.js';
import { lock } from './lock.js';
import { snapshot } from './snapshot.js';
import { status } from './status.js';
import { txn } from './txn.js';

/** In the order of `--help`. */
export const commands: Readonly<Record<string, CtlCommand>> = {
  put,
  get,
  del,
  list,
  watch,
  txn,
  lease,
  lock,
  members,
  add,
  remove,
  replace,
  transfer,
  status,
  explain,
  snapshot,
};

/** A copy becomes a cluster of its own, in a folder of the machine where that begins: nothing to ask a store for. */
const RESTORES_ELSEWHERE =
  'a copy is restored into the folder of a new member, on its machine: raftexample restore --help';

const processIo: CtlIo = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env };

/**
 * The `raftexample ctl` command: one request to the store, or what goes on until `stopping`. Resolves to the exit code.
 */
export async function ctlMain(argv: readonly string[], stopping: AbortSignal, io: CtlIo = processIo): Promise<number> {
  const fail = async (message: string, exitCode: number): Promise<number> => {
    await write(io.stderr, `${printableLine(`raftexample ctl: ${message}`, LINE_LENGTH)}\n`);
    return exitCode;
  };
  try {
    return await carryOut(argv, stopping, io);
  } catch (error) {
    const cause = asUsage(error);
    if (cause instanceof CommandError) return fail(cause.message, cause.exitCode);
    if (cause instanceof StoreError)
      return fail(`${cause.message} (${cause.code}, ${cause.reason})`, exitCodeOf(cause));
    if (stopping.aborted) return fail('stopped before it was done', CtlExit.NotDone);
    throw error;
  }
}

async function carryOut([name, ...rest]: readonly string[], stopping: AbortSignal, io: CtlIo): Promise<number> {
  if (name === undefined || name === '--help') {
    await write(io.stdout, overview());
    return name === undefined ? CtlExit.Usage : CtlExit.Done;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (name === 'restore') throw new UsageError(RESTORES_ELSEWHERE);
  if (command === undefined) throw new UsageError(`there is no subcommand '${name}'; see raftexample ctl --help`);
  const { values, positionals } = parseFlags({
    args: [...rest],
    options: { ...command.options, ...commonFlags },
    allowPositionals: true,
  }) as { readonly values: Values; readonly positionals: string[] };
  if (values['help'] === true) {
    await write(io.stdout, helpOf(name, command));
    return CtlExit.Done;
  }
  const [fewest, most] = command.words;
  if (positionals.length < fewest || positionals.length > most)
    throw new UsageError(`it is called: raftexample ctl ${name} ${command.usage}; see --help`);
  const run = command.parse(positionals, values);
  await using client = new StoreClient(await clientOptionsOf(values, io.env));
  return await run({ client, io, stopping, json: values['json'] === true });
}

function overview(): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}\n`);
  return `Usage: raftexample ctl SUBCOMMAND [options]

Talks to a store whose members are \`raftexample kv\`.

${rows.join('')}
A copy that snapshot made becomes a new cluster by raftexample restore, on the machine of its first member.

raftexample ctl SUBCOMMAND --help has its flags, and examples. For all of them:

${commonHelp}
${exitHelp}`;
}

function helpOf(name: string, { usage, summary, help }: CtlCommand): string {
  const begin = `Usage: raftexample ctl ${name}${usage === '' ? '' : ` ${usage}`} [options]

${summary.replace(/^./u, (char) => char.toUpperCase())}.

`;
  return `${begin}${help.replace(/^\n/u, '')}
For all subcommands:
${commonHelp}
${exitHelp}`;
}
