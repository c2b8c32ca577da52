/** Etcd's own log and snapshot packages, as small programs that are built if there is a Go toolchain. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../../raftwal/go', import.meta.url));

export const releases = ['v37', 'v36', 'v35'] as const;
export type Release = (typeof releases)[number];

export interface GoLog {
  error: string;
  verify: string;
  metadata: string;
  term: number;
  vote: number;
  commit: number;
  entries: { index: number; term: number; type: number; data: string }[] | null;
  marks: string[] | null;
}

let folder: string | undefined;

/** Builds the program of this release. A text says why that is not possible. */
export function build(release: Release): { readonly binary: string } | string {
  folder ??= mkdtempSync(join(tmpdir(), 'raft-wal-go-'));
  const binary = join(folder, release);
  const options = { cwd: join(sources, release), encoding: 'utf8' as const, timeout: 300_000 };
  const { status, stderr, error } = spawnSync('go', ['build', '-o', binary, '.'], options);
  if (status === 0) return { binary };
  return error === undefined ? `the Go program cannot be built: ${stderr.trim()}` : 'there is no Go toolchain';
}

/** Runs a command of the program. */
export function go(binary: string, ...args: (string | number)[]): unknown {
  const { status, stdout, stderr } = spawnSync(binary, args.map(String), { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${binary} ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Opens a log and holds it until `release`. Resolves to the error of opening it. */
export async function hold(binary: string, dir: string): Promise<{ error: string; release: () => Promise<void> }> {
  const child: ChildProcess = spawn(binary, ['hold', dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  const [line] = (await new Promise<string[]>((resolve) => lines.once('line', (text) => resolve([text])))) as [string];
  const release = async (): Promise<void> => {
    child.stdin?.end();
    await ended;
  };
  return { error: (JSON.parse(line) as { error: string }).error, release };
}
