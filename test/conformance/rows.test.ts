import { expect } from 'chai';
import { readExpectedCounts, readGoTests } from './main.js';
import type { TestRecord } from './record.js';
import { compareReports, countResults, renderReport } from './report.js';
import { checkCounts, type GoTest, matchRows, type Rows } from './rows.js';

const goTests: readonly GoTest[] = [
  { id: 'RT-001', file: 'raft_test.go', name: 'TestOne' },
  { id: 'RT-002', file: 'raft_test.go', name: 'TestTwo' },
  { id: 'EX-001', file: 'example_test.go', name: 'ExampleNode', goOnly: 'it is never run' },
  { id: 'IN-001', file: 'interaction_test.go', name: 'TestInteraction', needs: 'scripts' },
];

function passed(...path: string[]): TestRecord {
  return { path, file: '/repo/test/dist/raft/core/some.test.js', state: 'passed', assertions: 2 };
}

const complete: readonly TestRecord[] = [
  passed('elections', 'RT-001 TestOne: a | b'),
  passed('elections', 'RT-002 TestTwo: cases', 'the first'),
  passed('elections', 'RT-002 TestTwo: cases', 'the second'),
  passed('IN-001 TestInteraction: scripts', 'a.txt'),
];

function results({ rows }: Rows): Record<string, string> {
  return Object.fromEntries(rows.map(({ test, result, cases }) => [test.id, `${result} ${cases}`]));
}

describe('the rows of conformance', () => {
  it('find the mocha tests of each Go test by number and name', () => {
    const found = matchRows(goTests, complete);
    expect(found.problems).to.deep.equal([]);
    expect(results(found)).to.deep.equal({
      'RT-001': 'pass 1',
      'RT-002': 'pass 2',
      'EX-001': 'Go only 0',
      'IN-001': 'pass 1',
    });
  });

  it('show a test of what is left of a Go-only one', () => {
    const found = matchRows(goTests, [...complete, passed('EX-001 ExampleNode: the loop')]);
    expect(found.problems).to.deep.equal([]);
    expect(results(found)['EX-001']).to.equal('pass 1');
  });

  it('miss a Go test without a mocha test', () => {
    const found = matchRows(goTests, complete.slice(1));
    expect(found.problems).to.deep.equal(['RT-001 TestOne has no mocha test']);
    expect(results(found)['RT-001']).to.equal('MISSING 0');
  });

  const wrong: [string, TestRecord, string, string?][] = [
    [
      'a number without a name',
      passed('RT-001: text'),
      '"RT-001: text" does not read "NUMBER TestName: what must hold"',
    ],
    [
      'a name that is another’s',
      passed('RT-001 TestTwo: x'),
      '"RT-001 TestTwo: x" names no Go test: RT-001 is TestOne',
    ],
    [
      'a number that nobody has',
      passed('RT-999 TestOne: x'),
      '"RT-999 TestOne: x" names no Go test: RT-999 is undefined',
    ],
    [
      'a test that ran no assertion',
      { ...passed('RT-002 TestTwo: cases', 'the third'), assertions: 0 },
      'RT-002 TestTwo: "RT-002 TestTwo: cases › the third" ran no assertion',
      'FAIL 3',
    ],
    [
      'a test that failed',
      { ...passed('RT-002 TestTwo: cases', 'the third'), state: 'failed', error: 'expected 1' },
      'RT-002 TestTwo: cases › the third failed: expected 1',
      'FAIL 3',
    ],
    [
      'a test that was skipped for no reason',
      { ...passed('RT-002 TestTwo: cases', 'the third'), state: 'skipped', assertions: 0 },
      'RT-002 TestTwo was skipped, and needs nothing',
      'skipped 3',
    ],
    [
      'a failed test that belongs to no Go test',
      { ...passed('properties', 'of a log'), state: 'failed', error: 'expected 1' },
      'properties › of a log failed: expected 1',
    ],
  ];
  for (const [name, record, problem, result = 'pass 2'] of wrong) {
    it(`report ${name}`, () => {
      const found = matchRows(goTests, [...complete, record]);
      expect(found.problems).to.deep.equal([problem]);
      expect(results(found)['RT-002']).to.equal(result);
    });
  }

  it('say skipped, not pass, where what a test needs is absent', () => {
    const skipped: TestRecord = { ...passed('IN-001 TestInteraction: is skipped'), state: 'skipped', assertions: 0 };
    const found = matchRows(goTests, [...complete.slice(0, 3), skipped]);
    expect(found.problems).to.deep.equal([]);
    expect(results(found)['IN-001']).to.equal('skipped 1');
  });
});

describe('the counts of conformance', () => {
  const expected = {
    complete: { files: 41, vectors: 3000, scripts: 4 },
    cloneAlone: { files: 0, vectors: 2000, scripts: 4 },
  };
  const counts = { files: 41, directives: 0, vectors: 3000, scripts: 4 };

  it('are enough where they are reached', () => {
    expect(checkCounts({ counts, absent: {} }, expected)).to.deep.equal([]);
    expect(checkCounts({ counts: { ...counts, vectors: 3001, scripts: 4 }, absent: {} }, expected)).to.deep.equal([]);
  });

  it('are too few where less was compared', () => {
    const problems = checkCounts({ counts: { ...counts, files: 40 }, absent: {} }, expected);
    expect(problems).to.deep.equal(['40 files were compared, not 41']);
  });

  it('are fewer only where something is said to be absent', () => {
    const alone = { files: 0, directives: 0, vectors: 2000, scripts: 4 };
    const absent = { files: 'no files', vectors: 'no vectors' };
    expect(checkCounts({ counts: alone, absent }, expected)).to.deep.equal([]);
    expect(checkCounts({ counts: alone, absent: { files: 'no files' } }, expected)).to.have.lengthOf(1);
    expect(checkCounts({ counts: { ...alone, vectors: 1999, scripts: 4 }, absent }, expected)).to.have.lengthOf(1);
  });
});

describe('the report of conformance', () => {
  const comparison = { counts: { files: 1, directives: 2, vectors: 3, scripts: 4 }, absent: {} };
  const { rows } = matchRows(goTests, complete);
  const report = renderReport(rows, comparison);

  it('has a line for each Go test, with its counts above', () => {
    expect(report).to.include(
      '| RT-001 | `TestOne` | a \\| b<br>[raft/core/some](raft/core/some.test.ts) | 1 | pass |\n' +
        '| RT-002 | `TestTwo` | cases<br>[raft/core/some](raft/core/some.test.ts) | 2 | pass |\n',
    );
    expect(report).to.include('| EX-001 | `ExampleNode` | (Go only: it is never run) | 0 | Go only |\n');
    expect(report).to.include('- Tests: 3: 3 pass\n- Examples: 1: 1 Go only\n');
    expect(report).to.include('1 files, 2 directives, 3 vectors, 4 scripts\n');
    expect(countResults(rows)).to.equal('3 pass, 1 Go only');
  });

  it('is out of date where a row is', () => {
    expect(compareReports(report, report, rows)).to.deep.equal([]);
    expect(compareReports(report.replace('a \\| b', 'c'), report, rows)).to.deep.equal([
      'the row of RT-001 is out of date',
    ]);
    expect(compareReports(report.replace(/^\| RT-002.*\n/m, ''), report, rows)).to.deep.equal([
      'the row of RT-002 is out of date',
    ]);
    expect(compareReports(`${report}| RT-003 | x |\n`, report, rows)).to.deep.equal([
      'the row of RT-003 is out of date',
    ]);
    expect(compareReports(report.replace('3 vectors', '4 vectors'), report, rows)).to.have.lengthOf(1);
  });

  it('is not out of date where rows are skipped only here', () => {
    const skipped: TestRecord = { ...passed('IN-001 TestInteraction: is skipped'), state: 'skipped', assertions: 0 };
    const alone = matchRows(goTests, [...complete.slice(0, 3), skipped]).rows;
    const absent = { files: 'there are none' };
    const here = renderReport(alone, { counts: { files: 0, directives: 0, vectors: 3, scripts: 4 }, absent });
    expect(here).to.include('files skipped: there are none');
    expect(compareReports(report, here, alone)).to.deep.equal([]);
    expect(compareReports(report.replace('a \\| b', 'c'), here, alone)).to.have.lengthOf(1);
  });
});

describe('the list of Go tests', () => {
  const isOfServer = (file: string): boolean => file.startsWith('etcd: ');

  it('has the 258 tests, the example and the 5 benchmarks of etcd’s raft v3.7.0, each once', () => {
    const all = readGoTests().filter(({ file }) => !isOfServer(file));
    const count = (kind: string): number => all.filter(({ name }) => name.startsWith(kind)).length;
    expect([count('Test'), count('Example'), count('Benchmark')]).to.deep.equal([258, 1, 5]);
    expect(new Set(all.map(({ id }) => id)).size).to.equal(264);
    expect(new Set(all.map(({ file, name }) => `${file} ${name}`)).size).to.equal(264);
    expect(new Set(all.map(({ file }) => file)).size).to.equal(29);
  });

  it('has the tests and benchmarks of the log, the snapshots and the transport of etcd’s server v3.7.1, each once', () => {
    const all = readGoTests().filter(({ file }) => isOfServer(file));
    const count = (kind: string): number => all.filter(({ name }) => name.startsWith(kind)).length;
    expect([count('Test'), count('Benchmark')]).to.deep.equal([93, 11]);
    expect(new Set(all.map(({ id }) => id)).size).to.equal(104);
    expect(new Set(all.map(({ file, name }) => `${file} ${name}`)).size).to.equal(104);
  });

  it('leaves out only what another implementation cannot have', () => {
    const left = readGoTests().filter(({ goOnly, name }) => goOnly !== undefined && !name.startsWith('Benchmark'));
    const versions = ['WA-037', 'WA-038', 'WA-039', 'WA-040'];
    expect(left.map(({ id }) => id)).to.deep.equal(['ND-001', 'EX-001', 'PR-001', ...versions, 'RH-006']);
  });

  it('comes with counts that no run may fall below', () => {
    const { complete: full, cloneAlone } = readExpectedCounts();
    expect(Object.keys(full)).to.have.members(['files', 'directives', 'vectors', 'scripts']);
    expect(Object.keys(cloneAlone)).to.have.members(Object.keys(full));
    expect(full).to.deep.include({ files: 41, directives: 743 });
  });
});
