import { encodeMessage, MessageType, type NodeId } from '@raft-ts/proto';
import { Header, MAX_ADDRESS_CHECKS, OTHER_PROCESS } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  CLUSTER,
  eventually,
  exchangeRaw,
  freePort,
  introduce,
  type Member,
  message,
  openStreams,
  post,
  quick,
  type RawAnswer,
  requestHead,
  startMember,
  startServer,
  stopAll,
} from './members.js';

/** A log that was there, of member 2. */
const kept = { incarnation: 'log-of-2', newLog: false };

/** Members 1 to n; the log of member 2 was there before. */
async function startWithKept(n: number): Promise<Member[]> {
  const members = await Promise.all(
    Array.from({ length: n }, (_, i) => startMember(BigInt(i + 1), i === 1 ? kept : {})),
  );
  for (const member of members) introduce(member, members);
  await eventually('all streams are open', () => members.every((member) => openStreams(member) === 2 * (n - 1)));
  return members;
}

/** Another process with the log of member 2, which listens where nobody looks for it. */
async function startCopy(others: readonly Member[]): Promise<Member> {
  const copy = await startMember(2n, kept);
  introduce(copy, others);
  return copy;
}

function vote(from: NodeId, to: NodeId, term = 1): ReturnType<typeof message> {
  return message(MessageType.MsgVoteResp, from, to, { term });
}

describe('two processes with one log', () => {
  afterEach(stopAll);

  for (const n of [2, 3, 5]) {
    it(`of ${n} members: a majority of the others find the first at its address, and the copy is told to stop`, async () => {
      const members = await startWithKept(n);
      const [, first] = members as [Member, Member];
      const others = members.filter((member) => member !== first);
      const copy = await startCopy(others);
      for (const { id } of others) copy.transport.send([vote(2n, id)]);
      await eventually('it is told', () => copy.receiver.removals.length > 0);
      const [removal] = copy.receiver.removals;
      expect(removal?.reason).to.equal('twin');
      expect(removal?.by).to.have.length(Math.floor((n - 1) / 2) + 1);
      expect(removal?.by.every((id) => others.some((other) => other.id === id))).to.equal(true);
      await eventually('none takes its vote', () => copy.receiver.unreachable.length >= n - 1);
      for (const other of others) expect(other.receiver.processed).to.deep.equal([]);
      expect(first.receiver.removals).to.deep.equal([]);

      for (const { id } of others) first.transport.send([vote(2n, id)]);
      await eventually('the first goes on', () => others.every(({ receiver }) => receiver.processed.length === 1));
    });
  }

  it('less than a majority of the others do not end it', async () => {
    const [one, , three] = (await startWithKept(3)) as [Member, Member, Member];
    await three.transport.stop();
    const copy = await startCopy([one, three]);
    const warned = (): boolean =>
      copy.receiver.log.some((line) => line.startsWith('warn a peer finds another process'));
    await eventually('it warns', warned);
    copy.transport.send([vote(2n, 1n)]);
    await eventually('and is not let in', () => copy.receiver.unreachable.length > 0);
    expect(one.receiver.processed).to.deep.equal([]);
    expect(copy.receiver.removals).to.deep.equal([]);
  });

  it('a member that is started again, over and over, is let in each time, and nothing of it is lost', async () => {
    const port = await freePort();
    const a = await startMember(1n);
    a.transport.addPeer(2n, [`http://127.0.0.1:${port}`]);
    for (let round = 1; round <= 12; round++) {
      const b = await startMember(2n, kept, port);
      b.transport.addPeer(1n, [a.listener.url]);
      b.transport.send([vote(2n, 1n, round)]);
      await eventually(`round ${round}`, () => a.receiver.processed.length === round);
      if (round % 3 === 0)
        await eventually('streams', () => b.receiver.log.some((line) => line.includes('established')));
      expect(b.receiver.removals).to.deep.equal([]);
      expect(b.receiver.unreachable).to.deep.equal([]);
      await b.transport.stop();
    }
    expect(a.receiver.processed.map(({ term }) => term)).to.deep.equal(Array.from({ length: 12 }, (_, i) => i + 1));
  });

  it('a member that moves to another address before the others know of it is let in', async () => {
    const [a, b] = [await startMember(1n), await startMember(2n, kept)];
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('they talk', () => openStreams(a) === 2 && openStreams(b) === 2);
    await b.transport.stop();
    const moved = await startCopy([a]);
    await eventually('it reads from a', () => openStreams(a) === 2);
    moved.transport.send([vote(2n, 1n)]);
    await eventually('it writes to a', () => a.receiver.processed.length === 1);
    expect(moved.receiver.removals).to.deep.equal([]);
    a.transport.updatePeer(2n, [moved.listener.url]);
    await eventually('streams both ways', () => openStreams(moved) === 2);
  });

  it('who was let in while the address was empty is told once the first is back there', async () => {
    const [a, b] = [await startMember(1n), await startMember(2n, kept)];
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('a was there', () => openStreams(b) === 2);
    await b.transport.stop();
    const copy = await startCopy([a]);
    await eventually('it is let in', () => openStreams(a) === 2);
    const back = await startMember(2n, kept, b.listener.address.port);
    introduce(back, [a]);
    await eventually('the first takes its streams back', () => openStreams(back) === 2);
    copy.transport.send([vote(2n, 1n)]);
    await eventually('the copy is told', () => copy.receiver.removals.length > 0);
    expect(copy.receiver.removals).to.deep.equal([{ reason: 'twin', by: [1n] }]);
    expect(back.receiver.removals).to.deep.equal([]);
  });

  it('what is heard over an older stream counts no more once the address leads to another process', async () => {
    const [a, b] = (await startWithKept(2)) as [Member, Member];
    const other = await startMember(2n, kept);
    // The name of b now leads there, as after a failover; b does not know and goes on.
    a.transport.updatePeer(2n, [other.listener.url]);
    introduce(other, [a]);
    await eventually('b is told', () => b.receiver.removals.length > 0);
    expect(b.receiver.removals).to.deep.equal([{ reason: 'twin', by: [1n] }]);
    await eventually('a reads from the other alone', () => openStreams(other) === 2 && openStreams(b) === 0);
    expect(other.receiver.removals).to.deep.equal([]);
  });

  it('another member, another cluster or a page at the address is no other process of this one', async () => {
    const page = await startServer((_req, res) => {
      const names = { [Header.incarnation]: 'log-of-2', [Header.run]: 'x' };
      res.writeHead(200, { ...names, [Header.version]: '3.7.1', [Header.from]: '2' }).end('{"OK":true}');
    });
    const three = await startMember(3n, { incarnation: 'log-of-2' });
    const foreign = await startMember(2n, { ...kept, clusterId: 0x2000n });
    for (const url of [page.url, three.listener.url, foreign.listener.url]) {
      const a = await startMember(1n);
      a.transport.addPeer(2n, [url]);
      const b = await startCopy([a]);
      await eventually(`${url} is no reason`, () => openStreams(a) === 2);
      expect(b.receiver.removals).to.deep.equal([]);
      await Promise.all([a.transport.stop(), b.transport.stop()]);
    }
  });

  it('an address that accepts and never answers keeps the member out for no longer than half a dial', async () => {
    const silent = await startServer(() => undefined);
    const a = await startMember(1n, { timings: { ...quick, dialTimeoutMs: 400 } });
    a.transport.addPeer(2n, [silent.url]);
    const b = await startMember(2n, { ...kept, timings: { ...quick, dialTimeoutMs: 4000 } });
    introduce(b, [a]);
    b.transport.send([vote(2n, 1n)]);
    await eventually('it is let in', () => a.receiver.processed.length === 1 && openStreams(a) === 2);
    expect(b.receiver.unreachable).to.deep.equal([]);
  });

  it('strangers who claim any number of runs neither open connections without end, nor keep the member out', async () => {
    const b = await startMember(2n, kept);
    const held: (() => void)[] = [];
    let open = false;
    const front = await startServer((req, res) => {
      const pass = (): void => {
        b.transport.handler()(req as never, res as never, () => res.destroy());
      };
      if (req.url !== '/raft/probing' || open) pass();
      else held.push(pass);
    });
    const a = await startMember(1n, { timings: { ...quick, dialTimeoutMs: 60_000, probeIntervalMs: 60_000 } });
    a.transport.addPeer(2n, [front.url]);
    const body = encodeMessage(vote(2n, 1n, 9));
    const answers: RawAnswer[] = [];
    for (let i = 0; i < 2 * MAX_ADDRESS_CHECKS; i++) {
      const names = { [Header.incarnation]: kept.incarnation, [Header.run]: `forged-${i}` };
      void exchangeRaw(a.listener.address.port, post(2n, body, names)).then((answer) => answers.push(answer));
    }
    await eventually('those above the bound are refused', () => answers.length === MAX_ADDRESS_CHECKS);
    expect(answers.every(({ status }) => status === 503)).to.equal(true);
    expect(held, 'they share one dial').to.have.length(1);

    introduce(b, [a]);
    open = true;
    for (const pass of held) pass();
    await eventually('all are refused', () => answers.length === 2 * MAX_ADDRESS_CHECKS);
    const told = answers.slice(MAX_ADDRESS_CHECKS);
    expect(told.map(({ status }) => status).filter((status) => status !== 409)).to.deep.equal([]);
    expect(told[0]?.body).to.equal(`${OTHER_PROCESS}\n`);
    expect(told[0]?.headers).to.deep.include([Header.clusterId, CLUSTER.toString(16)]);
    expect(a.receiver.processed).to.deep.equal([]);
    b.transport.send([vote(2n, 1n, 1)]);
    await eventually('b is let in', () => a.receiver.processed.length === 1 && openStreams(a) === 2);
    expect(b.receiver.removals).to.deep.equal([]);
  });

  it('who names no run, as Go members do, is not asked', async () => {
    const a = await startMember(1n);
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    const { port } = a.listener.address;
    expect((await exchangeRaw(port, post(2n, encodeMessage(vote(2n, 1n))))).status).to.equal(204);
    const stream = requestHead('GET', '/raft/stream/message/2', 2n, { 'X-Raft-To': '1' });
    expect((await exchangeRaw(port, stream, { isHead: true })).status).to.equal(200);
  });

  for (const [title, end] of [
    ['when its member is removed', (a: Member) => a.transport.removePeer(2n)],
    ['when the transport stops', (a: Member) => a.transport.stop()],
  ] as const) {
    it(`a request that waits for the address ends ${title}`, async () => {
      let dials = 0;
      const silent = await startServer((req) => {
        if (req.url === '/raft/probing') dials++;
      });
      const timings = { ...quick, dialTimeoutMs: 60_000, probeIntervalMs: 60_000 };
      const a = await startMember(1n, { timings });
      a.transport.addPeer(2n, [silent.url]);
      const names = { [Header.incarnation]: kept.incarnation, [Header.run]: 'x', 'X-Raft-To': '1' };
      const waiting = [1, 2].map(() =>
        exchangeRaw(a.listener.address.port, requestHead('GET', '/raft/stream/message/2', 2n, names)),
      );
      await eventually('they wait', () => dials === 1);
      await end(a);
      for (const { status } of await Promise.all(waiting)) expect(status).to.equal(0);
    });
  }
});
