import type { NodeId } from '@raft-ts/proto';
import { MessageType } from '@raft-ts/proto';
import type { Removal } from '@raft-ts/rafthttp';
import { Header, LOG_BUDGET, STATEMENT_MS, Standing, type StandingOptions } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  CLUSTER,
  eventually,
  exchangeRaw,
  message,
  newTransport,
  post,
  Recorder,
  requestHead,
  startMember,
  startServer,
  stopAll,
} from './members.js';

const ofCluster = { [Header.version]: '3.7.1', [Header.clusterId]: CLUSTER.toString(16) };

/** A server that answers everything with this status, as a proxy, a page or an intruder on a member's port does. */
async function startRefusing(
  status: number,
  headers: Record<string, string> = ofCluster,
): Promise<{ url: string; asked: (method: string) => number }> {
  const methods: string[] = [];
  const { url } = await startServer((req, res) => {
    methods.push(req.method ?? '');
    req.resume();
    res.writeHead(status, headers).end('<html>');
  });
  return { url, asked: (method) => methods.filter((one) => one === method).length };
}

describe('403 and 410', () => {
  afterEach(stopAll);

  const strangers: [string, Record<string, string>][] = [
    ['names no cluster', { [Header.version]: '3.7.1' }],
    ['names another cluster', { [Header.version]: '3.7.1', [Header.clusterId]: '2000' }],
    ['says nothing of itself', {}],
  ];
  for (const [title, headers] of strangers) {
    for (const status of [403, 410]) {
      it(`${status} of a server that ${title} ends nobody, not even who began with an empty log`, async () => {
        const server = await startRefusing(status, headers);
        const receiver = new Recorder();
        const transport = newTransport(1n, receiver, { newLog: true });
        transport.addPeer(2n, [server.url]);
        for (let i = 0; i < 3; i++) transport.send([message(MessageType.MsgVote, 1n, 2n, { term: 1 })]);
        await eventually('it was asked on both ways', () => server.asked('GET') >= 4 && server.asked('POST') >= 3);
        await eventually('each POST failed', () => receiver.unreachable.length === 3);
        expect(receiver.removals).to.deep.equal([]);
      });
    }
  }

  it('a member whose log is there goes on until a majority of the others say that it was removed', async () => {
    const servers = await Promise.all([410, 410, 404, 404].map((status) => startRefusing(status)));
    const receiver = new Recorder();
    const transport = newTransport(1n, receiver, { newLog: false });
    servers.forEach(({ url }, i) => transport.addPeer(BigInt(i + 2), [url]));
    await eventually('all were asked twice', () => servers.every(({ asked }) => asked('GET') >= 4));
    expect(receiver.removals).to.deep.equal([]);
    const told = receiver.log.filter((line) => line.startsWith('warn a peer says that this member was removed'));
    expect(told, 'one line for each peer').to.have.length(2);

    const third = await startRefusing(410);
    transport.updatePeer(4n, [third.url]);
    await eventually('the third says so', () => receiver.removals.length > 0);
    expect(receiver.removals).to.deep.equal([{ reason: 'removed', by: [2n, 3n, 4n] }]);
  });

  it('a member that began with an empty log ends at the first', async () => {
    const servers = await Promise.all([410, 404, 404].map((status) => startRefusing(status)));
    const receiver = new Recorder();
    const transport = newTransport(1n, receiver, { newLog: true, incarnation: 'drawn-now' });
    servers.forEach(({ url }, i) => transport.addPeer(BigInt(i + 2), [url]));
    await eventually('it is told', () => receiver.removals.length > 0);
    expect(receiver.removals).to.deep.equal([{ reason: 'removed', by: [2n] }]);
  });

  it('any number of false ones does not hide the true one', async () => {
    const [liar, honest] = [await startRefusing(410, {}), await startRefusing(410)];
    const receiver = new Recorder();
    const transport = newTransport(1n, receiver, { newLog: false });
    transport.addPeer(2n, [liar.url]);
    await eventually('many', () => liar.asked('GET') >= 50);
    transport.addPeer(3n, [honest.url]);
    const told = (): string[] =>
      receiver.log.filter((line) => line.startsWith('warn a peer says that this member was removed'));
    await eventually('the true one is told', () => told().length > 0);
    expect(told()).to.have.length(1);
    expect(told()[0]).to.include('"remote-peer-id":"3"');
  });

  it('whatever others provoke in the names of members, what a true one says is told', async () => {
    const { receiver, transport, listener } = await startMember(1n, { newLog: false });
    const names = { [Header.incarnation]: 'forged', [Header.run]: 'forged' };
    const b = await startMember(2n, { incarnation: 'log-of-2' });
    transport.addPeer(2n, [b.listener.url]);
    b.transport.addPeer(1n, [listener.url]);
    await eventually('1 has met 2', () => b.receiver.log.some((line) => line.includes('established')));
    const honest = await startRefusing(410);
    const flood = async (round: number): Promise<void> => {
      for (const from of [2n, 3n, 9n]) {
        const { port } = listener.address;
        const stream = (headers: Record<string, string>): string =>
          requestHead('GET', '/raft/stream/message/1', from, { 'X-Raft-To': '1', ...headers });
        await exchangeRaw(port, post(from, Buffer.alloc(0), names));
        await exchangeRaw(port, post(from, Buffer.from([0xff]), { [Header.clusterId]: `7${round}` }));
        await exchangeRaw(port, post(from, Buffer.from([0xff])));
        await exchangeRaw(port, stream({ ...names, [Header.version]: `1.0.${round}` }));
        await exchangeRaw(port, stream(names).replace('message/1', `message/${from}`));
      }
    };
    for (let i = 0; i < 2 * LOG_BUDGET; i++) await flood(i);
    const { length } = receiver.log.filter((line) => line.startsWith('warn'));
    expect(length, 'the flood is told, but not each of it').to.be.within(LOG_BUDGET, 15 * LOG_BUDGET);

    transport.addPeer(3n, [honest.url]);
    const told = (): string[] =>
      receiver.log.filter((line) => line.startsWith('warn a peer says that this member was removed'));
    await eventually('the true one is told', () => told().length > 0);
    expect(told()).to.have.length(1);
    expect(told()[0]).to.include('"remote-peer-id":"3"');
  });
});

describe('what peers say of a member', () => {
  function standing(
    newLog: boolean,
    peers: NodeId[],
    reportFounders: StandingOptions['reportFounders'] = () => false,
  ): { standing: Standing; removals: Removal[]; log: string[]; time: { ms: number } } {
    const removals: Removal[] = [];
    const log: string[] = [];
    const time = { ms: 0 };
    const warn = (text: string): number => log.push(text);
    const made = new Standing({
      newLog,
      peers: () => peers,
      logger: { debug: () => undefined, info: () => undefined, warn, error: () => undefined },
      onRemoved: (removal) => removals.push(removal),
      reportFounders,
      now: () => time.ms,
    });
    return { standing: made, removals, log, time };
  }

  it('a majority is one of the others, not of all members', () => {
    for (const [count, needed] of [
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 3],
      [6, 4],
    ] as const) {
      const peers = Array.from({ length: count }, (_, i) => BigInt(i + 2));
      const { standing: made, removals } = standing(false, peers);
      for (const [i, id] of peers.entries()) {
        for (let again = 0; again < 3; again++) made.refused(id, 'removed');
        expect(removals, `${i + 1} of ${count}`).to.have.length(i + 1 >= needed ? 1 : 0);
      }
      expect(removals).to.deep.equal([{ reason: 'removed', by: peers.slice(0, needed) }]);
    }
  });

  it('who takes a request again, who is a member no longer, and what is long ago do not count', () => {
    const peers = [2n, 3n, 4n];
    const { standing: made, removals, time } = standing(false, peers);
    made.refused(2n, 'removed');
    made.accepted(2n);
    made.refused(3n, 'removed');
    expect(removals).to.deep.equal([]);
    made.forget(3n);
    made.refused(4n, 'removed');
    expect(removals).to.deep.equal([]);
    time.ms = STATEMENT_MS + 1;
    made.refused(2n, 'removed');
    expect(removals).to.deep.equal([]);
    made.refused(4n, 'removed');
    expect(removals).to.deep.equal([{ reason: 'removed', by: [2n, 4n] }]);
  });

  it('who is none of the members counts for nothing', () => {
    const { standing: made, removals } = standing(false, [2n, 3n]);
    for (const id of [7n, 8n, 9n, 2n]) made.refused(id, 'removed');
    expect(removals).to.deep.equal([]);
  });

  it('a member that began with an empty log believes one that has never let it in, and no other', () => {
    const { standing: made, removals, log } = standing(true, [2n, 3n, 4n]);
    made.accepted(2n);
    made.refused(2n, 'incarnation');
    made.refused(2n, 'removed');
    made.refused(3n, 'twin');
    expect(removals).to.deep.equal([]);
    expect(log).to.have.length(3);
    made.refused(3n, 'incarnation');
    expect(removals).to.deep.equal([{ reason: 'incarnation', by: [3n] }]);
  });

  it('that it belongs to another cluster it believes only a majority: one that says so may be the one that is wrong', () => {
    const { standing: made, removals, log } = standing(true, [2n, 3n, 4n]);
    made.refused(3n, 'founders', [7n, 8n]);
    expect(removals).to.deep.equal([]);
    expect(log).to.have.length(1);
    made.refused(4n, 'founders', [7n, 8n]);
    expect(removals).to.deep.equal([{ reason: 'founders', by: [3n, 4n], founders: [7n, 8n] }]);
  });

  it('a receiver that wants to know of other founders is told of each, and decides by itself', () => {
    const told: [NodeId, readonly NodeId[]][] = [];
    const { standing: made, removals, log } = standing(true, [2n, 3n], (id, theirs) => told.push([id, theirs]) > 0);
    for (const id of [2n, 3n]) made.refused(id, 'founders', [7n]);
    expect(told).to.deep.equal([
      [2n, [7n]],
      [3n, [7n]],
    ]);
    expect([...removals, ...log]).to.deep.equal([]);
  });

  it('another incarnation never ends a member whose log is there, whoever says so', () => {
    const { standing: made, removals, log } = standing(false, [2n, 3n]);
    for (let i = 0; i < 5; i++) for (const id of [2n, 3n]) made.refused(id, 'incarnation');
    expect(removals).to.deep.equal([]);
    expect(log).to.have.length(2);
    expect(log.join()).not.to.match(/remove|empty|anew/u);
  });
});
