import { type Message, MessageType } from '@raft-ts/raft';
import { FAIR, Network, RunHash } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { message } from '../../helpers/index.js';
import { VirtualCluster, type VirtualMember } from './virtual-cluster.js';

const SENT = 1000;

/** Sends so many heartbeats at once. Returns the milliseconds after which those that arrive do. */
function delays(weather: Partial<typeof FAIR>): number[] {
  const arrivals: number[] = [];
  const network = new Network(1, new RunHash(), (at, _message, from) => {
    network.arrived(from, 1);
    arrivals.push(at);
  });
  network.weather = { ...FAIR, minDelay: 0, maxDelay: 0, ordered: false, ...weather };
  const heartbeat: Message = message({ type: MessageType.MsgHeartbeat, from: 1n, to: 2n });
  for (let i = 0; i < SENT; i++) network.send(heartbeat, 0, 1, 0);
  return arrivals;
}

describe('the network that the cluster tests run on', () => {
  it('XN-001 TestNetworkDrop: loses about the share of messages that it was told to', () => {
    const lost = SENT - delays({ loss: 0.1 }).length;
    expect(lost).to.be.within(50, 200);
  });

  it('XN-002 TestNetworkDelay: delays about the share of messages that it was told to', () => {
    const arrivals = delays({ late: 0.1, lateDelay: 100 });
    expect(arrivals).to.have.length(SENT);
    expect(arrivals.filter((at) => at === 0)).to.have.length.within(800, 950);
    // A tenth of a thousand messages, 50 milliseconds each: 5000, give or take five standard deviations.
    const delay = arrivals.reduce((sum, at) => sum + at, 0);
    expect(delay).to.be.within(2200, 7800);
  });
});

describe('a cluster of nodes', () => {
  let cluster: VirtualCluster;
  beforeEach(() => {
    cluster = new VirtualCluster(5);
  });
  afterEach(() => cluster.stop());

  /** Everybody has applied the same payloads, of which there are so many. */
  async function expectApplied(count: number): Promise<void> {
    const lengths = (): number[] => cluster.members.map(({ applied }) => applied.length);
    expect(await cluster.until(() => lengths().every((length) => length === count), 1000), `${lengths()}`).to.equal(
      true,
    );
    const [first, ...others] = cluster.members as [VirtualMember, ...VirtualMember[]];
    for (const { applied } of others) expect(applied).to.deep.equal(first.applied);
  }

  it('XT-001 TestBasicProgress: what is proposed at one member is committed on all', async () => {
    await cluster.leader();
    await cluster.propose(0, 100);
    await cluster.converge(100);
    await expectApplied(100);
  });

  it('XT-002 TestRestart: members that stop and come back catch up, and the others do not wait for them', async () => {
    const lead = await cluster.leader();
    const k1 = cluster.at(lead + 1);
    const k2 = cluster.at(lead + 2);
    await cluster.propose(lead, 30);
    await k1.stop();
    await cluster.propose(lead + 3, 30);
    await k2.stop();
    const before = [k1.commit, k2.commit];
    await cluster.propose(lead + 4, 30);
    k2.restart();
    await cluster.propose(lead, 30);
    expect(k1.commit).to.equal(before[0]);
    expect(cluster.at(lead).commit).to.be.greaterThan(90);
    k1.restart();
    await cluster.converge(120);
    await expectApplied(120);
  });

  it('XT-003 TestPause: members that stand still catch up when they go on', async () => {
    const lead = await cluster.leader();
    const p1 = cluster.at(lead + 1);
    const p2 = cluster.at(lead + 2);
    await cluster.propose(lead, 30);
    p1.pause();
    await cluster.propose(lead, 30);
    p2.pause();
    await cluster.propose(lead, 30);
    expect(Math.max(p1.commit, p2.commit)).to.be.lessThan(cluster.at(lead).commit);
    p2.resume();
    await cluster.propose(lead, 30);
    p1.resume();
    await cluster.converge(120);
    await expectApplied(120);
  });
});
