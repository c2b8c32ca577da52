import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { encodeText } from '../datadriven/text.js';
import { interact } from './cli.js';
import { detectKind } from './kinds.js';
import { repositoryRoot } from './testdata.js';

const good =
  'log-level foo\n----\nlog levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]\n\n# c\nfoo\n----\nunknown command\n';
const bad = 'foo\n----\nunknown command\n\nraft-state\n----\nnot ok\n';
const broken = 'foo\n----\nunknown command\n\ncampaign 1\n----\nok\n';

describe('npm run interact', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'interact-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), encodeText(text));
    }
  }

  function run(...args: string[]): { code: number; out: string; error: string } {
    const said = { out: '', error: '' };
    const code = interact(args, folder, {
      out: (text) => {
        said.out += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
      },
      error: (text) => {
        said.error += text;
      },
    });
    return { code, ...said };
  }

  it('prints a file with the outputs that it produces', () => {
    write({ 'bad.txt': bad });
    expect(run('bad.txt')).to.deep.equal({
      code: 0,
      out: bad.replace('not ok', 'ok'),
      error: '1 file, 2 directives, 1 difference\n',
    });
    expect(readFileSync(join(folder, 'bad.txt'), 'utf8')).to.equal(bad);
  });

  it('prints bytes that are not UTF-8 as they are', () => {
    write({ 'x.txt': '# \udcff\nfoo\n----\n' });
    expect(run('x.txt').out).to.equal('# \xff\nfoo\n----\nunknown command\n');
  });

  it('names each file of several', () => {
    write({ 'a.txt': good, 'b.txt': good });
    expect(run('a.txt', 'b.txt')).to.deep.equal({
      code: 0,
      out: `==> a.txt <==\n${good}==> b.txt <==\n${good}`,
      error: '2 files, 4 directives, 0 differences\n',
    });
  });

  it('checks files and shows what differs', () => {
    write({ 'good.txt': good, 'bad.txt': bad });
    expect(run('--check', 'good.txt')).to.deep.equal({
      code: 0,
      out: '1 file, 2 directives, 0 differences\n',
      error: '',
    });
    expect(run('--check', 'good.txt', 'bad.txt')).to.deep.equal({
      code: 1,
      out: 'bad.txt:5: raft-state (- expected, + got)\n    -not ok\n    +ok\n\n2 files, 4 directives, 1 difference\n',
      error: '',
    });
  });

  it('takes folders, and leaves out what editors leave behind', () => {
    write({ 'd/a.txt': good, 'd/sub/b.txt': good, 'd/.hidden': bad, 'd/c.txt~': bad, 'd/#c.txt#': bad });
    expect(run('--check', 'd')).to.deep.include({ code: 0, out: '2 files, 4 directives, 0 differences\n' });
  });

  it('writes outputs into the files on request', () => {
    write({ 'bad.txt': bad, 'broken.txt': broken });
    expect(run('--write', 'bad.txt')).to.deep.equal({
      code: 0,
      out: '1 file, 2 directives, 1 difference\n',
      error: '',
    });
    expect(readFileSync(join(folder, 'bad.txt'), 'utf8')).to.equal(bad.replace('not ok', 'ok'));
    expect(run('--write', 'broken.txt').code).to.equal(2);
    expect(readFileSync(join(folder, 'broken.txt'), 'utf8')).to.equal(broken);
  });

  it('says where and why a script cannot go on', () => {
    write({ 'broken.txt': broken, 'good.txt': good });
    const { code, out, error } = run('--check', 'broken.txt', 'good.txt');
    expect(code).to.equal(2);
    expect(error).to.equal('broken.txt:5: there is no node 1 among the 0 nodes (index out of range)\n');
    expect(out).to.equal('2 files, 3 directives, 0 differences, 1 script ended early\n');
    expect(run('broken.txt').out).to.equal('foo\n----\nunknown command\n\ncampaign 1\n----\n');
  });

  it('names a panic of raft', () => {
    write({ 'panic.txt': 'add-nodes 1 voters=(1) index=5\n----\n\ncompact 1 6\n----\n' });
    expect(run('panic.txt')).to.deep.include({ code: 2 });
    expect(run('panic.txt').error).to.contain('panic.txt:4: panic: compact 6 is out of bound lastindex(5)\n');
  });

  it('runs as a process, with paths relative to where npm was called', () => {
    write({ 'bad.txt': bad, 'good.txt': good, 'broken.txt': broken });
    const spawn = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, ['scripts/interact.mjs', ...args], {
        cwd: repositoryRoot,
        env: { ...process.env, INIT_CWD: folder },
        encoding: 'utf8',
      });
    expect(spawn('good.txt')).to.deep.include({
      status: 0,
      stdout: good,
      stderr: '1 file, 2 directives, 0 differences\n',
    });
    expect(spawn('--check', 'bad.txt')).to.deep.include({ status: 1, stderr: '' });
    expect(spawn('--check', 'bad.txt').stdout).to.match(/\n1 file, 2 directives, 1 difference\n$/);
    expect(spawn('--check', 'broken.txt').status).to.equal(2);
  });

  it('explains itself, and what it does not understand', () => {
    expect(run('--help')).to.deep.include({ code: 0, error: '' });
    expect(run('--help').out).to.match(/^Runs scripts of etcd's raft tests/);
    const wrong: [args: string[], complaint: RegExp][] = [
      [[], /^name a file or a folder\n/],
      [['--foo'], /^Unknown option '--foo'/],
      [['--check', '--write', 'x'], /^--check and --write exclude each other\n/],
      [['--kind', 'foo', 'x'], /^--kind must be one of interaction, quorum, confchange, simulation\n/],
      [['absent.txt'], /^ENOENT/],
    ];
    for (const [args, complaint] of wrong) {
      const { code, error } = run(...args);
      expect(code, args.join(' ')).to.equal(2);
      expect(error).to.match(complaint);
    }
  });

  it('takes the kind from the option, the folder, or the commands', () => {
    const vote = 'vote cfg=(1) votes=(y)\n----\nVoteWon\n';
    write({ 'x.txt': vote, 'y.txt': good });
    expect(run('--check', 'x.txt').code).to.equal(0);
    expect(run('--check', '--kind', 'interaction', 'x.txt').code).to.equal(1);
    expect(run('--check', '--kind', 'quorum', 'y.txt').code).to.equal(2);

    expect(detectKind('quorum/x.txt', '')).to.equal('quorum');
    expect(detectKind('/a/confchange/testdata/x.txt', vote)).to.equal('confchange');
    expect(detectKind('interaction/x.txt', vote)).to.equal('interaction');
    expect(detectKind('quorum/other/x.txt', '')).to.equal('interaction');
    expect(detectKind('x.txt', 'foo\n----\n\nsimple\nv1\n----\n')).to.equal('confchange');
    expect(detectKind('x.txt', '# committed\ncampaign 1\n----\n')).to.equal('interaction');
  });
});
