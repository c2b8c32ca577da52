import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { relative } from 'node:path';
import process from 'node:process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { printableLine } from '@raft-ts/proto';
import type { NodeId } from '@raft-ts/raft';
import { ExitCode } from './exit-codes.js';
import { linesOf } from './lines.js';
import type { Steering } from './steering.js';
import { LINE_LENGTH } from './usage.js';

/** A member stops within a second; one that has not after this time is killed. */
const GRACE_MS = 2000;
/** Cyan, yellow, magenta, green, blue, and their bright forms from the sixth member on. */
const colours = [36, 33, 35, 32, 34, 96, 93, 95, 92];

type Member = ChildProcessByStdio<null, Readable, Readable>;

/** The members to start, each as a process of its own. */
export interface Launch {
  /** What the launcher's own lines begin with. */
  readonly name: string;
  /** The command line of each member, in ascending order of ids. */
  readonly members: readonly { readonly id: NodeId; readonly args: readonly string[] }[];
  /** The program of `bin` that they run. Default: raftexample.js. */
  readonly program?: string;
  /** May a member come back, with what it has kept? Default true. */
  readonly keepsLogs?: boolean;
  /** How long a member may take to stop, in milliseconds. Default 2000. */
  readonly graceMs?: number;
  /** Called with each line of a member; false keeps it from being printed. */
  readonly onLine?: (line: string) => boolean;
  /** Who ends, pauses and starts members while they run; without it, one that has ended stays ended. */
  readonly steering?: Steering;
}

/** Runs one process per member, until `stopping` aborts. Resolves to the exit code. */
export async function launch(
  { name, members, program = 'raftexample.js', keepsLogs = true, graceMs = GRACE_MS, onLine, steering }: Launch,
  stopping: AbortSignal,
): Promise<number> {
  if (stopping.aborted) return ExitCode.Done;
  const say = (text: string): void => void process.stdout.write(`[${name}] ${text}\n`);
  const running = new Set<ChildProcess>();
  let killed = false;
  stopping.addEventListener('abort', () => {
    for (const child of running) child.kill('SIGTERM');
    steering?.wake();
    setTimeout(() => {
      for (const child of running) killed = child.kill('SIGKILL') || killed;
    }, graceMs).unref();
  });

  say(`members ${members.map(({ id }) => id).join(', ')}; Ctrl-C stops all of them`);
  await Promise.all(
    members.map(async ({ id, args }, i) => {
      let isWanted: Promise<boolean> | undefined;
      do {
        const child = startMember(program, args);
        steering?.began(id, child);
        running.add(child);
        say(`member ${id} is process ${child.pid}`);
        const output = [child.stdout, child.stderr].map((stream) =>
          relay(stream, { prefix: `[${id}] `, colour: colours[i % colours.length], onLine }),
        );
        const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
        running.delete(child);
        // Whoever is told that it has ended may start it at once, while the rest of its output is printed.
        isWanted = steering?.again(id, stopping);
        steering?.ended(id);
        await Promise.all(output);
        if (stopping.aborted) return;
        const cause = signal === null ? `ended by itself with exit code ${code}` : `was ended by ${signal}`;
        say(`member ${id} ${cause}; ${running.size === 0 ? 'none is left' : `${running.size} still running`}`);
        if (steering === undefined && signal !== null && keepsLogs) {
          say(`to bring it back, in another terminal: ${commandLine(program, args)}`);
        }
      } while ((await isWanted) === true);
    }),
  );
  if (!stopping.aborted) return ExitCode.Failed;
  say(killed ? 'stopped; some members had to be killed' : 'all members stopped');
  return killed ? ExitCode.Failed : ExitCode.Done;
}

/**
 * glibc gives each thread that allocates memory an arena of its own, and those of the engine keep 2 MiB each after they
 * have compiled. With one for all, a member takes 7 MiB less. Only the environment can say so, when a process starts.
 */
const MEMORY = { MALLOC_ARENA_MAX: '1' };

/** Starts a member with a channel that is never used: the member ends when it closes, however this process ends. */
function startMember(program: string, args: readonly string[]): Member {
  return spawn(process.execPath, [fileOf(program), ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...MEMORY, ...process.env },
  }) as Member;
}

function fileOf(program: string): string {
  return fileURLToPath(new URL(`../../bin/${program}`, import.meta.url));
}

/** Returns the command that starts a member by itself in this folder, for a shell. */
export function commandLine(program: string, args: readonly string[]): string {
  const quoted = (text: string): string =>
    /^[\w@%+=:,./-]+$/u.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
  return ['node', relative(process.cwd(), fileOf(program)), ...args].map(quoted).join(' ');
}

interface Relay {
  readonly prefix: string;
  readonly colour: number | undefined;
  readonly onLine: ((line: string) => boolean) | undefined;
}

/**
 * Prints what a member prints, line by line. A member begins its own lines with its prefix and bounds them; a crash of
 * node, or whatever else writes there, does not.
 */
async function relay(stream: Readable, { prefix, colour, onLine }: Relay): Promise<void> {
  const painted = process.stdout.isTTY && !process.env['NO_COLOR'];
  for await (const line of linesOf(stream, 2 * LINE_LENGTH)) {
    if (onLine?.(line) === false) continue;
    const text = printableLine(line.startsWith(prefix) ? line : prefix + line);
    process.stdout.write(painted ? `\u001B[${colour}m${text}\u001B[39m\n` : `${text}\n`);
  }
}
