import { encodeMessage, MessageType } from '@raft-ts/proto';
import { Header, Incarnations, MAX_STRANGER_INCARNATIONS, OTHER_INCARNATION } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  append,
  eventually,
  exchangeRaw,
  introduce,
  type Member,
  message,
  openStreams,
  post,
  requestHead,
  snapshot,
  startCluster,
  startMember,
  stopAll,
} from './members.js';

/** Member 2 of three ends and comes back at its address without what it knew. */
async function restartSecond(incarnation?: string): Promise<{ others: Member[]; again: Member }> {
  const [a, b, c] = (await startCluster(3)) as [Member, Member, Member];
  await b.transport.stop();
  await eventually('its streams are gone', () => openStreams(a) === 2 && openStreams(c) === 2);
  const again = await startMember(2n, incarnation === undefined ? {} : { incarnation }, b.listener.address.port);
  return { others: [a, c], again };
}

describe('incarnations', () => {
  afterEach(stopAll);

  it('a member that comes back as another process is refused by each that met the first', async () => {
    const { others, again } = await restartSecond();
    introduce(again, others);
    await eventually('both tell it', () => new Set(again.receiver.removals.map(({ by }) => by)).size === 2);
    expect(again.receiver.removals.every(({ reason }) => reason === 'incarnation')).to.equal(true);
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

  it('a member that was only met by POST is remembered too', async () => {
    const a = await startMember(1n);
    const vote = encodeMessage(message(MessageType.MsgVote, 2n, 1n, { term: 1 }));
    const { port } = a.listener.address;
    expect((await exchangeRaw(port, post(2n, vote, { [Header.incarnation]: 'first' }))).status).to.equal(204);
    const second = await exchangeRaw(port, post(2n, vote, { [Header.incarnation]: 'second' }));
    expect(second).to.include({ status: 410, body: `${OTHER_INCARNATION}\n` });
    // Go members send none.
    expect((await exchangeRaw(port, post(2n, vote))).status).to.equal(204);
    expect(a.receiver.processed).to.have.length(2);
  });

  it('what is not yet refused is not remembered: the checks before come first', async () => {
    const a = await startMember(1n);
    const vote = encodeMessage(message(MessageType.MsgVote, 2n, 1n, { term: 1 }));
    const { port } = a.listener.address;
    const stranger = { [Header.incarnation]: 'stranger', 'X-Etcd-Cluster-ID': '2000' };
    expect((await exchangeRaw(port, post(2n, vote, stranger))).status).to.equal(412);
    expect((await exchangeRaw(port, post(2n, vote, { [Header.incarnation]: 'first' }))).status).to.equal(204);
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

  it('remembers few strangers, and any number of peers', () => {
    const peers = new Set<bigint>();
    const incarnations = new Incarnations('own', (id) => peers.has(id));
    for (let id = 1n; id <= 200n; id++) incarnations.remember(id, 'first');
    const known = (): number =>
      Array.from({ length: 400 }, (_, i) => incarnations.of(BigInt(i + 1))).filter((seen) => seen !== undefined).length;
    expect(known()).to.equal(MAX_STRANGER_INCARNATIONS);
    for (let id = 201n; id <= 300n; id++) {
      peers.add(id);
      incarnations.remember(id, 'first');
      incarnations.remember(id, 'second');
      expect(incarnations.of(id)).to.equal('first');
      expect(incarnations.isOther(id, 'second')).to.equal(true);
      expect(incarnations.isOther(id, undefined)).to.equal(false);
    }
    expect(known()).to.equal(MAX_STRANGER_INCARNATIONS + 100);
  });
});
