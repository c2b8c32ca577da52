import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type CtlIo, commands } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { ctl, type More, type Ran } from './ctl-run.js';
import { ask, type KvCluster, kvCluster } from './kv-cluster.js';

describe('ctl', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'raft-ctl-'));
  });

  after(() => rmSync(folder, { recursive: true }));

  describe('with members', () => {
    let store: KvCluster;
    let env: CtlIo['env'];
    const run = (words: readonly string[], more: More = {}): Promise<Ran> => ctl(words, { env, ...more });

    before(async () => {
      store = await kvCluster(3, { token: 'the-token-of-clients' });
      const tokenFile = join(folder, 'token');
      writeFileSync(tokenFile, 'the-token-of-clients\n');
      env = {
        RAFTEXAMPLE_ENDPOINTS: store.ports.map((port) => `http://127.0.0.1:${port}`).join(','),
        RAFTEXAMPLE_TOKEN_FILE: tokenFile,
      };
    });

    after(() => store.stop());

    it('put, get and del, with values of standard input, conditions and their exit codes', async () => {
      const first = await run(['put', 'k', 'v', '--if-absent', '--json']);
      expect(first).to.include({ code: 0, err: '' });
      const { index } = JSON.parse(first.out) as { index: number };
      expect(await run(['get', 'k'])).to.deep.equal({ code: 0, out: 'v', err: '' });
      expect(await run(['get', 'k'], { isTTY: true })).to.deep.equal({ code: 0, out: 'v\n', err: '' });
      expect(JSON.parse((await run(['get', 'k', '--json'])).out)).to.deep.equal({ key: 'k', value: 'v', index });
      expect(await run(['put', 'k', 'w', '--if-absent'])).to.deep.equal({
        code: 3,
        out: '',
        err: `not done: the condition failed: the version of the key is ${index}\n`,
      });
      expect((await run(['put', 'k', '--if-index', String(index)], { stdin: 'of\nstdin' })).out).to.match(
        /^done, index \d+\n$/u,
      );
      expect((await run(['get', 'k', '--consistency', 'stale'])).code).to.be.oneOf([0, 6]);
      expect((await run(['get', 'k'])).out).to.equal('of\nstdin');
      expect((await run(['del', 'k', '--if-index', String(index)])).code).to.equal(3);
      expect((await run(['del', 'k'])).code).to.equal(0);
      expect(await run(['get', 'k'])).to.deep.equal({ code: 6, out: '', err: 'there is no key "k"\n' });
      await run(['put', '--', '-k', '-v']);
      expect((await run(['get', '--', '-k'])).out).to.equal('-v');
    });

    it('txn does all or nothing, from flags and from JSON, once under a name', async () => {
      const words = ['txn', '--if', 't/a=0', '--put', 't/a=x=1', '--get', 't/b', '--once', 'txn-1'];
      const first = await run(words);
      expect(first.out).to.match(/^done, index \d+\nKEY {2}VERSION {2}VALUE\nt\/b {2}0\n$/u);
      expect(await run(words)).to.deep.equal(first);
      expect((await run(['get', 't/a'])).out).to.equal('x=1');
      const failed = await run(words.slice(0, -2));
      expect(failed).to.include({ code: 3, out: '' });
      expect(failed.err).to.match(/the version of the key "t\/a" is \d+\n$/u);
      const stdin = '{"do":[{"op":"delete","key":"t/a"},{"op":"put","key":"t/b","value":"1"}]}';
      expect(JSON.parse((await run(['txn', '--json'], { stdin })).out)).to.deep.include({ outcome: 'done', reads: [] });
      expect((await run(['get', 't/a'])).code).to.equal(6);
      for (const wrong of ['', '{', '[]', '{"if":[]}', '{"do":[{"op":"nonsense","key":"a"}]}'])
        expect((await run(['txn'], { stdin: wrong })).code, wrong).to.equal(2);
      expect((await run(['txn'], { stdin: '{"do":[]}' })).code).to.equal(1);
      const once = ['put', 'once', 'v', '--if-absent', '--once', 'put-1'];
      expect(await run(once)).to.deep.equal(await run(once));
    });

    it('lock holds one while a command runs, which finds its fence, and nobody else has it', async () => {
      const out = join(folder, 'fence');
      const script = `require('node:fs').writeFileSync(process.argv[1], process.env.RAFTEXAMPLE_FENCE); process.exitCode = 7`;
      const node = { ...env, PATH: process.env['PATH'] };
      expect((await run(['lock', 'nightly', '--', process.execPath, '-e', script, out], { env: node })).code).to.equal(
        7,
      );
      const stop = new AbortController();
      let held: (text: string) => void = () => {};
      const taken = new Promise<string>((resolve) => {
        held = resolve;
      });
      const holding = run(['lock', 'nightly', '--json'], { stopping: stop.signal, onOut: held });
      const { fence } = JSON.parse(await taken) as { fence: number };
      expect(fence).to.be.greaterThan(Number(readFileSync(out, 'utf8')));
      expect(await run(['lock', 'nightly', '--no-wait', '--', 'true'])).to.deep.equal({
        ...{ code: 3, out: '', err: 'not taken: somebody else holds it\n' },
      });
      stop.abort();
      expect((await holding).code).to.equal(0);
      const missing = await run(['lock', 'nightly', '--', '/no/such/program']);
      expect([missing.code, missing.err]).to.deep.equal([2, missing.err]);
      expect(missing.err).to.include('cannot run the command');
    });

    it('lease grants, keeps, shows and ends leases, and put has a key vanish with one', async () => {
      const granted = await run(['lease', 'grant', '--ttl', '60s', '--json']);
      const { id } = JSON.parse(granted.out) as { id: number };
      expect(granted).to.deep.equal({ code: 0, out: `{"id":${id},"ttlMs":60000}\n`, err: '' });
      expect((await run(['put', 'leased', 'x', '--lease', String(id)])).code).to.equal(0);
      const shown = await run(['lease', 'show', String(id)]);
      expect(shown.out).to.match(
        new RegExp(`^lease ${id}, of 60 s, lasts for [\\d.]+ s more\nWHAT +NAME\nkey +leased\n$`, 'u'),
      );
      expect(await run(['lease', 'keepalive', String(id), '--now'])).to.deep.equal({
        ...{ code: 0, out: `lease ${id} was kept\n`, err: '' },
      });
      const stop = new AbortController();
      const kept = await run(['lease', 'keepalive', String(id)], { stopping: stop.signal, onOut: () => stop.abort() });
      expect(kept).to.deep.equal({ code: 0, out: `keeping lease ${id}, of 60 s\n`, err: '' });
      expect(await run(['lease', 'revoke', String(id)])).to.include({ code: 0, out: `lease ${id} was ended\n` });
      expect((await run(['get', 'leased'])).code).to.equal(6);
      const gone = `there is no lease ${id}: it has ended, or there never was one\n`;
      for (const words of [['show'], ['keepalive'], ['keepalive', '--now'], ['revoke']]) {
        const [action = '', ...flags] = words;
        expect(await run(['lease', action, String(id), ...flags])).to.deep.equal({ code: 6, out: '', err: gone });
      }
      expect((await run(['put', 'leased', 'x', '--lease', String(id)])).code).to.equal(1);
    });

    it('a terminal shows what would move its cursor', async () => {
      await run(['put', 'esc', 'a\u001b[2J\tb\nc\u202e']);
      expect((await run(['get', 'esc'], { isTTY: true })).out).to.equal('a\\x1b[2J\tb\nc\\u202e\n');
      expect((await run(['get', 'esc'])).out).to.equal('a\u001b[2J\tb\nc\u202e');
      expect((await run(['list', 'esc'])).out).to.match(
        /^KEY +VERSION +VALUE\nesc +\d+ +a\\x1b\[2J\\tb\\nc\\u202e\n$/u,
      );
    });

    it('list has columns, or lines of JSON, in as many as are wanted', async () => {
      for (const key of ['l/a', 'l/bb', 'l/寿司', 'l/d']) await run(['put', key, `v ${key}`]);
      const { out } = await run(['list', 'l/']);
      const lines = out.trimEnd().split('\n');
      expect(lines.map((line) => line.split(/ {2,}/u)[0])).to.deep.equal(['KEY', 'l/a', 'l/bb', 'l/d', 'l/寿司']);
      // Wide characters take two columns.
      expect(lines[4]?.indexOf('v ')).to.equal((lines[3]?.indexOf('v ') ?? 0) - 2);
      const some = await run(['list', 'l/', '--after', 'l/a', '--limit', '2', '--json']);
      const keys = some.out
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { key: string }).key);
      expect(keys).to.deep.equal(['l/bb', 'l/d']);
      expect((await run(['list', 'nothing/'])).out).to.equal('KEY  VERSION  VALUE\n');
    });

    it('watch prints events until it has so many, or is stopped', async () => {
      const first = JSON.parse((await run(['put', 'w/a', '1', '--json'])).out) as { index: number };
      await run(['del', 'w/a']);
      const { out, code } = await run(['watch', 'w/', '--from', String(first.index), '--count', '2']);
      expect(code).to.equal(0);
      expect(out).to.match(new RegExp(`^${first.index} put "w/a" "1"\n\\d+ delete "w/a"\n$`, 'u'));
      const stop = new AbortController();
      const onOut = (): void => stop.abort();
      const stopped = await run(['watch', 'w/', '--from', String(first.index), '--json'], {
        stopping: stop.signal,
        onOut,
      });
      expect(stopped.code).to.equal(0);
      expect(JSON.parse(stopped.out.split('\n')[0] as string)).to.deep.equal({
        type: 'put',
        key: 'w/a',
        value: '1',
        index: first.index,
      });
      expect((await run(['watch'], { stopping: AbortSignal.abort() })).code).to.equal(0);
    });

    it('snapshot writes a file that is whole, or none, and overwrites nothing', async () => {
      await run(['put', 'snap', 'shot']);
      const file = join(folder, 'copy.json');
      const done = await run(['snapshot', file]);
      expect(done.out).to.match(/copy\.json: [\d.]+ \w+, index \d+\n$/u);
      expect(JSON.parse(readFileSync(file, 'utf8'))).to.have.nested.property('kv.snap[0]', 'shot');
      expect(await run(['snapshot', file])).to.include({ code: 2 });
      const { out, err } = await run(['snapshot', '-']);
      expect(JSON.parse(out)).to.have.nested.property('kv.snap[0]', 'shot');
      expect(err).to.match(/index \d+\n$/u);
    });

    it('status is a table of all, members and explain speak of them, and transfer moves the leader', async () => {
      const { out } = await run(['status']);
      const rows = out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/u));
      expect(rows[0]).to.deep.equal([
        'ENDPOINT',
        'ID',
        'STATE',
        'LEADER',
        'TERM',
        'COMMIT',
        'APPLIED',
        'LAG',
        'SNAPSHOT',
        'AGE',
        'DISK FREE',
      ]);
      expect(rows.slice(1).map(([, id]) => id)).to.deep.equal(['1', '2', '3']);
      const leader = rows.find(([, , state]) => state === 'leader') as string[];
      const next = String((Number(leader[1]) % 3) + 1);
      expect((await run(['explain'])).out).to.match(new RegExp(`^member ${leader[1]} leads`, 'iu'));
      // What it says depends on when the leader last heard from it.
      expect(JSON.parse((await run(['explain', '--member', next, '--json'])).out)).to.include.keys('code', 'text');
      expect(JSON.parse((await run(['explain', '--features', '--json'])).out).code).to.match(/^features-open/u);
      expect(await run(['transfer', next])).to.deep.equal({ code: 0, out: `member ${next} leads\n`, err: '' });
      const found = JSON.parse((await run(['status', '--json'])).out) as { status: { id: number; leader: number } }[];
      expect(found.map(({ status }) => status.id)).to.deep.equal([1, 2, 3]);
      expect((await run(['members'])).out).to.match(/^ID {2}ROLE +PEER URL/u);
      expect(await run(['remove', '9'])).to.include({ code: 1 });
      expect((await run(['remove', '9'])).err).to.include('no such member (ERR_KV_NOT_FOUND, member)');
    });

    it('a member that is down is a row of the status, and the others answer the rest', async () => {
      store.closeFace(2);
      const { code, out } = await run(['status']);
      expect(code).to.equal(0);
      expect(out.split('\n')[3]).to.match(/^http:\S+ +3 +down +cannot be reached: connect ECONNREFUSED/u);
      expect((await run(['put', 'while', 'down'])).code).to.equal(0);
    });

    it('a wrong token is refused', async () => {
      writeFileSync(join(folder, 'wrong'), 'another-token');
      const { code, err } = await run(['get', 'k', '--token-file', join(folder, 'wrong')]);
      expect([code, err]).to.deep.equal([1, `${err.trimEnd()}\n`]);
      expect(err).to.include('(ERR_KV_TOKEN, token)');
    });
  });

  it('replace puts a member in the place of one that is lost, in one step', async () => {
    const store = await kvCluster(3, { replica: { timeoutMs: 5000 } });
    try {
      const env = { RAFTEXAMPLE_ENDPOINTS: `http://127.0.0.1:${store.ports[0]}` };
      const lost = store.group.replicas.find((replica) => !replica.leadership.leading && replica.id !== 1n)
        ?.id as bigint;
      await store.group.kill(lost);
      const plan = await ctl(['replace', String(lost), '--url', 'http://new:1', '--dry-run'], { env });
      expect(plan.out).to.include(`Member 4 at http://new:1 would be added, and take the vote of member ${lost}`);
      expect(store.group.replica(1n).members()).to.have.length(3);

      const at = store.ports[0] as number;
      const body = JSON.stringify({ id: 4, url: 'http://new:1', replaces: 9 });
      expect((await ask(at, 'POST', '/members', { body })).status).to.equal(404);
      const learner = JSON.stringify({ id: 4, url: 'http://new:1', learner: true, replaces: Number(lost) });
      expect((await ask(at, 'POST', '/members', { body: learner })).status).to.equal(400);

      const running = ctl(['replace', String(lost), '--url', 'http://new:1', '--json'], { env });
      await store.group.join(4n);
      const { code, out, err } = await running;
      expect(JSON.parse(out)).to.include({ outcome: 'done', id: 4, votes: true });
      expect(code).to.equal(0);
      expect(err).to.match(/raftexample kv --id 4 --join --peers 1=\S+,\d=\S+,4=http:\/\/new:1 /u);
      expect(err).not.to.include(`,${lost}=`);
      const voters = store.group
        .replica(1n)
        .members()
        .map(({ id }) => id);
      expect(voters).to.have.members([1n, 2n, 3n, 4n].filter((id) => id !== lost));
    } finally {
      await store.stop();
    }
  });

  it('command lines that make no sense are refused, and nothing is opened', async () => {
    for (const words of [
      [],
      ['nonsense'],
      ['__proto__'],
      ['put'],
      ['put', 'a', 'b', 'c'],
      ['put', 'k', 'v', '--if-index', '0'],
      ['put', 'k', 'v', '--if-index', '1', '--if-absent'],
      ['put', 'k', 'v', '--nonsense'],
      ['get', 'k', '--consistency', 'eventual'],
      ['get', ''],
      ['list', '--limit', '0'],
      ['watch', '--from', 'x'],
      ['txn', '--if', 'a=0'],
      ['txn', '--put', 'a'],
      ['txn', '--if', 'a=x', '--get', 'a'],
      ['put', 'k', 'v', '--once', ''],
      ['remove', 'x'],
      ['lock'],
      ['lease'],
      ['lease', 'list'],
      ['lease', 'constructor'],
      ['lease', 'grant', '7'],
      ['lease', 'grant', '--now'],
      ['lease', 'show'],
      ['lease', 'show', 'x'],
      ['lease', 'show', '7', '--ttl', '5s'],
      ['lease', 'revoke', '0'],
      ['put', 'k', 'v', '--lease', 'x'],
      ['restore', 'copy.json'],
      ['lock', 'n', '--ttl', '5'],
      ['lock', 'n', '--wait', '5s', '--no-wait'],
      ['transfer'],
      ['explain', '--read', '--member', '3'],
      ['explain', '--features', '--index', '3'],
      ['add'],
      ['add', '--url', 'nonsense'],
      ['replace', '3'],
      ['get', 'k', '--timeout', '5'],
      ['get', 'k', '--endpoints', 'nonsense'],
      ['get', 'k', '--token-file', '/nowhere/at/all'],
      ['get', 'k', '--cert', '/nowhere/at/all'],
    ]) {
      expect((await ctl(words)).code, words.join(' ')).to.equal(2);
    }
  });

  it('says how a word that begins with a hyphen is given', async () => {
    expect(await ctl(['put', 'balance', '-5'])).to.deep.equal({
      code: 2,
      out: '',
      err: "raftexample ctl: Unknown option '-5'; what is no option but begins with a hyphen stands after --; see --help\n",
    });
    expect((await ctl(['get', 'k', '--timeout', '-5s'])).err).to.equal(
      'raftexample ctl: --timeout wants a value; one that begins with a hyphen is written --timeout=VALUE; see --help\n',
    );
  });

  it('every subcommand explains itself, with an example of each', async () => {
    const { code, out } = await ctl(['--help']);
    expect(code).to.equal(0);
    for (const name of Object.keys(commands)) {
      expect(out).to.match(new RegExp(`^  ${name} +\\w`, 'mu'));
      const help = await ctl([name, '--help']);
      expect(help.code).to.equal(0);
      expect(help.out).to.match(new RegExp(`^Usage: raftexample ctl ${name}\\b`, 'u'));
      expect(help.out).to.match(new RegExp(`^  raftexample ctl ${name}\\b`, 'mu'));
      for (const flag of Object.keys(commands[name]?.options ?? {})) expect(help.out).to.include(`--${flag}`);
      expect(help.out).to.include('--endpoints').and.to.include('Exit codes: 0 done');
      for (const line of help.out.split('\n')) expect(line.length, line).to.be.at.most(120);
    }
  });
});
