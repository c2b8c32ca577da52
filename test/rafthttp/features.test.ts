import { setTimeout as sleep } from 'node:timers/promises';
import { MessageType, RaftError } from '@raft-ts/proto';
import { FEATURES_MISSING, FREE_VAIN_REQUESTS, Header, MAX_FEATURES, VAIN_PAUSE_MS } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  append,
  CLUSTER,
  eventually,
  everyWay,
  exchangeRaw,
  introduce,
  type Member,
  message,
  newTransport,
  openStreams,
  Recorder,
  requestHead,
  snapshot,
  startCluster,
  startMember,
  startServer,
  stopAll,
} from './members.js';

const shown = { features: 1, incarnation: 'kept', newLog: false };

describe('features', () => {
  afterEach(stopAll);

  const refusals = ({ receiver }: Member): string[] =>
    receiver.log.filter((line) => line.startsWith('warn refused a member that does not show the features'));

  it('are shown on streams; who is not connected, or shows none as Go members do, has none', async () => {
    const [a, b] = [await startMember(1n, shown), await startMember(2n, { ...shown, features: 3 })];
    const c = await startMember(3n, { incarnation: false });
    for (const one of [a, b, c]) introduce(one, [a, b, c]);
    await eventually('all streams are open', () => [a, b, c].every((one) => openStreams(one) === 4));
    await eventually('what each shows is known', () => a.transport.featuresOf(2n) === 3);
    expect(b.transport.featuresOf(1n)).to.equal(1);
    expect(a.transport.featuresOf(3n)).to.equal(0);
    expect(a.transport.featuresOf(9n)).to.equal(0);
    await b.transport.stop();
    await eventually('it is gone', () => a.transport.featuresOf(2n) === 0);
  });

  it('once they are required, nothing is exchanged any more with a member that does not show them', async () => {
    const members = await startCluster(2, shown);
    const [a, b] = members as [Member, Member];
    const go = await startMember(3n, { incarnation: false });
    for (const one of [a, b]) introduce(one, [go]);
    introduce(go, members);
    await eventually('all talk', () => [a, b, go].every((one) => openStreams(one) === 4));
    for (const one of [a, b]) one.transport.requireFeatures(1);
    await eventually('its streams have ended', () => openStreams(go) === 0 && openStreams(a) === 2);
    for (const one of [a, b]) {
      one.transport.send([append(one.id, 3n, 1), snapshot(one.id, 3n)]);
      await eventually('it is told', () => one.receiver.snapshots.length === 1);
      // While a stream that is dialled anew is looked at and closed, a message may be lost in it without a word.
      await eventually('so is the other one', () => {
        go.transport.send([message(MessageType.MsgVote, 3n, one.id, { term: 9 })]);
        return go.receiver.unreachable.includes(one.id);
      });
      expect(one.receiver.snapshots).to.deep.equal([[3n, 'failure']]);
      expect(one.receiver.unreachable).to.include(3n);
    }
    expect(go.receiver.processed).to.deep.equal([]);
    expect(go.receiver.removals, 'it is not told that it was removed').to.deep.equal([]);
    a.transport.send([append(1n, 2n, 1)]);
    await eventually('those that show them talk on', () => b.receiver.processed.length === 1);
    for (const one of [a, b]) {
      expect(one.receiver.types()).not.to.include(MessageType.MsgVote);
      expect(refusals(one), 'once').to.have.length(1);
      expect(refusals(one)[0]).to.include('"remote-peer-id":"3"');
    }
  });

  it('that are required between the answer and the first byte of a stream end that stream', async () => {
    let closed = 0;
    let opened = 0;
    const { url } = await startServer((req, res) => {
      if (req.url !== '/raft/stream/message/1') {
        res.writeHead(404).end();
        return;
      }
      opened++;
      req.socket.on('close', () => closed++);
      res.writeHead(200, { 'X-Server-Version': '3.7.1', [Header.clusterId]: CLUSTER.toString(16) }).flushHeaders();
    });
    const receiver = new Recorder();
    const none = (): void => {};
    const info = (text: string): void => {
      if (text.startsWith('established')) transport.requireFeatures(1);
    };
    const logger = { debug: none, info, warn: none, error: none };
    // Nothing but the check ends a stream.
    const transport = newTransport(1n, receiver, {
      ...shown,
      logger,
      timings: { readTimeoutMs: 1e9, dialRetryMs: 1e9 },
    });
    transport.addPeer(2n, [url]);
    // It is dialled again at once, and refused.
    await eventually('the stream was opened, and has ended', () => opened >= 1 && closed >= 1);
  });

  it('a member that does not show them is dialled less and less often: each dial opens a stream there', async () => {
    let opened = 0;
    const { url } = await startServer((req, res) => {
      if (!req.url?.startsWith('/raft/stream/')) return void res.writeHead(404).end();
      opened++;
      res.writeHead(200, { 'X-Server-Version': '3.7.1', [Header.clusterId]: CLUSTER.toString(16) }).flushHeaders();
    });
    const receiver = new Recorder();
    const transport = newTransport(1n, receiver, shown);
    transport.requireFeatures(1);
    transport.addPeer(2n, [url]);
    await eventually('dialled', () => opened > FREE_VAIN_REQUESTS);
    let sent = 0;
    for (const end = performance.now() + 6 * VAIN_PAUSE_MS; performance.now() < end; sent++) {
      transport.send([message(MessageType.MsgHeartbeat, 1n, 2n)]);
      await sleep(10);
    }
    // Two streams after each of the pauses of 200, 400 and 800 ms; a dial every 10 ms would be hundreds.
    expect(opened).to.be.at.most(FREE_VAIN_REQUESTS + 2 * 4);
    await eventually('reported', () => receiver.unreachable.length === sent);
  });

  it('every way is refused with 412, and a member that was removed is told that', async () => {
    const a = await startMember(1n, shown);
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    a.transport.requireFeatures(2);
    a.receiver.removed.add(4n);
    const ask = async (from: bigint, level: string): Promise<readonly number[]> => {
      const found: number[] = [];
      for (const bytes of everyWay(from, level === '' ? {} : { [Header.features]: level })) {
        const answer = await exchangeRaw(a.listener.address.port, bytes, { isHead: false });
        if (answer.status === 412) expect(answer.body).to.equal(`${FEATURES_MISSING}\n`);
        expect(answer.headers).to.deep.include([Header.features, '1']);
        found.push(answer.status);
      }
      return found;
    };
    for (const level of ['', '1', '02', '-2', '2.0', 'x', '2, 2']) {
      expect(await ask(2n, level), level).to.deep.equal([412, 412, 412]);
    }
    expect(a.receiver.processed).to.deep.equal([]);
    expect(await ask(4n, '')).to.deep.equal([403, 403, 410]);
    expect(await ask(2n, '3')).to.deep.equal([204, 501, 200]);
    const probing = await exchangeRaw(a.listener.address.port, requestHead('GET', '/raft/probing', 2n));
    expect(probing.status, 'who answers here is told to everybody').to.equal(200);
  });

  it('a message is posted only to a process that shows them, and another process is looked at anew', async () => {
    let level = '1';
    const paths: string[] = [];
    const { url } = await startServer((req, res) => {
      req.resume();
      paths.push(req.url ?? '');
      const headers = {
        [Header.clusterId]: CLUSTER.toString(16),
        ...(level === '' ? {} : { [Header.features]: level }),
      };
      // No streams, so that everything is posted.
      if (req.method === 'GET' && req.url !== '/raft/probing') res.writeHead(404, headers).end();
      else if (req.method === 'POST' && level === 'broken') res.destroy();
      else res.writeHead(req.method === 'POST' ? 204 : 200, headers).end('{}');
    });
    const receiver = new Recorder();
    const transport = newTransport(1n, receiver, shown);
    transport.addPeer(2n, [url]);
    transport.requireFeatures(1);
    const send = async (): Promise<string[]> => {
      paths.length = 0;
      receiver.unreachable.length = 0;
      const before = receiver.snapshots.length;
      transport.send([snapshot(1n, 2n)]);
      await eventually('it is known what came of it', () => receiver.snapshots.length > before);
      return [...paths.filter((path) => !path.startsWith('/raft/stream')), receiver.snapshots.at(-1)?.[1] as string];
    };
    expect(await send()).to.deep.equal(['/raft/probing', '/raft', 'finish']);
    expect(await send(), 'it is known').to.deep.equal(['/raft', 'finish']);
    level = 'broken';
    expect(await send()).to.deep.equal(['/raft', 'failure']);
    level = '';
    expect(await send()).to.deep.equal(['/raft/probing', 'failure']);
    level = '1';
    expect(await send()).to.deep.equal(['/raft/probing', '/raft', 'finish']);
  });

  it('what is no level is refused', () => {
    for (const features of [0, -1, 1.5, Number.NaN, MAX_FEATURES + 1]) {
      expect(() => newTransport(1n, new Recorder(), { features }))
        .to.throw(RaftError)
        .with.property('code', 'ERR_RAFT_TRANSPORT_OPTIONS');
    }
    expect(newTransport(1n, new Recorder(), { features: MAX_FEATURES })).to.be.an('object');
  });
});
