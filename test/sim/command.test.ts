import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { RaftLog } from '@raft-ts/raft/internal';
import { drawCase, type Finding, minimize, readSchedule, runCase } from '@raft-ts/sim';
import { runAll } from '@raft-ts/sim/internal';
import { EscapeError, raftSim } from '@raft-ts/sim/node';
import { expect } from 'chai';
import { BROKEN_SEED, TWOFOLD_SEED, withCarelessVotes, withVotes } from './planted.js';
import { SHORT_HASTY_SEED, SHORT_MS, withHastyLogs } from './stack-planted.js';

interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function call(...args: string[]): Promise<Said> {
  let out = '';
  let error = '';
  const code = await raftSim(args, {
    out: (text) => {
      out += text;
    },
    error: (text) => {
      error += text;
    },
  });
  return { code, out, error };
}

function failLong(): never {
  throw new Error('a log');
}

function failShort(): never {
  throw new Error('a log');
}

describe('the command raft-sim', function () {
  this.timeout(240_000);

  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'raft-sim-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('runs seeds and says what it did, with the same hash however many it runs at a time', async () => {
    const one = await call('--seeds', '3', '--seed', '5', '--seconds', '5');
    const two = await call('--seeds', '3', '--seed', '5', '--seconds', '5', '--jobs', '2');
    expect(one.code, one.out).to.equal(0);
    expect(one.out).to.contain('seeds from 5 on\n').and.contain('3 runs, ').and.contain('no rule was broken');
    const hash = /hash [0-9a-f]{16}/;
    expect(hash.exec(two.out)?.[0]).to.equal(hash.exec(one.out)?.[0]);
  });

  it('runs replicas too, with the same hash however many it runs at a time', async () => {
    const one = await call('--layer', '2', '--seeds', '3', '--seed', '5', '--seconds', '3');
    const two = await call('--layer', '2', '--seeds', '3', '--seed', '5', '--seconds', '3', '--jobs', '2');
    expect(one.code, one.out).to.equal(0);
    expect(one.out).to.contain('3 runs, ').and.contain('no rule was broken');
    const hash = /hash [0-9a-f]{16}/;
    expect(hash.exec(two.out)?.[0]).to.equal(hash.exec(one.out)?.[0]);
  });

  it('makes a failure of replicas short too, and writes what runs and shows it again', async () => {
    const out = join(folder, 'found-2');
    // Some ten runs lead to a short schedule, short ones: with the default of 20 s they take most of a minute.
    const run = [
      '--layer',
      '2',
      '--seeds',
      '1',
      '--seconds',
      String(SHORT_MS / 1000),
      '--seed',
      String(SHORT_HASTY_SEED),
    ];
    await withHastyLogs(async () => {
      const found = await call(...run, '--out', out);
      expect(found.code, found.out).to.equal(1);
      expect(found.out).to.contain(
        `raft-sim --layer 2 --seeds 1 --seed ${SHORT_HASTY_SEED} --seconds ${SHORT_MS / 1000}`,
      );
      const schedule = join(out, (await readdir(out)).find((name) => name.endsWith('.json')) as string);
      expect(JSON.parse(await readFile(schedule, 'utf8'))).to.include({ layer: 2 });
      expect(() =>
        readSchedule(
          JSON.stringify({ format: 'raft-sim schedule 1', layer: 2, seed: 1, safetyMs: 1, settings: {}, actions: [] }),
        ),
      ).to.throw('layer 1');
      const again = await call('--replay', schedule, '--html', join(folder, 'again-2.html'));
      expect(again.code, again.out).to.equal(1);
      const page = await readFile(join(folder, 'again-2.html'), 'utf8');
      expect(page).to.contain('<html lang="en">').and.contain('log-kept').and.contain('role="img"');
    });
    // With logs that keep what they promise the same seed breaks nothing.
    expect((await call(...run)).code).to.equal(0);
  });

  it('draws a seed and prints it', async () => {
    const { out } = await call('--seeds', '1', '--seconds', '1');
    expect(out).to.match(/^seeds from \d+ on\n/);
  });

  it('ends after the minutes that it was given', async () => {
    const { code, out } = await call('--minutes', '0.002', '--seconds', '1');
    expect(code).to.equal(0);
    expect(out).to.match(/\d+ runs/);
  });

  it('explains itself, and wrong calls', async () => {
    expect(await call('--help')).to.include({ code: 0, error: '' });
    for (const args of [
      ['--seeds', '0'],
      ['--jobs', 'x'],
      ['--nonsense'],
      ['--faults', 'flood'],
      ['--html', 'x'],
      ['--minutes', '-1'],
      ['--layer', '3'],
      ['--layer', '2', '--faults', 'replace,campaign'],
    ]) {
      const { code, error } = await call(...args);
      expect(code, args.join(' ')).to.equal(2);
      expect(error).to.contain('Usage: raft-sim');
    }
    expect((await call('--replay', join(folder, 'nothing'))).code).to.equal(2);
    await writeFile(join(folder, 'other.json'), '{}');
    expect((await call('--replay', join(folder, 'other.json'))).error).to.contain('not a schedule');
  });

  it('makes a failure short, and writes a schedule that breaks the same rule again, and a timeline', async () => {
    const out = join(folder, 'found');
    const files = await withCarelessVotes(async () => {
      const found = await call('--seeds', '1', '--seed', String(BROKEN_SEED), '--out', out);
      expect(found.code, found.out).to.equal(1);
      expect(found.out).to.contain(`raft-sim --seeds 1 --seed ${BROKEN_SEED}`);
      const names = await readdir(out);
      const schedule = join(out, names.find((name) => name.endsWith('.json')) as string);
      const again = await call('--replay', schedule, '--html', join(folder, 'again.html'));
      expect(again.code).to.equal(1);
      expect(again.out).to.contain('vote-up-to-date');
      return { schedule, timeline: join(out, names.find((name) => name.endsWith('.html')) as string) };
    });
    const short = readSchedule(await readFile(files.schedule, 'utf8'));
    expect(short.actions.length).to.be.below(drawCase(BROKEN_SEED).actions.length / 4);
    const page = await readFile(files.timeline, 'utf8');
    expect(page).to.contain('<html lang="en">').and.contain('role="img"').and.contain('vote-up-to-date');
    // Complete in itself: nothing is loaded from anywhere.
    expect(page).not.to.match(/(src|href)="|@import|url\((?!#)/);
    expect(page).to.contain('prefers-color-scheme: dark');
    // With the core as it is, the same schedule breaks nothing.
    expect((await call('--replay', files.schedule)).code).to.equal(0);
  });

  it('shortens to what is needed: without any one of the actions the rule is kept, or another one is broken', async () => {
    await withCarelessVotes(async () => {
      const original = drawCase(BROKEN_SEED);
      const finding = runCase(original).finding as Finding;
      const { case: short, outcome } = await minimize(original, finding);
      expect(outcome.finding?.rule).to.equal(finding.rule);
      for (let i = 0; i < short.actions.length; i++) {
        const actions = short.actions.filter((_, k) => k !== i);
        expect(runCase({ ...short, actions }).finding?.rule, `without action ${i}`).not.to.equal(finding.rule);
      }
    });
  });

  it('keeps a failure without the host too', async () => {
    const out = join(folder, 'escaped');
    let reads = 0;
    let escapes = 0;
    const judge = (): boolean => {
      try {
        Date.now();
        reads++;
      } catch (error) {
        expect(error).to.be.instanceOf(EscapeError);
        escapes++;
      }
      return true;
    };
    const { code } = await withVotes(judge, () => call('--seeds', '1', '--seed', String(BROKEN_SEED), '--out', out));
    expect(code).to.equal(1);
    expect(reads).to.equal(0);
    expect(escapes).to.be.above(0);
  });

  // Two mistakes; with fewer actions the log is still short when the first one shows.
  const two: readonly [what: string, fail: (isLong: boolean) => never][] = [
    [
      'with other words',
      (isLong) => {
        throw new Error(`a ${isLong ? 'long' : 'short'} log`);
      },
    ],
    ['from another place', (isLong) => (isLong ? failLong() : failShort())],
  ];
  for (const [what, fail] of two) {
    it(`shortens to the finding that it was given, not to one of the same rule ${what}`, async () => {
      const judge = function (this: RaftLog): boolean {
        const last = this.lastIndex();
        return last > 4 ? fail(last > 10) : true;
      };
      await withVotes(judge, async () => {
        const original = drawCase(TWOFOLD_SEED);
        const finding = runCase(original).finding as Finding;
        expect(finding.stack).to.match(/a long log|at failLong/);
        const { case: short, outcome } = await minimize(original, finding);
        expect(outcome.finding?.stack).to.match(/a long log|at failLong/);
        expect(short.actions.length).to.be.below(original.actions.length);
      });
    });
  }

  it('leaves a case as it is that does not lead to the finding', async () => {
    const original = drawCase(BROKEN_SEED);
    const finding = (await withCarelessVotes(() => runCase(original).finding)) as Finding;
    expect(await minimize(original, finding)).to.deep.include({ case: original, runs: 1 });
  });

  for (const [what, broken] of [
    ['giving out work', { next: 3 }],
    ['taking a result', { done: 1 }],
  ] as const) {
    it(`ends every thread if ${what} fails`, async () => {
      const gone: Promise<unknown>[] = [];
      const started = (worker: Worker): void => {
        gone.push(once(worker, 'exit'));
      };
      process.on('worker', started);
      const calls = { next: 0, done: 0 };
      const count = (name: 'next' | 'done'): void => {
        if (++calls[name] === (broken as Partial<typeof calls>)[name]) throw new Error(`no more of ${name}`);
      };
      const work = {
        options: { layer: 1, members: undefined, safetyMs: 1000, faults: undefined } as const,
        jobs: 3,
        next: () => {
          count('next');
          return 1;
        },
        done: () => count('done'),
      };
      const error: unknown = await runAll(work).catch((caught: unknown) => caught);
      process.off('worker', started);
      expect(error)
        .to.be.an('error')
        .with.property('message', `no more of ${Object.keys(broken)[0]}`);
      expect(gone).to.have.lengthOf(3);
      await Promise.all(gone);
    });
  }

  it('counts the same rare states in threads as without', async () => {
    const counted = async (jobs: number): Promise<Map<number, string>> => {
      const seeds = [3, 2, 1];
      const met = new Map<number, string>();
      await runAll({
        options: { layer: 1, members: undefined, safetyMs: 1000, faults: undefined, covers: true },
        jobs,
        next: () => seeds.pop(),
        done: ({ seed }, covered) => void met.set(seed, `${covered?.marks} ${covered?.cells}`),
      });
      return new Map([...met].sort(([a], [b]) => a - b));
    };
    const alone = await counted(1);
    expect(alone.size).to.equal(3);
    expect(alone.get(1)).to.match(/[1-9]/);
    expect(await counted(2)).to.deep.equal(alone);
  });
});
