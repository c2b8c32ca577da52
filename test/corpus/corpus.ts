import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { Script } from '../differential/script-generator.js';
import { repositoryRoot } from '../interaction/testdata.js';

/** A script of the differential run's generator, and what etcd's own harness made of it. */
export interface Recorded {
  readonly seed: number;
  readonly script: Script;
  /** The answer of `test/differential/go`: what each command printed, and how the script ended. */
  readonly answer: string;
}

/** The plain run: so many scripts, of consecutive seeds beyond those of the differential run. */
export const FIRST_SEED = 1_000_001;
export const PLAIN_SCRIPTS = 3000;

/** Rule of test/mutants → seeds of scripts that notice when it is broken, where none of the plain run does. */
export const chosenFile: string = join(repositoryRoot, 'test/corpus/chosen.json');

const file = join(repositoryRoot, 'test/corpus/scripts.json.br');

/** Packs the scripts into the file that is committed. Returns its size in bytes. */
export function writeCorpus(recorded: readonly Recorded[]): number {
  const text = recorded.map((each) => `${JSON.stringify(each)}\n`).join('');
  // The largest window: scripts resemble each other more than they do themselves.
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 9,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
  };
  const packed = brotliCompressSync(text, { params });
  writeFileSync(file, packed);
  return packed.length;
}

export function readCorpus(): Recorded[] {
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run corpus makes it, with Go`);
  const text = brotliDecompressSync(readFileSync(file)).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Recorded);
}
