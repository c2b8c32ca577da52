import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { type Finished, run, scratchFolder } from '../repo/repository.js';
import { bareSettings, compile, describeSetting, type Setting, wholeSettings } from './compile.js';
import { libraries, npm, pack, putPrograms } from './packed.js';
import { commitInPage } from './page.js';
import { uses } from './whole.js';

const usage = `usage: npm run test:consumers -- [NAME…]

Installs the packages, as they would be published, in a folder of their own, and uses them there: three members commit in
memory, a durable log is saved and reopened, two transports exchange messages, a state machine is simulated. One line for each consumer that is tried.
It needs the registry.
  NAME  only these: node, typescript, jest, vitest, bun, deno, esbuild, vite, webpack
Exit code: 0 if everything works, 1 if something does not, 2 for a wrong call.
`;

const NODE_RELEASES = ['20.19', '22', '24', '26'];
const TYPESCRIPT_VERSIONS = ['5.4', '5.5', '5.6', '5.7', '5.8', '5.9', '6.0', '7.0'];
/** The newest release that TypeScript 5.4 can read. */
const TYPES_NODE = '@types/node@22';
const LIMIT_MS = 120_000;
/** So many characters of what went wrong are shown. */
const SHOWN_LENGTH = 2_000;

/** Where the packages are installed. */
interface Places {
  /** All of them, with every tool. */
  readonly app: string;
  /** The core and the log, with nothing that brings @types/node. */
  readonly bare: string;
  readonly binaryOf: (release: string) => string;
}

/** What was tried, and what went wrong with it: nothing if it works. */
interface Outcome {
  readonly what: string;
  readonly problem?: string | undefined;
}

interface Consumer {
  /** What npm has to install, beside the packages. */
  readonly tools: readonly string[];
  tryIn(places: Places): AsyncIterable<Outcome>;
}

const script = (tool: string): string => join('node_modules/.bin', tool);

function start(
  { app }: Places,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  return run(program, args, { cwd: app, timeoutMs: LIMIT_MS, env });
}

/** What is wrong with a run of main.js: it ends well, after a line for each use. */
function problemOf({ code, stdout, stderr }: Finished): string | undefined {
  const missing = Object.keys(uses).filter((name) => !stdout.includes(`ok: ${name}`));
  return code === 0 && missing.length === 0 ? undefined : `exit code ${code}\n${stdout}${stderr}`;
}

async function version(places: Places, program: string): Promise<string> {
  const { stdout } = await start(places, program, ['--version']);
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? '?';
}

async function installedVersion({ app }: Places, name: string): Promise<string> {
  const manifest = await readFile(join(app, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

async function* tryNode(places: Places): AsyncIterable<Outcome> {
  for (const release of NODE_RELEASES) {
    const binary = places.binaryOf(release);
    const what = `Node.js ${await version(places, binary)}`;
    yield { what, problem: problemOf(await start(places, binary, ['main.js'])) };
  }
}

async function* tryTypeScript({ app, bare }: Places): AsyncIterable<Outcome> {
  const settings: readonly (readonly [string, Setting])[] = [
    ...wholeSettings.map((setting) => [app, setting] as const),
    ...bareSettings.map((setting) => [bare, setting] as const),
  ];
  for (const minor of TYPESCRIPT_VERSIONS) {
    const tsc = join(app, `node_modules/typescript-${minor}/bin/tsc`);
    const problems: string[] = [];
    for (const [folder, setting] of settings) {
      const complaints = await compile(folder, tsc, setting);
      if (complaints !== '') problems.push(`${describeSetting(setting)}:\n${complaints}`);
    }
    const { stdout } = await run(process.execPath, [tsc, '--version'], { cwd: app, timeoutMs: LIMIT_MS });
    const what = `TypeScript ${/[\d.]+/.exec(stdout)?.[0]}, ${settings.length} settings`;
    yield { what, problem: problems.length === 0 ? undefined : problems.join('\n') };
  }
}

/** A test runner passes if each test that it ran did, and it ran all of them: its exit code says the first. */
async function tryRunner(
  places: Places,
  name: string,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Outcome> {
  const { code, stdout, stderr } = await start(places, script(name), args, env);
  const said = stdout + stderr;
  const all = Object.keys(uses).every((use) => said.includes(use));
  const problem = code === 0 && all ? undefined : `exit code ${code}\n${said}`;
  return { what: `${name} ${await installedVersion(places, name)}`, problem };
}

/** A bundler's results: a program for Node.js in both formats, and the core for a browser. */
async function* tryBundler(places: Places, name: string): AsyncIterable<Outcome> {
  const what = `${name} ${await installedVersion(places, name)}`;
  const { code, stdout, stderr } = await start(places, process.execPath, [`bundle-${name}.mjs`]);
  if (code !== 0) {
    yield { what, problem: `exit code ${code}\n${stdout}${stderr}` };
    return;
  }
  for (const [extension, format] of [
    ['mjs', 'ESM'],
    ['cjs', 'CommonJS'],
  ]) {
    const problem = problemOf(await start(places, process.execPath, [`out/${name}.${extension}`]));
    yield { what: `${what}, ${format} for Node.js`, problem };
  }
  const applied = JSON.stringify(await commitInPage(join(places.app, `out/${name}.browser.js`)));
  const expected = JSON.stringify([['hello'], ['hello'], ['hello']]);
  yield { what: `${what}, the core for a browser`, problem: applied === expected ? undefined : applied };
}

const consumersByName: Readonly<Record<string, Consumer>> = {
  node: { tools: [], tryIn: tryNode },
  typescript: {
    tools: TYPESCRIPT_VERSIONS.map((minor) => `typescript-${minor}@npm:typescript@~${minor}.0`),
    tryIn: tryTypeScript,
  },
  jest: {
    tools: ['jest'],
    async *tryIn(places) {
      const env = { NODE_OPTIONS: '--experimental-vm-modules' };
      yield await tryRunner(places, 'jest', ['--verbose', '--testMatch', '**/*.test.mjs'], env);
    },
  },
  vitest: {
    tools: ['vitest'],
    async *tryIn(places) {
      yield await tryRunner(places, 'vitest', ['run', '--globals', '--reporter=verbose']);
    },
  },
  bun: {
    tools: ['bun'],
    async *tryIn(places) {
      const problem = problemOf(await start(places, script('bun'), ['main.js']));
      yield { what: `bun ${await version(places, script('bun'))}, without locks`, problem };
    },
  },
  deno: {
    tools: ['deno'],
    async *tryIn(places) {
      const args = ['run', '--allow-all', '--node-modules-dir=manual', 'main.js'];
      const problem = problemOf(await start(places, script('deno'), args));
      yield { what: `deno ${await version(places, script('deno'))}, without locks`, problem };
    },
  },
  esbuild: { tools: ['esbuild'], tryIn: (places) => tryBundler(places, 'esbuild') },
  vite: { tools: ['vite'], tryIn: (places) => tryBundler(places, 'vite') },
  webpack: { tools: ['webpack'], tryIn: (places) => tryBundler(places, 'webpack') },
};

async function install(folder: string, tarballs: readonly string[], tools: readonly string[]): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  await npm(['install', ...tarballs, ...tools], folder, 600_000);
  await putPrograms(folder);
}

function readNames(args: readonly string[]): readonly string[] | undefined {
  try {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true, options: {} });
    const names = positionals.length === 0 ? Object.keys(consumersByName) : positionals;
    return names.every((name) => Object.hasOwn(consumersByName, name)) ? names : undefined;
  } catch {
    return undefined;
  }
}

/** The command. Returns the exit code. */
export async function consumers(args: readonly string[], binaryOf: (release: string) => string): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  const names = readNames(args);
  if (names === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const chosen = names.map((name) => consumersByName[name] as Consumer);
  const { path, remove } = await scratchFolder();
  try {
    const tarballs = await pack(libraries, join(path, 'tarballs'));
    const places = { app: join(path, 'app'), bare: join(path, 'bare'), binaryOf };
    // The packages that users of TLS, and of TypeScript, install themselves.
    await install(places.app, tarballs, ['selfsigned', TYPES_NODE, ...chosen.flatMap(({ tools }) => tools)]);
    if (names.includes('typescript')) {
      const withoutTransport = tarballs.filter((file) => !basename(file).includes('rafthttp'));
      await install(places.bare, withoutTransport, []);
    }
    let problems = 0;
    for (const consumer of chosen) {
      for await (const { what, problem } of consumer.tryIn(places)) {
        process.stdout.write(
          `${what}: ${problem === undefined ? 'ok' : `FAILED: ${problem.slice(0, SHOWN_LENGTH)}`}\n`,
        );
        if (problem !== undefined) problems++;
      }
    }
    return problems === 0 ? 0 : 1;
  } finally {
    await remove();
  }
}
