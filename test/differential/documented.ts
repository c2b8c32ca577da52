import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../interaction/testdata.js';

const file = join(repositoryRoot, 'docs/differs-from-etcd.md');

/**
 * The reasons for which this side may refuse what etcd panics on, or goes astray with: the first column of the table
 * of refused messages, the codes in the other tables, and "drop" if the text says what is dropped in silence.
 */
export function documentedReasons(text: string = readFileSync(file, 'utf8')): ReadonlySet<string> {
  const reasons = new Set<string>();
  for (const line of text.split('\n')) {
    if (line.startsWith('Dropped in silence')) reasons.add('drop');
    if (!line.startsWith('|')) continue;
    const [, first = ''] = line.split('|');
    for (const [, reason] of first.matchAll(/`([a-z0-9-]+)`/g)) reasons.add(reason as string);
    for (const [code] of line.matchAll(/\bERR_RAFT_[A-Z_]+\b/g)) reasons.add(code);
  }
  return reasons;
}
