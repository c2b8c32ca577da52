import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { drawCase, runCase } from '@raft-ts/sim';
import { registers } from '@raft-ts/sim/internal';
import { type Passed, simulate as simulateInMemory } from '@raft-ts/sim/replica';
import { simulate } from '@raft-ts/sim/stack';
import { expect } from 'chai';
import { build } from 'esbuild';
import { root } from '../repo/repository.js';
import { counters } from './counter.js';

const seeds = [11, 12, 13, 14, 15, 16];
const hashes = (): string[] => seeds.map((seed) => runCase(drawCase(seed)).hash);
let found: string[] | undefined;
/** The hashes of one run of each, for those who ask whether they are found elsewhere too. */
const foundHere = (): string[] => {
  found ??= hashes();
  return found;
};

/** This release of Node.js, that of npm, and those that `npm run test:releases` has left. */
function releases(): Set<string> {
  const folder = join(root, 'node_modules/.cache/node');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const left = names.map((name) => join(folder, name, 'node_modules/node/bin/node')).filter((file) => existsSync(file));
  return new Set([process.execPath, process.env['npm_node_execpath'] ?? process.execPath, ...left]);
}

/** Bundles `contents`, a module in `folder`, for a page, as `sim`, with nothing left to import. */
async function bundle(contents: string, folder: string): Promise<{ text: string; inputs: string[] }> {
  const { outputFiles, metafile, warnings } = await build({
    stdin: { contents, resolveDir: join(root, folder) },
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'sim',
    metafile: true,
    logLevel: 'silent',
  });
  expect(warnings).to.deep.equal([]);
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).to.deep.equal([]);
  return { text: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs) };
}

/** Runs the body of a function without what a page does not have; returns what it does. */
function inAPage(body: string): unknown {
  const missing = ['process', 'require', 'module', 'Buffer', 'global', 'setImmediate', 'clearImmediate'];
  // oxlint-disable-next-line typescript/no-implied-eval -- a page has no other way to run a bundle either
  return (new Function(...missing, body) as () => unknown)();
}

describe('a simulation', () => {
  it('does the same for the same seed, to the last byte of every message', () => {
    expect(hashes()).to.deep.equal(foundHere());
  });

  it('does something else for another seed', () => {
    expect(new Set(foundHere()).size).to.equal(seeds.length);
  });

  it('does the same in another process, and on every release of Node.js at hand', () => {
    const program = `import { drawCase, runCase } from '@raft-ts/sim';
console.log(JSON.stringify(${JSON.stringify(seeds)}.map((seed) => runCase(drawCase(seed)).hash)));`;
    for (const binary of releases()) {
      const args = ['--input-type=module', '--eval', program];
      expect(
        JSON.parse(execFileSync(binary, args, { cwd: join(root, 'test'), encoding: 'utf8' })),
        binary,
      ).to.deep.equal(foundHere());
    }
  });

  it('of replicas does the same in another process, and on every release of Node.js at hand', async () => {
    const hash = async (): Promise<string> => (await simulate({ ...registers(), seed: 21, runs: 1 })).hash;
    const program = `import { registers } from '@raft-ts/sim/internal';
import { simulate } from '@raft-ts/sim/stack';
console.log((await simulate({ ...registers(), seed: 21, runs: 1 })).hash);`;
    const expected = await hash();
    for (const binary of releases()) {
      const args = ['--input-type=module', '--eval', program];
      const said = execFileSync(binary, args, { cwd: join(root, 'test'), encoding: 'utf8' });
      expect(said.trim(), binary).to.equal(expected);
    }
  });

  it('of replicas runs the same in a browser, over logs in memory and without those in files', async () => {
    const { text, inputs } = await bundle(
      `import { simulate } from '@raft-ts/sim/replica';
import { counters } from './counter.js';
export const run = () => simulate({ ...counters, seed: 21, runs: 2 });`,
      'test/dist/sim',
    );
    expect(inputs.filter((name) => name.includes('raftwal'))).to.deep.equal([]);
    const inPage = (await inAPage(`${text}; return sim.run();`)) as Passed;
    expect(inPage).to.include({ ok: true, runs: 2 });
    expect(inPage).to.deep.equal(await simulateInMemory({ ...counters, seed: 21, runs: 2 }));
  });

  it('runs the same in a browser: bundled without polyfills, without anything of Node.js', async () => {
    const { text } = await bundle("export { drawCase, runCase } from '@raft-ts/sim';", 'test');
    const run = `${JSON.stringify(seeds)}.map((seed) => sim.runCase(sim.drawCase(seed)).hash)`;
    expect(inAPage(`${text}; return ${run};`)).to.deep.equal(foundHere());
  });
});
