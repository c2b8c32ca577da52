import { readFileSync } from 'node:fs';
import process from 'node:process';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { printableLine } from '@raft-ts/proto';
import { ExitCode } from './exit-codes.js';

/** Longer than any line of ours; what is cut off a longer one comes from others. */
export const LINE_LENGTH = 4096;

/** A command that cannot go on; the message is the one line that the user sees. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A command line that cannot be carried out. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, ExitCode.Usage);
  }
}

/** What a command line asks for: to run with these options, to print a text, or something invalid. */
export type Command<Options> =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'refuse'; readonly reason: string };

/**
 * Carries out a command and resolves to its exit code: that of `run`; 0 after printing a text; or that of a
 * `CommandError`, after one line on standard error that starts with `name`.
 */
export async function carryOut<Options>(
  name: string,
  command: Command<Options>,
  run: (options: Options) => Promise<number>,
): Promise<number> {
  const refuse = ({ message, exitCode }: CommandError): number => {
    process.stderr.write(`${printableLine(`${name}: ${message}`, LINE_LENGTH)}\n`);
    return exitCode;
  };
  switch (command.kind) {
    case 'print':
      process.stdout.write(command.text);
      return ExitCode.Done;
    case 'refuse':
      return refuse(new UsageError(command.reason));
    case 'run':
      try {
        return await run(command.options);
      } catch (error) {
        if (error instanceof CommandError) return refuse(error);
        throw error;
      }
  }
}

type Flags = NonNullable<ParseArgsConfig['options']>;

/** What was given on a command line with these flags. */
type Given<F extends Flags> = ReturnType<typeof parseArgs<{ options: F; allowPositionals: true }>>;

/** The flags that every command has: each asks for a text in place of a run. */
const textFlags = { help: { type: 'boolean' }, version: { type: 'boolean' } } as const;

/**
 * Parses the command line of a command with these flags, and `--help` and `--version`. `read` makes the options of what
 * was given; a `UsageError` that it throws becomes a refusal.
 */
export function parseCommand<F extends Flags, Options>(
  argv: readonly string[],
  command: { readonly flags: F; readonly help: string; readonly allowPositionals?: boolean },
  read: (given: Given<F>) => Options,
): Command<Options> {
  const { flags, help, allowPositionals = false } = command;
  try {
    const given = parseFlags({ args: [...argv], allowPositionals, options: { ...flags, ...textFlags } });
    const asked = given.values as { readonly help?: boolean; readonly version?: boolean };
    if (asked.help === true) return { kind: 'print', text: help };
    if (asked.version === true) return { kind: 'print', text: `${packageVersion()}\n` };
    return { kind: 'run', options: read(given) };
  } catch (error) {
    if (error instanceof UsageError) return { kind: 'refuse', reason: error.message };
    throw error;
  }
}

/** Calls node's `parseArgs`; of its errors, the rest is for programmers. */
export function parseFlags<Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const [sentence = ''] = (error as Error).message.split(/\n|\. /u, 1);
    throw new UsageError(`${explained(sentence, config)}; see --help`);
  }
}

/** What begins with a hyphen may be meant as a value, such as a negative number. */
function explained(sentence: string, { allowPositionals = false }: ParseArgsConfig): string {
  const [, flag] = /^Option '(-[\w-]+)' argument is ambiguous/u.exec(sentence) ?? [];
  if (flag !== undefined) return `${flag} wants a value; one that begins with a hyphen is written ${flag}=VALUE`;
  const isUnknown = sentence.startsWith('Unknown option');
  return isUnknown && allowPositionals
    ? `${sentence}; what is no option but begins with a hyphen stands after --`
    : sentence;
}

/** The value of a flag that must be given. @throws UsageError without one */
export function needed(flag: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new UsageError(`${flag} is missing; see --help`);
  return value;
}

/** Parses a whole number in [min, max]; the error names the flag. */
export function parseWhole(flag: string, text: string, min: number, max: number): number {
  const value = /^\d+$/u.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${flag} wants a whole number from ${min} to ${max}, not '${text}'`);
}

/** Returns the folder that `--data` names; `undefined` if `--memory` stands in its place. */
export function parseFolder(
  { data, memory }: { readonly data?: string | undefined; readonly memory?: boolean | undefined },
  fallback: string,
): string | undefined {
  if (data === '') throw new UsageError("--data wants a folder, not ''");
  if (memory !== true) return data ?? fallback;
  if (data !== undefined) throw new UsageError('--data and --memory exclude each other');
  return undefined;
}

/** The version of this package. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
