/**
 * Scenarios of etcd's tests of rafthttp that no other test here has. The rest stand in test/conformance/go-tests.json.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { MessageType } from '@raft-ts/proto';
import { expect } from 'chai';
import {
  append,
  eventually,
  introduce,
  type Member,
  message,
  openStreams,
  snapshot,
  startMember,
  startServer,
  stopAll,
  stopLater,
} from './members.js';

/** A port that leads to another one, and whose connections can all be cut at once. */
async function startRelay(target: number): Promise<{ url: string; cutAll: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stopLater({
    stop: async () => {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return { url: `http://127.0.0.1:${address.port}`, cutAll };
}

/** The requests by which messages of each kind leave, if the peer holds these streams open. */
async function waysOf(streamsOpen: readonly ('msgapp' | 'message')[]): Promise<Record<string, string>> {
  const posts: number[] = [];
  const streams = new Map<string, Buffer[]>();
  const a = await startMember(1n);
  const { url } = await startServer((req, res) => {
    if (req.method === 'POST') posts.push(1);
    res.statusCode = req.method === 'POST' ? 204 : 404;
    req.resume();
    res.end();
  });
  a.transport.addPeer(2n, [url]);
  for (const kind of streamsOpen) {
    const socket = connect(a.listener.address.port, '127.0.0.1');
    stopLater({ stop: async () => void socket.destroy() });
    const chunks: Buffer[] = [];
    streams.set(kind, chunks);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(
      `GET /raft/stream/${kind}/2 HTTP/1.1\r\nHost: x\r\nX-Etcd-Cluster-ID: 1000\r\nX-Server-Version: 3.7.1\r\nX-Raft-To: 1\r\n\r\n`,
    );
  }
  await eventually('the streams are open', () => openStreams(a) === streamsOpen.length);
  await eventually('their heads are here', () => [...streams.values()].every((chunks) => chunks.length > 0));
  const used: Record<string, string> = {};
  const kinds = { MsgSnap: snapshot(1n, 2n), MsgApp: append(1n, 2n, 5), MsgProp: message(MessageType.MsgProp, 1n, 2n) };
  for (const [name, one] of Object.entries(kinds)) {
    // Link heartbeats are shorter than any of these messages.
    const before = new Map([...streams].map(([kind, chunks]) => [kind, Buffer.concat(chunks).length]));
    const postsBefore = posts.length;
    const grown = (): string | undefined =>
      [...streams].find(([kind, chunks]) => Buffer.concat(chunks).length > (before.get(kind) as number) + 16)?.[0];
    const data = new Uint8Array(200);
    const entries = name === 'MsgSnap' ? [] : [{ type: undefined, term: 1, index: 6, data }];
    a.transport.send([{ ...one, entries }]);
    await eventually(`${name} leaves`, () => posts.length > postsBefore || grown() !== undefined);
    used[name] = grown() ?? 'pipeline';
  }
  return used;
}

describe('etcd’s transport scenarios', () => {
  afterEach(stopAll);

  it('RH-002 TestSendMessageWhenStreamIsBroken: after all connections were cut, messages get through again', async () => {
    const [a, b] = [await startMember(1n), await startMember(2n)];
    const toB = await startRelay(b.listener.address.port);
    const toA = await startRelay(a.listener.address.port);
    a.transport.addPeer(2n, [toB.url]);
    b.transport.addPeer(1n, [toA.url]);
    await eventually('all streams are open', () => [a, b].every((member) => openStreams(member) === 2));
    toA.cutAll();
    toB.cutAll();
    const seen = b.receiver.processed.length;
    await eventually('one gets through', () => {
      a.transport.send([message(MessageType.MsgHeartbeat, 1n, 2n, { term: 1 })]);
      return b.receiver.processed.length > seen;
    });
    expect(b.receiver.processed.at(-1)).to.include({ type: MessageType.MsgHeartbeat, from: 1n });
  });

  const picks: [string, readonly ('msgapp' | 'message')[], Record<string, string>][] = [
    ['both streams', ['msgapp', 'message'], { MsgSnap: 'pipeline', MsgApp: 'msgapp', MsgProp: 'message' }],
    ['the message stream alone', ['message'], { MsgSnap: 'pipeline', MsgApp: 'message', MsgProp: 'message' }],
    ['the msgapp stream alone', ['msgapp'], { MsgSnap: 'pipeline', MsgApp: 'msgapp', MsgProp: 'pipeline' }],
    ['no stream', [], { MsgSnap: 'pipeline', MsgApp: 'pipeline', MsgProp: 'pipeline' }],
  ];
  describe('RH-009 TestPeerPick: which way a message takes', () => {
    for (const [name, open, ways] of picks) {
      it(`with ${name}`, async () => {
        expect(await waysOf(open)).to.deep.equal(ways);
      });
    }
  });

  it('RH-011 TestPipelineKeepSendingWhenPostError: fifty messages are all tried, though every POST fails', async () => {
    let posts = 0;
    const { url } = await startServer((req, res) => {
      if (req.method === 'POST') posts++;
      res.statusCode = 500;
      req.resume();
      res.end();
    });
    const a = await startMember(1n);
    a.transport.addRemote(2n, [url]);
    a.transport.send(Array.from({ length: 50 }, (_, i) => append(1n, 2n, i)));
    await eventually('all are tried and reported', () => posts >= 50 && a.receiver.unreachable.length >= 50);
    expect([posts, a.receiver.unreachable.length]).to.deep.equal([50, 50]);
  });

  it('RH-017 TestStopBlockedPipeline: stop does not wait for POSTs that nobody answers', async () => {
    let posts = 0;
    const { url } = await startServer(() => posts++);
    const a = await startMember(1n);
    a.transport.addRemote(2n, [url]);
    a.transport.send(Array.from({ length: 10 }, (_, i) => append(1n, 2n, i)));
    await eventually('four are under way', () => posts === 4);
    await a.transport.stop();
    expect(posts).to.equal(4);
  });

  it('RH-029 TestTransportAdd: a peer that is added again stays as it was, with its statistics', async () => {
    const [a, b] = [await startMember(1n), await startMember(2n)];
    const members: Member[] = [a, b];
    for (const member of members) introduce(member, members);
    await eventually('all streams are open', () => members.every((member) => openStreams(member) === 2));
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    a.transport.send([append(1n, 2n, 1)]);
    await eventually('the first address is used', () => b.receiver.processed.length === 1);
    expect(a.receiver.unreachable).to.deep.equal([]);
    expect(Object.keys(a.transport.leaderStats().followers)).to.deep.equal(['2']);
  });

  it('RH-030 TestTransportRemove: a removed peer is gone, and its statistics', async () => {
    const a = await startMember(1n);
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    a.transport.removePeer(2n);
    a.transport.send([append(1n, 2n, 1)]);
    expect(a.receiver.unreachable).to.deep.equal([]);
    expect(a.transport.leaderStats().followers).to.deep.equal({});
  });

  it('RH-031 TestTransportRemoveIsIdempotent: removing twice, or who was never there, changes nothing', async () => {
    const a = await startMember(1n);
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    a.transport.addPeer(3n, ['http://127.0.0.1:1']);
    for (const id of [2n, 2n, 9n]) a.transport.removePeer(id);
    expect(Object.keys(a.transport.leaderStats().followers)).to.deep.equal(['3']);
  });
});
