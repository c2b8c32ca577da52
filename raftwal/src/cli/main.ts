import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { backup } from '../backup.js';
import { codeOf, ERR_WAL_IO, type WalError } from '../base/errors.js';
import { decodeIdentity, identityText } from '../format/identity.js';
import { type LogPlace, repair } from '../read/repair.js';
import { verify } from '../read/verify.js';
import { dump } from './dump.js';
import { json, type Output, Progress, StandardOutput, shownHex } from './output.js';
import { checkSnapshots, isFolder } from './snapshots.js';

const usage = `usage: raft-wal COMMAND DIR [options]

DIR is a member's folder, or the folder of its log. Only repair without --dry-run changes anything.

  dump DIR             every record, with its place
    --from INDEX       only entries from this index on, and all other records
  verify DIR           checks every record and snapshot file; status 1 if something is wrong
  repair DIR           cuts off an unfinished write at the end, keeping a copy of the file as NAME.broken
    --dry-run          says what it would do
    --cut FILE:OFFSET  your decision: cut damage that may have been acknowledged, at exactly the place that verify names
  backup DIR TARGET    copies a member's folder, which may be in use

  --json               for programs: a line of JSON for each record, or one for the result
  --quiet              no progress

Exit status: 0 all is well; 1 something is wrong with the log, or it is in use; 2 the command line is wrong;
3 the system refused something (no rights, a failing or full disk, too many open files), which is named in one line.`;

/** The exit status if the system refuses something. */
const SYSTEM = 3;

/** The arguments of a command. */
interface Command {
  readonly positionals: readonly string[];
  readonly values: {
    readonly from?: string;
    readonly 'dry-run': boolean;
    readonly cut?: string;
    readonly json: boolean;
    readonly quiet: boolean;
  };
  readonly out: Output;
  readonly output: StandardOutput;
}

class UsageError extends Error {}

/** The reader of the output has ended, as in `raft-wal dump DIR | head`. */
class OutputClosed extends Error {}

const commands: Readonly<Record<string, (command: Command) => Promise<number>>> = {
  dump: async ({ positionals, values, out, output }) => {
    const from = values.from === undefined ? 0 : wholeNumber('--from', values.from);
    const whileRead: Output = (line) => {
      if (output.ended) throw new OutputClosed();
      out(line);
    };
    const { drained } = output;
    return await dump(await logOf(theOnly(positionals)), { from, json: values.json, out: whileRead, drained });
  },

  verify: async ({ positionals, values, out }) => {
    const dir = theOnly(positionals);
    const log = await logOf(dir);
    const progress = new Progress(log, values.quiet);
    const result = await verify(log, { progress: progress.add });
    progress.end();
    const snapshots = await checkSnapshots(dir);
    const broken = snapshots.filter(({ error }) => error !== undefined);
    const { damage, metadata, hardState, files, entries, lastIndex } = result;
    if (values.json) {
      const sound = damage === undefined && broken.length === 0;
      out(json({ sound, files, metadata: metadata ?? null, hardState, entries, lastIndex, damage, snapshots }));
    } else {
      const owner = decodeIdentity(metadata);
      const state = hardState ?? { term: 0, vote: 0n, commit: 0 };
      out(`files      ${files.length}, ${files[0]} to ${files.at(-1)}`);
      out(`owner      ${owner === undefined ? ownerText(metadata) : identityText(owner)}`);
      out(`state      term ${state.term}, vote ${state.vote.toString(16)}, commit ${state.commit}`);
      out(`entries    ${entries}, the last is ${lastIndex}`);
      for (const { name, error, bytes } of snapshots) out(`snapshot   ${name}, ${bytes} bytes, ${error ?? 'sound'}`);
      out(damage === undefined ? 'the log is sound' : `torn: ${damage.file} at byte ${damage.offset}: ${damage.why}`);
    }
    return damage === undefined && broken.length === 0 ? 0 : 1;
  },

  repair: async ({ positionals, values, out }) => {
    const dir = await logOf(theOnly(positionals));
    const cut = values.cut === undefined ? {} : { cut: placeOf(values.cut) };
    const dryRun = values['dry-run'];
    const { damage, broken } = await repair(dir, { dryRun, ...cut });
    if (values.json) out(json({ damage, broken, dryRun }));
    else if (damage === undefined) out('there is nothing to repair');
    else {
      const place = `${damage.file} at byte ${damage.offset} (${damage.what}: ${damage.why})`;
      if (dryRun) out(`would cut ${place}`);
      else out(`cut ${place}; ${broken === undefined ? 'no file was changed' : `the file as it was is ${broken}`}`);
    }
    return 0;
  },

  backup: async ({ positionals, values, out }) => {
    const [dir, target, ...rest] = positionals;
    if (dir === undefined || target === undefined || rest.length > 0)
      throw new UsageError('backup takes DIR and TARGET');
    if (!(await isFolder(join(dir, 'wal')))) throw new UsageError(`${dir} is not a member's folder: it has no wal`);
    const progress = new Progress(join(dir, 'wal'), values.quiet);
    const { files, lastIndex, snapshot } = await backup(dir, target, { progress: progress.add });
    progress.end();
    if (values.json) out(json({ target, files, lastIndex, snapshot }));
    else out(`${target}: ${files.length} files, snapshot ${snapshot.index}, entries to ${lastIndex}`);
    return 0;
  },
};

/** Runs the command line. Resolves to the exit status when all output has left the process. */
export async function main(args: readonly string[]): Promise<number> {
  const output = new StandardOutput();
  try {
    const status = await carryOut(args, output);
    await output.written();
    if (output.problem === undefined) return status;
    process.stderr.write(`cannot write the output: ${output.problem}\n`);
    return SYSTEM;
  } catch (error) {
    // A bug in this program: the output before it must not get lost.
    await output.written();
    throw error;
  }
}

async function carryOut(args: readonly string[], output: StandardOutput): Promise<number> {
  const out = output.print;
  let wantsJson = false;
  try {
    const { positionals, values } = parse(args);
    wantsJson = values.json;
    const [name, ...rest] = positionals;
    if (values.help || name === undefined) {
      out(usage);
      return values.help ? 0 : 2;
    }
    const run = commands[name];
    if (run === undefined) throw new UsageError(`unknown command ${name}`);
    return await run({ positionals: rest, values, out, output });
  } catch (error) {
    if (error instanceof UsageError || codeOf(error)?.startsWith('ERR_PARSE_ARGS') === true) {
      process.stderr.write(`${(error as Error).message}\n\n${usage}\n`);
      return 2;
    }
    if (error instanceof OutputClosed) return 0;
    if (codeOf(error)?.startsWith('ERR_RAFT_') !== true) throw error;
    const { code, message, reason, file, offset, operation, path } = error as WalError;
    if (wantsJson) out(json({ sound: false, code, message, reason, file, offset, operation, path }));
    else process.stderr.write(`${code}: ${message}\n`);
    return code === ERR_WAL_IO ? SYSTEM : 1;
  }
}

function ownerText(metadata: Uint8Array | undefined): string {
  return metadata === undefined ? 'no metadata' : `metadata ${shownHex(metadata)}`;
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      from: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      cut: { type: 'string' },
      json: { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
}

function theOnly(positionals: readonly string[]): string {
  const [dir, ...rest] = positionals;
  if (dir === undefined || rest.length > 0) throw new UsageError('give exactly one folder');
  return dir;
}

/** Returns the log in a member's folder, or the folder itself if it has none. */
async function logOf(dir: string): Promise<string> {
  const inner = join(dir, 'wal');
  return (await isFolder(inner)) ? inner : dir;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new UsageError(`${name} takes a whole number, not ${text}`);
  return value;
}

function placeOf(text: string): LogPlace {
  const colon = text.lastIndexOf(':');
  if (colon <= 0) throw new UsageError('--cut takes FILE:OFFSET');
  return { file: text.slice(0, colon), offset: wholeNumber('--cut', text.slice(colon + 1)) };
}
