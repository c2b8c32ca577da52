import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../interaction/testdata.js';

const folder = join(repositoryRoot, 'test/differential/regressions');

/** Sessions and scripts that were once answered in another way than by etcd: docs/differential.md. */
export const regressionFiles: readonly string[] = readdirSync(folder);

export function readRegression(file: string): Buffer {
  return readFileSync(join(folder, file));
}

/** The lines of a session, with "?" before those that this side refuses, and etcd's answers to the others. */
export function readSession(file: string): { readonly lines: readonly string[]; readonly answers: string } {
  const [lines, answers = ''] = sessionParts(readRegression(file).toString());
  return { lines: lines.split('\n'), answers };
}

/** What stands before and after the line of dashes in a file of a session, without comments. */
export function sessionParts(text: string): [lines: string, answers?: string] {
  return text
    .replace(/^#.*\n/gm, '')
    .trimStart()
    .split('\n----\n') as [string, string?];
}
