/**
 * For each broken rule of test/mutants that the corpus' plain run of seeds does not notice: looks among many more seeds
 * for scripts that do, and writes them to chosen.json, which `npm run corpus` records too. Takes an hour; with names of
 * rules as arguments it looks for those alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot as root } from '../interaction/testdata.js';
import { Copy, compileSources } from '../mutants/copy.js';
import { readMutants } from '../mutants/mutant.js';
import { compileMutant } from '../mutants/patch.js';
import { chosenFile, FIRST_SEED, PLAIN_SCRIPTS } from './corpus.js';

/** Seeds that are tried, those of the plain run first. */
const SEEDS = 43_000;
const LIMIT_MS = 180_000;

function search(folder: string, args: readonly string[]): string {
  const program = join(folder, 'test/dist/corpus/search.js');
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: LIMIT_MS,
  });
  // A broken rule can make a script endless; the suite's own tests notice that.
  if (signal !== null) return '[]';
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const names = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'raft-ts-corpus-'));
try {
  const reference = join(folder, 'answers.txt');
  writeFileSync(reference, search(root, ['hash', String(FIRST_SEED), String(FIRST_SEED + SEEDS - 1)]));
  const copy = new Copy(root, mkdtempSync(join(folder, 'copy-')), await compileSources(root));
  const chosen = (existsSync(chosenFile) ? JSON.parse(readFileSync(chosenFile, 'utf8')) : {}) as Record<
    string,
    number[]
  >;
  const never: string[] = [];
  for (const mutant of readMutants(join(root, 'test/mutants'))) {
    const { file, name } = mutant;
    if (file === undefined || (names.length > 0 && !names.includes(name))) continue;
    delete chosen[name];
    copy.write(file, await compileMutant(readFileSync(join(root, file), 'utf8'), mutant));
    const seeds = JSON.parse(search(copy.root, ['find', String(FIRST_SEED), reference])) as number[];
    copy.restore(file);
    const further = seeds.filter((seed) => seed >= FIRST_SEED + PLAIN_SCRIPTS);
    if (seeds.length === 0) never.push(name);
    else if (further.length === seeds.length) chosen[name] = further;
    console.log(`${name}: ${seeds.length === 0 ? 'no script notices' : `seeds ${seeds.join(', ')}`}`);
  }
  writeFileSync(chosenFile, `${JSON.stringify(chosen, undefined, 2)}\n`);
  console.log(`${Object.keys(chosen).length} rules need scripts of their own; no script notices ${never.length}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
