import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Peer } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import {
  commitOn,
  expectAgreement,
  freePeers,
  lastIndex,
  leaderOf,
  type Program,
  Programs,
  portOf,
} from './processes.js';

/** Every member proposes, so that hello goes on whichever of them is killed. */
const EAGER = ['--memory', '--tick', '20', '--hello-after', '200', '--hello-every', '100'];
/** Only member 1 proposes, as in the example's defaults, but sooner and more often. */
const FAST = ['--memory', '--tick', '20'];
const FAST_PROPOSER = [...FAST, '--hello-after', '200', '--hello-every', '100'];

describe('raftexample: three processes that keep their logs in memory', function () {
  this.timeout(180_000);
  const programs = new Programs();
  let peers: Peer[];

  beforeEach(async () => {
    peers = await freePeers(3);
  });
  afterEach(() => programs.endAll());

  it('commit hello, survive their leader, and refuse it when it comes back without its log', async () => {
    const members = [1, 2, 3].map((id) => programs.member(id, peers, ...EAGER));
    await commitOn(members);

    const leader = await leaderOf(members);
    const rest = members.filter((member) => member !== leader);
    expect(await leader.kill('SIGKILL')).to.deep.equal({ code: null, signal: 'SIGKILL' });
    const term = Math.max(...leader.committed.map((entry) => entry.term));
    await Promise.all(
      rest.map((member) => member.until('a later term', () => (member.committed.at(-1)?.term ?? 0) > term)),
    );
    await commitOn(rest);

    const again = programs.member(members.indexOf(leader) + 1, peers, ...EAGER);
    expect(await again.exit()).to.deep.equal({ code: 3, signal: null });
    expect(
      again.lines.filter((line) =>
        /error: refused by member \d: another log of member \d was met before, and this one began empty/u.test(line),
      ),
    ).to.have.length(1);
    // What it logged before it was refused is the bootstrap that every member has.
    expectAgreement([...members.map((member) => member.committed), again.committed]);

    await commitOn(rest);
    expectAgreement(members.map((member) => member.committed));
  });

  it('commit what member 1 proposes through whoever leads, lose a follower, and refuse it when it comes back', async () => {
    const members = [1, 2, 3].map((id) => programs.member(id, peers, ...(id === 1 ? FAST_PROPOSER : FAST)));
    await commitOn(members);

    const leader = await leaderOf(members);
    const follower = members.find((member) => member !== leader && member !== members[0]) as Program;
    await follower.kill('SIGKILL');
    const rest = members.filter((member) => member !== follower);
    await commitOn(rest);

    const again = programs.member(members.indexOf(follower) + 1, peers, ...FAST);
    expect(await again.exit()).to.deep.equal({ code: 3, signal: null });
    await commitOn(rest);
    expectAgreement(members.map((member) => member.committed));
  });

  it('log all kinds of entries: the bootstrap, the empty one of a new leader, and hello', async () => {
    const members = [1, 2, 3].map((id) => programs.member(id, peers, ...EAGER));
    await commitOn(members, 1);
    const committed = members[0]?.committed ?? [];
    expect(committed.slice(0, 3).map(({ kind, term }) => ({ kind, term }))).to.deep.equal(
      [1, 2, 3].map(() => ({ kind: 'conf-change', term: 1 })),
    );
    expect(committed[3]).to.include({ kind: 'empty', text: '' });
    expect(committed.find((entry) => entry.text === 'hello')).to.include({ kind: 'normal' });
  });

  it('take in a member that starts a minute of ticks later for the first time', async () => {
    // 600 ticks of 10 ms; each hello takes at least as long as five of them.
    const flags = ['--memory', '--tick', '10', '--hello-after', '0', '--hello-every', '50'];
    const early = [1, 2].map((id) => programs.member(id, peers, ...flags));
    await commitOn(early, 120);

    const late = programs.member(3, peers, '--memory', '--tick', '10');
    const goal = Math.max(...early.map(lastIndex)) + 5;
    await late.until(`index ${goal}`, () => lastIndex(late) >= goal);
    expectAgreement([...early, late].map((member) => member.committed));
    expect([...early, late].every((member) => member.running)).to.equal(true);
  });

  it('wait for a majority: one member alone commits only what it was born with', async () => {
    const first = programs.member(1, peers, ...EAGER);
    await first.sees(/warn: hello given up: no leader took it within 1000 ms/u);
    expect(first.committed.map((entry) => entry.kind)).to.deep.equal(['conf-change', 'conf-change', 'conf-change']);

    const second = programs.member(2, peers, ...EAGER);
    await commitOn([first, second]);
    expectAgreement([first.committed, second.committed]);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`stop cleanly on ${signal}`, async () => {
      const members = [1, 2, 3].map((id) => programs.member(id, peers, ...EAGER));
      await commitOn(members, 1);
      for (const member of members) {
        expect(await member.kill(signal)).to.deep.equal({ code: 0, signal: null });
        expect(member.errors).to.deep.equal([]);
        // A connection that breaks at this moment may still be told of.
        expect(member.lines.filter((line) => line.endsWith(`stopping: ${signal}`))).to.have.length(1);
      }
    });
  }
});

describe('raftexample: what it refuses', () => {
  const programs = new Programs();
  afterEach(() => programs.endAll());

  for (const bin of ['raftexample.js', 'cluster.js']) {
    it(`${bin} answers bad flags with one line and exit code 2`, async () => {
      const program = programs.start(bin, ['--nonsense']);
      expect(await program.exit()).to.deep.equal({ code: 2, signal: null });
      expect(program.lines).to.deep.equal([]);
      expect(program.errors).to.have.length(1);
      expect(program.errors[0]).to.match(/: Unknown option '--nonsense'; see --help$/u);
    });

    it(`${bin} prints its help and ends with 0`, async () => {
      const program = programs.start(bin, ['--help']);
      expect(await program.exit()).to.deep.equal({ code: 0, signal: null });
      expect(program.lines[0]).to.match(/^Usage: /u);
    });
  }

  it('an address that other machines reach: one line, exit code 2, and nothing is written', async () => {
    const program = programs.start('raftexample.js', ['--id', '1', '--peers', '1=http://0.0.0.0:1']);
    expect(await program.exit()).to.deep.equal({ code: 2, signal: null });
    expect(program.lines).to.deep.equal([]);
    expect(program.errors).to.have.length(1);
    expect(program.errors[0]).to.match(/^raftexample: refuses to listen at 0\.0\.0\.0:1, without TLS: .* --insecure/u);
    expect(readdirSync(programs.folder)).to.deep.equal([]);
  });

  it('with --insecure it listens there, and warns of what that means', async () => {
    const [peer] = (await freePeers(1)) as [Peer];
    const program = programs.member(1, [peer], '--listen', `0.0.0.0:${peer.port}`, '--insecure', '--memory');
    await program.sees(/^\[1\] warn: listens on 0\.0\.0\.0:\d+ without TLS, as --insecure says: whoever reaches/u);
    await program.sees(/ listens on 0\.0\.0\.0:\d+$/u);
  });

  it('a port in use: one line and exit code 2', async () => {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const port = portOf(server);
      const program = programs.member(1, [{ id: 1n, host: '127.0.0.1', port }]);
      expect(await program.exit()).to.deep.equal({ code: 2, signal: null });
      expect(program.errors).to.deep.equal([`raftexample: cannot listen at 127.0.0.1:${port}: the port is in use`]);
    } finally {
      await once(server.close(), 'close');
    }
  });
});
