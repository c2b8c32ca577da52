import { MessageType, RaftError } from '@raft-ts/proto';
import { formatFounders, Header, MAX_FOUNDERS, OTHER_FOUNDERS, parseFounders } from '@raft-ts/rafthttp/internal';
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
  startCluster,
  startMember,
  startServer,
  stopAll,
} from './members.js';

const three = { founders: [3n, 1n, 2n] };
const four = { founders: [1n, 2n, 3n, 4n] };

describe('founders', () => {
  afterEach(stopAll);

  it('members of clusters that others founded refuse each other, and the newcomer is told whose cluster it met', async () => {
    const members = await startCluster(3, { ...three, newLog: false, incarnation: 'kept' });
    const stranger = await startMember(4n, { ...four, newLog: true });
    introduce(stranger, members);
    for (const member of members) introduce(member, [stranger]);
    await eventually('it is told', () => stranger.receiver.removals.length > 0);
    const [removal, ...more] = stranger.receiver.removals;
    expect(removal).to.deep.include({ reason: 'founders', founders: [1n, 2n, 3n] });
    expect(removal?.by).to.have.length(2);
    expect(more).to.deep.equal([]);
    const [a] = members as [Member];
    a.transport.send([append(1n, 4n, 1)]);
    stranger.transport.send([message(MessageType.MsgVote, 4n, 1n, { term: 9 })]);
    await eventually('both are refused', () => {
      return a.receiver.unreachable.includes(4n) && stranger.receiver.unreachable.includes(1n);
    });
    for (const { receiver } of [...members, stranger]) expect(receiver.processed).to.deep.equal([]);
    for (const { receiver } of members) expect(receiver.removals, 'one of three others says so').to.deep.equal([]);
    const warned = a.receiver.log.filter((line) =>
      line.startsWith('warn a peer refuses this member, because its cluster'),
    );
    expect(warned).to.have.length(1);
    expect(warned[0]).to.include('"remote-founders":"1,2,3,4"');
  });

  it('a member whose log is there ends once a majority of the others belong to another cluster', async () => {
    const stray = await startMember(1n, { ...four, newLog: false });
    const others = await Promise.all([2n, 3n].map((id) => startMember(id, { ...three, newLog: false })));
    introduce(stray, others);
    for (const other of others) introduce(other, [stray, ...others]);
    await eventually('it is told', () => stray.receiver.removals.length > 0);
    expect(stray.receiver.removals).to.deep.equal([{ reason: 'founders', by: [2n, 3n], founders: [1n, 2n, 3n] }]);
  });

  it('the order in which they are named, and their addresses, make no difference', async () => {
    const [a, b] = [await startMember(1n, three), await startMember(2n, { founders: [1n, 2n, 3n, 3n] })];
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('they talk', () => openStreams(a) === 2 && openStreams(b) === 2);
  });

  it('who names none, as Go members and members that join do, is not checked, on either side', async () => {
    const [a, joiner] = [await startMember(1n, three), await startMember(9n)];
    introduce(a, [joiner]);
    introduce(joiner, [a]);
    await eventually('they talk', () => openStreams(a) === 2 && openStreams(joiner) === 2);
    const { headers } = await exchangeRaw(joiner.listener.address.port, requestHead('GET', '/raft/probing', 1n));
    expect(headers.map(([name]) => name)).not.to.include(Header.founders);
  });

  it('every way is refused, with the cluster and the founders in the answer', async () => {
    const a = await startMember(1n, three);
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    for (const bytes of everyWay(2n, { [Header.founders]: '1,2' })) {
      const answer = await exchangeRaw(a.listener.address.port, bytes);
      expect(answer).to.include({ status: 412, body: `${OTHER_FOUNDERS}\n` });
      expect(answer.headers).to.deep.include([Header.founders, '1,2,3']);
      expect(answer.headers).to.deep.include([Header.clusterId, CLUSTER.toString(16)]);
    }
    expect(a.receiver.processed).to.deep.equal([]);
  });

  it('an answer of another cluster is none of a peer, even if it is a success', async () => {
    const headers = {
      [Header.version]: '3.7.1',
      [Header.clusterId]: CLUSTER.toString(16),
      [Header.founders]: '7,8',
    };
    const { url } = await startServer((req, res) => {
      req.resume();
      res.writeHead(req.method === 'POST' ? 204 : 200, headers).end();
    });
    const receiver = new Recorder();
    const transport = newTransport(1n, receiver, { ...three, newLog: false });
    transport.addPeer(2n, [url]);
    transport.addPeer(3n, ['http://127.0.0.1:1']);
    transport.send([message(MessageType.MsgVote, 1n, 2n, { term: 1 })]);
    await eventually('reported', () => receiver.unreachable.includes(2n));
    expect(transport.activeSince(2n)).to.equal(undefined);
    expect(receiver.removals).to.deep.equal([]);
  });

  it('what cannot be founders is refused', () => {
    const many = Array.from({ length: MAX_FOUNDERS + 1 }, (_, i) => BigInt(i + 1));
    for (const founders of [[], [0n], [2n ** 64n], many]) {
      expect(() => newTransport(1n, new Recorder(), { founders }))
        .to.throw(RaftError)
        .with.property('code', 'ERR_RAFT_TRANSPORT_OPTIONS');
    }
    expect(newTransport(1n, new Recorder(), { founders: many.slice(1) })).to.be.an('object');
  });

  it('a header is read back, and what is none is nothing', () => {
    const ids = [1n, 10n, 255n, 2n ** 64n - 1n];
    expect(formatFounders([...ids].reverse())).to.equal('1,a,ff,ffffffffffffffff');
    expect(parseFounders(formatFounders(ids))).to.deep.equal(ids);
    for (const text of [undefined, '', ',', '1,', '1,,2', '1,x', '1, 2', '1,'.repeat(1000) + '1']) {
      expect(parseFounders(text), text).to.equal(undefined);
    }
  });
});
