import type { RunRecord, TestRecord } from './record.js';

/** A test, example or benchmark of etcd's raft, or of its log, snapshots and transport. */
export interface GoTest {
  /** The number it has here: the prefix says the file. */
  readonly id: string;
  readonly file: string;
  readonly name: string;
  /** Why there is nothing in it that another implementation could do. */
  readonly goOnly?: string;
  /**
   * The mocha test or suite that has its scenario, where that has those of several Go tests, or of a whole table of
   * etcd's answers, and so bears no number.
   */
  readonly title?: string;
  /** What of etcd's its mocha test reads, and may be skipped without. */
  readonly needs?: string;
}

export type Result = 'pass' | 'FAIL' | 'skipped' | 'Go only' | 'MISSING';

/**
 * A Go test and the mocha tests whose title, or whose suite's title, begins with its number and name, or is its
 * `title`.
 */
export interface Row {
  readonly test: GoTest;
  /** What the titles say after number and name, each once. */
  readonly titles: readonly string[];
  /** The compiled files they are in, each once. */
  readonly files: readonly string[];
  /** How many mocha tests they are. */
  readonly cases: number;
  readonly result: Result;
}

/** Every Go test with its mocha tests, and, in sentences, what is wrong with that. */
export interface Rows {
  readonly rows: readonly Row[];
  readonly problems: readonly string[];
}

/** How much a run must compare; `cloneAlone` where it says that the rest is absent. */
export interface ExpectedCounts {
  readonly complete: Readonly<Record<string, number>>;
  readonly cloneAlone: Readonly<Record<string, number>>;
}

const NUMBER = /^[A-Z]{2}-\d{3}\b/;
const TITLE = /^([A-Z]{2}-\d{3}) (\w+): (.+)$/;

interface Match {
  readonly title: string;
  readonly record: TestRecord;
}

export function matchRows(goTests: readonly GoTest[], records: readonly TestRecord[]): Rows {
  const problems: string[] = [];
  const names = new Map(goTests.map(({ id, name }) => [id, name]));
  const matches = new Map<string, Match[]>(goTests.map(({ id }) => [id, []]));
  const titled = goTests.filter(({ title }) => title !== undefined);
  for (const record of records) {
    for (const part of record.path) {
      for (const { id, title } of titled) if (title === part) matches.get(id)?.push({ title: part, record });
    }
    const name = record.path.join(' › ');
    if (record.state === 'failed') problems.push(`${name} failed: ${record.error ?? 'without saying why'}`);
    for (const title of record.path.filter((part) => NUMBER.test(part))) {
      const [, id = '', goName, text = ''] = TITLE.exec(title) ?? [];
      if (goName === undefined) problems.push(`"${title}" does not read "NUMBER TestName: what must hold"`);
      else if (names.get(id) !== goName) problems.push(`"${title}" names no Go test: ${id} is ${names.get(id)}`);
      else matches.get(id)?.push({ title: text, record });
    }
  }
  const rows = goTests.map((test) => row(test, matches.get(test.id) ?? [], problems));
  return { rows, problems: [...new Set(problems)] };
}

function row(test: GoTest, found: readonly Match[], problems: string[]): Row {
  const name = `${test.id} ${test.name}`;
  for (const { record } of found) {
    if (record.state === 'passed' && record.assertions === 0) {
      problems.push(`${name}: "${record.path.join(' › ')}" ran no assertion`);
    }
  }
  const states = new Set(found.map(({ record }) => record.state));
  if (found.length === 0 && test.goOnly === undefined) problems.push(`${name} has no mocha test`);
  if (states.has('skipped') && test.needs === undefined) problems.push(`${name} was skipped, and needs nothing`);
  return {
    test,
    titles: [...new Set(found.map(({ title }) => title))],
    files: [...new Set(found.map(({ record }) => record.file))],
    cases: found.length,
    result: resultOf(test, found),
  };
}

function resultOf(test: GoTest, found: readonly Match[]): Result {
  if (found.length === 0) return test.goOnly === undefined ? 'MISSING' : 'Go only';
  if (found.some(({ record: { state, assertions } }) => state === 'failed' || (state === 'passed' && assertions === 0)))
    return 'FAIL';
  return found.some(({ record }) => record.state === 'skipped') ? 'skipped' : 'pass';
}

/** What the run compared less of than it must. */
export function checkCounts({ counts, absent }: RunRecord['comparison'], expected: ExpectedCounts): string[] {
  return Object.entries(expected.complete).flatMap(([what, complete]) => {
    const why = absent[what as keyof typeof absent];
    const least = why === undefined ? complete : (expected.cloneAlone[what] ?? complete);
    const count = counts[what as keyof typeof counts] ?? 0;
    return count >= least ? [] : [`${count} ${what} were compared, not ${least}`];
  });
}
