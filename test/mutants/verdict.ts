import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Copy } from './copy.js';
import type { Mutant } from './mutant.js';
import { compileMutant } from './patch.js';
import { type Run, runSuite } from './suite.js';

/** The suite may take this long for one broken rule. */
export const LIMIT_MS = 20_000;

/** What became of a broken rule. */
export type Verdict =
  /** `source` is the test's TypeScript file, from the repository's root. */
  | {
      readonly kind: 'killed';
      readonly source: string;
      readonly title: string;
      readonly how: 'fails' | 'hangs' | 'crashes';
    }
  | { readonly kind: 'equivalent' | 'no counterpart'; readonly reason: string }
  /** Nobody noticed; or the patch, or what it says of itself, is wrong. */
  | { readonly kind: 'survived' }
  | { readonly kind: 'red'; readonly reason: string };

/** May the command end well with this? */
export function isGood({ kind }: Verdict): boolean {
  return kind !== 'survived' && kind !== 'red';
}

const compiledTests = 'test/dist/';

export function sourceOfSpec(spec: string): string {
  return spec.replace(compiledTests, 'test/').replace(/\.js$/, '.ts');
}

export function specOfSource(source: string): string {
  return source.replace(/^test\//, compiledTests).replace(/\.ts$/, '.js');
}

/**
 * Breaks the rule in the copy and runs the suite.
 * @param specs the suite's files; those that are likely to notice first
 * @param killer the file that noticed the last time, which is tried alone before the others
 */
export async function judge(
  mutant: Mutant,
  {
    original,
    copy,
    specs,
    killer,
  }: { original: string; copy: Copy; specs: readonly string[]; killer: string | undefined },
): Promise<Verdict> {
  const { file, equivalent, noCounterpart } = mutant;
  if (file === undefined) return { kind: 'no counterpart', reason: noCounterpart ?? '' };
  try {
    copy.write(file, await compileMutant(readFileSync(join(original, file), 'utf8'), mutant));
    const run = await runKillerFirst(copy, specs, killer);
    const verdict = verdictOf(run);
    if (equivalent === undefined) return verdict;
    // The argument counts, not the suite; which may only contradict it.
    if (run.kind === 'passed' || run.kind === 'out of time') return { kind: 'equivalent', reason: equivalent };
    const because = verdict.kind === 'killed' ? `"${verdict.title}" ${verdict.how}` : JSON.stringify(verdict);
    return { kind: 'red', reason: `said to be equivalent, but ${because}` };
  } catch (error) {
    return { kind: 'red', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    copy.restore(file);
  }
}

async function runKillerFirst({ root }: Copy, specs: readonly string[], killer: string | undefined): Promise<Run> {
  const deadline = Date.now() + LIMIT_MS;
  if (killer === undefined || !specs.includes(killer)) return runSuite(root, specs, LIMIT_MS);
  const alone = await runSuite(root, [killer], LIMIT_MS);
  if (alone.kind !== 'passed') return alone;
  const others = specs.filter((spec) => spec !== killer);
  return runSuite(root, others, deadline - Date.now());
}

function verdictOf(run: Run): Verdict {
  switch (run.kind) {
    case 'passed':
      return { kind: 'survived' };
    case 'failed':
      // A name that does not exist is a mistake in the patch, not in a rule.
      if (run.message.endsWith(' is not defined')) return { kind: 'red', reason: run.message };
      return { kind: 'killed', source: sourceOfSpec(run.by.file), title: run.by.title, how: 'fails' };
    case 'hung':
    case 'crashed':
      return {
        kind: 'killed',
        source: sourceOfSpec(run.by.file),
        title: run.by.title,
        how: run.kind === 'hung' ? 'hangs' : 'crashes',
      };
    case 'out of time':
      return { kind: 'red', reason: `the suite was not done within ${LIMIT_MS / 1000} s` };
    case 'broken off':
      return { kind: 'red', reason: `the suite ended ${run.message}` };
  }
}
