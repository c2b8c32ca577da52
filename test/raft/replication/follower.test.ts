import { type Message, MessageType, NONE } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  expectOneMessage,
  index,
  message,
  newTestMemoryStorage,
  newTestRaft,
  type Overrides,
  snapshotOf,
  step,
  three,
  tick,
  withPeers,
} from '../../helpers/index.js';

/** A follower at term 1 with entries 1 to 8, five of them committed, that campaigns after 10 ticks. */
function follower(overrides: Overrides = {}): Raft {
  const storage = newTestMemoryStorage(withPeers(...three));
  storage.append(index(1).terms(1, 1, 1, 1, 1, 1, 1, 1));
  storage.setHardState({ term: 1, vote: NONE, commit: 5 });
  return newTestRaft(1n, storage, { random: () => 0, ...overrides });
}

function fromLeader(fields: Partial<Message> & Pick<Message, 'type'>): Message {
  return message({ from: 2n, to: 1n, term: 1, ...fields });
}

const signs: [what: string, sign: () => Message][] = [
  ['an append', () => fromLeader({ type: MessageType.MsgApp, index: 8, logTerm: 1, commit: 5 })],
  ['a heartbeat', () => fromLeader({ type: MessageType.MsgHeartbeat, commit: 5 })],
  ['a snapshot', () => fromLeader({ type: MessageType.MsgSnap, snapshot: snapshotOf(3, 1, withPeers(...three)) })],
];

describe('a follower', () => {
  for (const [what, sign] of signs) {
    it(`does not campaign against a leader of whom it has just had ${what}`, () => {
      const r = follower();
      tick(r, 9);
      step(r, sign());
      tick(r, 9);
      expect(r.state).to.equal('StateFollower');
      tick(r);
      expect(r.state).to.equal('StateCandidate');
    });

    it(`knows its leader from ${what} of the term that it is in`, () => {
      const r = follower();
      expect(r.lead).to.equal(NONE);
      step(r, sign());
      expect(r.lead).to.equal(2n);
    });
  }

  it('acknowledges with a snapshot that it ignores what is committed, not the rest of its log', () => {
    const r = follower();
    step(r, fromLeader({ type: MessageType.MsgSnap, snapshot: snapshotOf(3, 1, withPeers(...three)) }));
    expect(expectOneMessage(r)).to.include({ type: MessageType.MsgAppResp, index: 5, reject: false });
  });
});

describe('a follower that is to forget its leader', () => {
  const forget = message({ type: MessageType.MsgForgetLeader, to: 1n });

  it('does not where its leader serves reads by lease', () => {
    const r = follower({ checkQuorum: true, readOnlyOption: 'ReadOnlyLeaseBased' });
    r.becomeFollower(1, 2n);
    step(r, forget);
    expect(r.lead).to.equal(2n);
  });

  it('says so once: without a leader there is nothing to forget', () => {
    const said: string[] = [];
    const say = (text: string) => said.push(text);
    const r = follower({ logger: { debugEnabled: true, debug: say, info: say, warn: say, error: say } });
    r.becomeFollower(1, 2n);
    said.length = 0;
    step(r, forget);
    step(r, forget);
    expect(r.lead).to.equal(NONE);
    expect(said).to.deep.equal(['1 forgetting leader 2 at term 1']);
  });
});
