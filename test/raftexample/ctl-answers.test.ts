import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { Authority } from '../rafthttp/certificates.js';
import { root } from '../repo/repository.js';
import { ctl, type More, type Ran } from './ctl-run.js';
import { type Act, cut, json, problem, reset, Scripted, silence, text } from './scripted.js';

describe('ctl, with answers as they may come', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'raft-ctl-'));
  });

  after(() => rmSync(folder, { recursive: true }));

  const servers: Scripted[] = [];
  const scene = async (...acts: Act[]): Promise<(words: readonly string[], more?: More) => Promise<Ran>> => {
    const at = await Scripted.start(...acts);
    servers.push(at);
    return (words, more) => ctl([...words, '--endpoints', at.url], more);
  };

  afterEach(() => Promise.all(servers.splice(0).map((one) => one.stop())));

  it('says what may have become of a write', async () => {
    const run = await scene(problem(504, { code: 'ERR_RAFT_UNKNOWN', reason: 'timeout', retry: 'unsafe' }));
    expect(await run(['put', 'k', 'v'])).to.deep.include({ code: 4, out: '' });
    expect(JSON.parse((await run(['del', 'k', '--json'])).out)).to.include({
      outcome: 'unknown',
      code: 'ERR_RAFT_UNKNOWN',
    });
    const again = await scene(problem(503, { code: 'ERR_RAFT_DROPPED', reason: 'no-leader', retry: 'safe' }));
    const dropped = await again(['put', 'k', 'v', '--timeout', '50ms']);
    expect(dropped.code).to.be.oneOf([4, 5]);
    const broken = await scene(reset);
    expect(await broken(['put', 'k', 'v'])).to.include({ code: 4 });
  });

  it('says that nobody was reached', async () => {
    const gone = await Scripted.start(reset);
    await gone.stop();
    const at = ['--endpoints', gone.url, '--timeout', '100ms'];
    for (const words of [
      ['put', 'k', 'v'],
      ['get', 'k'],
      ['members'],
      ['list'],
      ['watch'],
      ['explain'],
      ['snapshot', '-'],
    ]) {
      const { code, err } = await ctl([...words, ...at]);
      expect(code, words.join(' ')).to.equal(5);
      expect(err, words.join(' ')).to.include('cannot be reached');
    }
    const { code, out } = await ctl(['status', ...at]);
    expect([code, out.split('\n').length]).to.deep.equal([5, 3]);
  });

  it('a copy that breaks off leaves nothing', async () => {
    const head = { 'Raft-Index': '9', 'Raft-Term': '2', 'Transfer-Encoding': 'chunked' };
    const run = await scene(cut(200, head, '{"kv"'));
    const file = join(folder, 'broken.json');
    expect(await run(['snapshot', file])).to.include({ code: 5, out: '' });
    expect(readdirSync(folder).filter((name) => name.startsWith('broken'))).to.deep.equal([]);
  });

  it('history that is gone says from where a watch goes on', async () => {
    const run = await scene(problem(410, { code: 'ERR_KV_HISTORY_GONE', reason: 'history', retry: 'no', oldest: 70 }));
    const { code, err } = await run(['watch', '--from', '3']);
    expect(code).to.equal(1);
    expect(err).to.match(/list the keys, and watch --from 70\n$/u);
  });

  it('add prints how to start the member, waits until it votes, and passes over ids that were used', async () => {
    const members = (voters: number[], learners: number[]): Act =>
      json(200, {
        members: Object.fromEntries([...voters, ...learners].map((id) => [id, `http://m${id}:1`])),
        voters,
        learners,
      });
    const used = problem(409, { code: 'ERR_KV_CONFLICT', reason: 'id-used', retry: 'no' });
    const status = json(200, {
      ...{ id: 1, clusterId: 4096, leader: 1, state: 'leader', term: 2, commit: 9, applied: 9, firstIndex: 1 },
      ...{ lastIndex: 9, snapshotIndex: 0, voters: [1, 2], learners: [], members: {}, pid: 1 },
    });
    const run = await scene(
      ...[members([1, 2], []), used, json(200, { index: 12 }), members([1, 2], [4])],
      ...[
        status,
        members([1, 2], [4]),
        json(200, { code: 'catching-up', text: 'member 4 lacks 3 entries' }),
        members([1, 2, 4], []),
      ],
    );
    const { code, out, err } = await run(['add', '--url', 'http://m4:1', '--json']);
    expect([code, JSON.parse(out)]).to.deep.equal([
      0,
      { outcome: 'done', index: 12, id: 4, url: 'http://m4:1', votes: true },
    ]);
    expect(err).to.include('raftexample kv --id 4 --join --peers 1=http://m1:1,2=http://m2:1,4=http://m4:1 ');
    expect(err).to.include('member 4 lacks 3 entries\n');
  });

  it('says what may have become of a transfer', async () => {
    const run = await scene(problem(504, { code: 'ERR_RAFT_UNKNOWN', reason: 'timeout', retry: 'unsafe' }));
    const { code, out, err } = await run(['transfer', '2', '--timeout', '50ms', '--json']);
    expect([code, JSON.parse(out)]).to.deep.include.members([4]);
    expect(JSON.parse(out)).to.include({ outcome: 'unknown' });
    expect(err).to.match(/^it is not known whether it was carried out/u);
    const again = await scene(problem(503, { code: 'ERR_RAFT_DROPPED', reason: 'no-leader', retry: 'safe' }));
    const dropped = await again(['transfer', '2', '--timeout', '50ms']);
    expect(dropped.code).to.be.oneOf([4, 5]);
    const refused = await scene(problem(404, { code: 'ERR_KV_NOT_FOUND', reason: 'member', retry: 'no' }));
    expect(await refused(['transfer', '2'])).to.include({ code: 1 });
  });

  it('add goes on with another id only if this one was used', async () => {
    const members = json(200, { members: { 1: 'http://m1:1' }, voters: [1], learners: [] });
    const conflict = (reason: string): Act => problem(409, { code: 'ERR_KV_CONFLICT', reason, retry: 'no' });
    for (const reason of ['url-used', 'in-progress']) {
      const run = await scene(members, conflict(reason), json(200, { index: 12 }));
      expect(await run(['add', '--url', 'http://m4:1', '--no-wait'])).to.include({ code: 1, out: '' });
    }
    const run = await scene(
      members,
      json(409, { error: 'as a member written in Go says it' }),
      json(200, { index: 12 }),
    );
    const added = await run(['add', '--url', 'http://m4:1', '--no-wait']);
    expect(added).to.include({ code: 0, out: 'member 3 is a learner, and votes once it has caught up\n' });
    const other = await scene(members, json(200, { index: 12 }));
    expect((await other(['add', '--url', 'http://m4:1', '--learner'])).out).to.equal('member 2 is a learner\n');
  });

  it('status shows the token to nobody whom a member announces with another scheme', async () => {
    const authority = new Authority(folder);
    const { certFile, keyFile } = authority.issue('status', { cn: 'status', hosts: ['127.0.0.1'] });
    const lure = await Scripted.start(json(200, {}));
    const status = json(200, {
      ...{ id: 1, clusterId: 4096, leader: 1, state: 'leader', term: 2, commit: 9, applied: 9, firstIndex: 1 },
      ...{ lastIndex: 9, snapshotIndex: 0, voters: [1, 2], learners: [], members: {}, pid: 1 },
    });
    const members = json(200, {
      ...{ members: { 1: 'http://m1:1', 2: 'http://m2:1' }, voters: [1, 2], learners: [] },
      clients: { 2: lure.url },
    });
    const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    const at = await Scripted.open(tls, [status, members]);
    servers.push(lure, at);
    writeFileSync(join(folder, 'secret'), 'the-token');
    const flags = ['--endpoints', at.url, '--cacert', authority.caFile, '--token-file', join(folder, 'secret')];
    const { code, out } = await ctl(['status', '--json', ...flags]);
    expect(code).to.equal(0);
    expect(JSON.parse(out)).to.have.length(1);
    expect(at.asked).to.deep.equal(['GET /status', 'GET /members']);
    expect(lure.asked).to.deep.equal([]);
  });

  it('status shows the room, the age of the snapshot, and below what somebody should look at', async () => {
    const plain = {
      ...{ clusterId: 4096, leader: 1, term: 2, commit: 9, applied: 9, firstIndex: 1, lastIndex: 9 },
      ...{ voters: [1, 2], learners: [], members: {}, pid: 1 },
    };
    const one = await Scripted.start(
      json(200, {
        ...{ ...plain, id: 1, state: 'leader', snapshotIndex: 5, snapshotAgeMs: 7_300_000 },
        ...{ disk: { free: 3 * 2 ** 30, size: 2 ** 40 }, clocks: { 2: 1500, 3: -2000 } },
        warnings: [{ kind: 'disk', text: 'the disk fills\u001b[2J' }],
      }),
    );
    const two = await Scripted.start(json(200, { ...plain, id: 2, state: 'follower', applied: 4, snapshotIndex: 0 }));
    servers.push(one, two);
    const at = ['status', '--endpoints', `${one.url},${two.url}`];
    const { code, out } = await ctl(at);
    expect(code).to.equal(0);
    const [head = '', first = '', second = '', ...below] = out.split('\n');
    const cells = (line: string): string[] => line.split(/ {2,}/u).slice(1);
    expect(cells(head).slice(-4)).to.deep.equal(['LAG', 'SNAPSHOT', 'AGE', 'DISK FREE']);
    expect(cells(first)).to.deep.equal(['1', 'leader', '1', '2', '9', '9', '0', '5', '2 h', '3.0 GiB']);
    expect(cells(second)).to.deep.equal(['2', 'follower', '1', '2', '9', '4', '5', '0']);
    expect(below).to.deep.equal([
      'member 1: the disk fills\\x1b[2J',
      'member 1: its clock is 1500 ms ahead of that of member 2',
      'member 1: its clock is 2000 ms behind that of member 3',
      '',
    ]);
    const [found] = JSON.parse((await ctl([...at, '--json'])).out) as { status: object }[];
    expect(found?.status).to.deep.include({
      ...{ snapshotAgeMs: 7_300_000, clocks: { 2: 1500, 3: -2000 }, disk: { free: 3 * 2 ** 30, size: 2 ** 40 } },
    });
  });

  it('status has a row for a member that told nobody where it answers clients, with what the leader knows of it', async () => {
    const known = {
      ...{ clusterId: 4096, leader: 1, term: 2, commit: 9, applied: 9, firstIndex: 1, lastIndex: 9, snapshotIndex: 0 },
      ...{ voters: [1, 3], learners: [], pid: 1 },
      members: { 1: 'http://m1:1', 3: 'http://m3:1' },
    };
    const leads = { ...known, id: 1, state: 'leader', followers: { 3: 4 } };
    const members = json(200, { members: known.members, voters: [1, 3], learners: [], clients: {} });
    const says = json(200, { code: 'not-connected', text: 'member 3 does not answer the leader\u001b[2J' });
    const cells = (line = ''): string[] => line.split(/ {2,}/u);
    const asked = async (...acts: Act[]): Promise<[row: string[], below: string[], json: unknown[]]> => {
      const one = await Scripted.start(...acts, ...acts);
      servers.push(one);
      const words = ['status', '--endpoints', one.url];
      const { code, out } = await ctl(words);
      expect(code).to.equal(0);
      const [, , row, ...below] = out.split('\n');
      return [cells(row), below, JSON.parse((await ctl([...words, '--json'])).out) as unknown[]];
    };
    const untold = 'it has told nobody where it answers clients';
    const [row, below, [, third]] = await asked(json(200, leads), members, says);
    expect(row).to.deep.equal(['(http://m3:1)', '3', 'not asked', '5', untold]);
    expect(below).to.deep.equal(['member 3: member 3 does not answer the leader\\x1b[2J', '']);
    expect(third).to.deep.include({ id: 3, peerUrl: 'http://m3:1', match: 4, error: untold });
    // A leader written in Go says neither how far the others are nor why.
    const [bare, nothing] = await asked(json(200, { ...leads, followers: undefined }), members);
    expect(bare).to.deep.equal(['(http://m3:1)', '3', 'not asked', untold]);
    expect(nothing).to.deep.equal(['']);
  });

  it('a lease is kept over failures, as long as there is time', async () => {
    const dropped = problem(503, { code: 'ERR_RAFT_DROPPED', reason: 'no-leader', retry: 'safe' });
    const info = json(200, { id: 7, ttlMs: 1000, remainingMs: 1000, keys: [], locks: [] });
    const kept = json(200, { index: 8, id: 7, ttlMs: 1000 });
    const gone = problem(404, { code: 'ERR_KV_NOT_FOUND', reason: 'lease', retry: 'no' });
    const run = await scene(info, kept, silence, kept, gone);
    const { code, out, err } = await run(['lease', 'keepalive', '7']);
    expect([code, out]).to.deep.equal([6, 'keeping lease 7, of 1 s\n']);
    expect(err).to.match(/^lease 7 could not be kept, and is tried again: .*\nthere is no lease 7/u);
    const lost = await scene(info, dropped);
    expect(await lost(['lease', 'keepalive', '7'])).to.include({ code: 5, out: '' });
  });

  it('restore says where a copy is restored', async () => {
    const { code, err } = await ctl(['restore', 'copy.json']);
    expect([code, err]).to.deep.equal([2, err]);
    expect(err).to.include('raftexample restore --help');
    expect((await ctl(['--help'])).out).to.include('raftexample restore');
  });

  describe('a copy in a file', () => {
    const copy = text(200, '{"kv":{}}', { 'Raft-Index': '9', 'Raft-Term': '2' });
    let handles: FileHandle;
    const synced: string[] = [];

    before(async () => {
      const one = await open(folder, 'r');
      handles = Object.getPrototypeOf(one) as FileHandle;
      await one.close();
    });

    it('is whole although the system takes less than it is given', async () => {
      const run = await scene(copy);
      const { write } = handles;
      handles.write = function (this: FileHandle, data: Uint8Array) {
        return Reflect.apply(write, this, [data.subarray(0, Math.ceil(data.length / 2))]) as ReturnType<typeof write>;
      } as typeof write;
      const file = join(folder, 'short.json');
      const ran = await run(['snapshot', file]).finally(() => {
        handles.write = write;
      });
      expect(ran).to.include({ code: 0 });
      expect(readFileSync(file, 'utf8')).to.equal('{"kv":{}}');
    });

    it('outlasts a power failure: the file and its folder are synced', async () => {
      const run = await scene(copy);
      const { sync } = handles;
      handles.sync = async function (this: FileHandle) {
        synced.push((await this.stat()).isDirectory() ? 'folder' : 'file');
        return sync.call(this);
      };
      const { code } = await run(['snapshot', join(folder, 'synced.json')]).finally(() => {
        handles.sync = sync;
      });
      expect([code, synced]).to.deep.equal([0, ['file', 'folder']]);
    });

    it('leaves what another process is writing', async () => {
      const run = await scene(copy);
      writeFileSync(join(folder, 'other.json.part'), 'of another process');
      const { code, err } = await run(['snapshot', join(folder, 'other.json')]);
      expect([code, err]).to.deep.equal([2, err]);
      expect(err).to.include('cannot create');
      expect(readdirSync(folder).filter((name) => name.startsWith('other'))).to.deep.equal(['other.json.part']);
      expect(readFileSync(join(folder, 'other.json.part'), 'utf8')).to.equal('of another process');
    });
  });

  it('lock without a command holds it until a signal', async () => {
    const at = await Scripted.start(
      json(200, { index: 7, id: 7, ttlMs: 6000 }),
      json(200, { index: 9, name: 'n', lease: 7, fence: 9 }),
      json(200, { index: 10 }),
    );
    servers.push(at);
    const words = ['ctl', 'lock', 'n', '--ttl', '6s', '--endpoints', at.url];
    const program = join(root, 'raftexample/bin/raftexample.js');
    const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    expect(line).to.equal('held, fence 9');
    const kept = (): number => at.asked.filter((one) => one === 'POST /leases/7/keepalive').length;
    while (kept() === 0 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(child.exitCode).to.equal(null);
    child.kill('SIGTERM');
    expect(await ended).to.deep.equal([0, null]);
    expect(at.asked.at(-1)).to.equal('DELETE /leases/7');
  });
});
