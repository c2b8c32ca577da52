import { appendFileSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TargetName } from './targets.js';

/** The committed inputs; the compiled programs lie in test/dist/rafthttp/fuzz. */
function pathOf(name: TargetName): string {
  return fileURLToPath(new URL(`../../../rafthttp/fuzz/corpus/${name}.hex`, import.meta.url));
}

/** One input on each line, as hex. */
export function readCorpus(name: TargetName): Buffer[] {
  return readFileSync(pathOf(name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'hex'));
}

/** An input that broke a promise stays among those that every test run tries. */
export function addToCorpus(name: TargetName, input: Uint8Array): void {
  appendFileSync(pathOf(name), `${Buffer.from(input).toString('hex')}\n`);
}
