/**
 * A member has two outboxes: what may leave at once, and what must wait until its unstable state is on disk. These
 * functions play a disk that is done at once.
 */
import { type Entry, type Message, MessageType } from '@raft-ts/proto';
import { describeMessage, type MemoryStorage } from '@raft-ts/raft';
import { appendEntry, bcastAppend, type Raft, type StepOutcome } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { checkMember } from './invariants.js';
import { acceptAndReply } from './messages.js';

/** Steps a message and checks what must hold afterwards. */
export function step(r: Raft, m: Message): StepOutcome {
  const outcome = r.step(m);
  checkMember(r);
  return outcome;
}

/** Lets `n` ticks pass and checks after each what must hold. */
export function tick(r: Raft, n = 1): void {
  for (let i = 0; i < n; i++) {
    r.tick();
    checkMember(r);
  }
}

/** Takes out what waits for the disk. */
export function takeMessagesAfterAppend(r: Raft): Message[] {
  const messages = r.msgsAfterAppend;
  r.msgsAfterAppend = [];
  return messages;
}

/** Steps what the member sent to itself and releases the rest. */
export function stepOrSend(r: Raft, messages: readonly Message[]): void {
  for (const m of messages) {
    if (m.to === r.id) step(r, m);
    else r.msgs.push(m);
  }
}

/** The disk is done; its acknowledgements to the member itself may bring forth more that waits. */
export function advanceMessagesAfterAppend(r: Raft): void {
  for (let waiting = takeMessagesAfterAppend(r); waiting.length > 0; waiting = takeMessagesAfterAppend(r)) {
    stepOrSend(r, waiting);
  }
}

/** Everything the member has sent, the disk being done. */
export function readMessages(r: Raft): Message[] {
  advanceMessagesAfterAppend(r);
  checkMember(r);
  const messages = r.msgs;
  r.msgs = [];
  return messages;
}

/** The only message that the member has sent. */
export function expectOneMessage(r: Raft): Message {
  const messages = readMessages(r);
  expect(messages.map((m) => describeMessage(m))).to.have.lengthOf(1);
  return messages[0] as Message;
}

/** Writes what is unstable to the store, and applies and returns what is committed. */
export function nextEnts(r: Raft, storage: MemoryStorage): readonly Entry[] {
  storage.append(r.raftLog.unstable.nextEntries());
  r.raftLog.unstable.stableTo(r.raftLog.lastEntryId());
  advanceMessagesAfterAppend(r);
  const entries = r.raftLog.nextCommittedEnts(true);
  r.raftLog.appliedTo(r.raftLog.committed, 0);
  checkMember(r);
  return entries;
}

/** Appends to a leader's log, which must take it. */
export function mustAppendEntry(r: Raft, ...entries: readonly Entry[]): void {
  if (!appendEntry(r, entries)) throw new Error('entry was dropped');
}

/** Brings the empty entry of a new leader to all followers, and commits, stores and applies it. */
export function commitNoopEntry(r: Raft, storage: MemoryStorage): void {
  expect(r.state).to.equal('StateLeader');
  bcastAppend(r);
  for (const m of readMessages(r)) {
    expect(m.type, describeMessage(m)).to.equal(MessageType.MsgApp);
    expect(m.entries, describeMessage(m)).to.have.lengthOf(1);
    expect(m.entries[0]?.data, describeMessage(m)).to.equal(undefined);
    step(r, acceptAndReply(m));
  }
  readMessages(r);
  storage.append(r.raftLog.unstable.nextEntries());
  r.raftLog.appliedTo(r.raftLog.committed, 0);
  r.raftLog.unstable.stableTo(r.raftLog.lastEntryId());
  checkMember(r);
}
