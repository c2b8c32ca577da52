import {
  type Config,
  type ConfState,
  describeStatus,
  MemoryStorage,
  MessageType,
  newMessage,
  RawNode,
} from '@raft-ts/raft';
import { expect } from 'chai';
import { snap } from '../log/fixtures.js';

function rawNode(confState: ConfState): { node: RawNode; work: () => void } {
  const storage = new MemoryStorage();
  storage.applySnapshot({ data: undefined, metadata: { ...snap(0, 0).metadata, confState } });
  const config: Config = {
    id: 26n,
    electionTick: 10,
    heartbeatTick: 1,
    storage,
    maxSizePerMsg: Number.POSITIVE_INFINITY,
    maxInflightMsgs: 4,
  };
  const node = new RawNode(config);
  const work = () => {
    while (node.hasReady()) {
      const ready = node.ready();
      storage.append(ready.entries);
      node.advance();
    }
  };
  return { node, work };
}

const alone: ConfState = { voters: [26n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

describe('status', () => {
  it('of a follower knows nothing of the others', () => {
    const { node } = rawNode(alone);
    const status = node.status();
    expect(status.progress.size).to.equal(0);
    expect(String(status.config)).to.equal('voters=(1a)');
    expect(describeStatus(status)).to.equal(
      '{"id":"1a","term":0,"vote":"0","commit":0,"lead":"0","raftState":"StateFollower","applied":0,"progress":{},"leadtransferee":"0"}',
    );
  });

  it('tells how near an election is, and what votes the last campaign has got', () => {
    const { node } = rawNode({ ...alone, voters: [26n, 27n, 28n] });
    for (let i = 0; i < 3; i++) node.tick();
    const { elapsed, timeout, votes } = node.status().election;
    expect([elapsed, [...votes]]).to.deep.equal([3, []]);
    expect(timeout).to.be.within(10, 19);
    node.campaign();
    expect(node.status().election.elapsed).to.equal(0);
    const vote = { ...newMessage(MessageType.MsgVoteResp, 26n), from: 27n, term: 1, reject: true };
    node.step(vote);
    const { election } = node.status();
    expect(election.votes.get(27n)).to.equal(false);
    expect(describeStatus(node.status()), 'etcd’s text has nothing of it').not.to.contain('election');
  });

  it('of a leader has copies of what it knows, in ascending order of ids', () => {
    const { node, work } = rawNode({ ...alone, learners: [27n, 3n] });
    node.campaign();
    work();
    const status = node.status();
    expect(node.basicStatus()).to.deep.equal({
      id: 26n,
      hardState: { term: 1, vote: 26n, commit: 1 },
      softState: { lead: 26n, raftState: 'StateLeader' },
      applied: 1,
      leadTransferee: 0n,
    });
    expect([...status.progress.keys()]).to.deep.equal([3n, 26n, 27n]);
    const text =
      '{"id":"1a","term":1,"vote":"1a","commit":1,"lead":"1a","raftState":"StateLeader","applied":1,"progress":{' +
      '"3":{"match":0,"next":1,"state":"StateProbe"},"1a":{"match":1,"next":2,"state":"StateReplicate"},' +
      '"1b":{"match":0,"next":1,"state":"StateProbe"}},"leadtransferee":"0"}';
    expect(describeStatus(status)).to.equal(text);
    expect(JSON.parse(text)).to.be.an('object');
    for (const pr of status.progress.values()) pr.becomeSnapshot(99);
    expect(describeStatus(node.status()), 'a status is a copy').to.equal(text);
    expect(JSON.stringify(node.status())).to.equal(text);
    expect(JSON.stringify({ member: node.basicStatus() })).to.equal(
      '{"member":{"id":"1a","term":1,"vote":"1a","commit":1,"lead":"1a","raftState":"StateLeader","applied":1,"leadtransferee":"0"}}',
    );
  });
});
