/** When a store whose members may be written in Go opens what only ours know, and whom it refuses from then on. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { freePort, scratchFolder, stopAll, stopLater } from '../rafthttp/members.js';

const reference = fileURLToPath(new URL('../../reference', import.meta.url));
const ours = fileURLToPath(new URL('../../../raftexample/bin/raftexample.js', import.meta.url));

/** On a busy machine an election takes seconds. */
const PATIENCE_MS = 60_000;
/** Nothing happens for so long: several election timeouts. */
const QUIET_MS = 4000;

/** What a Go member would pass over. */
const TRANSACTION = '{"do":[{"op":"put","key":"x","value":"both"},{"op":"put","key":"y","value":"both"}]}';

let goMember = '';

/** One member's process, and the address at which it answers clients. */
class StoreMember {
  readonly id: number;
  readonly kind: 'go' | 'ours';
  readonly url: string;
  readonly clients: string;
  readonly lines: string[] = [];
  private readonly data = scratchFolder();
  private child: ChildProcess | undefined;

  constructor(id: number, kind: 'go' | 'ours', { peer, client }: { readonly peer: number; readonly client: number }) {
    this.id = id;
    this.kind = kind;
    this.url = `http://127.0.0.1:${peer}`;
    this.clients = `127.0.0.1:${client}`;
  }

  start(peers: readonly StoreMember[], { as = this.kind, join: joins = false } = {}): void {
    const list = peers.map(({ id, url }) => `${id}=${url}`).join(',');
    const place = ['--id', String(this.id), '--peers', list, '--client-addr', this.clients, '--data', this.data];
    const args = joins ? [...place, '--join'] : place;
    const [program, before] = as === 'go' ? [goMember, []] : [process.execPath, [ours, 'kv']];
    const child = spawn(program, [...before, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    }
    this.child = child;
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  get isRunning(): boolean {
    return this.child?.exitCode === null;
  }

  async ask(method: string, path: string, body?: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://${this.clients}${path}`, {
      method,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(60_000),
    });
    return { status: response.status, text: await response.text() };
  }

  /** How it stands with the features, as this member sees it. */
  async features(): Promise<{ readonly code: string; readonly text: string }> {
    try {
      const { text } = await this.ask('GET', '/explain?features=true');
      return JSON.parse(text) as { code: string; text: string };
    } catch (error) {
      return { code: 'no answer', text: String(error) };
    }
  }
}

function numberIn({ text }: { readonly text: string }, field: string): number {
  return (JSON.parse(text) as Readonly<Record<string, number>>)[field] ?? Number.NaN;
}

async function eventually(what: string, holds: () => Promise<boolean> | boolean, saw: () => string): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${what}\n${saw()}`);
    await sleep(50);
  }
}

describe('a store whose members may be written in Go', function interop() {
  this.timeout(5 * PATIENCE_MS);
  const running: StoreMember[] = [];

  before(function prepare() {
    if (process.env['RAFT_TS_INTEROP'] === undefined) {
      console.log('      skipped: npm run test:interop runs it');
      this.skip();
    }
    goMember = join(scratchFolder(), 'member');
    try {
      execFileSync('go', ['build', '-o', goMember, './cmd/member'], {
        cwd: reference,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    } catch (error) {
      const { code, stderr } = error as { code?: string; stderr?: Buffer };
      console.log(`      skipped: ${code === 'ENOENT' ? 'there is no Go toolchain' : String(stderr).slice(0, 200)}`);
      this.skip();
    }
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((member) => member.kill()));
  });
  after(stopAll);

  const member = async (id: number, kind: 'go' | 'ours'): Promise<StoreMember> => {
    const made = new StoreMember(id, kind, { peer: await freePort(), client: await freePort() });
    running.push(made);
    stopLater({ stop: () => made.kill() });
    return made;
  };
  const found = async (...kinds: readonly ('go' | 'ours')[]): Promise<StoreMember[]> => {
    const members: StoreMember[] = [];
    for (const [i, kind] of kinds.entries()) members.push(await member(i + 1, kind));
    return members;
  };
  const lines = (): string =>
    running.map(({ id, lines: printed }) => printed.map((line) => `[${id}] ${line}`).join('\n')).join('\n');
  const say = (one: StoreMember, code: string): Promise<void> =>
    eventually(`member ${one.id} says ${code}`, async () => (await one.features()).code === code, lines);
  const write = (one: StoreMember): Promise<void> =>
    eventually(
      `member ${one.id} takes a write`,
      async () => {
        try {
          return (await one.ask('PUT', '/kv/k', 'v')).status === 200;
        } catch {
          return false;
        }
      },
      lines,
    );
  /** It is as `code` says, and stays so. */
  const stay = async (one: StoreMember, code: string, text: string): Promise<void> => {
    await say(one, code);
    await sleep(QUIET_MS);
    const now = await one.features();
    expect(now.code, lines()).to.equal(code);
    expect(now.text).to.include(text);
  };

  it('opens nothing while one is, or while it is absent, and opens once it has left for good', async () => {
    const members = await found('ours', 'ours', 'go');
    const [a, b, go] = members as [StoreMember, StoreMember, StoreMember];
    for (const one of members) one.start(members);
    await write(a);
    await write(go);
    await stay(a, 'features-missing', 'member 3');
    const refused = await a.ask('POST', '/kv', TRANSACTION);
    expect(refused.status, refused.text).to.equal(503);
    expect(JSON.parse(refused.text)).to.deep.include({ code: 'ERR_KV_FEATURE', retry: 'safe', missing: [3] });
    await go.kill();
    await write(a);
    await stay(b, 'features-missing', 'member 3');
    expect((await a.ask('DELETE', '/members/3')).status).to.equal(200);
    for (const one of [a, b]) await say(one, 'features-open');
    expect((await b.ask('POST', '/kv', TRANSACTION)).status).to.equal(200);
    expect((await a.ask('GET', '/kv/x')).text).to.equal('both');
  });

  it('goes on as before with one that joins while another is there', async () => {
    const members = await found('ours', 'ours', 'go');
    const [a, b] = members as [StoreMember, StoreMember];
    for (const one of members) one.start(members);
    for (const one of [a, b]) await write(one);
    const newcomer = await member(4, 'go');
    expect((await b.ask('POST', '/members', JSON.stringify({ id: 4, url: newcomer.url }))).status).to.equal(200);
    newcomer.start([...members, newcomer], { join: true });
    await eventually(
      'it votes',
      async () => (await a.ask('GET', '/members')).text.includes('"voters":[1,2,3,4]'),
      lines,
    );
    await write(newcomer);
    await stay(a, 'features-missing', 'member 3, member 4');
  });

  it('refuses one that joins afterwards, or that takes the place of another, and says so; the others go on', async () => {
    const members = await found('ours', 'ours', 'ours');
    const [a, b, c] = members as [StoreMember, StoreMember, StoreMember];
    for (const one of members) one.start(members);
    for (const one of members) await say(one, 'features-open');
    const newcomer = await member(4, 'go');
    const added = await b.ask('POST', '/members', JSON.stringify({ id: 4, url: newcomer.url }));
    expect(added.status, added.text).to.equal(200);
    newcomer.start([...members, newcomer], { join: true });
    const refused = (line: string): boolean => line.includes('refused a member that does not show the features');
    await eventually('the leader says so', () => members.some((one) => one.lines.some(refused)), lines);
    // The same log in other hands: a Go member understands it, and what only ours know it passes over. It takes a
    // snapshot after each membership change, in which it would lose that, so ours takes that one first.
    const hasSnapshot = async (): Promise<boolean> =>
      numberIn(await c.ask('GET', '/status'), 'snapshotIndex') >= numberIn(added, 'index');
    await eventually('member 3 has a snapshot with the new member', hasSnapshot, lines);
    await c.kill();
    c.start(members, { as: 'go' });
    await eventually('both say so of it', () => [a, b].every((one) => one.lines.filter(refused).length === 2), lines);
    await sleep(QUIET_MS);
    for (const one of [c, newcomer]) {
      expect(one.isRunning, 'it was not told that it was removed').to.equal(true);
      expect((await one.ask('PUT', '/kv/k', 'v')).status).to.be.oneOf([503, 504]);
      expect((await one.ask('GET', '/kv/k?consistency=stale')).status).to.equal(404);
    }
    await write(a);
    await write(b);
    expect((await a.ask('POST', '/kv', TRANSACTION)).status).to.equal(200);
    // Ours again: everything is as it was, and nothing was passed over.
    await c.kill();
    c.start(members);
    await say(c, 'features-open');
    await write(c);
    expect((await c.ask('GET', '/kv/y')).text).to.equal('both');
    const same = async (): Promise<boolean> => {
      const digests = await Promise.all(members.map(async (one) => (await one.ask('GET', '/digest')).text));
      return new Set(digests).size === 1;
    };
    await eventually('all three hold the same', same, lines);
  });
});
