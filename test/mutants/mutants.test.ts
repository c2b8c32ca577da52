import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root, scratchFolder } from '../repo/repository.js';
import { readCatalogue } from './catalogue.js';
import { MAX_ALIVE } from './main.js';
import { type Mutant, parseMutants, readMutants } from './mutant.js';
import { compileMutant } from './patch.js';
import { readReport, renderReport } from './report.js';
import type { Verdict } from './verdict.js';

/** How many rules were listed for each part of raft. */
const listed: Record<string, number> = {
  'confchange/confchange': 9,
  log: 12,
  'unstable log': 6,
  'quorum/majority': 3,
  'elections, leader, follower': 98,
  RawNode: 6,
  storage: 2,
  'tracker/inflights': 3,
  'tracker/progress': 14,
  'tracker/tracker': 3,
  sizes: 2,
};

function countBy(mutants: readonly Mutant[], key: (mutant: Mutant) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const mutant of mutants) counts[key(mutant)] = (counts[key(mutant)] ?? 0) + 1;
  return counts;
}

/** Refuses names that nothing declares, or that are used before. Types are not looked at: many rules break them. */
const namesOnly = {
  plugins: [],
  categories: { correctness: 'off' },
  env: { builtin: true, es2024: true, node: true, browser: true },
  rules: {
    'no-undef': 'error',
    'no-use-before-define': ['error', { functions: false, classes: false, variables: false }],
  },
};

/** What is wrong with the names in these sources, by their own names. */
async function wrongNames(sources: ReadonlyMap<string, string>): Promise<string[]> {
  const { path, remove } = await scratchFolder();
  try {
    const files = [...sources];
    for (const [i, [, code]] of files.entries()) writeFileSync(join(path, `${i}.js`), code);
    const configuration = join(path, 'names.json');
    writeFileSync(configuration, JSON.stringify(namesOnly));
    const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
    const args = [oxlint, '-c', configuration, '--format', 'unix', path];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
    const found = [...stdout.matchAll(/(\d+)\.js:[\d:]+ (.*)/g)];
    if (status !== (found.length === 0 ? 0 : 1)) throw new Error(`oxlint ends with ${status}: ${stdout}${stderr}`);
    return found.map(([, i, text]) => `${files[Number(i)]?.[0]}: ${text}`);
  } finally {
    await remove();
  }
}

describe('broken rules', () => {
  const mutants = readMutants(join(root, 'test/mutants'));

  it('are the 158 that were listed, and at least 30 of our own', () => {
    const [ofList, own] = [
      mutants.filter(({ origin }) => origin === 'listed'),
      mutants.filter(({ origin }) => origin === 'own'),
    ];
    expect(countBy(ofList, ({ area }) => area)).to.deep.equal(listed);
    expect(ofList).to.have.lengthOf(158);
    expect(own.length).to.be.at.least(30);
  });

  it('have names of their own', () => {
    const counts = countBy(mutants, ({ name }) => name);
    expect(Object.keys(counts).filter((name) => counts[name] !== 1)).to.deep.equal([]);
  });

  it('say in a sentence what a user would see', () => {
    expect(mutants.filter(({ seen }) => !/^[A-Z].*\.$/.test(seen)).map(({ where }) => where)).to.deep.equal([]);
  });

  it(`are left alive with a reason only, and ${MAX_ALIVE} at most`, () => {
    const alive = mutants.filter(({ equivalent, noCounterpart }) => (equivalent ?? noCounterpart) !== undefined);
    const reasons = alive.map(({ equivalent, noCounterpart }) => equivalent ?? noCounterpart ?? '');
    expect(alive.length).to.be.at.most(MAX_ALIVE);
    for (const reason of reasons) expect(reason).to.match(/^[A-Z`].{60,}\.$/);
  });

  describe('of the catalogue', () => {
    const catalogue = readCatalogue(join(root, 'test/mutants'), mutants);

    it('are the 48 that a simulator must find, and at least 20 that others made', () => {
      const numbers = catalogue.map(({ name }) => name.split(' ')[0] as string);
      const listed = numbers.filter((number) => number.startsWith('M'));
      expect(new Set(listed)).to.deep.equal(new Set(Array.from({ length: 48 }, (_, i) => `M${i + 1}`)));
      const others = numbers.filter((number) => !number.startsWith('M'));
      expect(new Set(others).size).to.equal(others.length).and.to.be.at.least(20);
      // hashicorp #695, openraft #1802, yugabyte #32875, etcd #20418, #6378, #14143.
      expect(others).to.include.members(['A3', 'B11', 'B16', 'C2', 'F2', 'B15']);
    });

    it('still fit, each in one place, and change what is compiled', async () => {
      const outcomes = await Promise.allSettled(
        catalogue.map(async (mutant) => {
          if (mutant.file !== undefined) await compileMutant(readFileSync(join(root, mutant.file), 'utf8'), mutant);
        }),
      );
      const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
      expect(failures).to.deep.equal([]);
    });

    it('say in a sentence what a user would see, or why the simulator of the core cannot run into them', () => {
      expect(catalogue.filter(({ seen }) => !/^[A-Z].*\.$/.test(seen)).map(({ where }) => where)).to.deep.equal([]);
    });

    it('are all in docs/mutants-catalogue.md', () => {
      const page = readFileSync(join(root, 'docs/mutants-catalogue.md'), 'utf8');
      expect(catalogue.filter(({ name }) => !page.includes(name)).map(({ name }) => name)).to.deep.equal([]);
    });
  });

  it('name nothing that is not there: a test would be red for that alone', async () => {
    const sources = new Map<string, string>();
    for (const mutant of [...mutants, ...readCatalogue(join(root, 'test/mutants'), mutants)]) {
      if (mutant.file === undefined) continue;
      sources.set(mutant.name, await compileMutant(readFileSync(join(root, mutant.file), 'utf8'), mutant));
    }
    expect(await wrongNames(sources)).to.deep.equal([]);
    const planted = new Map([
      ['absent', 'export const a = b;'],
      ['early', 'export function f() { return a; const a = 1; }'],
    ]);
    expect(await wrongNames(planted)).to.have.lengthOf(2);
  });

  for (const file of new Set(mutants.map((mutant) => mutant.file))) {
    if (file === undefined) continue;
    const ofFile = mutants.filter((mutant) => mutant.file === file);
    it(`still fit ${file}, each in one place, and change what is compiled`, async () => {
      const source = readFileSync(join(root, file), 'utf8');
      const outcomes = await Promise.allSettled(ofFile.map((mutant) => compileMutant(source, mutant)));
      const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
      expect(failures).to.deep.equal([]);
    });
  }
});

describe('a file of patches', () => {
  const head = 'area: log\norigin: own\n';

  it('is read with its places, and the lines that stay', () => {
    const text = `${head}\n== one\nfile: a.ts\nseen: It: breaks.\n  keep\n- go\n+ come\n- other\n\n== two\nseen: No.\nno counterpart: Why.\n`;
    const [one, two, ...rest] = parseMutants(text, 'x.txt');
    expect(rest).to.deep.equal([]);
    expect(one).to.deep.include({ name: 'one', area: 'log', file: 'a.ts', seen: 'It: breaks.', where: 'x.txt:4' });
    expect(one?.hunks).to.deep.equal([
      { find: ' keep\n go', replace: ' keep\n come' },
      { find: ' other', replace: '' },
    ]);
    expect(two).to.deep.include({ name: 'two', hunks: [], noCounterpart: 'Why.', where: 'x.txt:12' });
  });

  const wrong: [what: string, text: string, problem: string][] = [
    ['without an area', 'origin: own\n', 'x.txt:1: no area'],
    ['of unknown origin', 'area: log\norigin: mine\n', 'x.txt:1: origin is listed or own'],
    ['with a field that is none', `${head}== a\nfle: b\n`, 'x.txt:3: not understood: fle: b'],
    ['with a field twice', `${head}== a\nseen: A.\nseen: B.\n`, 'x.txt:3: not understood: seen: B.'],
    ['without a sentence', `${head}== a\nfile: b\n- c\n`, 'x.txt:3: no seen'],
    [
      'without a change',
      `${head}== a\nfile: b\nseen: C.\n`,
      'x.txt:3: neither a change of a file nor a reason why there is none',
    ],
  ];
  for (const [what, text, problem] of wrong) {
    it(`is refused ${what}`, () => {
      expect(() => parseMutants(text, 'x.txt')).to.throw(problem);
    });
  }
});

describe('the page of verdicts', () => {
  const texts = ['killed', 'hangs', 'equal', 'none', 'alive', 'wrong', 'new'].map((name) => {
    const why = name === 'equal' ? 'equivalent: Same.\n' : name === 'none' ? 'no counterpart: None.\n' : '';
    return `== ${name} < |\nfile: a.ts\nseen: It | breaks.\n${why}- a\n`;
  });
  const mutants = parseMutants(`area: log\norigin: own\n\n${texts.join('\n')}`, 'x.txt');
  const killed = { kind: 'killed', source: 'test/raft/a.test.ts' } as const;
  const verdicts: Verdict[] = [
    { ...killed, title: 'a | b (c) `d` < e' },
    { ...killed, title: 'f (hangs)' },
    { kind: 'equivalent', reason: 'Same.' },
    { kind: 'no counterpart', reason: 'None.' },
    { kind: 'survived' },
    { kind: 'red', reason: 'why' },
  ];
  const page = renderReport(mutants, new Map(verdicts.map((verdict, i) => [mutants[i]?.name ?? '', verdict])));

  it('is read as it was written, but for those that are to be judged again', () => {
    const read = readReport(page, mutants);
    expect([...read.values()]).to.deep.equal(verdicts.slice(0, 4));
    expect([...read.keys()]).to.deep.equal(mutants.slice(0, 4).map(({ name }) => name));
  });

  it('counts them, and shows in bold what is not well', () => {
    expect(page).to.contain('7 broken rules: 0 that were listed').and.to.contain('| a.ts | 7 | 2 | 1 | 1 | 3 |');
    const bold = [...page.matchAll(/\*\*.*?\*\*/g)].map(([text]) => text);
    expect(bold).to.deep.equal(['**survived**', '**red**', '**not run**']);
  });

  it('is the one in docs, with a verdict for each broken rule', () => {
    const all = readMutants(join(root, 'test/mutants'));
    const text = readFileSync(join(root, 'docs/mutants.md'), 'utf8');
    const read = readReport(text, all);
    expect(all.filter(({ name }) => !read.has(name)).map(({ name }) => name)).to.deep.equal([]);
    expect(renderReport(all, read)).to.equal(text);
  });

  it('names tests that are there', () => {
    const read = readReport(
      readFileSync(join(root, 'docs/mutants.md'), 'utf8'),
      readMutants(join(root, 'test/mutants')),
    );
    const sources = [...read.values()].flatMap((verdict) => (verdict.kind === 'killed' ? [verdict.source] : []));
    expect([...new Set(sources)].filter((source) => !existsSync(join(root, source)))).to.deep.equal([]);
  });
});

describe('the tests that an area names', () => {
  it('are there', () => {
    const specs = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.test.ts'),
    );
    const named = readMutants(join(root, 'test/mutants')).flatMap(({ tests }) => tests ?? []);
    expect([...new Set(named)].filter((name) => !specs.some((spec) => spec.startsWith(name)))).to.deep.equal([]);
  });
});

describe('a patch', () => {
  const source = 'export function f(a: number): boolean {\n  if (a >= 0)\n    return true;\n  return false;\n}\n';
  const patch = (find: string, replace: string) => ({ where: 'x.txt:1', hunks: [{ find, replace }] });

  it('fits whatever the layout of the source', async () => {
    const code = await compileMutant(source, patch(' if (a >= 0) return true;', ' if (a > 0) return true;'));
    expect(code).to.contain('if (a > 0)');
  });

  it('is red if its text is gone', async () => {
    const error = await compileMutant(source, patch('b >= 0', 'b > 0')).catch(String);
    expect(error).to.contain('x.txt:1: the text to change stands 0 times');
  });

  it('is red if its text occurs twice', async () => {
    const error = await compileMutant(source, patch('return', 'throw')).catch(String);
    expect(error).to.contain('x.txt:1: the text to change stands 2 times');
  });

  it('is red if the compiled code stays the same', async () => {
    const error = await compileMutant(source, patch('(a >= 0)', '((a as number) >= 0)')).catch(String);
    expect(error).to.contain('x.txt:1: the compiled output is the same as before');
  });
});
