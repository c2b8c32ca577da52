/** Processes that a bench starts: what they take of memory and time, and their end, also if it is interrupted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Ticks of a second in the times of /proc. */
const TICKS = 100;

/** One process, by its number in /proc. */
export class Usage {
  readonly pid: number;

  constructor(pid: number) {
    this.pid = pid;
  }

  /** Tells whether this machine says what `Usage` asks. */
  static get available(): boolean {
    return existsSync('/proc/self/clear_refs');
  }

  /** MiB that are resident now. */
  get residentMib(): number {
    return this.status('VmRSS');
  }

  /** MiB that were resident at most since `watch`, or since the start. */
  get peakMib(): number {
    return this.status('VmHWM');
  }

  /** Begins to measure the peak anew. */
  watch(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  /** Seconds of processor time since the start. */
  get cpuSeconds(): number {
    const [, rest] = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ') as [string, string];
    const [user, system] = rest.split(' ').slice(11, 13).map(Number) as [number, number];
    return (user + system) / TICKS;
  }

  private status(field: string): number {
    const [, kib] =
      new RegExp(`^${field}:\\s+(\\d+) kB$`, 'mu').exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kib) / 1024);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface Started {
  readonly usage: Usage;
  readonly child: ChildProcess;
  /** What it printed last, and what of it as errors. */
  readonly lines: string[];
  readonly errors: string[];
}

/** What one bench has started, and the folder in which it works. */
export class Workshop {
  readonly folder: string;
  private readonly running = new Set<ChildProcess>();
  private closing: Promise<void> | undefined;

  /** @param dir where the folder is made: the disk that is measured */
  constructor(dir: string, name: string) {
    this.folder = mkdtempSync(join(dir, `bench-${name}-`));
    for (const signal of SIGNALS) process.once(signal, this.interrupt);
  }

  /** @param own whether it is one of our programs, which ends with its parent */
  start(command: string, words: readonly string[], own: boolean): Started {
    if (this.closing !== undefined) throw new Error('this bench is over');
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe', ...(own ? ['ipc' as const] : [])] });
    if (child.pid === undefined) throw new Error(`cannot start ${command}`);
    this.running.add(child);
    child.once('exit', () => this.running.delete(child));
    return { usage: new Usage(child.pid), child, lines: lastOf(child.stdout), errors: lastOf(child.stderr) };
  }

  /** Ends one process, and resolves once it is gone. */
  async end({ child }: Pick<Started, 'child'>, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.running.has(child)) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Ends all that run, and removes the folder. */
  close(): Promise<void> {
    this.closing ??= this.endAll();
    return this.closing;
  }

  private async endAll(): Promise<void> {
    await Promise.all([...this.running].map((child) => this.end({ child })));
    rmSync(this.folder, { recursive: true, force: true });
    for (const signal of SIGNALS) process.off(signal, this.interrupt);
  }

  private readonly interrupt = (): void => {
    void this.close().then(() => process.exit(130));
  };
}

/** The last lines of what a process prints. */
function lastOf(stream: Readable | null): string[] {
  const lines: string[] = [];
  if (stream === null) throw new Error('spawned without a pipe');
  createInterface({ input: stream }).on('line', (line) => {
    lines.push(line);
    if (lines.length > 20) lines.shift();
  });
  return lines;
}

/** Says on standard error what is done now. */
export function tell(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
