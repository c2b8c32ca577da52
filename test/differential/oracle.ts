import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../interaction/testdata.js';

const folder = join(repositoryRoot, 'test/differential/go');
const program = join(repositoryRoot, 'test/dist/differential/oracle');

/** Builds the other side. Where that cannot be done, says why. */
export function buildOracle(): { readonly problem: string } | undefined {
  mkdirSync(join(program, '..'), { recursive: true });
  try {
    execFileSync('go', ['build', '-o', program, '.'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 300_000,
    });
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { problem: 'Go is not installed' };
    const said = ((error as { stderr?: string }).stderr ?? '').trim();
    return { problem: `go build failed: ${said.split('\n').at(-1) || (error as Error).message}` };
  }
}

/** The other side ended, or did not answer, while it owed an answer. */
export class OracleDeath extends Error {}

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: OracleDeath) => void;
}

/** Longer than any request takes; what takes longer does not end. */
const ANSWER_LIMIT_MS = 60_000;

/**
 * etcd's raft in a process of its own, which answers requests in their order. It is started when it is asked, and anew
 * when it has died.
 */
export class Oracle {
  #child: ChildProcessWithoutNullStreams | undefined;
  #waiting: Waiting[] = [];
  #chunks: Buffer[] = [];
  #size = 0;
  /** Size of the answer that is arriving, with its head; undefined until its head has arrived. */
  #expected: { readonly head: number; readonly size: number } | undefined;
  #complaint = '';
  #timer: NodeJS.Timeout | undefined;

  /** What the other side makes of a script, or of the lines of a session. */
  ask(kind: 'script' | 'session', lines: readonly string[]): Promise<string> {
    this.#child ??= this.#start();
    const { stdin } = this.#child;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#watch();
      stdin.write(`${kind} ${lines.length}\n${lines.map((line) => `${line}\n`).join('')}`);
    });
  }

  /** Asks once more if the other side died of another request. */
  async askAgain(kind: 'script' | 'session', lines: readonly string[]): Promise<string> {
    const alone = this.#queue.then(() => this.ask(kind, lines));
    this.#queue = alone.catch(() => {});
    return alone;
  }
  #queue: Promise<unknown> = Promise.resolve();

  close(): void {
    clearTimeout(this.#timer);
    this.#child?.stdin.end();
    this.#child = undefined;
  }

  #start(): ChildProcessWithoutNullStreams {
    // One core: the run is to be a quiet neighbour.
    const child = spawn(program, [], { env: { ...process.env, GOMAXPROCS: '1' } });
    this.#chunks = [];
    this.#size = 0;
    this.#expected = undefined;
    this.#complaint = '';
    child.stdout.on('data', (chunk: Buffer) => this.#take(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      this.#complaint = `${this.#complaint}${chunk.toString()}`.slice(-2000);
    });
    // A process that has died takes no more requests; that is known by its end.
    child.stdin.on('error', () => {});
    const died = (): void => this.#died(child);
    child.on('error', died);
    child.on('close', died);
    return child;
  }

  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) {
      this.#timer = setTimeout(() => this.#child?.kill('SIGKILL'), ANSWER_LIMIT_MS);
    }
  }

  #died(child: ChildProcessWithoutNullStreams): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    clearTimeout(this.#timer);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(new OracleDeath(this.#complaint));
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#arrived()) {
      const { head, size } = this.#expected as { head: number; size: number };
      const all = this.#joined();
      this.#waiting.shift()?.resolve(all.toString('utf8', head, size));
      this.#chunks = [all.subarray(size)];
      this.#size = all.length - size;
      this.#expected = undefined;
      this.#watch();
    }
  }

  /** Has a whole answer arrived? */
  #arrived(): boolean {
    if (this.#expected === undefined) {
      const all = this.#joined();
      const end = all.indexOf(0x0a);
      if (end < 0) return false;
      this.#expected = { head: end + 1, size: end + 1 + Number(all.toString('latin1', 2, end)) };
    }
    return this.#size >= this.#expected.size;
  }

  #joined(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }
}
