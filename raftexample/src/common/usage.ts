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

/** Calls `read`; turns a `UsageError` that it throws into a refusal. */
export function asCommand<Options>(read: () => Command<Options>): Command<Options> {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) return { kind: 'refuse', reason: error.message };
    throw error;
  }
}

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

/** Calls node's `parseArgs`; cuts its errors to their first sentence, because the rest is for programmers. */
export function parseFlags<Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\n|\. /u, 1);
    throw new UsageError(`${sentence}; see --help`);
  }
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

/** The flags that ask for a text in place of a run. */
export const textFlags = { help: { type: 'boolean' }, version: { type: 'boolean' } } as const;

/** Returns what prints the text that these flags ask for, if they do. */
export function askedText(
  { help, version }: { readonly [Flag in keyof typeof textFlags]?: boolean | undefined },
  text: string,
): { readonly kind: 'print'; readonly text: string } | undefined {
  if (help === true) return { kind: 'print', text };
  return version === true ? { kind: 'print', text: `${packageVersion()}\n` } : undefined;
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
