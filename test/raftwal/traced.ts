import type { Fs } from '@raft-ts/raftwal';
import { readFully } from '@raft-ts/raftwal/internal';
import { type Call, Disk, SimFs, type SimFsOptions } from '@raft-ts/sim/disk';

const nameOf = (path: string): string => path.split('/').at(-1) ?? path;

/** A simulated file system that remembers its calls, and which handles are open. */
export class TracedFs extends SimFs {
  readonly calls: Call[];
  readonly #counts: Map<string, number>;

  constructor(options: SimFsOptions = {}, disk = new Disk()) {
    const calls: Call[] = [];
    const counts = new Map<string, number>();
    super(disk, {
      ...options,
      onCall: (call) => {
        calls.push(call);
        if (call.op === 'close') counts.set(call.path, (counts.get(call.path) ?? 0) - 1);
        options.onCall?.(call);
      },
    });
    this.calls = calls;
    this.#counts = counts;
  }

  override async open(...args: Parameters<SimFs['open']>): ReturnType<SimFs['open']> {
    const file = await super.open(...args);
    this.#counts.set(args[0], (this.#counts.get(args[0]) ?? 0) + 1);
    return file;
  }

  /** Files that are open. A second close of a handle makes a negative number. */
  get leftOpen(): string[] {
    return [...this.#counts].filter(([, count]) => count !== 0).map(([path, count]) => `${nameOf(path)}: ${count}`);
  }

  /** Calls of these kinds, as `op name`, since the call at `from`. */
  trace(ops: readonly Call['op'][], from = 0): string[] {
    return this.calls
      .slice(from)
      .filter(({ op }) => ops.includes(op))
      .map(({ op, path, from: old }) => `${op} ${old === undefined ? '' : `${nameOf(old)} `}${nameOf(path)}`);
  }
}

/** All bytes of a file. */
export async function contents(fs: Fs, path: string): Promise<Uint8Array> {
  const file = await fs.open(path);
  const bytes = new Uint8Array(await file.size());
  await readFully(file, bytes, 0);
  await file.close();
  return bytes;
}

/** Writes over a part of a file that is there. */
export async function overwrite(fs: Fs, path: string, at: number, bytes: Uint8Array): Promise<void> {
  const file = await fs.open(path, { write: true });
  await file.write(bytes, at);
  await file.close();
}
