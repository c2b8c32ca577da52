import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { withCarelessVotes } from '../sim/planted.js';
import { Lab } from './lab.js';
import { labs } from './main.js';
import { runLab } from './run.js';
import { LAB_TESTS, type LabTest } from './tests.js';

function call(...args: string[]): { code: number; out: string; error: string } {
  let out = '';
  let error = '';
  const code = labs(args, { out: (text) => (out += text), error: (text) => (error += text) });
  return { code, out, error };
}

const test: LabTest = { name: 'TestOfOurs', course: '2018', members: 3, reliable: true, scenario: function* () {} };

describe('the command npm run labs', () => {
  it('runs the tests that it is given, with the same figures for the same seed', () => {
    const { code, out } = call('--seeds', '2', '--seed', '7', 'TestBasicAgree');
    expect(code, out).to.equal(0);
    expect(out).to.contain('TestBasicAgree2B: 2 of 2 passed').and.contain('TestBasicAgree3B: 2 of 2 passed');
    const table = (text: string): string => text.slice(text.indexOf('\n|'));
    expect(table(call('--seeds', '2', '--seed', '7', 'TestBasicAgree').out)).to.equal(table(out));
  });

  it('refuses wrong calls', () => {
    for (const args of [['--seeds', '0'], ['--seed', 'x'], ['--nonsense'], ['TestOfNobody']]) {
      const { code, error } = call(...args);
      expect(code, args.join(' ')).to.equal(2);
      expect(error).to.contain('usage: npm run labs');
    }
  });

  it('writes the figures into a page, in the place of the old ones', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'raft-labs-'));
    try {
      const page = join(folder, 'labs.md');
      const [begin, end] = ['<!-- figures: written by `npm run labs -- --write` -->', '<!-- end of figures -->'];
      await writeFile(page, `before\n${begin}\nold\n${end}\nafter\n`);
      expect(call('--seeds', '1', '--write', page, 'TestRejoin').code).to.equal(0);
      const text = await readFile(page, 'utf8');
      expect(text)
        .to.match(/^before\n/)
        .and.match(/\nafter\n$/);
      expect(text).to.contain('| TestRejoin2B | 1 of 1 |').and.not.contain('old');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('the harness of the labs', () => {
  it('fails a test that has no leader in time, that takes longer than 120 s, or whose figure is above its limit', () => {
    const failing = (scenario: LabTest['scenario']): string | undefined =>
      runLab({ ...test, scenario }, 1).failure?.message;
    expect(
      failing(function* (lab) {
        lab.disconnect(...lab.everyone);
        yield 10_000;
        lab.start(...lab.everyone);
        yield* lab.oneLeader();
      }),
    ).to.equal('no leader');
    expect(
      failing(function* () {
        yield 120_001;
      }),
    ).to.contain('120 s');
    expect(
      failing(function* (lab) {
        yield 0;
        lab.measure('RPCs', 43, 42);
      }),
    ).to.equal('RPCs: 43, at most 42 are allowed');
  });

  it('fails an agreement that a minority would have to reach', () => {
    const lab = new Lab(5, test);
    expect(() =>
      lab.run(function* () {
        const leader = yield* lab.oneLeader();
        lab.disconnect(leader + 1, leader + 2);
        yield* lab.one(1, { retry: true });
      }),
    ).to.throw('within 10 s');
  });

  it('tells a member that applies something else than another one', () => {
    const lab = new Lab(5, test);
    expect(() =>
      lab.run(function* () {
        yield* lab.one(3);
        const member = { slot: 0, id: 1n } as Parameters<Lab['applied']>[0];
        lab.logs[0]?.pop();
        lab.applied(member, { index: 9, term: 1, type: undefined, data: new Uint8Array([0, 0, 0, 99]) });
      }),
    ).to.throw('member 1 applies 99 at 1, not 1');
  });

  it('finds members that vote for any log, and passes members that do not', async () => {
    const failed = (name: string): unknown => {
      const scenario = LAB_TESTS.find((one) => one.name === name) as LabTest;
      for (let seed = 1; seed <= 20; seed++) {
        const { failure } = runLab(scenario, seed);
        if (failure !== undefined) return failure.message;
      }
      return undefined;
    };
    expect(await withCarelessVotes(() => failed('TestBackup2B'))).to.be.a('string');
    expect(await withCarelessVotes(() => failed('TestFigure82C'))).to.be.a('string');
    expect(failed('TestRejoin2B')).to.equal(undefined);
  });
});
