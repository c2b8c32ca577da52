import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Copy } from './copy.js';
import type { Mutant } from './mutant.js';
import { compileMutant } from './patch.js';
import { type Run, runSuite, type TestPlace } from './suite.js';

/** The tests may take this long for one broken rule. */
export const LIMIT_MS = 120_000;

/** What became of a broken rule. */
export type Verdict =
  /** `source` is the test's TypeScript file, from the repository's root. */
  | { readonly kind: 'killed'; readonly source: string; readonly title: string }
  | { readonly kind: 'equivalent' | 'no counterpart'; readonly reason: string }
  /** No assertion noticed; or the patch, or what it says of itself, is wrong. */
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
 * Breaks the rule in the copy and runs tests until an assertion notices.
 * @param specs the files that could notice, most likely first
 * @param passes whether a file passes as it is, in a copy without a change: what fails anyway notices nothing
 */
export async function judge(
  mutant: Mutant,
  {
    original,
    copy,
    specs,
    passes,
  }: {
    original: string;
    copy: Copy;
    specs: readonly string[];
    passes: (copy: Copy, spec: string) => Promise<boolean>;
  },
): Promise<Verdict> {
  const { file, equivalent, noCounterpart } = mutant;
  if (file === undefined) return { kind: 'no counterpart', reason: noCounterpart ?? '' };
  if (specs.length === 0) return { kind: 'red', reason: `no test file begins with ${mutant.tests?.join(' or ')}` };
  let run: Run;
  try {
    copy.write(file, await compileMutant(readFileSync(join(original, file), 'utf8'), mutant));
    copy.prepare(specs);
    run = await runOnAfterHangs(copy, specs);
  } catch (error) {
    return { kind: 'red', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    copy.restore(file);
  }
  if (run.kind === 'failed' && !(await passes(copy, run.by.file))) {
    return { kind: 'red', reason: `${sourceOfSpec(run.by.file)} fails without the patch too: mend the test first` };
  }
  const verdict = verdictOf(run);
  if (equivalent === undefined) return verdict;
  // The argument counts, not the suite; which may only contradict it, by an assertion.
  if (verdict.kind !== 'killed') return { kind: 'equivalent', reason: equivalent };
  return { kind: 'red', reason: `said to be equivalent, but "${verdict.title}" fails` };
}

/**
 * Runs the files: the likeliest alone, because it takes long to load all, then the others. If a test of one hangs or
 * kills the process, the files after it may still hold an assertion that fails.
 */
async function runOnAfterHangs({ root }: Copy, specs: readonly string[]): Promise<Run> {
  const deadline = Date.now() + LIMIT_MS;
  let unasserted: Run | undefined;
  let passed: Run | undefined;
  let alone = 1;
  for (let rest = specs; rest.length > 0 && Date.now() < deadline; ) {
    const part = rest.slice(0, alone);
    const run = await runSuite(root, part, deadline - Date.now());
    if (run.kind === 'failed' || run.kind === 'out of time' || run.kind === 'broken off') return run;
    if (run.kind === 'passed') {
      if (run.vain !== undefined || passed === undefined) passed = run;
      rest = rest.slice(part.length);
    } else {
      unasserted ??= run;
      rest = rest.slice(rest.indexOf(run.by.file) + 1);
    }
    alone = rest.length;
  }
  return unasserted ?? passed ?? { kind: 'out of time' };
}

function unasserted({ file, title }: TestPlace, what: string): Verdict {
  return { kind: 'red', reason: `no assertion fails, only ${sourceOfSpec(file)} "${title}" ${what}` };
}

function verdictOf(run: Run): Verdict {
  switch (run.kind) {
    case 'passed':
      return run.vain === undefined ? { kind: 'survived' } : unasserted(run.vain, 'waits in vain');
    case 'failed':
      // A name that does not exist is a mistake in the patch, not in a rule.
      if (run.message.endsWith(' is not defined')) return { kind: 'red', reason: run.message };
      return { kind: 'killed', source: sourceOfSpec(run.by.file), title: run.by.title };
    case 'hung':
      return unasserted(run.by, 'hangs');
    case 'crashed':
      return unasserted(run.by, 'kills its process');
    case 'out of time':
      return { kind: 'red', reason: `the tests were not done within ${LIMIT_MS / 1000} s` };
    case 'broken off':
      return { kind: 'red', reason: `the tests ended ${run.message.replace(/\n[^]*/, '')}` };
  }
}
