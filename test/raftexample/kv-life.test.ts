import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Program, Programs } from './processes.js';
import { Load, StoreProcesses } from './store-processes.js';

/** Some hundred writes a second: snapshots are made all the time, and the commands have a processor too. */
const PACE = { restMs: 30 };

describe('the store: the life of a cluster, as processes under load', function life() {
  this.timeout(180_000);
  const programs = new Programs();
  let members: StoreProcesses;
  let load: Load;
  /** Who is in the cluster now. */
  const present = new Set([1, 2, 3]);

  before(async () => {
    members = await StoreProcesses.start(programs, {
      founders: 3,
      spares: 3,
      flags: ['--snapshot-every', '200', '--catch-up', '100'],
    });
    load = new Load(members.client([1, 2, 3]), PACE);
    await load.more(100);
  });
  after(async () => {
    await load.abandon();
    await programs.endAll();
  });
  // What was acknowledged goes on to be there, and a client that sends again what it may sees no failure.
  afterEach(async () => {
    await load.more(20);
    expect(load.failures).to.deep.equal([]);
  });

  const ctl = (...words: string[]): Program => {
    const endpoints = [...present].map((id) => members.endpoint(id)).join(',');
    return programs.start('raftexample.js', ['ctl', ...words, '--endpoints', endpoints]);
  };
  const done = async (program: Program, code = 0): Promise<string> => {
    expect((await program.exit()).code, program.errors.join('\n')).to.equal(code);
    return program.lines.join('\n');
  };
  /** Starts a member as `ctl add` and `ctl replace` say, at the ports that are kept for `at`. */
  const startAsSaid = async (program: Program, at: number, folder: string): Promise<number> => {
    const said = /^ {2}raftexample (kv --id (\d+) .*)$/u;
    await program.until('how to start it', () => program.errors.some((line) => said.test(line)));
    const [, line, id] = said.exec(program.errors.find((one) => said.test(one)) ?? '') ?? [];
    const client = new URL(members.endpoint(at)).host;
    const words = (line as string).replace('HOST:PORT', client).replace('DIR', folder).split(' ');
    members.running.set(at, programs.start('raftexample.js', words));
    return Number(id);
  };

  it('a member is added', async () => {
    const adding = ctl('add', '--url', members.peerUrl(4));
    expect(await startAsSaid(adding, 4, 'member-4')).to.equal(4);
    expect(await done(adding)).to.equal('member 4 votes');
    await members.ready([4]);
    present.add(4);
  });

  it('leadership is moved', async () => {
    const to = (await members.leader([...present])) === 4 ? 1 : 4;
    expect(await done(ctl('transfer', String(to)))).to.equal(`member ${to} leads`);
  });

  it('a copy is taken, and restored beside it', async () => {
    await done(ctl('snapshot', 'backup.json'));
    const restored = await members.command(
      ...['restore', 'backup.json', '--url', 'http://127.0.0.1:1', '--cluster-id', '7', '--data', 'restored'],
    );
    expect(restored, restored.stderr).to.include({ code: 0 });
    expect(existsSync(join(programs.folder, 'restored/wal'))).to.equal(true);
  });

  it('a member is removed, and ends', async () => {
    expect(await done(ctl('remove', '4', '--dry-run'))).to.match(
      /Without member 4 there are the voters 1, 2, 3; 2 of/u,
    );
    await done(ctl('remove', '4'));
    present.delete(4);
    expect((await members.program(4).exit()).code).to.be.oneOf([0, 3]);
  });

  it('a member that is dead is replaced', async () => {
    const dead = await members.leader([...present]);
    await members.program(dead).kill('SIGKILL');
    const replacing = ctl('replace', String(dead), '--url', members.peerUrl(5));
    expect(await startAsSaid(replacing, 5, 'member-5')).to.be.above(4);
    expect(await done(replacing)).to.match(/^member \d+ votes$/u);
    await members.ready([5]);
    present.delete(dead);
    present.add(5);
  });

  it('a member that lost its folder is refused, and rejoins under a new number at its address', async () => {
    const leader = await members.leader([...present]);
    const wiped = [...present].find((id) => id !== leader && id < 4) as number;
    await members.stop(wiped);
    renameSync(join(programs.folder, members.folder(wiped)), join(programs.folder, 'lost'));
    const refused = members.launch(wiped);
    expect((await refused.exit()).code).to.equal(3);
    const replacing = ctl('replace', String(wiped), '--url', members.peerUrl(wiped));
    expect(await startAsSaid(replacing, wiped, 'again')).to.be.above(5);
    expect(await done(replacing)).to.match(/^member \d+ votes$/u);
    await members.ready([wiped]);
  });

  it('everything that was acknowledged is there', async () => {
    await load.stop();
    await using client = members.client([...present]);
    for (const [key, { value, index }] of load.acknowledged)
      expect(await client.get(key), key).to.deep.include({ value, index });
    load = new Load(members.client([...present]), PACE);
  });
});

describe('the store: a rolling restart under load', function restart() {
  this.timeout(180_000);
  const programs = new Programs();
  let load: Load | undefined;
  after(async () => {
    await load?.abandon();
    await programs.endAll();
  });

  it('fails no request of a client that sends again what it may, also while leadership moves', async () => {
    const members = await StoreProcesses.start(programs, { founders: 3 });
    load = new Load(members.client(members.founders));
    await load.more(100);
    const leader = await members.leader();
    const order = [...members.founders.filter((id) => id !== leader), leader];
    const leaders = new Set<number>();
    for (const id of order) {
      leaders.add(await members.leader());
      await members.stop(id);
      members.launch(id);
      await members.ready([id]);
      await load.more(50);
    }
    leaders.add(await members.leader());
    await load.stop();
    expect(load.failures).to.deep.equal([]);
    expect(leaders.size).to.be.above(1);
    await using client = members.client(members.founders);
    for (const [key, { value, index }] of load.acknowledged)
      expect(await client.get(key), key).to.deep.include({ value, index });
  });
});
