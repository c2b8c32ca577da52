import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { formatPeers, type Peer } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { root } from '../repo/repository.js';
import { type Committed, committedOf, expectAgreement, freePeers, type Program, Programs } from './processes.js';

/** Every member proposes, so that hello goes on whichever of them is killed. */
const MEMBER_FLAGS = ['--tick', '20', '--hello-after', '200', '--hello-every', '100'];

const bin = fileURLToPath(new URL('../../../raftexample/bin/raftexample.js', import.meta.url));

/** How long a member on a busy machine may take for what these tests wait for. */
const PATIENCE_MS = 60_000;

/** Looks again and again: a file that a program writes tells nobody when it grows. */
async function becomes(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) expect.fail(`not within ${PATIENCE_MS / 1000} s: ${what}`);
    await sleep(20);
  }
}

function committedBy(cluster: Program, id: number): Committed[] {
  return committedOf(cluster.lines.filter((line) => line.startsWith(`[${id}] `)));
}

async function commitOn(cluster: Program, ids: readonly number[], more = 3): Promise<void> {
  const hellos = (id: number): number => committedBy(cluster, id).filter(({ text }) => text === 'hello').length;
  const goals = new Map(ids.map((id) => [id, hellos(id) + more]));
  await cluster.until(`${more} more hellos of members ${ids.join(', ')}`, () =>
    ids.every((id) => hellos(id) >= (goals.get(id) ?? 0)),
  );
}

async function processOf(cluster: Program, id: number): Promise<number> {
  const line = await cluster.sees(new RegExp(`^\\[cluster\\] member ${id} is process \\d+`, 'u'));
  return Number(/process (\d+)/u.exec(line)?.[1]);
}

/** Resolves once nobody listens there any more. */
function refusesConnections({ host, port }: Peer): Promise<void> {
  return becomes(`nobody listens at ${host}:${port}`, async () => {
    const socket = connect(port, host);
    try {
      await once(socket, 'connect');
      return false;
    } catch {
      return true;
    } finally {
      socket.destroy();
    }
  });
}

/** Stops a launcher and its members with a signal. */
async function expectStops(cluster: Program, peers: readonly Peer[], signal: NodeJS.Signals): Promise<void> {
  expect(await cluster.kill(signal)).to.deep.equal({ code: 0, signal: null });
  expect(cluster.lines.at(-1)).to.equal('[cluster] all members stopped');
  for (const id of [1, 2, 3]) expect(cluster.lines).to.include(`[${id}] stopping: SIGTERM`);
  await Promise.all(peers.map(refusesConnections));
}

// One launcher for all of these: what they do leaves it and its members running, up to the last one.
describe('raftexample: a launcher that nothing happens to', function () {
  const programs = new Programs();
  let peers: Peer[];
  let cluster: Program;

  before(async () => {
    peers = await freePeers(3);
    cluster = programs.start('cluster.js', ['--peers', formatPeers(peers), ...MEMBER_FLAGS]);
  });
  after(() => programs.endAll());

  it('shows every line with the id of its member, without colours if it is no terminal', async () => {
    await commitOn(cluster, [1, 2, 3]);
    for (const line of cluster.lines) expect(line).to.match(/^\[(?:cluster|1|2|3)\] [^\u001B]+$/u);
    expectAgreement([1, 2, 3].map((id) => committedBy(cluster, id)));
  });

  it('goes on after SIGHUP, and so do its members, if there is no terminal: nohup takes it away', async () => {
    await commitOn(cluster, [1, 2, 3], 1);
    cluster.process.kill('SIGHUP');
    for (const id of [1, 2, 3]) process.kill(await processOf(cluster, id), 'SIGHUP');
    await commitOn(cluster, [1, 2, 3]);
    expect(cluster.lines.filter((line) => line.includes('SIGHUP'))).to.deep.equal([]);
  });

  it('gives the threads of each member one arena, unless it was told otherwise', async function () {
    await commitOn(cluster, [1, 2, 3], 1);
    const environment = `/proc/${await processOf(cluster, 1)}/environ`;
    if (!existsSync(environment)) {
      console.log('      skipped: there is no /proc here');
      this.skip();
    }
    const told = process.env['MALLOC_ARENA_MAX'] ?? '1';
    expect(readFileSync(environment, 'utf8').split('\0')).to.include(`MALLOC_ARENA_MAX=${told}`);
  });

  it('stops all members on SIGTERM and ends with 0', async () => {
    await commitOn(cluster, [1, 2, 3], 1);
    await expectStops(cluster, peers, 'SIGTERM');
    expect(cluster.lines.filter((line) => line.includes('SIGHUP'))).to.deep.equal([]);
  });
});

describe('raftexample: the launcher', function () {
  const programs = new Programs();
  let peers: Peer[];
  let cluster: Program;

  beforeEach(async () => {
    peers = await freePeers(3);
    cluster = programs.start('cluster.js', ['--peers', formatPeers(peers), ...MEMBER_FLAGS]);
  });
  afterEach(() => programs.endAll());

  it('stops all members on SIGINT and ends with 0', async () => {
    await commitOn(cluster, [1, 2, 3], 1);
    await expectStops(cluster, peers, 'SIGINT');
  });

  it('takes its members along when it is killed', async () => {
    await commitOn(cluster, [1, 2, 3], 1);
    await cluster.kill('SIGKILL');
    await Promise.all(peers.map(refusesConnections));
  });

  it('says so when a member ends by itself, lets the others go on, and fails when none is left', async () => {
    await commitOn(cluster, [1, 2, 3], 1);
    process.kill(await processOf(cluster, 2), 'SIGKILL');
    await cluster.sees(/^\[cluster\] member 2 was ended by SIGKILL; 2 still running$/u);
    await cluster.sees(
      /^\[cluster\] to bring it back, in another terminal: node \S*raftexample\.js --id 2 --peers 1=/u,
    );
    await commitOn(cluster, [1, 3]);

    process.kill(await processOf(cluster, 1), 'SIGTERM');
    await cluster.sees(/^\[cluster\] member 1 ended by itself with exit code 0; 1 still running$/u);
    process.kill(await processOf(cluster, 3), 'SIGTERM');
    await cluster.sees(/^\[cluster\] member 3 ended by itself with exit code 0; none is left$/u);
    expect(await cluster.exit()).to.deep.equal({ code: 1, signal: null });
  });

  it('kills a member that cannot stop, and says so', async () => {
    await commitOn(cluster, [1, 2, 3], 1);
    process.kill(await processOf(cluster, 3), 'SIGSTOP');
    expect(await cluster.kill('SIGTERM')).to.deep.equal({ code: 1, signal: null });
    expect(cluster.lines.at(-1)).to.equal('[cluster] stopped; some members had to be killed');
  });
});

describe('raftexample: a member whose launcher is gone', () => {
  const programs = new Programs();
  afterEach(() => programs.endAll());

  it('stops cleanly when the channel to it closes', async () => {
    const member = programs.member(1, await freePeers(1), ...MEMBER_FLAGS);
    await member.sees(/text="hello"/u);
    member.process.disconnect();
    expect(await member.exit()).to.deep.equal({ code: 0, signal: null });
    expect(member.lines.some((line) => line === '[1] stopping: the launcher is gone')).to.equal(true);
  });

  it('stops cleanly when nobody reads its output', async () => {
    const member = programs.member(1, await freePeers(1), ...MEMBER_FLAGS);
    await member.sees(/text="hello"/u);
    member.process.stdout?.destroy();
    expect(await member.exit()).to.deep.equal({ code: 0, signal: null });
  });
});

describe('raftexample: a member that npx runs', function () {
  it('stops when npx is killed, although the shell between them stays', async function () {
    if (process.platform !== 'linux') {
      console.log('      skipped: only Linux tells whose child a shell is');
      return this.skip();
    }
    const [peer] = (await freePeers(1)) as [Peer];
    const args = ['--no', '--', 'raftexample', '--id', '1', '--memory', '--peers', formatPeers([peer])];
    const npx = spawn('npx', args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    npx.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    try {
      await becomes('the member leads', () => printed.includes('became leader'));
    } finally {
      npx.kill('SIGKILL');
    }
    await refusesConnections(peer);
    await becomes('it has said why it stops', () => printed.includes('stopping: npm is gone'));
  });
});

describe('raftexample: a member with a terminal', function () {
  const programs = new Programs();
  afterEach(() => programs.endAll());

  it('stops cleanly on SIGHUP, and not if it was started with nohup', async function () {
    // util-linux's script gives a program a terminal.
    if (spawnSync('script', ['--version']).status !== 0) {
      console.log('      skipped: no program script of util-linux');
      return this.skip();
    }
    for (const nohup of ['', 'nohup']) {
      const [peer] = (await freePeers(1)) as [Peer];
      const member = `--id 1 --memory --tick 20 --hello-after 0 --hello-every 50 --peers ${formatPeers([peer])}`;
      const command = `echo process $$; exec ${nohup} ${process.execPath} ${bin} ${member} > out-${nohup}.txt 2>&1`;
      const terminal = spawn('script', ['-qec', command, '/dev/null'], {
        cwd: programs.folder,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const [text] = (await once(terminal.stdout, 'data')) as [Buffer];
        const pid = Number(/process (\d+)/u.exec(text.toString())?.[1]);
        const file = join(programs.folder, `out-${nohup}.txt`);
        // The shell makes the file after it has said which process it is.
        const printed = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
        const count = (): number => printed().split('text="hello"').length;
        await becomes('the log of member 1 grows', () => count() > 1);
        const before = count();
        process.kill(pid, 'SIGHUP');
        if (nohup === '') expect(await once(terminal, 'exit')).to.deep.equal([0, null]);
        else {
          await becomes('the log of member 1 grows on', () => count() > before + 2);
          process.kill(pid, 'SIGTERM');
          await once(terminal, 'exit');
        }
        expect(printed().includes('stopping: SIGHUP')).to.equal(nohup === '');
      } finally {
        terminal.kill('SIGKILL');
      }
    }
  });
});
