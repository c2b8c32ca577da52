import { LOCAL_APPEND_THREAD, type Message, MessageType } from '@raft-ts/proto';
import { RawNode } from '@raft-ts/raft';
import { expect } from 'chai';
import { index, message, newTestConfig, newTestMemoryStorage } from '../../helpers/index.js';

describe('a candidate with asynchronous storage writes', () => {
  /** Member 3, whose disk has entries 1 and 2 of term 1. */
  function disk(): ReturnType<typeof newTestMemoryStorage> {
    const storage = newTestMemoryStorage({ voters: [1n, 2n, 3n] });
    storage.append(index(1).terms(1, 1));
    storage.setHardState({ term: 1, vote: 1n, commit: 1 });
    return storage;
  }

  /** It takes entry 3 from its leader, and campaigns before that is written. */
  function campaigning(storage: ReturnType<typeof newTestMemoryStorage>): {
    node: RawNode;
    messages: readonly Message[];
  } {
    const node = new RawNode(newTestConfig(3n, storage, { asyncStorageWrites: true }));
    const entries = index(3).terms(1);
    node.step(
      message({ type: MessageType.MsgApp, from: 1n, to: 3n, term: 1, index: 2, logTerm: 1, commit: 1, entries }),
    );
    node.ready();
    node.campaign();
    return { node, messages: node.ready().messages };
  }

  const isRequest = ({ type }: Message): boolean => type === MessageType.MsgVote;

  it('asks for votes after its term, its vote and its log are stored', () => {
    const { messages } = campaigning(disk());
    expect(messages.filter(isRequest), 'before anything is written').to.deep.equal([]);
    const write = messages.find(({ to }) => to === LOCAL_APPEND_THREAD);
    expect(write).to.deep.include({ term: 2, vote: 3n });
    const asked = (write?.responses ?? []).filter(isRequest).map(({ to, term, index: last }) => ({ to, term, last }));
    expect(asked).to.deep.equal([
      { to: 1n, term: 2, last: 3 },
      { to: 2n, term: 2, last: 3 },
    ]);
  });

  it('is not elected, after a crash, by answers to a request that named a longer log', () => {
    const storage = disk();
    const { messages } = campaigning(storage);
    // What leaves before the crash is answered late; entry 3 and the term were not written.
    const asked = messages.filter(isRequest);
    const node = new RawNode(newTestConfig(3n, storage, { asyncStorageWrites: true }));
    node.campaign();
    const write = node.ready().messages.find(({ to }) => to === LOCAL_APPEND_THREAD);
    for (const response of write?.responses ?? []) if (response.to === 3n) node.step(response);
    for (const { to, term } of asked) node.step(message({ type: MessageType.MsgVoteResp, from: to, to: 3n, term }));
    expect(node.raft.raftLog.lastIndex(), 'without entry 3, which 1 and 2 may have committed').to.equal(2);
    expect(node.raft.state).to.equal('StateCandidate');
  });
});
