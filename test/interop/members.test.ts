/** Members of three releases of etcd's packages and of ours in one cluster, each on its durable log. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Authority } from '../rafthttp/certificates.js';
import { scratchFolder, stopAll, stopLater } from '../rafthttp/members.js';
import { buildMember, LogCluster, type LogProcess, type Release, releases } from './log-cluster.js';

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
