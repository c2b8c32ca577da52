import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { root } from '../repo/repository.js';
import { findFlakes, type World } from './main.js';
import { failedTitles, type RunResult, runFile } from './runs.js';

/** A run's output as mocha's spec reporter prints it. */
const RED = `
  a queue
    1) keeps its order

  1 passing (3ms)
  1 failing

  1) a queue
       keeps its order:

      AssertionError: expected 1 to equal 2
`;

const green: RunResult = { passed: true, seconds: 1, output: '' };
const red: RunResult = { passed: false, seconds: 2, output: RED };

interface Seen {
  text: string;
  errors: string;
  /** `file` or `file!`, where `!` says that the cores were taken. */
  runs: string[];
}

function world(answers: Record<string, readonly RunResult[]>): World & Seen {
  const asked = new Map<string, number>();
  let taken = false;
  const seen: Seen = { text: '', errors: '', runs: [] };
  return Object.assign(seen, {
    files: Object.keys(answers),
    run: (file: string) => {
      seen.runs.push(taken ? `${file}!` : file);
      const times = asked.get(file) ?? 0;
      asked.set(file, times + 1);
      return Promise.resolve(answers[file]?.[times] ?? green);
    },
    busy: () => {
      taken = true;
      return () => {
        taken = false;
      };
    },
    out: (text: string) => {
      seen.text += text;
    },
    error: (text: string) => {
      seen.errors += text;
    },
  });
}

describe('npm run flakes', () => {
  it('runs each file alone, first idle and then with all cores taken', async () => {
    const all = world({ a: [], b: [] });
    expect(await findFlakes(['--idle', '2', '--busy', '1'], all)).to.equal(0);
    expect(all.runs).to.deep.equal(['a', 'a', 'a!', 'b', 'b', 'b!']);
    expect(all.text).to.contain('2 files, none was red');
  });

  it('lists a file that was red once, with the title of the test', async () => {
    const all = world({ a: [green, green, red], b: [] });
    expect(await findFlakes(['--idle', '2', '--busy', '2'], all)).to.equal(1);
    expect(all.text).to.contain('1 of 2 files were red:\na: red in 1 of 4\n  a queue keeps its order');
  });

  it('runs only the files that are named, and refuses a call that names none', async () => {
    const all = world({ 'raft/a': [], 'raftwal/b': [] });
    expect(await findFlakes(['--idle', '1', '--busy', '0', 'raftwal'], all)).to.equal(0);
    expect(all.runs).to.deep.equal(['raftwal/b']);
    expect(await findFlakes(['nothing'], all)).to.equal(2);
    expect(await findFlakes(['--idle', '0', '--busy', '0'], all)).to.equal(2);
    expect(await findFlakes(['--what'], all)).to.equal(2);
    expect(all.errors).to.contain('nothing').and.to.contain('usage:');
  });

  it('prints its usage when it is asked for it, and runs nothing', async () => {
    const all = world({ a: [] });
    expect(await findFlakes(['--help'], all)).to.equal(0);
    expect(all.text).to.match(/^usage: npm run flakes/);
    expect(all.runs).to.deep.equal([]);
    expect(all.errors).to.equal('');
  });

  it('tells a red run from a green one, and ends one that hangs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'raft-ts-flakes-'));
    const run = (name: string, body: string, limitMs: number): Promise<RunResult> => {
      const file = join(folder, `${name}.test.js`);
      writeFileSync(file, `describe('a file', () => { it('is ${name}', () => { ${body} }); });`);
      return runFile(root, file, limitMs);
    };
    try {
      expect((await run('green', '', 60_000)).passed).to.equal(true);
      const failed = await run('red', 'throw new Error("once");', 60_000);
      expect(failed.passed).to.equal(false);
      expect(failedTitles(failed.output)).to.deep.equal(['a file is red']);
      const hung = await run('endless', 'for (;;);', 3_000);
      expect(hung.passed).to.equal(false);
      expect(hung.output).to.contain('still running after 3 s');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
