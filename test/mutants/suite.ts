import { type ChildProcess, spawn } from 'node:child_process';
import { join, relative } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MARK, type SuiteEvent } from './reporter.js';

/** A test that runs longer than this hangs. */
const HANGS_MS = 20_000;

/** A rule that is broken can make a loop allocate for ever. */
const MEMORY_MB = 1024;

export interface TestPlace {
  /** The compiled test, from the root of the copy. */
  readonly file: string;
  readonly title: string;
}

/** How a run of the suite ended, which is with the first assertion that fails. */
export type Run =
  /** `vain` is the first test, if any, that waited too long for what never came: no assertion noticed. */
  | { readonly kind: 'passed'; readonly tests: number; readonly vain: TestPlace | undefined }
  | { readonly kind: 'failed'; readonly by: TestPlace; readonly message: string }
  /** The process died, or the test never ended. */
  | { readonly kind: 'hung' | 'crashed'; readonly by: TestPlace }
  | { readonly kind: 'out of time' }
  /** The process ended before its first test, or between two, or was ended by somebody else. */
  | { readonly kind: 'broken off'; readonly message: string };

type Ending = 'by itself' | 'hung' | 'out of time' | 'from outside';

/** No process ends with these unless another one wants it to. */
const outside: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL']);

/** Follows the events of a run until the process ends. */
class Observer {
  private readonly root: string;
  private tests = 0;
  private since = Date.now();
  private current: TestPlace | undefined;
  private vain: TestPlace | undefined;
  private failure: Run | undefined;
  private ended = false;

  constructor(root: string) {
    this.root = root;
  }

  /** Returns whether there is nothing more to learn. */
  take(event: SuiteEvent): boolean {
    if (event.kind === 'end') {
      this.ended = true;
      return false;
    }
    const place = { file: relative(this.root, event.file), title: event.title };
    switch (event.kind) {
      case 'begin':
        this.current = place;
        this.since = Date.now();
        return false;
      case 'pass':
        this.tests++;
        this.current = undefined;
        return false;
      case 'vain':
        this.tests++;
        this.vain ??= place;
        this.current = undefined;
        return false;
      case 'fail':
        this.failure = { kind: 'failed', by: place, message: event.message };
        return true;
    }
  }

  hangs(limitMs: number): boolean {
    return this.current !== undefined && Date.now() - this.since > limitMs;
  }

  result(why: Ending, remains: string): Run {
    if (this.failure !== undefined) return this.failure;
    if (why === 'out of time') return { kind: 'out of time' };
    if (this.current !== undefined && why !== 'from outside') {
      return { kind: why === 'hung' ? 'hung' : 'crashed', by: this.current };
    }
    if (this.ended && this.tests > 0) return { kind: 'passed', tests: this.tests, vain: this.vain };
    return { kind: 'broken off', message: `after ${this.tests} tests, ${remains.trim()}` };
  }
}

/** Ends mocha and the processes that its tests have started. */
function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // They have ended.
  }
}

/** Runs these files of compiled tests in a process of its own, in this order, until an assertion fails. */
export function runSuite(root: string, specs: readonly string[], limitMs: number, hangsMs = HANGS_MS): Promise<Run> {
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const reporter = fileURLToPath(new URL('reporter.js', import.meta.url));
  const options = ['--no-config', '--no-package', '--timeout', String(hangsMs), '--reporter', reporter];
  const child = spawn(process.execPath, [`--max-old-space-size=${MEMORY_MB}`, mocha, ...options, ...specs], {
    cwd: root,
    // A group of its own, with the members and clients that tests start.
    detached: true,
    // A broken rule shows soon, or in another test: what searches at random for long need not do so here.
    env: { ...process.env, RAFT_TS_HOSTILE_RUNS: '50' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killWithMe = (): void => kill(child);
  process.on('exit', killWithMe);
  const observer = new Observer(root);
  let why: Ending = 'by itself';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(0, 1_000);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith(MARK)) return;
    if (observer.take(JSON.parse(line.slice(MARK.length)) as SuiteEvent)) kill(child);
  });
  const end = (reason: typeof why): void => {
    why = reason;
    kill(child);
  };
  const limit = setTimeout(() => end('out of time'), limitMs);
  const watch = setInterval(() => {
    if (observer.hangs(hangsMs)) end('hung');
  }, 250);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      clearInterval(watch);
      process.off('exit', killWithMe);
      kill(child);
      if (why === 'by itself' && signal !== null && outside.has(signal)) why = 'from outside';
      resolve(observer.result(why, `with ${code ?? signal}: ${stderr}`));
    });
  });
}
