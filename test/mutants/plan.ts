import type { Mutant } from './mutant.js';
import { specOfSource, type Verdict } from './verdict.js';

/** The package that a broken rule belongs to; what has no counterpart here was listed for the core. */
export function packageOf({ file }: Pick<Mutant, 'file'>): string {
  return file?.split('/')[0] ?? 'raft';
}

/** The tests of the core are its own and the scripts; whatever else uses it notices late and says little. */
function belongsTo(spec: string, name: string): boolean {
  const path = spec.replace(/^test\/dist\//, '');
  if (name === 'raft') return /^raft\/|^interaction\/(etcd|stories)\.test\.js$/.test(path);
  return path.startsWith(`${name}/`) && !/\/(interop|go)\.test\.js$/.test(path);
}

/**
 * Those that start processes, sleep or try at random come last, and before them etcd's scripts, which a clone may lack.
 */
function rank(spec: string): number {
  if (/propert|model|power-cuts|slow|fuzz|raftexample\/(cluster|durable|hello)/.test(spec)) return 2;
  return /etcd\.test/.test(spec) ? 1 : 0;
}

/**
 * The test files that could notice this broken rule: the one that noticed the last time, then those that noticed most
 * of the broken rules of the same area, then the others.
 * @param specs all test files
 * @param verdicts what is known from earlier runs
 */
export function specsFor(
  mutant: Mutant,
  {
    specs,
    mutants,
    verdicts,
  }: { specs: readonly string[]; mutants: readonly Mutant[]; verdicts: ReadonlyMap<string, Verdict> },
): string[] {
  const killerOf = ({ name }: Mutant): string | undefined => {
    const verdict = verdicts.get(name);
    return verdict?.kind === 'killed' ? specOfSource(verdict.source) : undefined;
  };
  const kills = new Map<string, number>();
  for (const other of mutants) {
    const killer = other.area === mutant.area ? killerOf(other) : undefined;
    if (killer !== undefined) kills.set(killer, (kills.get(killer) ?? 0) + 1);
  }
  const last = killerOf(mutant);
  const { tests } = mutant;
  const likely = (spec: string): number => (spec === last ? Number.POSITIVE_INFINITY : (kills.get(spec) ?? 0));
  if (tests === undefined) {
    return specs
      .filter((spec) => belongsTo(spec, packageOf(mutant)))
      .sort((a, b) => compare(likely(b), likely(a)) || rank(a) - rank(b));
  }
  const named = tests.flatMap((test) => specs.filter((spec) => spec.startsWith(`test/dist/${test}`)));
  return [...new Set(named)].sort((a, b) => Number(b === last) - Number(a === last));
}

/** As `-`, for infinities too. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
