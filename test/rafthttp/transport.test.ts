import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { encodeMessage, MessageType, RaftError } from '@raft-ts/proto';
import { HttpTransport } from '@raft-ts/rafthttp';
import {
  MsgAppDecoder,
  PIPELINE_QUEUE_LENGTH,
  PIPELINE_WORKERS,
  STREAM_QUEUE_LENGTH,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import express from 'express';
import {
  append,
  CLUSTER,
  eventually,
  exchangeRaw,
  introduce,
  type Member,
  message,
  newTransport,
  openStreams,
  post,
  quick,
  Recorder,
  requestHead,
  snapshot,
  soon,
  startCluster,
  startMember,
  startServer,
  stopAll,
} from './members.js';
import { show } from './vectors.js';

/** A member that accepts requests and answers none. */
async function startSilent(): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const { url } = await startServer((req) => requests.push(`${req.method} ${req.url}`));
  return { url, requests };
}

/** Opens a stream of a new peer, member 3, and never reads it. */
async function openWithoutReading(member: Member): Promise<Socket> {
  member.transport.addPeer(3n, ['http://127.0.0.1:1']);
  const open = openStreams(member);
  const socket = createConnection(member.listener.address.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(requestHead('GET', '/raft/stream/msgapp/3', 3n, { 'X-Raft-To': '1' }));
  await eventually('it is attached', () => openStreams(member) === open + 1);
  return socket;
}

function pair(members: readonly Member[]): [Member, Member] {
  return [members[0] as Member, members[1] as Member];
}

describe('HttpTransport', () => {
  afterEach(stopAll);

  it('carries every kind of message between three members', async () => {
    const members = await startCluster(3);
    for (const { id, transport } of members) {
      for (const { id: to } of members) {
        if (to === id) continue;
        transport.send([
          append(id, to, 5),
          message(MessageType.MsgVote, id, to, { term: 3, index: 7, logTerm: 2 }),
          snapshot(id, to),
          append(id, to, 6),
        ]);
      }
    }
    await eventually('each has all', () => members.every(({ receiver }) => receiver.processed.length === 8));
    for (const { id, receiver } of members) {
      expect(receiver.processed.every(({ to }) => to === id)).to.equal(true);
      for (const { id: from } of members) {
        if (from === id) continue;
        const appends = receiver.processed.filter((m) => m.from === from && m.type === MessageType.MsgApp);
        expect(appends.map(show)).to.deep.equal([append(from, id, 5), append(from, id, 6)].map(show));
      }
    }
    await eventually('each snapshot is reported', () =>
      members.every(({ receiver }) => receiver.snapshots.length === 2),
    );
    for (const { receiver, transport } of members) {
      expect(receiver.snapshots.map(([, status]) => status)).to.deep.equal(['finish', 'finish']);
      expect(receiver.unreachable).to.deep.equal([]);
      expect(transport.activePeers()).to.equal(2);
    }
  });

  it('keeps the order of a stream, and many messages of one turn arrive', async () => {
    const [a, b] = pair(await startCluster(2));
    const count = 3000;
    a.transport.send(Array.from({ length: count }, (_, i) => append(1n, 2n, i, 'y'.repeat(i % 700))));
    await eventually('all arrive', () => b.receiver.processed.length === count);
    expect(b.receiver.processed.map(({ index }) => index)).to.deep.equal(Array.from({ length: count }, (_, i) => i));
  });

  it('what is sent within one turn leaves in one chunk', async () => {
    const a = await startMember(1n);
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    const socket = createConnection(a.listener.address.port, '127.0.0.1');
    socket.write(requestHead('GET', '/raft/stream/msgapp/2', 2n, { 'X-Raft-To': '1' }));
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    await eventually('it is attached', () => openStreams(a) === 1);
    for (let i = 0; i < 100; i++) a.transport.send([append(1n, 2n, i)]);
    await eventually('all have arrived', () => text.includes('\r\n\r\n') && (text.match(/x/gu) ?? []).length >= 100);
    const [, size = '', rest = ''] = /\r\n\r\n([0-9a-f]+)\r\n([^]*)$/u.exec(text) ?? [];
    expect(rest.length).to.be.at.least(Number.parseInt(size, 16));
    expect(rest.slice(0, Number.parseInt(size, 16)).match(/x/gu)).to.have.length(100);
    socket.destroy();
  });

  it('what a peer reads late is what was sent', async () => {
    const a = await startMember(1n);
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    const headers = {
      'X-Etcd-Cluster-ID': CLUSTER.toString(16),
      'X-Server-From': '2',
      'X-Server-Version': '3.7.1',
      'X-Min-Cluster-Version': '3.0.0',
      'X-Raft-To': '1',
    };
    const asked = get(`${a.listener.url}/raft/stream/msgapp/2`, { headers });
    // Nothing of the answer is read until somebody asks for it.
    const [stream] = (await once(asked, 'response')) as [IncomingMessage];
    const count = 3000;
    const textOf = (i: number): string => `${i} `.repeat(400);
    for (let i = 0; i < count; i++) {
      const one = append(1n, 2n, i, textOf(i));
      a.transport.send([{ ...one, logTerm: i === 0 ? 0 : 1 }]);
      // Less than a socket takes before it asks to wait.
      if (i % 3 === 0) await new Promise(setImmediate);
    }
    const texts: string[] = [];
    const decoder = new MsgAppDecoder(1n, 2n);
    for await (const piece of stream as AsyncIterable<Buffer>) {
      for (const message of decoder.push(piece)) {
        for (const { data } of message.entries) texts.push(new TextDecoder().decode(data));
      }
      if (texts.length === count) break;
    }
    expect(texts.findIndex((text, i) => text !== textOf(i))).to.equal(-1);
  });

  it('posts messages while no stream is open', async () => {
    const a = await startMember(1n);
    const b = await startMember(2n);
    // The target does not know the sender and so opens no stream.
    a.transport.addPeer(2n, [b.listener.url]);
    a.transport.send([append(1n, 2n, 1), message(MessageType.MsgHeartbeat, 1n, 2n, { term: 1 }), snapshot(1n, 2n)]);
    await eventually('all arrive', () => b.receiver.processed.length === 3);
    expect(b.receiver.types()).to.have.members([MessageType.MsgApp, MessageType.MsgSnap, MessageType.MsgHeartbeat]);
    await eventually('the snapshot is reported', () => a.receiver.snapshots.length === 1);
    expect(a.receiver.snapshots).to.deep.equal([[2n, 'finish']]);
  });

  it('ignores messages for nobody and for strangers, and reports their snapshots', async () => {
    const a = await startMember(1n);
    a.transport.send([message(MessageType.MsgApp, 1n, 0n), append(1n, 9n, 1), snapshot(1n, 9n)]);
    expect(a.receiver.unreachable).to.deep.equal([]);
    expect(a.receiver.snapshots).to.deep.equal([[9n, 'failure']]);
  });

  it('answers a remote member by POST alone', async () => {
    const [a, b] = [await startMember(1n), await startMember(2n)];
    a.transport.addRemote(2n, [b.listener.url]);
    a.transport.send([append(1n, 2n, 1)]);
    await eventually('it arrives, and is answered', () => a.transport.activeSince(2n) instanceof Date);
    expect(b.receiver.processed).to.have.length(1);
    expect(a.transport.activePeers()).to.equal(0);
    expect(b.receiver.log.some((line) => line.includes('failed to find remote peer'))).to.equal(false);
  });

  it('while it knows a peer, learns nobody', async () => {
    const [a, b] = [await startMember(1n), await startMember(2n)];
    b.transport.addPeer(1n, [a.listener.url]);
    const c = newTransport(3n, new Recorder(), { urls: ['http://127.0.0.1:1'] });
    c.addPeer(2n, [b.listener.url]);
    await eventually('3 was refused', () => b.receiver.log.some((line) => line.includes('failed to find remote peer')));
    expect(b.receiver.log.some((line) => line.includes('added remote member'))).to.equal(false);
  });

  it('a listener that was closed is its own no longer: whoever is there now is learned', async () => {
    const a = await startMember(1n);
    const former = await a.transport.serve({ host: '127.0.0.1', port: 0 });
    await former.close();
    const { port } = former.address;
    const b = await startMember(2n, { urls: [`http://127.0.0.1:${port}`] }, port);
    introduce(b, [a]);
    const knows = (): boolean => {
      a.transport.send([append(1n, 2n, 1)]);
      return b.receiver.processed.length > 0;
    };
    expect(await soon(knows)).to.equal(true);
  });

  it('opens streams again after the other side restarted', async () => {
    const [a, b] = pair(await startCluster(2, { incarnation: false }));
    const { port } = b.listener.address;
    await b.transport.stop();
    await eventually('the streams are gone', () => openStreams(a) === 0);
    expect(a.transport.activePeers()).to.equal(0);
    const again = await startMember(2n, { incarnation: false }, port);
    introduce(again, [a]);
    await eventually('streams both ways', () => openStreams(a) === 2 && openStreams(again) === 2);
    a.transport.send([append(1n, 2n, 1), message(MessageType.MsgHeartbeat, 1n, 2n)]);
    again.transport.send([message(MessageType.MsgAppResp, 2n, 1n)]);
    await eventually('they talk', () => again.receiver.processed.length === 2 && a.receiver.processed.length === 1);
    expect(a.transport.activePeers()).to.equal(1);
  });

  it('keeps silent streams alive with heartbeats, and takes none for a message', async () => {
    const timings = { ...quick, heartbeatMs: 30, readTimeoutMs: 1000 };
    const members = await startCluster(2, { timings });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    for (const member of members) {
      expect(openStreams(member)).to.equal(2);
      expect(member.receiver.log.filter((line) => line.includes('became inactive'))).to.deep.equal([]);
      expect(member.receiver.processed).to.deep.equal([]);
    }
  });

  it('takes a stream without heartbeats for dead, and opens another', async () => {
    const a = await startMember(1n, { timings: { ...quick, heartbeatMs: 60_000 } });
    const b = await startMember(2n, { timings: { ...quick, readTimeoutMs: 50 } });
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('it is noticed', () =>
      b.receiver.log.some((line) => line.includes('failed to read 1 on stream') && line.includes('read timeout')),
    );
    await eventually(
      'it is opened again',
      () =>
        b.receiver.log.filter((line) => line.includes('stream-reader-type') && line.includes('established')).length > 4,
    );
  });

  it('tries the other URLs of a peer', async () => {
    const [a, b] = [await startMember(1n), await startMember(2n)];
    a.transport.addPeer(2n, ['http://127.0.0.1:1', b.listener.url, 'http://127.0.0.1:2']);
    b.transport.addPeer(1n, [a.listener.url]);
    await eventually('streams both ways', () => openStreams(a) === 2 && openStreams(b) === 2);
  });

  it('follows a peer to another address', async () => {
    const [a, b] = [await startMember(1n), await startMember(2n)];
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    b.transport.addPeer(1n, [a.listener.url]);
    a.transport.updatePeer(2n, [b.listener.url]);
    a.transport.updatePeer(9n, [b.listener.url]);
    await eventually('streams both ways', () => openStreams(a) === 2 && openStreams(b) === 2);
    expect(() => a.transport.updatePeer(2n, ['ftp://x']))
      .to.throw(RaftError)
      .with.property('code', 'ERR_RAFT_PEER_URL');
  });

  it('a new stream of the same kind takes the place of the old one', async () => {
    // Without incarnations nobody can tell the two processes apart.
    const [a] = pair(await startCluster(2, { incarnation: false }));
    const other = newTransport(2n, new Recorder(), { incarnation: false });
    other.addPeer(1n, [a.listener.url]);
    await eventually(
      'b was displaced, and took its place back',
      () => a.receiver.log.filter((line) => line.includes('closed TCP')).length > 2,
    );
    expect(openStreams(a)).to.equal(2);
    expect(a.receiver.unreachable).to.deep.equal([]);
  });

  describe('losses', () => {
    it('reports a member that refuses connections', async () => {
      const a = await startMember(1n);
      a.transport.addPeer(2n, ['http://127.0.0.1:1']);
      a.transport.send([append(1n, 2n, 1), snapshot(1n, 2n)]);
      await eventually(
        'both are reported',
        () => a.receiver.unreachable.length === 2 && a.receiver.snapshots.length === 1,
      );
      expect(a.receiver.unreachable).to.deep.equal([2n, 2n]);
      expect(a.receiver.snapshots).to.deep.equal([[2n, 'failure']]);
    });

    it('drops and reports what a full pipeline cannot take, every snapshot once', async () => {
      const silent = await startSilent();
      const a = await startMember(1n);
      a.transport.addPeer(2n, [silent.url]);
      const room = PIPELINE_WORKERS + PIPELINE_QUEUE_LENGTH;
      a.transport.send(Array.from({ length: room + 10 }, () => snapshot(1n, 2n)));
      expect(a.receiver.unreachable).to.have.length(10);
      expect(a.receiver.snapshots).to.have.length(10);
      await a.transport.stop();
      expect(a.receiver.snapshots).to.have.length(room + 10);
      expect(a.receiver.snapshots.every(([id, status]) => id === 2n && status === 'failure')).to.equal(true);
    });

    it('drops and reports what a full stream cannot take', async () => {
      const [a] = pair(await startCluster(2));
      const socket = await openWithoutReading(a);
      const big = 'z'.repeat(256 * 1024);
      for (let i = 0; i < 40; i++) a.transport.send([append(1n, 3n, i, big)]);
      a.transport.send(Array.from({ length: STREAM_QUEUE_LENGTH }, (_, i) => append(1n, 3n, i)));
      const before = a.receiver.unreachable.length;
      expect(before).to.be.greaterThan(0);
      a.transport.send(Array.from({ length: 7 }, (_, i) => append(1n, 3n, i)));
      expect(a.receiver.unreachable).to.have.length(before + 7);
      expect(a.receiver.log.filter((line) => line.includes('sending buffer is full'))).to.have.length(1);
      socket.destroy();
    });

    it('a peer that stops reading costs its own messages only', async () => {
      const [a, b] = pair(await startCluster(2));
      const socket = await openWithoutReading(a);
      const big = 'z'.repeat(256 * 1024);
      for (let i = 0; i < 200; i++) a.transport.send([append(1n, 3n, i, big)]);
      a.transport.send(Array.from({ length: 50 }, (_, i) => append(1n, 2n, i)));
      await eventually('the other peer gets its own', () => b.receiver.processed.length === 50);
      await eventually('the stream is given up', () => a.receiver.unreachable.includes(3n));
      expect(a.receiver.log.some((line) => line.includes('write timeout'))).to.equal(true);
      expect(openStreams(a)).to.equal(2);
      socket.destroy();
    });

    it('gives up a member that accepts requests and never answers', async () => {
      const silent = await startSilent();
      const a = await startMember(1n, {
        timings: { ...quick, dialTimeoutMs: 50, postTimeoutMs: 50, snapshotTimeoutMs: 50 },
      });
      a.transport.addPeer(2n, [silent.url]);
      a.transport.send([append(1n, 2n, 1), snapshot(1n, 2n)]);
      await eventually('reported', () => a.receiver.unreachable.length === 2 && a.receiver.snapshots.length === 1);
      await eventually('dialled again', () => silent.requests.filter((line) => line.startsWith('GET')).length > 4);
    });

    it('a message that cannot be encoded is reported, and the next one goes through', async () => {
      const [a, b] = pair(await startCluster(2));
      a.transport.send([
        message(MessageType.MsgHeartbeat, 1n, 2n, { commit: -1 }),
        message(MessageType.MsgHeartbeat, 1n, 2n, { commit: 4 }),
      ]);
      await eventually('the good one arrives', () => b.receiver.processed.length === 1);
      expect(b.receiver.processed[0]?.commit).to.equal(4);
      expect(a.receiver.unreachable).to.deep.equal([2n]);
    });
  });

  it('a receiver may send from within a report, in the middle of a write', async () => {
    const [a, b] = pair(await startCluster(2));
    const send = (from: number, to: number): void => {
      for (let i = from; i < to; i++) a.transport.send([append(1n, 2n, i, `behind ${i}`)]);
    };
    a.receiver.reportUnreachable = () => send(1000, 1300);
    send(0, 20);
    a.transport.send([append(1n, 2n, 2 ** 53, 'cannot be written')]);
    send(20, 40);
    await eventually('all arrive', () => b.receiver.processed.length === 340);
    const indexes = b.receiver.processed.map(({ index }) => index);
    expect(indexes).to.deep.equal([...Array(40).keys(), ...Array.from({ length: 300 }, (_, i) => 1000 + i)]);
    for (const { index, entries } of b.receiver.processed) {
      expect(new TextDecoder().decode(entries[0]?.data)).to.equal(`behind ${index}`);
    }
  });

  it('a receiver may remove the peer from within a report, in the middle of a write', async () => {
    const a = await startMember(1n);
    const socket = await openWithoutReading(a);
    a.receiver.reportUnreachable = (id) => a.transport.removePeer(id);
    a.transport.send([append(1n, 3n, 4), append(1n, 3n, 2 ** 53, 'cannot be written'), append(1n, 3n, 5)]);
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString('latin1');
    expect(text).to.match(/^HTTP\/1\.1 200 [^]*\r\n0\r\n\r\n$/u);
  });

  describe('pause and cut', () => {
    it('drop both directions until resumed, and report snapshots', async () => {
      const [a, b] = pair(await startCluster(2));
      a.transport.pause();
      a.transport.send([append(1n, 2n, 1), snapshot(1n, 2n)]);
      b.transport.send([message(MessageType.MsgAppResp, 2n, 1n), snapshot(2n, 1n)]);
      await eventually('the snapshot of b fails', () => b.receiver.snapshots.length === 1);
      expect(a.receiver.snapshots).to.deep.equal([[2n, 'failure']]);
      expect(b.receiver.snapshots).to.deep.equal([[1n, 'failure']]);
      a.transport.resume();
      a.transport.send([append(1n, 2n, 2)]);
      await eventually('what follows arrives', () => b.receiver.processed.length === 1);
      expect(b.receiver.processed[0]?.index).to.equal(2);
      expect(a.receiver.processed).to.deep.equal([]);
    });

    it('cut one link and mend it', async () => {
      const [a, b, c] = (await startCluster(3)) as [Member, Member, Member];
      a.transport.cut(2n);
      a.transport.send([append(1n, 2n, 1), append(1n, 3n, 1)]);
      await eventually('3 gets its own', () => c.receiver.processed.length === 1);
      a.transport.mend(2n);
      a.transport.send([append(1n, 2n, 2)]);
      await eventually('2 gets the second', () => b.receiver.processed.length === 1);
      expect(b.receiver.processed[0]?.index).to.equal(2);
    });
  });

  describe('removal', () => {
    it('a removed member is told so on its streams', async () => {
      const [a, b] = pair(await startCluster(2));
      a.receiver.removed.add(2n);
      a.transport.removePeer(2n);
      a.transport.removePeer(2n);
      await eventually('it is told', () => b.receiver.removals.length > 0);
      expect(b.receiver.removals).to.deep.equal([{ reason: 'removed', by: [1n] }]);
      await eventually('its streams are closed', () => openStreams(b) === 0);
      expect(a.receiver.removals).to.deep.equal([]);
    });

    it('a removed member is told so by the first POST', async () => {
      const [a, b] = [await startMember(1n), await startMember(2n)];
      a.receiver.removed.add(2n);
      b.transport.addRemote(1n, [a.listener.url]);
      b.transport.send([message(MessageType.MsgVote, 2n, 1n, { term: 9 })]);
      await eventually('it is told', () => b.receiver.removals.length > 0);
      expect(b.receiver.removals).to.deep.equal([{ reason: 'removed', by: [1n] }]);
      expect(a.receiver.processed).to.deep.equal([]);
    });

    it('no stream to a removed peer is opened again', async () => {
      const [a, b] = pair(await startCluster(2));
      a.transport.removePeer(2n);
      await eventually('b serves no stream', () => openStreams(b) === 0);
      expect(a.transport.activeSince(2n)).to.equal(undefined);
      a.transport.send([append(1n, 2n, 1)]);
      expect(a.receiver.unreachable).to.deep.equal([]);
    });
  });

  describe('options and addresses', () => {
    const receiver = new Recorder();

    it('refuses options that make no sense', () => {
      for (const options of [
        { id: 0n },
        { id: 2n ** 64n },
        { clusterId: -1n },
        { incarnation: 'a b' },
        { incarnation: '' },
        { maxConnections: 15 },
        { maxConnections: 20.5 },
        { busyPollMs: -0.1 },
        { busyPollMs: 11 },
        { busyPollMs: Number.NaN },
      ]) {
        expect(() => new HttpTransport({ id: 1n, clusterId: CLUSTER, receiver, ...options }))
          .to.throw(RaftError)
          .with.property('code', 'ERR_RAFT_TRANSPORT_OPTIONS');
      }
      expect(() => new HttpTransport({ id: 1n, clusterId: CLUSTER, receiver, urls: ['x'] }))
        .to.throw(RaftError)
        .with.property('code', 'ERR_RAFT_PEER_URL');
    });

    it('refuses invalid URLs, and changes nothing', async () => {
      const a = await startMember(1n);
      for (const url of [
        '',
        'http://127.0.0.1',
        'http://127.0.0.1:1/raft',
        'https://127.0.0.1:1',
        'http://u:p@127.0.0.1:1',
        'http://127.0.0.1:99999',
        'unix://',
        'unix:///x?y',
      ]) {
        expect(() => a.transport.addPeer(2n, [url]), url)
          .to.throw(RaftError)
          .with.property('code', 'ERR_RAFT_PEER_URL');
      }
      expect(() => a.transport.addPeer(2n, [])).to.throw(RaftError);
      a.transport.send([append(1n, 2n, 1)]);
      expect(a.receiver.unreachable).to.deep.equal([]);
    });

    it('a port in use has a code', async () => {
      const a = await startMember(1n);
      const other = newTransport(2n, new Recorder());
      const error: unknown = await other.serve({ host: '127.0.0.1', port: a.listener.address.port }).then(
        () => undefined,
        (caught: unknown) => caught,
      );
      expect(error).to.be.instanceOf(RaftError);
      expect(error).to.include({ code: 'ERR_RAFT_LISTEN', reason: 'EADDRINUSE' });
    });

    it('an invalid address is refused with a code', async () => {
      const transport = newTransport(1n, new Recorder());
      const error: unknown = await transport.serve('127.0.0.1:1' as never).catch((caught: unknown) => caught);
      expect(error).to.include({ code: 'ERR_RAFT_ARGUMENT', reason: 'options' });
    });

    it('works from within an express application', async () => {
      const [a, b] = [newTransport(1n, new Recorder()), await startMember(2n)];
      const app = express();
      app.get('/mine', (_req, res) => void res.send('mine'));
      app.use(a.handler());
      app.use('/below/a/prefix', a.handler());
      const { url, port } = await startServer(app);
      a.addPeer(2n, [b.listener.url]);
      b.transport.addPeer(1n, [url]);
      await eventually('active', () => a.activePeers() === 1 && b.transport.activePeers() === 1);
      expect((await exchangeRaw(port, 'GET /mine HTTP/1.1\r\nHost: x\r\n\r\n')).body).to.equal('mine');
      const whole = post(2n, encodeMessage(append(2n, 1n, 4))).toString('latin1');
      const below = await exchangeRaw(port, Buffer.from(whole.replace('/raft', '/below/a/prefix/raft'), 'latin1'));
      expect(below.status).to.equal(204);
      const probe = requestHead('GET', '/raft/probing', 2n);
      const [mounted, served] = [await exchangeRaw(port, probe), await exchangeRaw(b.listener.address.port, probe)];
      expect(mounted.status).to.equal(200);
      const names = ({ headers }: { headers: string[][] }): (string | undefined)[] => headers.map(([name]) => name);
      expect(names(mounted)).to.deep.equal(['X-Powered-By', ...names(served)]);
      expect(JSON.parse(mounted.body)).to.have.keys(['OK', 'Now']);
    });
  });

  describe('stop', () => {
    it('may be called again, and nothing works afterwards', async () => {
      const [a, b] = pair(await startCluster(2));
      await Promise.all([a.transport.stop(), a.transport.stop()]);
      await a.transport.stop();
      a.transport.addPeer(3n, [b.listener.url]);
      a.transport.addRemote(4n, [b.listener.url]);
      a.transport.send([append(1n, 2n, 1), snapshot(1n, 2n)]);
      expect(a.receiver.snapshots).to.deep.equal([[2n, 'failure']]);
      expect(a.transport.activePeers()).to.equal(0);
      const error: unknown = await a.transport.serve({ host: '127.0.0.1', port: 0 }).catch((caught: unknown) => caught);
      expect(error).to.include({ code: 'ERR_RAFT_LISTEN', reason: 'stopped' });
    });

    it('cuts whoever is still connected', async () => {
      const a = await startMember(1n);
      const sockets = ['', 'GET /raft', requestHead('POST', '/raft', 2n, { 'Content-Length': '9' })].map((text) => {
        const socket = createConnection(a.listener.address.port, '127.0.0.1');
        socket.on('error', () => undefined).resume();
        socket.write(text);
        return socket;
      });
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      // The server has accepted those before this one.
      expect((await exchangeRaw(a.listener.address.port, requestHead('GET', '/raft/probing', 2n))).status).to.equal(
        200,
      );
      const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
      await a.transport.stop();
      await closed;
    });

    it('leaves nothing open: a process with streams both ways ends by itself', async () => {
      const program = `
        import { HttpTransport } from '@raft-ts/rafthttp';
        import { newMessage } from '@raft-ts/proto';
        const receiver = { process() {}, isIdRemoved: () => false, reportUnreachable() {}, reportSnapshot() {} };
        const members = [1n, 2n].map((id) => new HttpTransport({ id, clusterId: 1n, receiver }));
        const listeners = await Promise.all(members.map((m) => m.serve({ host: '127.0.0.1', port: 0 })));
        members[0].addPeer(2n, [listeners[1].url]);
        members[1].addPeer(1n, [listeners[0].url]);
        members[0].addPeer(3n, ['http://127.0.0.1:1']);
        while (members.some((m) => m.activePeers() !== 1)) await new Promise((resolve) => setTimeout(resolve, 10));
        members[0].send([{ ...newMessage(7, 2n), from: 1n }, { ...newMessage(3, 3n), from: 1n }]);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await Promise.all(members.map((m) => m.stop()));
        // Closed handles are listed until the event loop has come round.
        await new Promise((resolve) => setTimeout(resolve, 20));
        console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => /TCP|HTTP|Timeout|Immediate/.test(name))));
      `;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      const [code] = (await once(child, 'exit')) as [number];
      expect(code).to.equal(0);
      expect(JSON.parse(output)).to.deep.equal([]);
    });
  });
});
