import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { emptyConfState } from '@raft-ts/proto';
import type { ConfState, NodeId } from '@raft-ts/raft';
import { describeOtherPeers, describeRemoval, localPeers, Membership, type Peer } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { commitOn, expectAgreement, freePeers, type Program, Programs } from './processes.js';

const FLAGS = ['--tick', '20', '--hello-after', '0', '--hello-every', '50'];

const confStateOf = (...voters: NodeId[]): ConfState => ({ ...emptyConfState(), voters });

describe('raftexample: who belongs to the cluster', () => {
  function membership(
    founders: readonly NodeId[] | undefined,
    flagged: number,
    confState = confStateOf(),
  ): { made: Membership; calls: string[]; apply: (...voters: NodeId[]) => void } {
    const calls: string[] = [];
    const transport = {
      addPeer: (id: NodeId, urls: readonly string[]) => void calls.push(`add ${id} ${urls.join(' ')}`),
      removePeer: (id: NodeId) => void calls.push(`remove ${id}`),
    };
    const made = new Membership({
      self: 1n,
      peers: localPeers(flagged),
      dial: new Map(),
      scheme: 'http',
      founders,
      confState,
    });
    made.connect(transport);
    return { made, calls, apply: (...voters) => made.apply(confStateOf(...voters), transport) };
  }
  const idsIn = (calls: readonly string[]): string[] => [...new Set(calls.map((call) => call.split(' ', 2).join(' ')))];

  it('at first the founders, of whom the flags give the addresses', () => {
    expect(membership([1n, 2n, 3n], 5).calls).to.deep.equal([
      'add 2 http://127.0.0.1:22220',
      'add 3 http://127.0.0.1:22230',
    ]);
    expect(idsIn(membership([1n, 2n, 3n, 4n, 5n], 3).calls)).to.deep.equal(['add 2', 'add 3']);
    expect(idsIn(membership(undefined, 3).calls)).to.deep.equal(['add 2', 'add 3']);
  });

  it('who joins is spoken to if its address is known; who leaves is not any more, and is told so', () => {
    const { made, calls, apply } = membership([1n, 2n, 3n], 4);
    apply(1n);
    apply(1n, 2n);
    apply(1n, 2n, 3n);
    expect(idsIn(calls), 'a start that applies the log removes nobody').to.deep.equal(['add 2', 'add 3']);
    apply(1n, 2n, 3n, 4n, 7n);
    expect(idsIn(calls)).to.deep.equal(['add 2', 'add 3', 'add 4']);
    expect(made.isRemoved(4n)).to.equal(false);
    apply(1n, 2n, 4n);
    expect(calls.at(-2)).to.equal('remove 3');
    expect([1n, 2n, 3n, 4n, 7n, 8n].filter((id) => made.isRemoved(id))).to.deep.equal([3n]);
  });

  it('a member notices that it was removed itself', () => {
    const { made, apply } = membership([1n, 2n, 3n], 3);
    apply(1n);
    expect(made.isRemoved(1n)).to.equal(false);
    apply(2n, 3n);
    expect(made.isRemoved(1n)).to.equal(true);
  });

  it('a snapshot stands for the changes before it: founders that it lacks were removed', () => {
    const { made, calls } = membership([1n, 2n, 3n], 4, confStateOf(1n, 2n, 4n));
    expect(made.isRemoved(3n)).to.equal(true);
    expect(idsIn(calls)).to.deep.equal(['add 2', 'remove 3', 'add 4']);
  });
});

describe('raftexample: what a member that must end says', () => {
  it('names who refuses it, and never tells anybody to remove or empty a folder', () => {
    const lines = (['removed', 'incarnation', 'twin', 'founders'] as const).map((reason) =>
      describeRemoval(4n, { reason, by: [1n, 2n], ...(reason === 'founders' ? { founders: [1n, 2n, 3n] } : {}) }),
    );
    for (const line of lines) {
      expect(line).to.match(/^refused by members 1, 2: /u);
      expect(line).not.to.match(/\b(remove|delete|empty) (the|its|all|data)|anew|rm /u);
    }
    expect(lines[3]).to.include('founded by members 1, 2, 3');
  });

  it('flags that name others than the founders are told', () => {
    expect(describeOtherPeers([1n, 2n, 3n], [1n, 2n, 3n])).to.equal(undefined);
    expect(describeOtherPeers([1n, 2n, 3n], [1n, 2n, 3n, 4n, 5n])).to.equal(
      'this log belongs to a cluster that was founded by members 1, 2, 3; ' +
        '--peers also names members 4, 5, which that does not add to it',
    );
    expect(describeOtherPeers([1n, 2n, 3n], [1n, 2n])).to.equal(
      'this log belongs to a cluster that was founded by members 1, 2, 3; --peers does not say where to reach member 3',
    );
  });
});

describe('raftexample: processes that do not belong together', function () {
  this.timeout(180_000);
  const programs = new Programs();
  afterEach(() => programs.endAll());

  it('members 4 and 5 beside a cluster of three: they are refused with exit code 3, and the three go on', async () => {
    const peers = await freePeers(5);
    const start = (ids: readonly number[], among: readonly Peer[]): Program[] =>
      ids.map((id) => programs.member(id, among, ...FLAGS));
    const before = start([1, 2, 3], peers.slice(0, 3));
    await commitOn(before, 2);
    for (const member of before) await member.kill('SIGTERM');

    const newcomers = start([4, 5], peers);
    const after = start([1, 2, 3], peers);
    for (const newcomer of newcomers) {
      expect(await newcomer.exit()).to.deep.equal({ code: 3, signal: null });
      const why = newcomer.lines.filter((line) => /error: refused by .* founded by members 1, 2, 3, /u.test(line));
      expect(why).to.have.length(1);
    }
    for (const member of after) await member.sees(/warn: this log belongs to .* members 1, 2, 3; --peers also names/u);
    await commitOn(after, 3);
    expectAgreement([...before, ...after].map(({ committed }) => committed));
  });

  it('a copy of a running member ends with exit code 5, and every index was printed in one way', async () => {
    const peers = await freePeers(3);
    const members = [1, 2, 3].map((id) => programs.member(id, peers, ...FLAGS));
    await commitOn(members, 2);
    const folder = join(programs.folder, 'data', 'member-3');
    const copied = join(programs.folder, 'copied');
    // Between two writes, as a snapshot of the file system is taken.
    members[2]?.process.kill('SIGSTOP');
    cpSync(folder, copied, { recursive: true });
    members[2]?.process.kill('SIGCONT');
    const [elsewhere] = (await freePeers(1)) as [Peer];
    const listen = ['--listen', `127.0.0.1:${elsewhere.port}`];
    const twin = programs.member(3, peers, ...FLAGS, '--data', copied, ...listen);
    expect(await twin.exit()).to.deep.equal({ code: 5, signal: null });
    expect(
      twin.lines.filter((line) => /error: refused by members [12], [12]: another process /u.test(line)),
    ).to.have.length(1);
    await commitOn(members, 3);
    expectAgreement([...members, twin].map(({ committed }) => committed));
  });
});
