import { type CtlIo, ctlMain } from '@raft-ts/raftexample/internal';

/** What a run of `raftexample ctl` came to. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface More {
  readonly stdin?: string;
  readonly env?: CtlIo['env'];
  readonly stopping?: AbortSignal;
  readonly isTTY?: boolean;
  /** Hears what is printed, as it is. */
  readonly onOut?: (text: string) => void;
}

/** Runs `raftexample ctl` with these words, in this process. */
export async function ctl(words: readonly string[], more: More = {}): Promise<Ran> {
  const printed = { out: '', err: '' };
  const output = (name: 'out' | 'err'): CtlIo['stdout'] => ({
    isTTY: more.isTTY,
    write: (data, done) => {
      const piece = typeof data === 'string' ? data : Buffer.from(data).toString();
      printed[name] += piece;
      if (name === 'out') more.onOut?.(printed.out);
      done?.();
    },
  });
  const stdin = (async function* give(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(more.stdin ?? '');
  })();
  const io = { stdin, stdout: output('out'), stderr: output('err'), env: more.env ?? {} };
  const code = await ctlMain(words, more.stopping ?? new AbortController().signal, io);
  return { code, ...printed };
}
