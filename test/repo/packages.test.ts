import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { formatPeers } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { build } from 'esbuild';

import { compile, describeSetting, wholeSettings } from '../consumers/compile.js';
import { linkInstalled, npm, pack, putBesideInstalled, putPacked, putPrograms } from '../consumers/packed.js';
import { commitInPage } from '../consumers/page.js';
import { uses } from '../consumers/whole.js';
import { freePeers, Programs } from '../raftexample/processes.js';
import { type Finished, readManifest, root, run, scratchFolder } from './repository.js';

/** What each published package may install with it. */
const runtimeDependencies: Readonly<Record<string, readonly string[]>> = {
  proto: ['protobufjs'],
  raft: ['@raft-ts/proto'],
  // Types of express appear in the package's own declarations.
  rafthttp: ['@raft-ts/proto', '@raft-ts/raft', '@types/express', 'axios', 'express'],
  raftwal: ['@node-rs/crc32', '@raft-ts/proto', '@raft-ts/raft', 'fs-native-extensions'],
  replica: ['@raft-ts/proto', '@raft-ts/raft'],
  sim: ['@raft-ts/proto', '@raft-ts/raft', '@raft-ts/raftwal', '@raft-ts/replica'],
  raftexample: [
    // What the packages that its programs hold ask for, too.
    '@node-rs/crc32',
    '@raft-ts/proto',
    '@raft-ts/raft',
    '@raft-ts/rafthttp',
    '@raft-ts/raftwal',
    '@raft-ts/replica',
    'axios',
    'express',
    'fs-native-extensions',
    'prom-client',
    'protobufjs',
    'sorted-btree',
    'string-width',
    'undici',
    'winston',
  ],
};

const tsc = join(root, 'node_modules/typescript/bin/tsc');

/** The folders of the packages that `name` needs when it runs, itself included. */
function closure(folder: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(folder)) return found;
  found.add(folder);
  for (const name of Object.keys(readManifest(folder).dependencies ?? {})) {
    closure(join(root, 'node_modules', name), found);
  }
  return found;
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

describe('@raft-ts/raft, packed and installed alone', () => {
  let folder: string;
  let remove: () => Promise<void>;

  before(async () => {
    ({ path: folder, remove } = await scratchFolder());
    // What users get from a registry is packed from here too, so that nothing is asked of a network.
    const packages = [...closure(join(root, 'raft'))];
    const files = await pack(packages, join(folder, 'tarballs'));
    expect(files).to.have.length(packages.length);

    const app = join(folder, 'app');
    await mkdir(app);
    await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
    await npm(['install', '--offline', '--ignore-scripts', ...files], app);
    await putPrograms(app);
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

  it('has types that compile for a consumer who checks them, with the DOM in the place of @types/node', async () => {
    const setting = { files: ['types-core.ts'], dom: true, node: false } as const;
    for (const resolution of ['node16', 'nodenext', 'bundler'] as const) {
      expect(await compile(folder, tsc, { ...setting, resolution })).to.equal('');
    }
  });

  it('runs the same program in a browser, bundled without polyfills', async () => {
    const bundle = join(folder, 'bundle.js');
    const { metafile, warnings } = await build({
      entryPoints: [join(folder, 'memory-cluster.js')],
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
    expect(await commitInPage(bundle)).to.deep.equal([['hello'], ['hello'], ['hello']]);
  });
});

describe('the packages, packed and put where others are installed', () => {
  let folder: string;
  let remove: () => Promise<void>;

  before(async () => {
    ({ path: folder, remove } = await scratchFolder());
    await putBesideInstalled(folder);
    await putPrograms(folder);
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  });

  after(() => remove());

  const main = (program: string): Promise<Finished> =>
    run(process.execPath, [program], { cwd: folder, timeoutMs: 30_000 });
  const everyUse = Object.keys(uses)
    .map((name) => `ok: ${name}\n`)
    .join('');

  it('commit, keep a log and exchange messages', async () => {
    expect(await main('main.js')).to.deep.equal({ code: 0, stdout: everyUse, stderr: '' });
  });

  it('have types that compile for a consumer who checks them, with @types/node, with and without the DOM', async () => {
    for (const setting of wholeSettings) {
      expect(await compile(folder, tsc, setting), describeSetting(setting)).to.equal('');
    }
  });

  it('do the same when esbuild has bundled them, to a module and to CommonJS', async () => {
    expect(await main('bundle-esbuild.mjs')).to.include({ code: 0, stdout: '' });
    expect(await main('out/esbuild.mjs')).to.deep.equal({ code: 0, stdout: everyUse, stderr: '' });
    expect(await main('out/esbuild.cjs')).to.deep.equal({ code: 0, stdout: everyUse, stderr: '' });
  });

  it('name the native module that cannot be loaded when a bundle holds it, and do not advise to go without locks', async () => {
    await build({
      absWorkingDir: folder,
      entryPoints: ['main.js'],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['@node-rs/crc32'],
      outfile: 'out/whole.cjs',
      logLevel: 'silent',
    });
    const { code, stderr } = await main('out/whole.cjs');
    expect(code).to.equal(1);
    expect(stderr).to.contain('no file locks: cannot load the native module fs-native-extensions: ');
    expect(stderr).to.contain('a bundle must leave it out');
    expect(stderr).not.to.match(/unsafeNoLock/);
  });
});

describe('@raft-ts/raftexample, packed', () => {
  it('installs what its programs ask for, in the versions that the packages which they hold were made for', async () => {
    const folder = join(root, 'raftexample');
    const { dependencies = {} } = readManifest(folder);
    const programs = join(folder, 'dist/programs');
    const texts = await Promise.all(
      (await readdir(programs))
        .filter((file) => file.endsWith('.cjs'))
        // A text may go on in the next line.
        .map(async (file) => (await readFile(join(programs, file), 'utf8')).replaceAll('\\\n', '')),
    );
    const asked = texts.flatMap((text) => [...text.matchAll(/(?:require|import)\("((?:@[^/"]+\/)?[^/"]+)/gu)]);
    const packages = new Set(asked.map(([, name]) => name as string).filter((name) => !/^(?:node:|\.)/u.test(name)));
    expect(packages).to.include('axios').and.include('fs-native-extensions');
    expect(Object.keys(dependencies)).to.include.members([...packages]);
    for (const name of Object.keys(dependencies).filter((each) => each.startsWith('@raft-ts/'))) {
      const wanted = readManifest(join(root, 'node_modules', name)).dependencies ?? {};
      const both = Object.keys(wanted).filter((each) => dependencies[each] !== undefined);
      expect(both.map((each) => dependencies[each])).to.deep.equal(both.map((each) => wanted[each]));
    }
  });

  it('has the page of a running cluster in it: a launcher serves it where there is no clone', async () => {
    const { path: folder, remove } = await scratchFolder();
    const programs = new Programs();
    try {
      await linkInstalled(folder);
      const place = await putPacked(join(root, 'raftexample'), folder);
      const flags = ['--page', '--memory', '--peers', formatPeers(await freePeers(1))];
      const launcher = programs.start(join(place, 'bin/cluster.js'), flags);
      const line = await launcher.sees(/see it, and break it: http/u);
      const response = await fetch(/http:\S+/u.exec(line)?.[0] ?? '');
      expect(response.status).to.equal(200);
      expect(await response.text()).to.match(/^<!doctype html>[^]*<script>[^]{10000}/u);
      await launcher.sees(/\[1\] member 1 of 1 listens on/u);
    } finally {
      await programs.endAll();
      await remove();
    }
  });
});
