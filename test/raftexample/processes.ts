import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { formatPeers, type Peer } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { reservePorts } from '../helpers/ports.js';

/** Longer than anything here takes on a busy machine; only a test that waits for what never comes gets there. */
const PATIENCE_MS = 60_000;

export interface Committed {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  /** Without its quotes, if nothing in it is escaped or cut. */
  readonly text: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process, what it has printed, and a way to wait for what it will print. */
export class Program {
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  /** The entries that it has logged as committed, in the order of its output. */
  readonly committed: Committed[] = [];
  /** Resolves once the process is gone and all it printed is in `lines` and `errors`. */
  readonly ended: Promise<Exit>;
  readonly process: ChildProcess;
  #watchers = new Set<() => void>();
  #exit: Exit | undefined;

  /**
   * The channel makes the process end when the test run is killed.
   * @param bin the name of a program of the package, or the path of one
   */
  constructor(
    bin: string,
    argv: readonly string[],
    { cwd, env, by = [] }: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly by?: readonly string[] },
  ) {
    const own = fileURLToPath(new URL('../../../raftexample/bin/', import.meta.url));
    const program = resolve(own, bin);
    const [command, ...words] = [...by, process.execPath, program, ...argv] as [string, ...string[]];
    this.process = spawn(command, words, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      cwd,
      env: { ...process.env, ...env },
    });
    // Not the event `close`: node does not emit it once the channel was disconnected from here.
    this.ended = Promise.all([
      once(this.process, 'exit'),
      this.#collect(this.process.stdout, (line) => {
        this.lines.push(line);
        this.committed.push(...committedOf([line]));
      }),
      this.#collect(this.process.stderr, (line) => this.errors.push(line)),
    ]).then(([[code, signal]]) => {
      this.#exit = { code, signal };
      this.#notify();
      return this.#exit;
    });
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  kill(signal: NodeJS.Signals): Promise<Exit> {
    this.process.kill(signal);
    return this.ended;
  }

  /** Resolves once it has ended by itself. */
  async exit(): Promise<Exit> {
    await this.until('its end', () => !this.running);
    return this.ended;
  }

  /** Resolves with the first line that matches, printed before or after this call. */
  async sees(pattern: RegExp): Promise<string> {
    let found: string | undefined;
    await this.until(`a line like ${pattern}`, () => {
      found = this.lines.find((line) => pattern.test(line));
      return found !== undefined;
    });
    return found as string;
  }

  /** Resolves once `condition` holds; looks again after each line. Rejects when the process ends first. */
  until(what: string, condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        done();
      };
      const fail = (why: string): void =>
        settle(() => reject(new Error(`${why} while waiting for ${what}; it printed:\n${this.#tail()}`)));
      const look = (): void => {
        if (condition()) settle(resolve);
        else if (!this.running) fail(`the process ended (${JSON.stringify(this.#exit)})`);
      };
      const timer = setTimeout(() => fail('too long'), PATIENCE_MS);
      this.#watchers.add(look);
      look();
    });
  }

  async #collect(stream: NodeJS.ReadableStream | null, take: (line: string) => void): Promise<void> {
    if (stream === null) throw new Error('spawned without a pipe');
    createInterface({ input: stream }).on('line', (line) => {
      take(line);
      this.#notify();
    });
    await once(stream, 'close');
  }

  #notify(): void {
    for (const look of this.#watchers) look();
  }

  #tail(): string {
    return [...this.lines.slice(-40), ...this.errors.slice(-10)].join('\n');
  }
}

export function committedOf(lines: readonly string[]): Committed[] {
  return lines.flatMap((line) => {
    const [, index, term, kind, text] = /committed index=(\d+) term=(\d+) kind=(\S+) text=(".*)$/u.exec(line) ?? [];
    if (text === undefined || kind === undefined) return [];
    const [, plain] = /^"([^"\\]*)"$/u.exec(text) ?? [];
    return [{ index: Number(index), term: Number(term), kind, text: plain ?? text }];
  });
}

/** The sequences have no gap in their indexes, terms never go back, and where two overlap they are the same. */
export function expectAgreement(sequences: readonly Committed[][]): void {
  const longest = sequences.reduce((a, b) => (a.length >= b.length ? a : b));
  expect(longest.map((entry) => entry.index)).to.deep.equal(longest.map((_, i) => i + 1));
  expect(longest.map((entry) => entry.term)).to.deep.equal(longest.map((entry) => entry.term).sort((a, b) => a - b));
  sequences.forEach((sequence, n) => {
    const at = sequence.findIndex((entry, i) => !isSame(entry, longest[i]));
    // The first difference tells more than two sequences of hundreds.
    if (at >= 0) expect(sequence[at], `entry ${at} of sequence ${n}`).to.deep.equal(longest[at]);
  });
}

function isSame(a: Committed, b: Committed | undefined): boolean {
  return a.index === b?.index && a.term === b.term && a.kind === b.kind && a.text === b.text;
}

const hellos = (member: Program): number => member.committed.filter((entry) => entry.text === 'hello').length;
export const lastIndex = (member: Program): number => member.committed.at(-1)?.index ?? 0;

/** Each member has committed `more` hellos beyond those it has now. */
export async function commitOn(members: readonly Program[], more = 3): Promise<void> {
  const goals = members.map((member) => hellos(member) + more);
  await Promise.all(
    members.map((member, i) => member.until(`${goals[i]} hellos`, () => hellos(member) >= (goals[i] ?? 0))),
  );
}

/** The member that won the last election that any of these saw. */
export async function leaderOf(members: readonly Program[]): Promise<Program> {
  const term = Math.max(...members.flatMap((member) => member.committed.map((entry) => entry.term)));
  const leader = members.find((member) =>
    member.lines.some((line) => new RegExp(`became leader at term ${term}$`, 'u').test(line)),
  );
  if (leader === undefined) throw new Error(`no member says that it leads at term ${term}`);
  return leader;
}

/** Members 1 to `count` on ports of 127.0.0.1 that are free now, and that nobody else gets. */
export async function freePeers(count: number): Promise<Peer[]> {
  const ports = await reservePorts(count);
  return ports.map((port, i) => ({ id: BigInt(i + 1), host: '127.0.0.1', port }));
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

/** Starts programs in a folder of their own, and ends what a test has left running. */
export class Programs {
  #started: Program[] = [];
  #folder: string | undefined;

  /** Where programs run: members find `data/member-N` here. Empty at first, and again after `endAll`. */
  get folder(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'raftexample-'));
    return this.#folder;
  }

  member(id: number, peers: readonly Peer[], ...flags: string[]): Program {
    return this.start('raftexample.js', ['--id', String(id), '--peers', formatPeers(peers), ...flags]);
  }

  /** @param by what starts it, as `ip netns exec NAME` does */
  start(bin: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}, by: readonly string[] = []): Program {
    const program = new Program(bin, argv, { cwd: this.folder, env, by });
    this.#started.push(program);
    return program;
  }

  /** Leaves the folder behind: `endAll` will not remove it. Returns where it is. */
  keepFolder(): string {
    const { folder } = this;
    this.#folder = undefined;
    return folder;
  }

  async endAll(): Promise<void> {
    const left = this.#started.splice(0).filter((program) => program.running);
    await Promise.all(left.map((program) => program.kill('SIGKILL')));
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true });
    this.#folder = undefined;
  }
}
