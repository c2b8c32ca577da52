import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import process from 'node:process';
import { createContext, runInContext } from 'node:vm';

import { expect } from 'chai';
import { build } from 'esbuild';

import { readManifest, root, run, scratchFolder } from './repository.js';

/** What each published package may install with it. */
const runtimeDependencies: Readonly<Record<string, readonly string[]>> = {
  proto: ['protobufjs'],
  raft: ['@raft-ts/proto'],
  // Types of express appear in the package's own declarations.
  rafthttp: ['@raft-ts/proto', '@raft-ts/raft', '@types/express', 'axios', 'express'],
  raftwal: ['@node-rs/crc32', '@raft-ts/proto', '@raft-ts/raft', 'fs-native-extensions'],
  raftexample: ['@raft-ts/proto', '@raft-ts/raft', '@raft-ts/rafthttp', '@raft-ts/raftwal', 'winston'],
};

/** The program that the tests below run elsewhere: see memory-cluster.ts. */
const program = join(root, 'test/dist/repo/memory-cluster.js');

/** The folders of the packages that `name` needs when it runs, itself included. */
function closure(folder: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(folder)) return found;
  found.add(folder);
  for (const name of Object.keys(readManifest(folder).dependencies ?? {})) {
    closure(join(root, 'node_modules', name), found);
  }
  return found;
}

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error'];
  const { code, stdout, stderr } = await run('npm', [...args, ...quiet], { cwd, timeoutMs: 60_000 });
  expect(code, `npm ${args.join(' ')}\n${stdout}${stderr}`).to.equal(0);
  return stdout;
}

/** Every package in a folder's node_modules. */
async function installed(folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(folder, 'node_modules'));
  const names = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.startsWith('@')) return [entry];
      return (await readdir(join(folder, 'node_modules', entry))).map((name) => `${entry}/${name}`);
    }),
  );
  return names.flat().filter((name) => !name.startsWith('.'));
}

describe('the packages', () => {
  for (const [folder, allowed] of Object.entries(runtimeDependencies)) {
    it(`${folder} installs ${allowed.join(', ')} and nothing else`, () => {
      const { dependencies = {} } = readManifest(join(root, folder));
      expect(Object.keys(dependencies).sort()).to.deep.equal([...allowed].sort());
    });

    it(`${folder} carries the licence, and is built before it is packed`, async () => {
      const [own, roots] = await Promise.all(
        [folder, '.'].map((place) => readFile(join(root, place, 'LICENSE'), 'utf8')),
      );
      expect(own).to.equal(roots);
      expect(readManifest(join(root, folder)).scripts?.['prepack']).to.equal('npm --prefix .. run --silent build');
    });
  }
});

describe('@raft-ts/raft, packed and installed alone', function () {
  this.timeout(120_000);

  let folder: string;
  let remove: () => Promise<void>;

  before(async () => {
    ({ path: folder, remove } = await scratchFolder());
    const tarballs = join(folder, 'tarballs');
    await mkdir(tarballs);
    // What users get from a registry is packed from here too, so that nothing is asked of a network.
    const packages = [...closure(join(root, 'raft'))];
    await npm(['pack', ...packages, '--pack-destination', tarballs], folder);
    const files = await readdir(tarballs);
    expect(files).to.have.length(packages.length);

    const app = join(folder, 'app');
    await mkdir(app);
    await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
    await npm(['install', '--offline', ...files.map((file) => join('../tarballs', file))], app);
    await cp(program, join(app, basename(program)));
    folder = app;
  });

  after(() => remove());

  it('brings the codec and nothing else', async () => {
    expect([...(await installed(folder))].sort()).to.deep.equal([
      '@raft-ts/proto',
      '@raft-ts/raft',
      'long',
      'protobufjs',
    ]);
  });

  it('runs a cluster of three in memory', async () => {
    const main = `import { commitHello } from './memory-cluster.js';\nconsole.log(JSON.stringify(await commitHello()));\n`;
    await writeFile(join(folder, 'main.js'), main);
    const { code, stdout, stderr } = await run(process.execPath, ['main.js'], { cwd: folder, timeoutMs: 20_000 });
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal([['hello'], ['hello'], ['hello']]);
  });

  it('has types that compile for a consumer who checks them and has the DOM, without @types/node', async () => {
    const uses = [
      `export { MemoryStorage, startNode, type Node } from '@raft-ts/raft';`,
      `import type { Transport } from '@raft-ts/raft/transport';`,
      `import { MemoryNetwork } from '@raft-ts/raft/memory-transport';`,
      `export const send: Transport['send'] = (messages) => new MemoryNetwork().connect(1n, {} as never).send(messages);`,
    ];
    await writeFile(join(folder, 'uses.ts'), uses.join('\n'));
    const compilerOptions = { noEmit: true, strict: true, skipLibCheck: false, module: 'nodenext', types: [] };
    for (const lib of [
      ['es2022', 'dom'],
      ['esnext', 'dom'],
    ]) {
      const config = { compilerOptions: { ...compilerOptions, target: 'es2022', lib }, files: ['uses.ts'] };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      const { code, stdout } = await run(process.execPath, [tsc, '-p', '.'], { cwd: folder, timeoutMs: 60_000 });
      expect(code, `lib ${lib.join(', ')}\n${stdout}`).to.equal(0);
    }
  });

  it('runs the same program in a browser, bundled without polyfills', async () => {
    const bundle = join(folder, 'bundle.js');
    const { metafile, warnings } = await build({
      entryPoints: [join(folder, basename(program))],
      outfile: bundle,
      bundle: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'cluster',
      metafile: true,
      logLevel: 'silent',
    });
    expect(warnings).to.deep.equal([]);
    const left = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    expect(left).to.deep.equal([]);

    // Of what surrounds a module in Node, only what browsers have as well.
    const page = createContext({
      AbortController,
      AbortSignal,
      clearInterval,
      crypto: globalThis.crypto,
      DOMException,
      MessageChannel,
      queueMicrotask,
      setInterval,
      TextDecoder,
      TextEncoder,
    });
    runInContext(await readFile(bundle, 'utf8'), page, { filename: bundle });
    const applied: unknown = await runInContext('cluster.commitHello()', page);
    expect(JSON.parse(JSON.stringify(applied))).to.deep.equal([['hello'], ['hello'], ['hello']]);
  });
});
