import { type Message, MessageType, NONE, type NodeId } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  bytes,
  type Membership,
  makeLeader,
  message,
  newTestMemoryStorage,
  newTestRaft,
  read,
  readMessages,
  step,
  withPeers,
} from '../../helpers/index.js';

const five = withPeers(1n, 2n, 3n, 4n, 5n);

/** Steps down, leads again at the next term, and commits the first entry of that. */
function lead(r: Raft): void {
  r.becomeFollower(r.term, NONE);
  makeLeader(r);
  readMessages(r);
  const { term } = r;
  for (const from of r.trk.voterNodes().filter((id) => id !== r.id)) {
    step(r, message({ type: MessageType.MsgAppResp, from, to: r.id, term, index: r.raftLog.lastIndex() }));
  }
  readMessages(r);
  expect(r.raftLog.committed).to.equal(r.raftLog.lastIndex());
}

function leaderOf(membership: Membership): Raft {
  const r = newTestRaft(1n, newTestMemoryStorage(membership));
  lead(r);
  return r;
}

/** Asks for a read; returns the context of the heartbeat that it sends out. */
function ask(r: Raft, what: string): Uint8Array | undefined {
  step(r, read(1n, what));
  return readMessages(r).find((m) => m.type === MessageType.MsgHeartbeat)?.context;
}

function confirm(from: NodeId, term: number, context: Uint8Array | undefined): Message {
  return message({ type: MessageType.MsgHeartbeatResp, from, to: 1n, term, context });
}

function answered(r: Raft): (Uint8Array | undefined)[] {
  return r.readStates.map(({ requestCtx }) => requestCtx);
}

describe('a read', () => {
  it('stays confirmed when an older answer of the same member arrives late', () => {
    const r = leaderOf(five);
    const first = ask(r, 'a');
    const second = ask(r, 'b');
    step(r, confirm(2n, 1, second));
    step(r, confirm(2n, 1, first));
    expect(answered(r)).to.deep.equal([]);
    step(r, confirm(3n, 1, second));
    expect(answered(r)).to.deep.equal([bytes('a'), bytes('b')]);
  });

  it('needs both halves of a joint configuration', () => {
    const r = leaderOf({ voters: [1n, 2n, 3n], votersOutgoing: [1n, 4n, 5n] });
    const context = ask(r, 'a');
    step(r, confirm(2n, 1, context));
    step(r, confirm(3n, 1, context));
    expect(answered(r)).to.deep.equal([]);
    step(r, confirm(4n, 1, context));
    expect(answered(r)).to.deep.equal([bytes('a')]);
  });

  it('is not confirmed by what members answered in an earlier term of the same leader', () => {
    const r = leaderOf(five);
    step(r, confirm(2n, 1, ask(r, 'a')));
    lead(r);
    step(r, confirm(3n, 2, ask(r, 'b')));
    expect(answered(r)).to.deep.equal([]);
    step(r, confirm(4n, 2, ask(r, 'b')));
    expect(answered(r)).to.include.deep.members([bytes('b')]);
  });

  it('is forgotten with the term: in between another leader may have committed what it must see', () => {
    const r = leaderOf(five);
    ask(r, 'a');
    lead(r);
    const context = ask(r, 'b');
    step(r, confirm(2n, 2, context));
    step(r, confirm(3n, 2, context));
    expect(answered(r)).to.deep.equal([bytes('b')]);
  });
});
