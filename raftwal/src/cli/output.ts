import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** Where lines go. */
export type Output = (line: string) => void;

/** One line of JSON. Ids are decimal text, bytes hex. */
export function json(value: object): string {
  return JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === 'bigint') return one.toString();
    return one instanceof Uint8Array ? hex(one) : one;
  });
}

export function hex(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : Buffer.from(bytes).toString('hex');
}

/** Below this many bytes nobody waits long enough to wonder. */
const WORTH_IT = 128_000_000;

/** Says on the terminal how far a long reading has got. */
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
    // Whoever reads the folder says what is wrong with it.
  }
  return size;
}
