import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Entry, EntryType } from '@raft-ts/raft';
import { formatPeers, type Peer } from '@raft-ts/raftexample/internal';
import { DurableStorage, Wal } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { commitOn, expectAgreement, freePeers, lastIndex, type Program, Programs } from './processes.js';

/**
 * Every member proposes, so that hello goes on whichever of them is killed. No snapshot hides the first entries from
 * who comes back, however many a slow machine commits while members start.
 */
const FLAGS = ['--tick', '20', '--hello-after', '0', '--hello-every', '50', '--snapshot-every', '1000000'];

/** A quarter of the proposals, for the longest test: whoever starts again prints all that were committed before. */
const SELDOM_MS = 200;

const inspector = fileURLToPath(new URL('../../../raftwal/bin/raft-wal.js', import.meta.url));

/** Three members that are killed and started again, and all that their processes have logged. */
class Restarts {
  readonly members: Program[];
  readonly #programs: Programs;
  readonly #peers: readonly Peer[];
  readonly #flags: readonly string[];
  readonly #earlier: Program[] = [];

  constructor(programs: Programs, peers: readonly Peer[], flags: readonly string[] = FLAGS) {
    this.#programs = programs;
    this.#peers = peers;
    this.#flags = flags;
    this.members = peers.map(({ id }) => programs.member(Number(id), peers, ...flags));
  }

  /** The processes of all members, those that have ended too. */
  get all(): Program[] {
    return [...this.#earlier, ...this.members];
  }

  othersThan(victim: number): Program[] {
    return this.members.filter((_, i) => i !== victim);
  }

  async kill(victim: number): Promise<void> {
    const member = this.members[victim] as Program;
    expect(await member.kill('SIGKILL')).to.deep.equal({ code: null, signal: 'SIGKILL' });
    this.#earlier.push(member);
  }

  startAgain(victim: number): Program {
    const member = this.#programs.member(victim + 1, this.#peers, ...this.#flags);
    this.members[victim] = member;
    return member;
  }
}

/** A process shows the entries of its log from the first one on, then those that are new. */
async function catchUp(member: Program, others: readonly Program[]): Promise<void> {
  const goal = Math.max(...others.map(lastIndex));
  await member.until(`entry ${goal}`, () => lastIndex(member) >= goal);
}

/** Each index follows the one before, or the snapshot that stands for those that are missing. */
function expectContiguous({ lines }: Program): void {
  let last = 0;
  for (const line of lines) {
    const [, kind, text] = /\] (committed|snapshot) index=(\d+)/u.exec(line) ?? [];
    if (kind === undefined) continue;
    const index = Number(text);
    if (kind === 'committed') expect(index, line).to.equal(last + 1);
    else expect(index, line).to.be.greaterThan(last);
    last = index;
  }
}

function hashOf(folder: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    hash.update(entry.name);
    if (entry.isFile()) hash.update(readFileSync(join(entry.parentPath, entry.name)));
  }
  return hash.digest('hex');
}

describe('raftexample: three processes that keep their logs', function () {
  this.timeout(180_000);
  const programs = new Programs();
  const folderOf = (id: number): string => join(programs.folder, 'data', `member-${id}`);
  let peers: Peer[];

  beforeEach(async () => {
    peers = await freePeers(3);
  });
  afterEach(() => programs.endAll());

  it('each in turn is killed under proposals and started again, twenty times: no gap, no index twice, one sequence', async function () {
    // Twenty starts of a process, each with an election before it: half a minute on a quiet machine.
    this.timeout(600_000);
    const cluster = new Restarts(programs, peers, [...FLAGS, '--hello-every', `${SELDOM_MS}`]);
    await commitOn(cluster.members, 2);
    for (let round = 0; round < 20; round++) {
      const victim = round % 3;
      const others = cluster.othersThan(victim);
      // Whoever proposed what is committed here proposes again so much later: then it is killed, not between two.
      await commitOn([cluster.members[victim] as Program], 1);
      await sleep(SELDOM_MS);
      await cluster.kill(victim);
      await commitOn(others, 1);
      await catchUp(cluster.startAgain(victim), others);
    }
    await commitOn(cluster.members, 2);
    const runs = cluster.all.map(({ committed }) => committed);
    expect(runs).to.have.length(23);
    expectAgreement(runs);

    for (const member of cluster.members) {
      expect(await member.kill('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    }
    const shortest = Math.min(...cluster.members.map(lastIndex));
    const logs: string[] = [];
    for (const { id } of peers) {
      const dir = folderOf(Number(id));
      await promisify(execFile)(process.execPath, [inspector, 'verify', dir]);
      const wal = await Wal.open(join(dir, 'wal'), { readOnly: true });
      const { entries } = await wal.readAll();
      await wal.close();
      logs.push(
        entries
          .slice(0, shortest)
          .map(({ index, term, data }) => `${index}/${term} ${data}`)
          .join('\n'),
      );
    }
    expect(new Set(logs).size).to.equal(1);
  });

  it('a committed change that no member carries out is passed over; one that only etcd carries out ends the member', async () => {
    const storage = await DurableStorage.open(folderOf(1), { nodeId: 1n, clusterId: 0x1000n });
    const change = (index: number, type: EntryType, data: number[]): Entry => ({
      type,
      term: 1,
      index,
      data: Uint8Array.from(data),
    });
    const removesAll = [0x12, 4, 0x08, 1, 0x10, 1];
    const addsMember1 = [0x10, 0, 0x18, 1];
    const steps = Array.from({ length: 16_385 }, () => [0x12, 0]).flat();
    const entries = [change(1, 1, addsMember1), change(2, 2, removesAll), change(3, 2, [0xff]), change(4, 2, steps)];
    await storage.save({ hardState: { term: 1, vote: 0n, commit: 4 }, entries, snapshot: undefined });
    await storage.close();
    for (let start = 0; start < 2; start++) {
      const member = programs.member(1, peers.slice(0, 1), ...FLAGS);
      expect(await member.exit()).to.deep.equal({ code: 4, signal: null });
      expect(member.errors).to.have.lengthOf(1);
      expect(member.errors[0]).to.match(/^raftexample: .* at index 4 of term 1 exceeds .* 16385 steps/u);
      expect(member.lines.join('\n')).to.match(/warn: raft: 1 skipped the membership change at index 2/u);
      expect(member.committed.map(({ index }) => index)).to.deep.equal([1, 2, 3, 4]);
    }
  });

  it('all killed at once go on from where they were', async () => {
    const cluster = new Restarts(programs, peers);
    await commitOn(cluster.members);
    const before = Math.max(...cluster.members.map(lastIndex));
    await Promise.all(cluster.members.map((_, i) => cluster.kill(i)));
    const again = cluster.members.map((_, i) => cluster.startAgain(i));
    for (const [i, member] of again.entries()) {
      await member.sees(
        new RegExp(`^\\[${i + 1}\\] log in data/member-${i + 1}: entries 1 to \\d+, term \\d+, commit`, 'u'),
      );
    }
    const goal = before + 3;
    for (const member of again) await member.until(`entry ${goal}`, () => lastIndex(member) >= goal);
    expectAgreement(cluster.all.map(({ committed }) => committed));
  });

  it('one that was away while the others dropped what it lacks is caught up by a snapshot', async () => {
    const cluster = new Restarts(programs, peers, [...FLAGS, '--snapshot-every', '20']);
    await commitOn(cluster.members, 1);
    await cluster.kill(2);
    await commitOn(cluster.othersThan(2), 60);
    const late = cluster.startAgain(2);
    const shown = await late.sees(/^\[3\] snapshot index=\d+ term=\d+$/u);
    await catchUp(late, cluster.othersThan(2));
    await commitOn(cluster.members, 2);

    expectContiguous(late);
    const [first] = cluster.members as [Program];
    const byIndex = new Map(first.committed.map((entry) => [entry.index, entry]));
    const both = late.committed.filter(({ index }) => byIndex.has(index));
    expect(both.at(-1)?.index).to.be.greaterThan(Number(/index=(\d+)/u.exec(shown)?.[1]));
    for (const entry of both) expect(entry).to.deep.equal(byIndex.get(entry.index));

    await cluster.kill(0);
    const again = cluster.startAgain(0);
    await again.sees(/^\[1\] log in data\/member-1: snapshot \d+, entries \d+ to \d+, term/u);
    await catchUp(again, cluster.othersThan(0));
  });

  it('one whose folder is gone is refused with exit code 3', async () => {
    const cluster = new Restarts(programs, peers);
    await commitOn(cluster.members, 1);
    await cluster.kill(1);
    rmSync(folderOf(2), { recursive: true });
    await commitOn(cluster.othersThan(1), 1);
    const again = cluster.startAgain(1);
    expect(await again.exit()).to.deep.equal({ code: 3, signal: null });
    expect(
      again.lines.filter((line) =>
        /error: refused by member \d: another log of member 2 was met before, and this one began empty/u.test(line),
      ),
    ).to.have.length(1);
    await commitOn(cluster.othersThan(1), 1);
  });

  it('one whose log alone is gone is refused with exit code 4, before it speaks to anybody', async () => {
    const one = programs.member(1, await freePeers(1), ...FLAGS);
    await commitOn([one], 3);
    await one.kill('SIGKILL');
    rmSync(join(folderOf(1), 'wal'), { recursive: true });
    const again = programs.member(1, await freePeers(1), ...FLAGS);
    expect(await again.exit()).to.deep.equal({ code: 4, signal: null });
    expect(again.errors).to.have.length(1);
    expect(again.errors[0]).to.match(/there is no log in data\/member-1\/wal.*\[ERR_RAFT_WAL_NOT_FOUND\]/u);
  });

  it('a folder of another member, and one that is in use, are refused in one line, and nothing in them changes', async () => {
    const one = programs.member(1, peers, ...FLAGS);
    await one.sees(/committed index=3/u);
    const second = programs.member(1, await freePeers(1), ...FLAGS);
    expect(await second.exit()).to.deep.equal({ code: 2, signal: null });
    expect(second.errors).to.deep.equal(['raftexample: the log in data/member-1 is in use by another process']);
    expect(one.running).to.equal(true);

    await one.kill('SIGTERM');
    const before = hashOf(folderOf(1));
    const other = programs.member(2, peers, ...FLAGS, '--data', folderOf(1));
    expect(await other.exit()).to.deep.equal({ code: 2, signal: null });
    expect(other.errors).to.have.length(1);
    expect(other.errors[0]).to.match(/^raftexample: the log in .*member-1 is not this member's: .*member 1/u);
    expect(hashOf(folderOf(1))).to.equal(before);
  });

  it('a damaged log is refused with exit code 4, its place, and whom to ask', async () => {
    const one = programs.member(1, await freePeers(1), ...FLAGS);
    await commitOn([one], 3);
    await one.kill('SIGTERM');
    const wal = join(folderOf(1), 'wal');
    const [name] = readdirSync(wal).filter((file) => file.endsWith('.wal'));
    const path = join(wal, name as string);
    const bytes = readFileSync(path);
    const at = bytes.indexOf('hello');
    bytes[at] = 0;
    writeFileSync(path, bytes);
    const again = programs.member(1, await freePeers(1), ...FLAGS);
    expect(await again.exit()).to.deep.equal({ code: 4, signal: null });
    expect(again.errors).to.have.length(1);
    expect(again.errors[0]).to.match(
      /^raftexample: the log in data\/member-1: .*\(\S+\.wal at byte \d+\) \[ERR_RAFT_WAL_CORRUPT\]; see: npx --no -- raft-wal verify data\/member-1$/u,
    );
  });

  it('a folder that cannot be made is refused in one line', async () => {
    writeFileSync(join(programs.folder, 'file'), '');
    const one = programs.member(1, peers, ...FLAGS, '--data', 'file/member-1');
    expect(await one.exit()).to.deep.equal({ code: 4, signal: null });
    expect(one.errors).to.have.length(1);
    expect(one.errors[0]).to.match(
      /^raftexample: the log in file\/member-1: cannot make file\/member-1: ENOTDIR: not a directory; a part of its path is a file: move that away, or choose another folder \[ERR_RAFT_WAL_IO\]$/u,
    );
  });

  it('one that may open no more files ends in one line when it makes a snapshot, and goes on once it may', async function () {
    // Only Linux lets the limit of a process that runs be changed.
    if (process.platform !== 'linux') {
      console.log('skipped: the limit of open files of a process that runs cannot be changed here');
      this.skip();
    }
    const flags = [...FLAGS, '--snapshot-every', '20'];
    const own = await freePeers(1);
    // Started by npm, it looks whether the shell between them is still there, which takes a file too.
    const argv = ['--id', '1', '--peers', formatPeers(own), ...flags];
    const shell = ['sh', '-c', '"$0" "$@"; exit $?'];
    const one = programs.start('raftexample.js', argv, { npm_lifecycle_event: 'start' }, shell);
    await commitOn([one], 1);
    const { pid } = one.process;
    const member = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    await promisify(execFile)('prlimit', ['--pid', member, '--nofile=1:']);
    expect(await one.exit()).to.deep.equal({ code: 4, signal: null });
    expect(one.errors).to.have.length(1);
    expect(one.errors[0]).to.match(
      /^raftexample: the log in data\/member-1: cannot open \S+: EMFILE: too many open files; .*raise the limit .*\[ERR_RAFT_WAL_IO\]$/u,
    );
    const again = programs.member(1, own, ...flags);
    await again.until('what was committed, and more', () => lastIndex(again) > lastIndex(one));
  });
});
