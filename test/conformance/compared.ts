/** What of etcd's this run of the tests has compared with ours, for whoever reports on the run. */

/** etcd's script files, the directives in them, lines of byte vectors, and random scripts that Go has answered. */
export type Compared = 'files' | 'directives' | 'vectors' | 'scripts';

/** How much was compared, and what was not and why. */
export interface Comparison {
  readonly counts: Readonly<Record<Compared, number>>;
  readonly absent: Readonly<Partial<Record<Compared, string>>>;
}

const counts: Record<Compared, number> = { files: 0, directives: 0, vectors: 0, scripts: 0 };
const absent: Partial<Record<Compared, string>> = {};

/** A test has compared this many more, each of them once, and found them equal. */
export function compared(what: Compared, count: number): void {
  counts[what] += count;
}

/** They are not here, so nothing can be compared with them. */
export function notCompared(what: Compared, why: string): void {
  absent[what] = why;
}

export function comparison(): Comparison {
  return { counts, absent };
}

/** `41 files, 743 directives, 3290 vectors, 3000 scripts`, and what was skipped and why. */
export function describeComparison(all: Comparison): string {
  const there = Object.entries(all.counts).map(([what, count]) => `${count} ${what}`);
  const skipped = Object.entries(all.absent).map(([what, why]) => `${what} skipped: ${why}`);
  return [there.join(', '), ...skipped].join('; ');
}
