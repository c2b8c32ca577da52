import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** A package.json, as far as these tests read it. */
export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** The repository's root: sources and compiled tests stand at different depths below it. */
export const root: string = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) || readManifest(folder).workspaces === undefined) {
    folder = dirname(folder);
  }
  return folder;
})();

export const workspaceFolders: readonly string[] = readManifest(root).workspaces ?? [];

export interface Finished {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run a program to its end; one that is not done in time is killed, and its code is null. */
export function run(
  program: string,
  args: readonly string[],
  { cwd, timeoutMs, env = {} }: { cwd: string; timeoutMs: number; env?: NodeJS.ProcessEnv },
): Promise<Finished> {
  return new Promise((resolve) => {
    const environment = { ...process.env, NO_COLOR: '1', ...env };
    const options = { cwd, env: environment, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 28 } as const;
    execFile(program, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

/** A new folder outside the repository, removed after the suite that asked for it. */
export async function scratchFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'raft-ts-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
