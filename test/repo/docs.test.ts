import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { expect } from 'chai';

import { type KvCluster, kvCluster } from '../raftexample/kv-cluster.js';
import { fencesOf } from './fences.js';
import { root, run, workspaceFolders } from './repository.js';

/**
 * A block of TypeScript in a document. ```` ```ts ```` is compiled and run, ```` ```ts store ```` too, next to a store
 * that the environment names, and ```` ```ts no-run ```` is compiled. The guide has a test of its own.
 */
interface Block {
  readonly document: string;
  /** Where its first line of code stands in the document, counted from 1. */
  readonly line: number;
  readonly runs: boolean;
  readonly usesStore: boolean;
  readonly code: string;
}

/** Ends a program that hangs. The slowest takes a second or two alone, and many times that if the machine is busy. */
const RUN_LIMIT_MS = 100_000;

/** Inside test/dist, so that a block imports the packages as the tests do, and git does not see it. */
const folder = join(root, 'test/dist/docs-blocks');

function documents(): readonly string[] {
  const readmes = ['README.md', ...workspaceFolders.map((name) => `${name}/README.md`)];
  const docs = existsSync(join(root, 'docs')) ? readdirSync(join(root, 'docs')) : [];
  const written = docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
  return [...readmes.filter((name) => existsSync(join(root, name))), ...written];
}

function blocksOf(document: string, text: string): readonly Block[] {
  const fences = fencesOf(document, text).filter(({ info }) => /^(ts|typescript)\b/.test(info));
  return fences.map(({ info, line, code }) => {
    expect(info, `${document}:${line - 1}`).to.be.oneOf(['ts', 'ts store', 'ts no-run']);
    return { document, line, runs: info !== 'ts no-run', usesStore: info === 'ts store', code };
  });
}

function moduleName({ document, line }: Block): string {
  return `${document.replaceAll('/', '-').replace(/\.md$/, '')}-${line}`;
}

/** The lines before the block are left empty: what the compiler and a stack say is then the document's own line. */
function writeBlocks(blocks: readonly Block[]): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const block of blocks) {
    writeFileSync(join(folder, `${moduleName(block)}.ts`), `${'\n'.repeat(block.line - 1)}${block.code}\n`);
  }
  const compilerOptions = {
    rootDir: '.',
    types: ['node'],
    // An example shows a name that its reader will use.
    noUnusedLocals: false,
    noUnusedParameters: false,
    // Examples are read, not published.
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
    isolatedDeclarations: false,
  };
  const files = blocks.map((block) => `${moduleName(block)}.ts`);
  const tsconfig = { extends: join(root, 'tsconfig.base.json'), compilerOptions, files };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
}

describe('the documents', () => {
  const blocks = documents().flatMap((document) => blocksOf(document, readFileSync(join(root, document), 'utf8')));
  let compilerSays = '';
  let store: Promise<KvCluster> | undefined;
  const endpoints = async (): Promise<string> => {
    store ??= kvCluster(3);
    const { ports } = await store;
    return ports.map((port) => `http://127.0.0.1:${port}`).join(',');
  };

  after(async () => (await store)?.stop());

  before(async () => {
    if (blocks.length === 0) return;
    writeBlocks(blocks);
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { stdout, stderr } = await run(tsc, ['-p', folder, '--pretty', 'false'], { cwd: folder, timeoutMs: 60_000 });
    compilerSays = stdout + stderr;
  });

  it('show a program that runs in README.md', () => {
    expect(blocks.filter(({ document, runs }) => document === 'README.md' && runs)).not.to.be.empty;
  });

  // `npx --no NAME --flag` takes NAME for the value of `--no`, and `--flag` for its own.
  it('end the flags of npx before the command, and ask no registry for it', () => {
    const calls = documents().flatMap((document) =>
      [...readFileSync(join(root, document), 'utf8').matchAll(/\bnpx (?!mocha ).*/g)].map(
        ([call]) => `${document}: ${call}`,
      ),
    );
    expect(calls).not.to.be.empty;
    expect(
      calls.filter(
        (call) => !/npx --no -- (raftexample|raft-sim|raft-wal|raftexample-cluster)\b|npx do not outlive/.test(call),
      ),
    ).to.be.empty;
  });

  for (const block of blocks) {
    const where = `${block.document}:${block.line}`;
    const module = moduleName(block);

    it(`${where} compiles`, () => {
      const errors = compilerSays.split('\n').filter((line) => line.startsWith(`${module}.ts(`));
      expect(errors).to.deep.equal([]);
      expect(existsSync(join(folder, `${module}.js`)), compilerSays).to.equal(true);
    });

    if (!block.runs) continue;
    it(`${where} runs`, async () => {
      const args = ['--enable-source-maps', join(folder, `${module}.js`)];
      const env = block.usesStore ? { RAFTEXAMPLE_ENDPOINTS: await endpoints() } : {};
      const { code, stdout, stderr } = await run(process.execPath, args, { cwd: folder, timeoutMs: RUN_LIMIT_MS, env });
      const ended = code === null ? `did not end within ${RUN_LIMIT_MS} ms` : `exit code ${code}`;
      expect(ended, `${stdout}\n${stderr}`).to.equal('exit code 0');
    });
  }
});
