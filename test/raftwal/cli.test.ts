import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Entry } from '@raft-ts/raft';
import { backup, DurableStorage, repair } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { entries, indexes, oneVoter, readBack, refused, removeMark, state } from './logs.js';
import { lastFile, removeScratch, scratchFolder } from './vectors.js';

const program = fileURLToPath(new URL('../../../raftwal/bin/raft-wal.js', import.meta.url));
const options = { nodeId: 0xabn, clusterId: 0x1000n, segmentSize: 16_384 };

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Run {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', maxBuffer: 16 << 20 });
}

/** A member's folder with sixty entries, a snapshot of 20 and another of 40. */
async function member(): Promise<{ dir: string; storage: DurableStorage }> {
  const dir = join(scratchFolder(), 'member');
  const storage = await DurableStorage.open(dir, options);
  for (const one of entries(1, 60)) await storage.save({ hardState: state(1, 1n, one.index - 1), entries: [one] });
  for (const index of [20, 40]) await storage.createSnapshot(index, oneVoter, new Uint8Array([index]));
  return { dir, storage };
}

/** Damages the last file; returns the place. */
function damage(dir: string, change: (bytes: Buffer, zeroFrom: number) => void): Buffer {
  const wal = join(dir, 'wal');
  const { name, zeroFrom } = lastFile(wal);
  const bytes = readFileSync(join(wal, name));
  change(bytes, zeroFrom);
  writeFileSync(join(wal, name), bytes);
  removeMark(wal);
  return bytes;
}

describe('raft-wal', () => {
  afterEach(removeScratch);

  it('dumps every record with its place, in text and JSON', async () => {
    const { dir, storage } = await member();
    await storage.close();
    const text = run('dump', dir);
    expect(text.status, text.stderr).to.equal(0);
    const lines = text.stdout.trim().split('\n');
    expect(lines[0]).to.match(/^0000000000000000-0000000000000000\.wal +0 +4 {2}Crc$/);
    expect(text.stdout).to.match(/Entry +17 of term 1, normal, 8 bytes/);
    expect(text.stdout).to.match(/Snapshot +40 of term 1, voters 1/);
    const json = run('dump', dir, '--json', '--from', '55')
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const found = json.filter((one) => one['type'] === 'Entry').map((one) => (one['entry'] as { index: number }).index);
    expect(found).to.deep.equal([55, 56, 57, 58, 59, 60]);
    expect(json.find((one) => one['type'] === 'State')?.['state']).to.deep.equal({ term: 1, vote: '1', commit: 0 });
  });

  it('dumps the beginning of a long entry, and says how many bytes are missing', async () => {
    const { dir, storage } = await member();
    const data = Buffer.alloc((1 << 20) + 1, 0x1b);
    await storage.save({ hardState: state(1, 1n, 60), entries: [{ ...entries(61, 61)[0], data } as Entry] });
    await storage.close();
    expect(run('dump', dir).stdout).to.match(/Entry +61 of term 1, normal, 1048577 bytes/);
    const [line] = run('dump', dir, '--json', '--from', '61')
      .stdout.split('\n')
      .filter((one) => one.includes('"type":"Entry"'));
    const { entry } = JSON.parse(line ?? '') as { entry: { data: unknown } };
    expect(entry.data).to.deep.equal({ first: '1b'.repeat(1 << 20), moreBytes: 1 });
  });

  it('stops dumping silently when its output is no longer read', async () => {
    const { dir, storage } = await member();
    // More than a pipe holds, and more than is printed in one turn.
    for (let i = 61; i < 12_000; i += 300)
      await storage.save({ entries: entries(i, i + 299), hardState: state(1, 1n, 60) });
    await storage.close();
    const child = spawn(process.execPath, [program, 'dump', dir], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    let errors = '';
    for await (const text of child.stderr.setEncoding('utf8') as AsyncIterable<string>) errors += text;
    expect(await ended).to.deep.equal([0, null]);
    expect(errors).to.equal('');
  });

  it('verifies a log and its snapshots, beside the member that writes it', async () => {
    const { dir, storage } = await member();
    const text = run('verify', dir);
    expect(text.status, text.stderr).to.equal(0);
    expect(text.stdout).to.include('owner      member ab of cluster 1000');
    expect(text.stdout).to.include('entries    60, the last is 60');
    expect(text.stdout).to.include('the log is sound');
    const json = JSON.parse(run('verify', join(dir, 'wal'), '--json').stdout) as Record<string, unknown>;
    expect(json).to.include({ sound: true, entries: 60, lastIndex: 60 });
    await storage.close();
    writeFileSync(join(dir, 'snap', readdirSync(join(dir, 'snap'))[0] as string), 'garbage');
    const broken = run('verify', dir);
    expect(broken.status).to.equal(1);
    expect(broken.stdout).to.match(/snapshot .*, 7 bytes, not a snapshot file/);
  });

  it('verifies a log that continues after a snapshot from the leader, and one whose first files were purged', async () => {
    const dir = join(scratchFolder(), 'member');
    const storage = await DurableStorage.open(dir, { ...options, keepSegments: 0 });
    await storage.save({ hardState: state(1, 1n, 10), entries: entries(1, 10) });
    const metadata = { confState: oneVoter, index: 100, term: 1 };
    await storage.save({ hardState: state(1, 1n, 100), snapshot: { data: undefined, metadata } });
    await storage.save({ entries: entries(101, 105) });
    await storage.sync();
    const installed = JSON.parse(run('verify', dir, '--json').stdout) as object;
    expect(installed).to.include({ sound: true, entries: 5, lastIndex: 105 });
    const logFiles = (): string[] => readdirSync(join(dir, 'wal')).filter((name) => name.endsWith('.wal'));
    const beginOf = (name = ''): number => Number(`0x${name.slice(17, 33)}`);
    let begin = 0;
    for (const { index } of entries(106, 1200)) {
      await storage.save({ hardState: state(1, 1n, index - 1), entries: entries(index, index) });
      if (index !== 700) continue;
      // The snapshot lies at the end of the file before.
      begin = beginOf(logFiles().at(-1));
      await storage.createSnapshot(begin - 1, oneVoter, undefined);
    }
    await storage.close();
    const files = logFiles();
    expect(files[0], 'purged').to.not.match(/^0+-/);
    const purged = JSON.parse(run('verify', dir, '--json').stdout) as object;
    expect(purged).to.include({ sound: true, lastIndex: 1200 });
    // A start reads on from the snapshot itself, which is in a file that is missing now.
    for (const name of files.filter((file) => beginOf(file) < begin)) unlinkSync(join(dir, 'wal', name));
    const verified = run('verify', dir);
    expect([verified.status, verified.stderr.split(':')[0]]).to.deep.equal([1, 'ERR_RAFT_WAL_NOT_FOUND']);
  });

  it('reports where a log is damaged, and repairs it only if that is allowed and requested', async () => {
    const { dir, storage } = await member();
    await storage.save({ entries: [{ type: 0, term: 1, index: 61, data: new Uint8Array(1800).fill(9) }] });
    await storage.close();
    const { name } = lastFile(join(dir, 'wal'));
    const bytes = damage(dir, (all, zeroFrom) => all.fill(0, Math.ceil((zeroFrom - 1500) / 512) * 512));
    const verified = run('verify', dir);
    expect(verified.status).to.equal(1);
    expect(verified.stdout).to.include(`torn: ${name} at byte`);
    const dry = run('repair', '--dry-run', dir);
    expect(dry.status, dry.stderr).to.equal(0);
    expect(dry.stdout).to.match(/^would cut .* at byte \d+ \(.*: an unfinished write\)/);
    expect(readFileSync(join(dir, 'wal', name))).to.deep.equal(bytes);
    expect(existsSync(join(dir, 'wal', `${name}.broken`))).to.equal(false);
    const done = JSON.parse(run('repair', dir, '--json').stdout) as { broken: string };
    expect(done.broken).to.equal(`${name}.broken`);
    expect(run('repair', dir).stdout).to.equal('there is nothing to repair\n');
    expect(indexes((await readBack(join(dir, 'wal'))).entries).at(-1)).to.equal(60);
  });

  it('leaves an undecided case to the operator', async () => {
    const { dir, storage } = await member();
    await storage.close();
    const again = await DurableStorage.open(dir, options);
    await again.save({ entries: entries(61, 61) });
    await again.close();
    const { name } = lastFile(join(dir, 'wal'));
    damage(dir, (all, zeroFrom) => (all[zeroFrom - 3] = 0x41));
    const refusal = run('repair', dir, '--json');
    expect(refusal.status).to.equal(1);
    const { code, file, offset } = JSON.parse(refusal.stdout) as { code: string; file: string; offset: number };
    expect([code, file]).to.deep.equal(['ERR_RAFT_WAL_UNDECIDED', name]);
    expect(run('repair', dir, '--cut', `${file}:${offset + 8}`).status).to.equal(1);
    const cut = run('repair', dir, '--cut', `${file}:${offset}`);
    expect(cut.status, cut.stderr).to.equal(0);
    expect(run('verify', dir).status).to.equal(0);
  });

  it('backs up a member that runs, to a folder that starts', async () => {
    const { dir, storage } = await member();
    let last = 60;
    let done = false;
    const write = async (): Promise<void> => {
      while (!done) {
        last++;
        await storage.save({ hardState: state(1, 1n, last - 1), entries: entries(last, last) });
        if (last % 50 === 0) await storage.createSnapshot(last - 10, oneVoter, new Uint8Array(3));
      }
    };
    const writing = write();
    for (let i = 0; i < 8; i++) {
      const target = join(scratchFolder(), 'copy');
      const before = storage.lastIndex() - 1;
      const result = await backup(dir, target);
      expect(result.lastIndex).to.be.at.least(before);
      const copy = await DurableStorage.open(target, options);
      expect(copy.lastIndex()).to.equal(result.lastIndex);
      expect(copy.snapshot().metadata.index).to.equal(result.snapshot.index);
      await copy.close();
      await refused(backup(dir, target), 'ERR_RAFT_WAL_EXISTS');
    }
    done = true;
    await writing;
    await storage.close();
    const target = join(scratchFolder(), 'copy');
    const text = run('backup', dir, target);
    expect(text.status, text.stderr).to.equal(0);
    expect(text.stdout).to.match(/files, snapshot \d+, entries to \d+/);
    expect((await repair(join(target, 'wal'))).damage).to.equal(undefined);
  });

  it('answers what the system refuses in one line, with a status of its own', async () => {
    const { dir, storage } = await member();
    await storage.close();
    const file = join(scratchFolder(), 'file');
    writeFileSync(file, '');
    const { name } = lastFile(join(dir, 'wal'));
    renameSync(join(dir, 'wal', name), join(dir, name));
    symlinkSync(join(dir, name), join(dir, 'wal', name));
    for (const args of [
      ['verify', file],
      ['verify', dir],
      ['dump', dir],
      ['repair', dir],
      ['backup', dir, join(file, 'copy')],
    ]) {
      const { status, stderr } = run(...args);
      expect([status, stderr.trim().split('\n')[0]?.split(' ')[0]], `${args.join(' ')}: ${stderr}`).to.deep.equal([
        3,
        'ERR_RAFT_WAL_IO:',
      ]);
      expect(stderr.trim().split('\n')).to.have.length(1);
    }
    const json = JSON.parse(run('verify', dir, '--json').stdout) as object;
    expect(json).to.include({ sound: false, code: 'ERR_RAFT_WAL_IO', reason: 'ELOOP', operation: 'open' });
    expect(run('--help').stdout).to.include('3 the system refused something');
  });

  it('reports that its output cannot be written', async function () {
    if (!existsSync('/dev/full')) {
      console.log('      skipped: no /dev/full');
      this.skip();
    }
    const { dir, storage } = await member();
    await storage.close();
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [program, 'dump', dir], {
      encoding: 'utf8',
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    expect([status, stderr.trim().split('\n').length]).to.deep.equal([3, 1]);
    expect(stderr).to.match(/^cannot write the output: ENOSPC/);
  });

  it('loses no output on a slow pipe, even before an error', async () => {
    const { dir, storage } = await member();
    for (let i = 61; i < 12_000; i += 300)
      await storage.save({ entries: entries(i, i + 299), hardState: state(1, 1n, 60) });
    await storage.save({ entries: entries(storage.lastIndex() + 1, storage.lastIndex() + 1) });
    await storage.close();
    const { name, zeroFrom } = lastFile(join(dir, 'wal'));
    truncateSync(join(dir, 'wal', name), zeroFrom - 6);
    const child = spawn(process.execPath, [program, 'dump', dir], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'exit');
    const errors = text(child.stderr);
    let output = '';
    // Nobody reads until the pipe is full; then little by little.
    await once(child.stdout, 'readable');
    for await (const piece of child.stdout.setEncoding('utf8') as AsyncIterable<string>) {
      output += piece;
      await new Promise(setImmediate);
    }
    expect((await ended)[0]).to.equal(1);
    expect(await errors).to.match(/^ERR_RAFT_WAL_CORRUPT: /);
    const lines = output.trim().split('\n');
    expect(lines.length).to.be.above(8000);
    expect(lines.at(-1)).to.include(name);
  });

  it('answers a wrong command line with one line, the usage and status 2', () => {
    for (const args of [
      [],
      ['mend', 'x'],
      ['dump'],
      ['dump', 'a', 'b'],
      ['verify', 'x', '--loud'],
      ['repair', 'x', '--cut', 'here'],
    ]) {
      const { status, stdout, stderr } = run(...args);
      expect(status, args.join(' ')).to.equal(2);
      expect(stdout + stderr).to.include('usage: raft-wal');
    }
    expect(run('--help').status).to.equal(0);
    const missing = run('verify', join(scratchFolder(), 'nothing'));
    expect([missing.status, missing.stderr.split(':')[0]]).to.deep.equal([1, 'ERR_RAFT_WAL_NOT_FOUND']);
  });
});
