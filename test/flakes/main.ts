import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BusyCores, failedTitles, type RunResult, runFile } from './runs.js';

const usage = `usage: npm run flakes -- [--idle N] [--busy N] [--limit SECONDS] [NAME…]

Runs every test file alone, again and again, and lists those that were red even once: a test that needs luck is a defect.
  --idle N         times that each file runs with the machine to itself (default 10)
  --busy N         times that each runs with a process on every core that only counts (default 5)
  --limit SECONDS  a run that takes longer is ended, and red (default 600)
  --verbose        print what each red run printed
  --help           print this
  NAME             only files whose path contains one of these words, such as raftwal/wal
Exit code: 0 if no run was red, 1 if one was, 2 for a wrong call.
`;

interface Call {
  readonly idle: number;
  readonly busy: number;
  readonly limitMs: number;
  readonly verbose: boolean;
  readonly names: readonly string[];
}

/** What the command needs of the world; a test passes its own. */
export interface World {
  /** Compiled test files, from the root of the repository. */
  readonly files: readonly string[];
  run(file: string, limitMs: number): Promise<RunResult>;
  /** Takes all cores; the result frees them. */
  busy(): () => void;
  out(text: string): void;
  error(text: string): void;
}

/** The command, on this repository. Returns the exit code. */
export function flakes(args: readonly string[], root: string, console: Pick<World, 'out' | 'error'>): Promise<number> {
  const folder = join(root, 'test/dist');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.js'));
  return findFlakes(args, {
    files: files.sort().map((file) => join('test/dist', file)),
    run: (file, limitMs) => runFile(root, file, limitMs),
    busy: () => {
      const cores = new BusyCores();
      return () => cores.stop();
    },
    ...console,
  });
}

/** Carries the command out in `world`. Returns the exit code. */
export async function findFlakes(args: readonly string[], world: World): Promise<number> {
  if (args.includes('--help')) {
    world.out(usage);
    return 0;
  }
  const call = readCall(args);
  if (typeof call === 'string') {
    world.error(`${call}\n${usage}`);
    return 2;
  }
  const files = world.files.filter((file) => call.names.length === 0 || call.names.some((name) => file.includes(name)));
  if (files.length === 0) {
    world.error(`no test file's path contains ${call.names.join(' or ')}\n`);
    return 2;
  }
  const red: string[] = [];
  for (const [i, file] of files.entries()) {
    const position = `[${String(i + 1).padStart(3)}/${files.length}] ${file}`;
    const idle = await repeat(world, call, file, call.idle);
    const free = call.busy > 0 ? world.busy() : undefined;
    const busy = await repeat(world, call, file, call.busy).finally(free);
    world.out(`${position}: ${describe(idle, 'idle')}, ${describe(busy, 'busy')}\n`);
    const failures = [...idle, ...busy].filter(({ passed }) => !passed);
    if (failures.length === 0) continue;
    const titles = new Set(failures.flatMap(({ output }) => failedTitles(output)));
    const named = titles.size === 0 ? ['  (no test failed: the run ended or hung)'] : [...titles].map((t) => `  ${t}`);
    world.out(`${named.join('\n')}\n`);
    if (call.verbose) for (const { output } of failures) world.out(output);
    red.push(`${file}: red in ${failures.length} of ${idle.length + busy.length}\n${named.join('\n')}`);
  }
  world.out(
    red.length === 0
      ? `${files.length} files, none was red\n`
      : `\n${red.length} of ${files.length} files were red:\n${red.join('\n')}\n`,
  );
  return red.length === 0 ? 0 : 1;
}

async function repeat({ run }: World, { limitMs }: Call, file: string, times: number): Promise<RunResult[]> {
  const results: RunResult[] = [];
  for (let i = 0; i < times; i++) results.push(await run(file, limitMs));
  return results;
}

function describe(results: readonly RunResult[], how: string): string {
  const red = results.filter(({ passed }) => !passed).length;
  const longest = Math.max(0, ...results.map(({ seconds }) => seconds));
  return `${how} ${red === 0 ? `${results.length} green` : `${red} of ${results.length} RED`} (≤ ${longest.toFixed(1)} s)`;
}

function readCall(args: readonly string[]): Call | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        idle: { type: 'string', default: '10' },
        busy: { type: 'string', default: '5' },
        limit: { type: 'string', default: '600' },
        verbose: { type: 'boolean', default: false },
      },
    });
    const [idle, busy, limit] = [values.idle, values.busy, values.limit].map(Number) as [number, number, number];
    const whole = (value: number): boolean => Number.isInteger(value) && value >= 0;
    if (!whole(idle) || !whole(busy) || idle + busy === 0) return '--idle and --busy want numbers of runs';
    if (!whole(limit) || limit === 0) return '--limit wants seconds, 1 or more';
    return { idle, busy, limitMs: limit * 1000, verbose: values.verbose, names: positionals };
  } catch (error) {
    return (error as Error).message;
  }
}
