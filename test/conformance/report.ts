import { type Comparison, describeComparison } from './compared.js';
import type { Result, Row } from './rows.js';

const HEAD = `# Conformance with the tests of etcd's raft

Written by \`npm run conformance\`; \`npm run conformance -- --check\` compares it with the tests as they are.

Every test of etcd's raft (\`go.etcd.io/raft/v3\` v3.7.0), and of the log, the snapshots and the transport of its server (v3.7.1),
stands here with the mocha test that has the same scenario and the same expectations. A mocha test says so by its title:
\`RT-001 TestProgressLeader: …\`, on a test or on a suite whose tests are the cases; one that has the scenarios of several
is named in \`test/conformance/go-tests.json\`. \`pass\` means that every case passed and ran at least one assertion.
`;

/** The order in which results are counted. */
const results: readonly Result[] = ['pass', 'skipped', 'Go only', 'FAIL', 'MISSING'];

/** The text of `test/CONFORMANCE.md`. */
export function renderReport(rows: readonly Row[], comparison: Comparison): string {
  const sections = [...groupBy(rows, ({ test }) => test.file)].map(([file, ofFile]) => renderFile(file, ofFile));
  return [HEAD, renderCounts(rows), renderComparison(comparison), ...sections].join('\n');
}

/** How many rows there are of each result that occurs. */
export function countResults(rows: readonly Row[]): string {
  return results
    .map((result) => [rows.filter((row) => row.result === result).length, result] as const)
    .filter(([count]) => count > 0)
    .map(([count, result]) => `${count} ${result}`)
    .join(', ');
}

function groupBy<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}

function renderCounts(rows: readonly Row[]): string {
  const kinds = ['Test', 'Example', 'Benchmark'].map((kind) => {
    const ofKind = rows.filter(({ test }) => test.name.startsWith(kind));
    return `- ${kind}s: ${ofKind.length}: ${countResults(ofKind)}`;
  });
  const cases = rows.reduce((sum, row) => sum + row.cases, 0);
  return `${kinds.join('\n')}\n- Mocha tests that are their cases: ${cases}`;
}

function renderComparison(comparison: Comparison): string {
  return `- Compared with what etcd wrote: ${describeComparison(comparison)}\n`;
}

function renderFile(file: string, rows: readonly Row[]): string {
  return [
    `## \`${file}\``,
    '',
    `${rows.length}: ${countResults(rows)}`,
    '',
    '| | Go test | mocha test | cases | result |',
    '|---|---|---|---:|---|',
    ...rows.map(renderRow),
    '',
  ].join('\n');
}

function renderRow({ test, titles, files, cases, result }: Row): string {
  const links = files.map(sourceOf).map((path) => `[${path.replace(/\.test\.ts$/, '')}](${path})`);
  const what = [...titles.map((title) => title.replaceAll('|', '\\|')), ...links];
  if (result === 'Go only' || (test.goOnly !== undefined && cases > 0)) what.unshift(`(Go only: ${test.goOnly})`);
  return `| ${test.id} | \`${test.name}\` | ${what.join('<br>')} | ${cases} | ${result} |`;
}

/** The source of a compiled test, as seen from the folder of the tests. */
function sourceOf(compiled: string): string {
  return compiled.replace(/^.*\/test\/dist\//, '').replace(/\.js$/, '.ts');
}

/**
 * Is the written report out of date? The rows that were skipped here may say what they say elsewhere.
 * @returns in sentences, what differs
 */
export function compareReports(written: string, present: string, rows: readonly Row[]): string[] {
  if (written === present) return [];
  const skipped = new Set(rows.filter(({ result }) => result === 'skipped').map(({ test }) => test.id));
  const [before, now] = [rowsOf(written), rowsOf(present)];
  const differences = [...new Set([...before.keys(), ...now.keys()])]
    .filter((id) => !skipped.has(id) && before.get(id) !== now.get(id))
    .map((id) => `the row of ${id} is out of date`);
  if (differences.length > 0 || skipped.size > 0) return differences;
  return ['the text around the rows is out of date'];
}

function rowsOf(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => /^\| [A-Z]{2}-\d{3} \|/.test(line));
  return new Map(lines.map((line) => [line.slice(2, 8), line]));
}
