import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { StoreClient } from '@raft-ts/raftexample/client';
import { expect } from 'chai';
import { type Finished, root, run } from '../repo/repository.js';
import { freePeers, type Program, Programs } from './processes.js';

describe('the store: three members as processes', function store() {
  this.timeout(180_000);
  const programs = new Programs();
  after(() => programs.endAll());

  const put = async (port: number, key: string, value: string): Promise<number> => {
    const { status } = await fetch(`http://127.0.0.1:${port}/kv/${key}`, { method: 'PUT', body: value });
    return status;
  };
  const get = async (port: number, key: string): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${port}/kv/${key}`);
    return `${answer.status} ${await answer.text()}`;
  };

  it('keep what was acknowledged through kill -9, hand leadership over on SIGTERM, and end with 0', async () => {
    const peers = await freePeers(3);
    const clients = (await freePeers(3)).map(({ port }) => port);
    const urls = peers.map(({ id, host, port }) => `${id}=http://${host}:${port}`).join(',');
    const start = (i: number): Program =>
      programs.start('raftexample.js', [
        ...['kv', '--id', String(i + 1), '--peers', urls, '--client-addr', `127.0.0.1:${clients[i]}`],
        ...[
          '--data',
          join(programs.folder, `kv-${i + 1}`),
          '--tick',
          '50ms',
          '--snapshot-every',
          '50',
          '--catch-up',
          '10',
          '--warn-disk',
          String(Number.MAX_SAFE_INTEGER),
        ],
      ]);
    const members = [0, 1, 2].map(start);
    await Promise.all(members.map((member) => member.sees(/member \d leads in term \d+$/u)));

    // Who knows one knows all.
    await using client = new StoreClient({ endpoints: [`http://127.0.0.1:${clients[0]}`] });
    while ((await client.members()).clients.size < 3) await new Promise((resolve) => setTimeout(resolve, 50));
    expect([...client.endpoints].sort()).to.deep.equal(clients.map((port) => `http://127.0.0.1:${port}`).sort());

    // So does whoever operates them.
    const env = { RAFTEXAMPLE_ENDPOINTS: `http://127.0.0.1:${clients[1]}` };
    const ctl = (...words: string[]): Promise<Finished> =>
      run(process.execPath, [join(root, 'raftexample/bin/raftexample.js'), 'ctl', ...words], {
        cwd: root,
        timeoutMs: 30_000,
        env,
      });
    expect(await ctl('put', 'by-ctl', 'yes', '--if-absent')).to.include({ code: 0, stderr: '' });
    expect(await ctl('put', 'by-ctl', 'no', '--if-absent')).to.include({ code: 3, stdout: '' });
    expect(await ctl('get', 'by-ctl')).to.deep.equal({ code: 0, stdout: 'yes', stderr: '' });
    // Below the table stands what members warn of: on a busy machine, that they are late.
    const shown = (await ctl('status')).stdout.split('\n');
    expect(shown.filter((line) => /^(?:ENDPOINT|http:)/u.test(line))).to.have.length(4);
    expect(await ctl('get', 'k', '--endpoints', 'http://127.0.0.1:1', '--timeout', '50ms')).to.include({ code: 5 });

    // Enough for some snapshots.
    for (let i = 0; i < 120; i++) expect(await put(clients[i % 3] as number, `k${i}`, `v${i}`)).to.equal(200);
    await members[0]?.kill('SIGKILL');
    expect(await put(clients[1] as number, 'while-one-is-dead', 'yes')).to.be.oneOf([200, 503, 504]);
    members[0] = start(0);
    await members[0].sees(/leads in term/u);
    for (const port of clients) {
      expect(await get(port, 'k0')).to.equal('200 v0');
      expect(await get(port, 'k119')).to.equal('200 v119');
    }

    const page = await (await fetch(`http://127.0.0.1:${clients[1]}/metrics`)).text();
    expect(page).to.match(/^raft_store_alarm\{kind="disk"\} 1$/mu);
    await members[1]?.sees(/^\[2\] warn: the disk of \S+kv-2 has \d+ MiB left, less than the /u);
    const status = (await (await fetch(`http://127.0.0.1:${clients[1]}/status`)).json()) as Record<string, unknown>;
    expect(status['disk']).to.have.keys('free', 'size');
    expect(status['warnings']).to.have.nested.property('[0].kind', 'disk');
    for (const series of ['raft_replica_term{', 'raft_store_requests_total{', 'etcd_network_', 'etcd_disk_wal_fsync']) {
      expect(page).to.include(`\n${series}`);
    }

    for (const [i, member] of members.entries()) {
      const { code } = await member.kill('SIGTERM');
      expect(code, `member ${i + 1}: ${member.errors.join('\n')}`).to.equal(0);
      if (i === 1) break;
      members[i] = start(i);
      await members[i]?.sees(/leads in term/u);
      expect(await get(clients[2] as number, 'k60')).to.equal('200 v60');
    }
    expect((await members[2]?.kill('SIGTERM'))?.code).to.equal(0);
  });

  it('a member asks another one to add it, and shows its token', async () => {
    const peers = await freePeers(2);
    const clients = (await freePeers(2)).map(({ port }) => port);
    const tokenFile = join(programs.folder, 'token');
    writeFileSync(tokenFile, 'a-token-of-clients\n');
    const start = (i: number, ...more: string[]): Program => {
      const { id, host, port } = peers[i] as (typeof peers)[number];
      const own = ['--id', String(id), '--peers', `${id}=http://${host}:${port}`, '--token-file', tokenFile];
      const data = join(programs.folder, `joins-${id}`);
      return programs.start('raftexample.js', [
        ...['kv', ...own, '--client-addr', `127.0.0.1:${clients[i]}`, '--data', data, '--tick', '50ms'],
        ...more,
      ]);
    };
    const second = start(1, '--join-via', `http://127.0.0.1:${clients[0]}`);
    await second.sees(/did not add member 2 yet/u);
    const first = start(0);
    await second.sees(/leads in term/u);
    const headers = { Authorization: 'Bearer a-token-of-clients' };
    const url = `http://127.0.0.1:${clients[1]}/kv/k`;
    expect((await fetch(url, { method: 'PUT', body: 'v' })).status).to.equal(401);
    // Until then it may not know yet where the leader is.
    while ((await fetch(`http://127.0.0.1:${clients[1]}/readyz`)).status !== 200);
    expect((await fetch(url, { method: 'PUT', body: 'v', headers })).status).to.equal(200);
    expect(await (await fetch(url, { headers })).text()).to.equal('v');
    for (const member of [second, first]) expect((await member.kill('SIGTERM')).code).to.equal(0);
  });

  it('one that cannot write what its log begins with ends in one line, with exit code 4, and founds its cluster once it can', async () => {
    const [peer, client] = await freePeers(2);
    const data = join(programs.folder, 'begins');
    // As on a disk that becomes full after the first file of the log was made.
    const obstacle = join(data, 'founders.tmp');
    mkdirSync(obstacle, { recursive: true });
    const argv = ['kv', '--id', '1', '--peers', `1=http://127.0.0.1:${peer?.port}`];
    const start = (): Program =>
      programs.start('raftexample.js', [...argv, '--client-addr', `127.0.0.1:${client?.port}`, '--data', data]);
    const refused = start();
    expect(await refused.exit()).to.deep.equal({ code: 4, signal: null });
    expect(refused.errors).to.have.lengthOf(1);
    expect(refused.errors[0]).to.match(
      /^raftexample kv: the log in \S+: cannot open \S+founders\.tmp: EISDIR: .*move it away \[ERR_RAFT_WAL_IO\]$/u,
    );
    rmdirSync(obstacle);
    const again = start();
    await again.sees(/member 1 leads in term/u);
    expect((await again.kill('SIGTERM')).code).to.equal(0);
  });
});
