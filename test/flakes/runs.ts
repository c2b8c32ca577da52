import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** What became of one run of one test file. */
export interface RunResult {
  readonly passed: boolean;
  readonly seconds: number;
  /** What it printed, both streams. */
  readonly output: string;
}

/** How much of a run's output is kept: a red run's last lines name the test and the assertion. */
const KEPT_CHARACTERS = 200_000;

/** The limit of one test, as in .mocharc.mjs. */
const TEST_TIMEOUT_MS = 120_000;

/** Runs one compiled test file in a mocha of its own, as `npm test` would. A run that never ends counts as red. */
export function runFile(root: string, file: string, limitMs: number): Promise<RunResult> {
  const began = performance.now();
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  // Without the options of .mocharc.mjs mocha runs the file in this very child, so that ending it ends the test.
  const options = ['--no-config', '--no-color', '--timeout', String(TEST_TIMEOUT_MS)];
  const child = spawn(process.execPath, ['--enable-source-maps', mocha, ...options, '--spec', file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (text: string): void => {
    output = (output + text).slice(-KEPT_CHARACTERS);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const timer = setTimeout(() => {
    keep(`\nstill running after ${limitMs / 1000} s: ended\n`);
    child.kill('SIGKILL');
  }, limitMs);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ passed: code === 0, seconds: (performance.now() - began) / 1000, output });
    });
  });
}

/** Keeps every core busy with a process that only counts, until it is stopped. */
export class BusyCores {
  private readonly children: readonly ChildProcess[];

  /** @param cores number of processes; by default one for each core */
  constructor(cores: number = availableParallelism()) {
    const spin =
      'process.on("disconnect", () => process.exit()); setInterval(() => { for (let i = 0; i < 1e8; i++); }, 0)';
    // The channel ends them with this process, however it ends.
    this.children = Array.from({ length: cores }, () =>
      spawn(process.execPath, ['-e', spin], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }),
    );
  }

  stop(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }
}

/** The titles of the tests that failed, from what mocha's spec reporter printed. */
export function failedTitles(output: string): readonly string[] {
  const summary = output.slice(output.lastIndexOf(' failing'));
  const titles: string[] = [];
  // A failure begins with its number; the lines of its title follow until the one that ends with a colon.
  let title: string[] | undefined;
  for (const line of summary.split('\n')) {
    const start = /^ {2}\d+\) (.*)$/.exec(line);
    if (start !== null) title = [];
    if (title === undefined) continue;
    title.push((start?.[1] ?? line).trim());
    if (!line.endsWith(':')) continue;
    titles.push(title.join(' ').slice(0, -1));
    title = undefined;
  }
  return titles;
}
