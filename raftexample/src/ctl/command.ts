import type { ParseArgsConfig } from 'node:util';
import type { StoreClient, StoreError } from '../client/index.js';
import { UsageError } from '../common/usage.js';
import { CtlExit } from './exit-codes.js';
import { toJson } from './table.js';

/** Where a command reads and writes: a process's, or a test's. */
export interface CtlIo {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: CtlOutput;
  readonly stderr: CtlOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface CtlOutput {
  /** Calls back once it is written, so that nobody writes faster than it is taken. */
  write(data: string | Uint8Array, done?: (error?: Error | null) => void): unknown;
  /** Does a person look at it? */
  readonly isTTY?: boolean | undefined;
}

/** The flags of one command, as they were given. */
export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

/** What a flag that takes a text was given; `undefined` if it was not. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** What a command works with. */
export interface CtlContext {
  readonly client: StoreClient;
  readonly io: CtlIo;
  /** Aborts when the process is to end. */
  readonly stopping: AbortSignal;
  /** For programs, rather than for people? */
  readonly json: boolean;
}

/** One subcommand. */
export interface CtlCommand {
  /** What follows its name, for `--help`: `KEY [VALUE]`. */
  readonly usage: string;
  /** In a line. */
  readonly summary: string;
  /** The rest of its `--help`: its flags, and examples. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many words may follow its name: the fewest and the most. */
  readonly words: readonly [number, number];
  /** Checks its command line, before anything is opened; returns what carries it out and resolves to the exit code. */
  readonly parse: (words: readonly string[], values: Values) => (context: CtlContext) => Promise<number>;
}

/** Prints a text for people, or a value for programs. */
export function print({ io, json }: CtlContext, value: unknown, text: string): Promise<void> {
  return write(io.stdout, json ? `${toJson(value)}\n` : text);
}

/** Says something beside the result. */
export function tell({ io }: CtlContext, text: string): Promise<void> {
  return write(io.stderr, `${text}\n`);
}

export function write(output: CtlOutput, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(data, (error) => (error instanceof Error ? reject(error) : resolve()));
  });
}

/** The exit code that says what the error of a read, or of a request that was refused, means. */
export function exitCodeOf({ code, status }: StoreError): number {
  if (code === 'ERR_CLIENT_ARGUMENT') return CtlExit.Usage;
  return passing.has(code) || status === 408 || status === 503 || status === 504 ? CtlExit.NotDone : CtlExit.Refused;
}

const passing: ReadonlySet<string> = new Set([
  'ERR_CLIENT_UNREACHABLE',
  'ERR_CLIENT_CONNECTION',
  'ERR_CLIENT_TIMEOUT',
  'ERR_CLIENT_ABORTED',
]);

/** Longest text that is read from standard input, in bytes: far more than a member takes. */
const LONGEST_INPUT = 64 * 2 ** 20;

/** All of standard input. @throws UsageError if it is too long */
export async function readAll({ stdin }: CtlIo): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    length += chunk.length;
    if (length > LONGEST_INPUT) throw new UsageError(`standard input is longer than ${LONGEST_INPUT} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
