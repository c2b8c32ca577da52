import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { types } from 'node:util';
import { SHOWN_LENGTH } from '@raft-ts/proto';

/** Prints a line. */
export type Output = (line: string) => void;

/** Standard output. A reader may be slow, and may go away. */
export class StandardOutput {
  private readonly stream = process.stdout;
  private failure: NodeJS.ErrnoException | undefined = undefined;

  constructor() {
    // A command that changes files must not stop halfway because nobody reads its output: only printing stops.
    this.stream.on('error', (error: NodeJS.ErrnoException) => {
      this.failure ??= error;
    });
  }

  readonly print: Output = (line) => {
    if (this.failure === undefined) this.stream.write(`${line}\n`);
  };

  /** Whether output no longer arrives. */
  get ended(): boolean {
    return this.failure !== undefined;
  }

  /** Why output does not arrive; undefined if the reader just went away, as in `raft-wal dump DIR | head`. */
  get problem(): string | undefined {
    return this.failure === undefined || this.failure.code === 'EPIPE' ? undefined : this.failure.message;
  }

  /** Resolves when more can be printed without filling memory. */
  readonly drained = async (): Promise<void> => {
    if (this.failure === undefined && this.stream.writableNeedDrain) await this.written();
  };

  /** Resolves when all output has left this process, or cannot. */
  written(): Promise<void> {
    if (this.failure !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.stream.write('', () => resolve()));
  }
}

/** The longest value, in bytes, on a line of JSON. The hex of a very long entry would exceed the longest string. */
const JSON_BYTES = 1 << 20;

/**
 * Returns a line of JSON. Ids are decimal text, bytes are hex; more than 1 MiB becomes `{"first": HEX, "moreBytes":
 * NUMBER}`.
 */
export function json(value: object): string {
  // Not the second argument: for a Buffer, that is the result of `toJSON`.
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string): unknown {
    const one = this[key];
    if (typeof one === 'bigint') return one.toString();
    if (!types.isUint8Array(one)) return one;
    if (one.length <= JSON_BYTES) return hex(one);
    return { first: hex(one.subarray(0, JSON_BYTES)), moreBytes: one.length - JSON_BYTES };
  });
}

/** Returns bytes as hex for a text line: the first ones, and how many more there are. */
export function shownHex(bytes: Uint8Array): string {
  const more = bytes.length - SHOWN_LENGTH;
  return `${hex(bytes.subarray(0, SHOWN_LENGTH))}${more <= 0 ? '' : ` and ${more.toLocaleString('en-US')} more bytes`}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Below this many bytes the wait is too short for a progress display. */
const WORTH_IT = 128_000_000;

/** Shows the progress of a long read on the terminal. */
export class Progress {
  private readonly total: number;
  private readonly shown: boolean;
  private done = 0;
  private percent = -1;

  constructor(dir: string, quiet: boolean) {
    this.total = quiet ? 0 : sizeOf(dir);
    this.shown = this.total >= WORTH_IT && process.stderr.isTTY;
  }

  readonly add = (bytes: number): void => {
    this.done += bytes;
    const percent = Math.min(100, Math.floor((100 * this.done) / this.total));
    if (!this.shown || percent === this.percent) return;
    this.percent = percent;
    process.stderr.write(`\r${percent} % of ${Math.round(this.total / 1e6)} MB`);
  };

  end(): void {
    if (this.shown) process.stderr.write('\r\u001b[K');
  }
}

function sizeOf(dir: string): number {
  let size = 0;
  try {
    for (const name of readdirSync(dir)) if (name.endsWith('.wal')) size += statSync(join(dir, name)).size;
  } catch {
    // The command itself reports what is wrong with the folder.
  }
  return size;
}
