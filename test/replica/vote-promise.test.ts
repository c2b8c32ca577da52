import {
  MemoryStorage,
  type Message,
  MessageType,
  type NodeId,
  newMessage,
  RawNode,
  silentLogger,
} from '@raft-ts/raft';
import { seededRandom, TRANSFER_CONTEXT } from '@raft-ts/raft/internal';
import { Announcer, VotePromise } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { Counter } from './machines.js';
import { VirtualCluster, VirtualTime } from './virtual.js';

const WINDOW_MS = 100;

describe('replica: the promise that a member makes to a leader', () => {
  let time: VirtualTime;
  let raw: RawNode;
  let promise: VotePromise;

  beforeEach(() => {
    time = new VirtualTime();
    const storage = new MemoryStorage();
    const confState = { voters: [1n, 2n, 3n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    storage.applySnapshot({ data: undefined, metadata: { confState, index: 5, term: 3 } });
    storage.setHardState({ term: 3, vote: 0n, commit: 5 });
    raw = new RawNode({
      id: 1n,
      storage,
      electionTick: 10,
      heartbeatTick: 1,
      maxSizePerMsg: 1000,
      maxInflightMsgs: 10,
      applied: 5,
      logger: silentLogger,
    });
    promise = new VotePromise({ raft: raw.raft, clock: time, windowMs: WINDOW_MS, info: () => {} });
  });

  const message = (type: MessageType, from: NodeId, fields: Partial<Message> = {}): Message =>
    Object.assign(newMessage(type, 1n), { from, term: 3, ...fields });

  const take = (one: Message): void => {
    raw.step(one);
    promise.taken(one);
  };

  const admitsVote = (): boolean => promise.admits(message(MessageType.MsgVote, 2n, { term: 4, index: 5, logTerm: 3 }));

  it('holds for an election timeout after a start, whatever the log is', async () => {
    expect(admitsVote()).to.equal(false);
    expect(promise.admits(message(MessageType.MsgPreVote, 2n, { term: 4 }))).to.equal(false);
    await time.advance(WINDOW_MS - 1);
    expect(admitsVote()).to.equal(false);
    await time.advance(1);
    expect(admitsVote()).to.equal(true);
  });

  it('begins anew with each heartbeat of the leader, in time and not in ticks', async () => {
    await time.advance(WINDOW_MS);
    take(message(MessageType.MsgHeartbeat, 3n));
    for (let i = 0; i < 30; i++) raw.tickQuiesced();
    await time.advance(WINDOW_MS - 1);
    expect(admitsVote()).to.equal(false);
    await time.advance(1);
    expect(admitsVote()).to.equal(true);
  });

  it('outlives a message of a later term, which makes raft forget the leader', async () => {
    await time.advance(WINDOW_MS);
    take(message(MessageType.MsgHeartbeat, 3n));
    // The answer to an append that this member sent when it led: late, and of a candidate's term.
    take(message(MessageType.MsgAppResp, 2n, { term: 4 }));
    expect([raw.raft.term, raw.raft.lead]).to.deep.equal([4, 0n]);
    expect(admitsVote()).to.equal(false);
  });

  it('is not renewed by a leader that raft no longer follows', async () => {
    take(message(MessageType.MsgHeartbeat, 3n));
    take(message(MessageType.MsgHeartbeat, 2n, { term: 5 }));
    await time.advance(WINDOW_MS - 1);
    take(message(MessageType.MsgHeartbeat, 3n));
    await time.advance(1);
    expect(promise.isHeld).to.equal(false);
  });

  it('leaves all other messages alone, and the votes that a leader asks for', () => {
    for (const type of [MessageType.MsgApp, MessageType.MsgHeartbeat, MessageType.MsgVoteResp, MessageType.MsgSnap]) {
      expect(promise.admits(message(type, 2n))).to.equal(true);
    }
    expect(promise.admits(message(MessageType.MsgVote, 2n, { term: 4, context: TRANSFER_CONTEXT }))).to.equal(true);
  });

  it('knows a MsgTimeoutNow that came too late by the log, and takes those of other implementations', () => {
    const timeoutNow = (index: number): Message => message(MessageType.MsgTimeoutNow, 3n, { index });
    expect(promise.admits(timeoutNow(5))).to.equal(true);
    take(
      message(MessageType.MsgApp, 3n, {
        index: 5,
        logTerm: 3,
        entries: [{ type: 0, term: 3, index: 6, data: undefined }],
      }),
    );
    expect(promise.admits(timeoutNow(5))).to.equal(false);
    expect(promise.admits(timeoutNow(6))).to.equal(true);
    expect(promise.admits(timeoutNow(0))).to.equal(true);
  });

  describe('in a cluster', () => {
    let group: VirtualCluster<number, number>;

    afterEach(() => group.stop());

    it('keeps a member from campaigning too, though its ticks came early after the heartbeat', async () => {
      const draw = seededRandom(7);
      // Always the shortest of election timeouts.
      const random = (n: number): number => (n > 100 ? draw(n) : 0);
      group = new VirtualCluster(3, () => new Counter(), { random });
      let heard = 0;
      const campaigns: number[] = [];
      group.network.onSend = ({ type, from, to }) => {
        // A millisecond under way.
        if (type === MessageType.MsgHeartbeat && to === follower) heard = group.time.monotonic() + 1;
        if (type === MessageType.MsgPreVote && from === follower) campaigns.push(group.time.monotonic());
      };
      let follower = 0n;
      for (const id of group.ids) {
        await group.startMember(id);
        // So that ticks of different members do not coincide.
        await group.time.advance(3);
      }
      const leader = await group.leader();
      await group.promised();
      [follower] = group.ids.filter((id) => id !== leader.id) as [NodeId];
      await group.time.advance(50);
      group.network.isolate(leader.id, group.ids);
      const last = heard;
      await group.time.until(() => campaigns.length > 0, 'it campaigns');
      expect(campaigns[0]).to.be.at.least(last + WINDOW_MS);
    });
  });

  describe('is announced', () => {
    const members = new Map([[1n, 'virtual:1']]);

    const announcer = (propose: () => Promise<unknown>, promising: Set<NodeId>, said: string[] = []): Announcer =>
      new Announcer({
        id: 1n,
        raft: raw.raft,
        group: { members, promising },
        propose,
        restTicks: 3,
        info: (text) => said.push(text),
      });

    it('until it is seen, one proposal at a time', async () => {
      const outcomes: (() => void)[] = [];
      const promising = new Set<NodeId>();
      const propose = (): Promise<unknown> =>
        new Promise((_, reject) =>
          outcomes.push(() => reject(Object.assign(new Error('lost'), { outcome: 'unknown' }))),
        );
      const one = announcer(propose, promising);
      one.tick();
      expect(outcomes, 'while there is no leader').to.have.length(0);
      take(message(MessageType.MsgHeartbeat, 3n));
      one.tick();
      one.tick();
      expect(outcomes).to.have.length(1);
      outcomes[0]?.();
      await time.advance(0);
      one.tick();
      one.tick();
      expect(outcomes, 'at rest').to.have.length(1);
      one.tick();
      expect(outcomes).to.have.length(2);
      outcomes[1]?.();
      await time.advance(0);
      promising.add(1n);
      for (let i = 0; i < 5; i++) one.tick();
      expect(outcomes).to.have.length(2);
    });

    for (const [what, outcome, why] of [
      ['write', () => Promise.reject(new Error('there is no such entry')), 'there is no such entry'],
      ['read', () => Promise.resolve(), 'it reads something else'],
    ] as const) {
      it(`once, if its format cannot ${what} it, which it says`, async () => {
        let proposed = 0;
        const said: string[] = [];
        take(message(MessageType.MsgHeartbeat, 3n));
        const propose = (): Promise<unknown> => {
          proposed++;
          return outcome();
        };
        const one = announcer(propose, new Set(), said);
        for (let i = 0; i < 10; i++) {
          one.tick();
          await time.advance(0);
        }
        expect(proposed).to.equal(1);
        expect(said.join()).to.contain(why);
      });
    }
  });
});
