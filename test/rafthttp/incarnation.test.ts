import { encodeMessage, MessageType } from '@raft-ts/proto';
import type { TlsOptions } from '@raft-ts/rafthttp';
import { Header, Incarnations, MAX_FORMER_INCARNATIONS, OTHER_INCARNATION } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { Authority } from './certificates.js';
import {
  append,
  CLUSTER,
  eventually,
  exchangeRaw,
  freePort,
  introduce,
  type Member,
  message,
  newTransport,
  openStreams,
  post,
  Recorder,
  requestHead,
  scratchFolder,
  snapshot,
  startCluster,
  startMember,
  stopAll,
} from './members.js';

/** Member 2 of three ends and comes back at its address without what it knew. */
async function restartSecond(incarnation?: string, newLog?: boolean): Promise<{ others: Member[]; again: Member }> {
  const [a, b, c] = (await startCluster(3)) as [Member, Member, Member];
  await b.transport.stop();
  await eventually('its streams are gone', () => openStreams(a) === 2 && openStreams(c) === 2);
  const options = {
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(newLog === undefined ? {} : { newLog }),
  };
  const again = await startMember(2n, options, b.listener.address.port);
  return { others: [a, c], again };
}

describe('incarnations', () => {
  afterEach(stopAll);

  it('a member that comes back as another process is refused by each that met the first', async () => {
    const { others, again } = await restartSecond();
    introduce(again, others);
    for (const { id } of others) again.transport.send([message(MessageType.MsgVoteResp, 2n, id)]);
    await eventually('both tell it', () => new Set(again.receiver.unreachable).size === 2);
    const [removal, ...more] = again.receiver.removals;
    expect(removal).to.have.property('reason', 'incarnation');
    expect(removal?.by, 'one is enough for a log that began empty').to.have.length(1);
    expect(more).to.deep.equal([]);
    for (const other of others) {
      expect(openStreams(other), 'streams of the third member only').to.equal(2);
      expect(other.receiver.removals).to.deep.equal([]);
    }
    expect(openStreams(again)).to.equal(0);
  });

  it('nothing is processed of it', async () => {
    const { others, again } = await restartSecond();
    introduce(again, others);
    for (const { id } of others) {
      again.transport.send([message(MessageType.MsgVoteResp, 2n, id, { term: 5 }), snapshot(2n, id)]);
    }
    await eventually(
      'all is refused',
      () => again.receiver.snapshots.length === 2 && again.receiver.unreachable.length === 4,
    );
    expect(again.receiver.snapshots.map(([, status]) => status)).to.deep.equal(['failure', 'failure']);
    for (const other of others) expect(other.receiver.processed).to.deep.equal([]);
  });

  it('nothing is sent to it: what is meant for the first process is not processed by the second', async () => {
    const { others, again } = await restartSecond();
    // It does not speak first; the others only find its port open again.
    for (const other of others) other.transport.send([append(other.id, 2n, 3), snapshot(other.id, 2n)]);
    await eventually('all is reported', () =>
      others.every(({ receiver }) => receiver.snapshots.some(([id]) => id === 2n)),
    );
    await eventually('streams were dialled', () =>
      others.every(({ receiver }) => receiver.log.some((line) => line.includes('failed to dial 2'))),
    );
    expect(again.receiver.processed).to.deep.equal([]);
    expect(openStreams(again)).to.equal(0);
    for (const { receiver } of others) expect(receiver.snapshots).to.deep.equal([[2n, 'failure']]);
  });

  it('the other members go on', async () => {
    const { others, again } = await restartSecond();
    introduce(again, others);
    await eventually('it is told', () => again.receiver.removals.length > 0);
    const [a, c] = others as [Member, Member];
    a.transport.send([append(1n, 3n, 1)]);
    await eventually('they talk', () => c.receiver.processed.length === 1);
  });

  it('the same incarnation is let in again', async () => {
    const [a, b] = (await startCluster(2, { incarnation: 'same' })) as [Member, Member];
    await b.transport.stop();
    await eventually('its streams are gone', () => openStreams(a) === 0);
    const again = await startMember(2n, { incarnation: 'same' }, b.listener.address.port);
    introduce(again, [a]);
    await eventually('streams both ways', () => openStreams(a) === 2 && openStreams(again) === 2);
    expect(again.receiver.removals).to.deep.equal([]);
  });

  it('a member whose log is there is told to operators, and goes on', async () => {
    const { others, again } = await restartSecond('older-folder', false);
    introduce(again, others);
    const warnings = (): string[] =>
      again.receiver.log.filter((line) => line.startsWith('warn a peer refuses this member: a different log '));
    await eventually('each is warned of', () => warnings().length === 2);
    for (const { id } of others) again.transport.send([message(MessageType.MsgVoteResp, 2n, id)]);
    await eventually('both refuse it again', () => new Set(again.receiver.unreachable).size === 2);
    expect(again.receiver.removals).to.deep.equal([]);
    expect(warnings(), 'no line for each refusal').to.have.length(2);
    for (const other of others) expect(other.receiver.processed).to.deep.equal([]);
  });

  /** Messages in the name of member 2, as a stranger sends them. */
  async function knock({ listener: { address } }: Member, incarnation: string): Promise<void> {
    const vote = encodeMessage(message(MessageType.MsgVote, 2n, 1n, { term: 1 }));
    const names = { [Header.incarnation]: incarnation };
    await exchangeRaw(address.port, post(2n, vote, names));
    await exchangeRaw(address.port, post(2n, Buffer.alloc(0), names));
    await exchangeRaw(address.port, requestHead('GET', '/raft/stream/message/2', 2n, { 'X-Raft-To': '1', ...names }));
    await exchangeRaw(address.port, requestHead('POST', '/raft/snapshot', 2n, { 'Content-Length': '0', ...names }));
  }

  for (const isPeer of [true, false]) {
    it(`strangers who name a member ${isPeer ? 'that is down' : 'to come'} teach nothing: it is let in later`, async () => {
      const a = await startMember(1n);
      const port = await freePort();
      if (isPeer) a.transport.addPeer(2n, [`http://127.0.0.1:${port}`]);
      for (let i = 0; i < 3; i++) await knock(a, `stranger-${i}`);
      const b = await startMember(2n, {}, port);
      if (!isPeer) introduce(a, [b]);
      introduce(b, [a]);
      await eventually('streams both ways', () => openStreams(a) === 2 && openStreams(b) === 2);
      expect(b.receiver.removals).to.deep.equal([]);
      await knock(a, 'stranger');
      a.transport.send([append(1n, 2n, 1)]);
      await eventually('they talk', () => b.receiver.processed.length === 1);
    });
  }

  it('an address that a request brought teaches nothing', async () => {
    const a = await startMember(1n);
    const b = await startMember(2n, { incarnation: 'forged' });
    b.transport.addPeer(1n, ['http://127.0.0.1:1']);
    const vote = encodeMessage(message(MessageType.MsgVote, 2n, 1n, { term: 1 }));
    await exchangeRaw(a.listener.address.port, post(2n, vote, { [Header.peerUrls]: b.listener.url }));
    await eventually('it is learned', () => a.receiver.log.some((line) => line.includes('added remote member')));
    a.transport.send([message(MessageType.MsgVoteResp, 1n, 2n, { term: 1 })]);
    await eventually('it answered there', () => b.receiver.processed.length === 1);
    const real = post(2n, vote, { [Header.incarnation]: 'real' });
    expect((await exchangeRaw(a.listener.address.port, real)).status).to.equal(204);
  });

  it('beside a certificate that is tied to the member a request teaches, and a second log is refused', async () => {
    const authority = new Authority(scratchFolder());
    const memberOf = ({ subject }: { subject: string }): bigint => BigInt(subject.replace('CN=', ''));
    const tlsOf = (id: bigint): TlsOptions => ({
      ...authority.issue(`member-${id}`, { cn: String(id), hosts: ['127.0.0.1'] }),
      trustedCaFile: authority.caFile,
      memberOf,
    });
    const a = await startMember(1n, { tls: tlsOf(1n) });
    const second = tlsOf(2n);
    const send = async (incarnation: string): Promise<Recorder> => {
      const receiver = new Recorder();
      const transport = newTransport(2n, receiver, { tls: second, incarnation, newLog: true });
      transport.addRemote(1n, [a.listener.url]);
      transport.send([message(MessageType.MsgVote, 2n, 1n, { term: 1 })]);
      await eventually('it was answered', () => {
        return transport.activeSince(1n) !== undefined || receiver.unreachable.length > 0;
      });
      return receiver;
    };
    expect((await send('first')).removals).to.deep.equal([]);
    expect((await send('second')).removals).to.deep.equal([{ reason: 'incarnation', by: [1n] }]);
    expect((await send('first')).removals).to.deep.equal([]);
    expect(a.receiver.processed).to.have.length(2);
  });

  it('who was met at its address is refused on each way with another log; Go members, which send none, are not', async () => {
    const [a, b] = (await startCluster(2)) as [Member, Member];
    await b.transport.stop();
    const vote = encodeMessage(message(MessageType.MsgVote, 2n, 1n, { term: 1 }));
    const { port } = a.listener.address;
    const names = { [Header.incarnation]: 'second' };
    const stream = requestHead('GET', '/raft/stream/message/2', 2n, { 'X-Raft-To': '1', ...names });
    for (const bytes of [post(2n, vote, names), stream]) {
      const answer = await exchangeRaw(port, bytes);
      expect(answer).to.include({ status: 410, body: `${OTHER_INCARNATION}\n` });
      expect(answer.headers).to.deep.include([Header.clusterId, CLUSTER.toString(16)]);
    }
    expect((await exchangeRaw(port, post(2n, vote))).status).to.equal(204);
    expect(a.receiver.processed).to.have.length(1);
  });

  it('a request for another process is refused without a word about removal', async () => {
    const a = await startMember(1n, { incarnation: 'mine' });
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    const meant = { [Header.incarnationTo]: 'another' };
    const vote = encodeMessage(message(MessageType.MsgVote, 2n, 1n, { term: 1 }));
    const { port } = a.listener.address;
    expect((await exchangeRaw(port, post(2n, vote, meant))).status).to.equal(412);
    const stream = requestHead('GET', '/raft/stream/message/2', 2n, { 'X-Raft-To': '1', ...meant });
    expect((await exchangeRaw(port, stream)).status).to.equal(412);
    expect(a.receiver.processed).to.deep.equal([]);
    expect(a.receiver.removals).to.deep.equal([]);
  });

  it('remembers any number of peers, and the latest strangers', () => {
    const peers = new Set<bigint>();
    const incarnations = new Incarnations('own', (id) => peers.has(id));
    for (let id = 1n; id <= 200n; id++) incarnations.remember(id, 'first');
    expect(incarnations.of(200n)).to.equal('first');
    const known = (): number =>
      Array.from({ length: 400 }, (_, i) => incarnations.of(BigInt(i + 1))).filter((seen) => seen !== undefined).length;
    expect(known()).to.equal(MAX_FORMER_INCARNATIONS);
    for (let id = 201n; id <= 300n; id++) {
      peers.add(id);
      incarnations.remember(id, 'first');
      incarnations.remember(id, 'second');
      expect(incarnations.of(id)).to.equal('first');
      expect(incarnations.isOther(id, 'second')).to.equal(true);
      expect(incarnations.isOther(id, undefined)).to.equal(false);
    }
    expect(known()).to.equal(MAX_FORMER_INCARNATIONS + 100);
  });
});
