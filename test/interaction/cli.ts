import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RaftError, RaftPanic } from '@raft-ts/raft';
import { describeDifference } from '../datadriven/diff.js';
import { ScriptAbort } from '../datadriven/directive.js';
import { runScript, type ScriptRun } from '../datadriven/runner.js';
import { decodeText, encodeText } from '../datadriven/text.js';
import { createHandler, detectKind, isKind, KINDS, type Kind } from './kinds.js';
import { listScripts } from './scripts.js';

const USAGE = `Runs scripts of etcd's raft tests (datadriven files) against this implementation.

Usage: npm run interact -- [OPTION…] FILE-OR-FOLDER…

Without an option, prints each file with the outputs that this implementation produces.

  --check        compare with the outputs in the files and show what differs
  --write        put the produced outputs into the files
  --kind KIND    what the scripts are: ${KINDS.join(', ')}
                 (default: by the name of their folder, else by their commands)
  --help         this text

The last line counts files, directives and differences; it goes to stderr where the scripts go to stdout.
Exit code: 0, 1 if --check found a difference, 2 if a script cannot be read or cannot go on where etcd's
harness ends the test or panics.

Interaction scripts may use one command that etcd does not have: read-index NODE CONTEXT asks the node for a
linearizable read; the answer is among the ReadStates of one of its later Readys. Random election timeouts are
always the shortest unless set-randomized-election-timeout says otherwise.

Scripts that begin with the command simulation are what raft-sim writes of a broken rule. Their members have disks
that lose what is not synced; docs/simulation.md lists their commands. Of their differences --check shows the first,
from which the others follow.
`;

/** Where a command's words go; a test collects them. */
export interface Console {
  out(text: string | Uint8Array): void;
  error(text: string): void;
}

type Mode = 'print' | 'check' | 'write';

interface Totals {
  files: number;
  directives: number;
  differences: number;
  aborted: number;
}

class UsageError extends Error {}

interface Options {
  readonly help: boolean;
  readonly mode: Mode;
  readonly kind: Kind | undefined;
  readonly paths: readonly string[];
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      check: { type: 'boolean' },
      write: { type: 'boolean' },
      kind: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const { check = false, write = false, kind, help = false } = values;
  if (check && write) {
    throw new UsageError('--check and --write exclude each other');
  }
  if (kind !== undefined && !isKind(kind)) {
    throw new UsageError(`--kind must be one of ${KINDS.join(', ')}`);
  }
  if (positionals.length === 0 && !help) {
    throw new UsageError('name a file or a folder');
  }
  return { help, mode: check ? 'check' : write ? 'write' : 'print', kind, paths: positionals };
}

/** Why a script could not go on, in the words of whoever has to understand it. */
function describeAbort({ file, aborted }: ScriptRun): string {
  if (aborted === undefined) {
    return '';
  }
  const { cause, line, reason } = aborted;
  const where = `${file}:${line}`;
  if (cause instanceof RaftPanic) {
    return `${where}: panic: ${reason}\n`;
  }
  if (cause instanceof ScriptAbort || cause instanceof RaftError || !(cause instanceof Error)) {
    return `${where}: ${reason}\n`;
  }
  return `${where}: ${cause.stack ?? reason}\n`;
}

function runFile(file: string, path: string, options: Options, console: Console): ScriptRun {
  const text = decodeText(readFileSync(path));
  const kind = options.kind ?? detectKind(path, text);
  const run = runScript(file, text, createHandler(kind));
  if (options.mode === 'print') {
    console.out(encodeText(run.produced));
  } else if (options.mode === 'check') {
    // What a simulation did hangs together: whatever comes after the first difference follows from it.
    const shown = kind === 'simulation' ? run.differences.slice(0, 1) : run.differences;
    for (const difference of shown) {
      console.out(`${describeDifference(difference)}\n\n`);
    }
    const more = run.differences.length - shown.length;
    if (more > 0) {
      console.out(`${file}: ${plural(more, 'more difference')} after it\n\n`);
    }
  } else if (run.aborted === undefined && run.produced !== text) {
    writeFileSync(path, encodeText(run.produced));
  }
  console.error(describeAbort(run));
  return run;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function summarize({ files, directives, differences, aborted }: Totals): string {
  const ended = aborted === 0 ? '' : `, ${plural(aborted, 'script')} ended early`;
  return `${plural(files, 'file')}, ${plural(directives, 'directive')}, ${plural(differences, 'difference')}${ended}\n`;
}

/**
 * The command `npm run interact`.
 * @param directory what relative paths are relative to
 * @returns the exit code
 */
export function interact(args: readonly string[], directory: string, console: Console): number {
  let options: Options;
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (options.help) {
    console.out(USAGE);
    return 0;
  }
  const totals: Totals = { files: 0, directives: 0, differences: 0, aborted: 0 };
  try {
    const files = options.paths.flatMap((path) => listScripts(directory, path));
    for (const file of files) {
      if (options.mode === 'print' && files.length > 1) {
        console.out(`==> ${file} <==\n`);
      }
      const run = runFile(file, resolve(directory, file), options, console);
      totals.files++;
      totals.directives += run.directives;
      totals.differences += run.differences.length;
      totals.aborted += run.aborted === undefined ? 0 : 1;
    }
  } catch (error) {
    console.error(`${(error as Error).message}\n`);
    return 2;
  }
  if (options.mode === 'print') {
    console.error(summarize(totals));
  } else {
    console.out(summarize(totals));
  }
  if (totals.aborted > 0) {
    return 2;
  }
  return options.mode === 'check' && totals.differences > 0 ? 1 : 0;
}
