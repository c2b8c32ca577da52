/** Members of three releases of etcd's packages and of ours in one cluster, each on its durable log. */
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Authority } from '../rafthttp/certificates.js';
import {
  CLUSTER,
  eventually,
  type Member,
  scratchFolder,
  startMember,
  startServer,
  stopAll,
  stopLater,
} from '../rafthttp/members.js';
import { buildMember, LogCluster, LogProcess, type Release, releases } from './log-cluster.js';

/** Texts that each of the proposing members brings in: from three, twice; from two, twice for each of two victims. */
const FIRST = 1200;
const SECOND = 600;
const WITHOUT = 450;
const BEYOND = 700;
const ENTRIES: number = 3 * (FIRST + SECOND) + 2 * 2 * (WITHOUT + BEYOND);

/** All releases and scenarios take minutes. */
const all = process.env['RAFT_TS_INTEROP'] !== undefined;

interface Scenario {
  readonly name: string;
  /** `go` or `ours` for each member. */
  readonly programs: readonly ('go' | 'ours')[];
  readonly stream: boolean;
  readonly tls: boolean;
}

const scenarios: readonly Scenario[] = [
  { name: '2 Go + 1 TS, snapshots inline', programs: ['go', 'go', 'ours'], stream: false, tls: false },
  { name: '1 Go + 2 TS, snapshots streamed, mutual TLS', programs: ['go', 'ours', 'ours'], stream: true, tls: true },
  { name: '2 Go + 1 TS, snapshots streamed, mutual TLS', programs: ['go', 'go', 'ours'], stream: true, tls: true },
  { name: '1 Go + 2 TS, snapshots inline', programs: ['go', 'ours', 'ours'], stream: false, tls: false },
];

/** Each proposes a share. Resolves when each has seen its own applied. */
function proposeOnAll(members: readonly LogProcess[], part: string, count: number): Promise<unknown> {
  return Promise.all(members.map((member) => member.propose(`${part}-${member.id}`, count)));
}

for (const release of Object.keys(releases) as Release[]) {
  describe(`members of etcd ${release} and ours`, function interop() {
    this.timeout(300_000);
    let program = '';

    before(function build() {
      if (!all && release !== '3.7.1') {
        console.log('      skipped: npm run test:interop runs it');
        this.skip();
      }
      const folder = scratchFolder();
      const missing = buildMember(release, folder);
      program = join(folder, releases[release]);
      if (missing === undefined) return;
      console.log(`      skipped: ${missing}`);
      this.skip();
    });

    after(stopAll);

    describe('a Go member stays up where ours refuses it:', () => {
      /** It tries for as long as its election takes, and more. */
      const PATIENCE_MS = 3000;

      async function expectRefused(ours: Member, refusals: RegExp, flags: readonly string[] = []): Promise<void> {
        const args = ['-id', '1', '-peers', `1=${ours.listener.url.replace(/\d+$/u, '1')},2=${ours.listener.url}`];
        const go = new LogProcess(1, program, [...args, '-listen', '127.0.0.1:0', '-data', scratchFolder(), ...flags]);
        stopLater({ stop: () => go.kill() });
        await go.start();
        await eventually('ours refuses', () => ours.receiver.log.some((line) => refusals.test(line)));
        await sleep(PATIENCE_MS);
        expect((await go.status()).lead).to.equal(0);
        expect(ours.receiver.processed).to.deep.equal([]);
      }

      it('a member of another cluster', async () => {
        await expectRefused(await startMember(2n, { clusterId: CLUSTER + 1n, timings: {} }), /cluster ID mismatch/u);
      });

      it('a message for another member', async () => {
        const ours = await startMember(3n, { timings: {} });
        ours.transport.addPeer(1n, ['http://127.0.0.1:1']);
        // A stream for member 2 is answered 412, a message for it 400; neither is worth a line of ours.
        const answers: number[] = [];
        const through = await startServer((req, res) => {
          const path = req.url ?? '/';
          const to = request(ours.listener.url + path, { method: req.method, headers: req.headers }, (answer) => {
            answers.push(answer.statusCode ?? 0);
            res.writeHead(answer.statusCode ?? 500, answer.headers);
            answer.on('error', () => res.destroy());
            answer.pipe(res);
          });
          to.on('error', () => res.destroy());
          req.pipe(to);
        });
        const url = `http://127.0.0.1:${through.port}`;
        const args = ['-id', '1', '-peers', `1=http://127.0.0.1:1,2=${url}`, '-listen', '127.0.0.1:0'];
        const go = new LogProcess(1, program, [...args, '-data', scratchFolder()]);
        stopLater({ stop: () => go.kill() });
        await go.start();
        await eventually('both are refused', () => answers.includes(412) && answers.includes(400));
        await sleep(PATIENCE_MS);
        expect((await go.status()).lead).to.equal(0);
        expect(ours.receiver.processed).to.deep.equal([]);
      });

      it('a certificate of another authority', async () => {
        const [here, there] = [new Authority(scratchFolder(), 'here'), new Authority(scratchFolder(), 'there')];
        const hosts = { hosts: ['127.0.0.1'] };
        const { certFile, keyFile } = here.issue('ours', { cn: '2', ...hosts });
        const tls = { certFile, keyFile, trustedCaFile: here.caFile, clientCertAuth: true };
        const theirs = there.issue('theirs', { cn: '1', ...hosts });
        const flags = ['-cert', theirs.certFile, '-key', theirs.keyFile, '-ca', here.caFile];
        await expectRefused(await startMember(2n, { tls, timings: {} }), /rejected connection/u, flags);
      });
    });

    for (const { name, programs, stream, tls } of all ? scenarios : scenarios.slice(0, 2)) {
      it(name, async () => {
        const folder = scratchFolder();
        const cluster = await LogCluster.start({
          folder,
          programs: programs.map((kind) => (kind === 'go' ? program : kind)),
          stream,
          authority: tls ? new Authority(scratchFolder()) : undefined,
        });
        stopLater(cluster);
        const { members } = cluster;
        const go = members.find(({ isOurs }) => !isOurs) as LogProcess;
        const ours = members.find(({ isOurs }) => isOurs) as LogProcess;
        const third = members.find((member) => member !== go && member !== ours) as LogProcess;
        const began = performance.now();

        // Either side leads, under load.
        let load = proposeOnAll(members, 'first', FIRST);
        await cluster.lead(go, members);
        await load;
        load = proposeOnAll(members, 'second', SECOND);
        await cluster.lead(ours, members);
        await load;

        // Whoever leads is killed, and returns with what it had.
        for (const [victim, rest] of [
          [ours, [go, third]],
          [go, [ours, third]],
        ] as const) {
          await cluster.lead(victim, members);
          const survivors = proposeOnAll(rest, `without-${victim.id}`, WITHOUT);
          await sleep(200);
          await victim.kill();
          await survivors;
          await victim.start();
        }

        // One that was cut off is sent a snapshot by either side.
        for (const [behind, leader] of [
          [go, ours],
          [ours, go],
        ] as const) {
          await cluster.lead(leader, members);
          const before = await behind.status();
          cluster.cut(behind);
          await proposeOnAll([leader, third], `beyond-${behind.id}`, BEYOND);
          cluster.mend(behind);
          await cluster.until(`member ${behind.id} took a snapshot`, async () => {
            const { inline, streamed } = await behind.status();
            return stream ? streamed > before.streamed : inline > before.inline;
          });
        }

        const dumps = await cluster.dumps();
        const seconds = (performance.now() - began) / 1000;
        const [first = '', ...others] = dumps;
        for (const other of others) expect(other === first, 'the same sequence everywhere').to.equal(true);
        const lines = first.split('\n');
        const texts = new Set(lines.map((line) => line.split(' ')[1]));
        expect(texts.size).to.equal(ENTRIES);
        const indexes = lines.map((line) => Number(line.split(' ')[0]));
        expect(indexes.every((index, i) => i === 0 || index > (indexes[i - 1] as number))).to.equal(true);
        for (const member of members) {
          const { lead, applied } = await member.status();
          expect(lead).to.be.greaterThan(0);
          expect(applied).to.be.at.least(ENTRIES);
        }
        console.log(`      ${texts.size} texts, ${lines.length} entries in ${seconds.toFixed(1)} s`);
      });
    }
  });
}
