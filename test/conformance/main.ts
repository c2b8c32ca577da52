import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { describeComparison } from './compared.js';
import type { RunRecord } from './record.js';
import { compareReports, countResults, renderReport } from './report.js';
import { checkCounts, type ExpectedCounts, type GoTest, matchRows } from './rows.js';

const USAGE = `Runs the tests of raft, of its scripts and bytes, of the log and the transport, finds the mocha test of every Go test of etcd's by its
title, and writes test/CONFORMANCE.md.

Usage: npm run conformance -- [--check]

  --check   do not write; fail where the file is out of date
  --help    this text

Exit code: 1 where a test fails, a Go test has no mocha test, a mocha test names a Go test that does not exist or ran no
assertion, or where less was compared than test/expected-counts.json says; 2 where the tests could not be run.
`;

const root = resolve(import.meta.dirname, '../../..');
const reportFile = join(root, 'test/CONFORMANCE.md');

/**
 * The folders of tests that the rows may point to; of the log's tests, which take long, those with etcd's scenarios.
 */
export const areas: readonly string[] = ['raft', 'interaction', 'proto', 'corpus', 'rafthttp'];

/** Runs the compiled tests that match these patterns, seen from the root of the repository. */
export function recordRun(specs: readonly string[], output: 'inherit' | 'ignore' = 'inherit'): RunRecord {
  const folder = mkdtempSync(join(tmpdir(), 'raft-ts-conformance-'));
  const file = join(folder, 'run.json');
  try {
    const reporter = ['--reporter', join(import.meta.dirname, 'recorder.js'), '--reporter-option', `file=${file}`];
    const args = [...reporter, ...specs.flatMap((spec) => ['--spec', spec])];
    const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
    const { status } = spawnSync(process.execPath, [mocha, ...args], { cwd: root, stdio: output });
    if (!existsSync(file)) throw new Error(`mocha ended with ${status} and without a record of the tests`);
    return readJson(file) as RunRecord;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

export function readGoTests(): readonly GoTest[] {
  return readJson(join(root, 'test/conformance/go-tests.json')) as readonly GoTest[];
}

export function readExpectedCounts(): ExpectedCounts {
  return readJson(join(root, 'test/expected-counts.json')) as ExpectedCounts;
}

/** The command `npm run conformance`. Returns its exit code. */
export function conformance(args: readonly string[]): number {
  const options = { check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
  let check = false;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help === true) {
      process.stdout.write(USAGE);
      return 0;
    }
    check = values.check ?? false;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }

  const specs = [...areas.map((area) => `test/dist/${area}/**/*.test.js`), 'test/dist/raftwal/etcd-*.test.js'];
  let run: RunRecord;
  try {
    run = recordRun(specs);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 2;
  }
  const { rows, problems } = matchRows(readGoTests(), run.tests);
  const report = renderReport(rows, run.comparison);
  const found = [...problems, ...checkCounts(run.comparison, readExpectedCounts())];
  if (check) {
    const stale = existsSync(reportFile)
      ? compareReports(readFileSync(reportFile, 'utf8'), report, rows)
      : ['test/CONFORMANCE.md is missing'];
    if (stale.length > 0) found.push(...stale, 'npm run conformance writes test/CONFORMANCE.md anew');
  } else {
    writeFileSync(reportFile, report);
  }
  for (const problem of found) process.stderr.write(`${problem}\n`);
  process.stdout.write(`${rows.length} entries: ${countResults(rows)}\n`);
  process.stdout.write(`compared with etcd: ${describeComparison(run.comparison)}\n`);
  return found.length === 0 ? 0 : 1;
}
