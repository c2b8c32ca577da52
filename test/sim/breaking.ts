import { type ConfState, type Entry, emptyConfState, type Message, type MessageType, newMessage } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { type RuleName, Violation } from '@raft-ts/sim';
import { Disk, Member, RunHash, rules } from '@raft-ts/sim/internal';
import { expect } from 'chai';

const { History } = rules;

export function member(id: bigint): Member {
  return new Member(id, new Disk(new RunHash()), false);
}

/** A member whose disk holds these entries, after a hard state. */
export function stored(id: bigint, term: number, entries: readonly Entry[]): Member {
  const one = member(id);
  one.disk.save({ term, vote: 0n, commit: 0 }, entries, undefined);
  one.disk.sync(one.disk.end);
  one.durableTerm = term;
  return one;
}

export function written(history: InstanceType<typeof History>, one: Member, entries: readonly Entry[]): Member {
  rules.logMatching(history, one, entries);
  return one;
}

export function voters(...ids: bigint[]): ConfState {
  return { ...emptyConfState(), voters: ids };
}

/** As much of a member's raft as the rules look at. */
export function raft(of: object): Raft {
  return of as unknown as Raft;
}

export function sending(type: MessageType, fields: Partial<Message>): Message {
  return Object.assign(newMessage(type, 2n), { from: 1n, term: 2 }, fields);
}

export function breaks(rule: RuleName, act: () => unknown): void {
  let caught: unknown;
  try {
    act();
  } catch (error) {
    caught = error;
  }
  expect(caught, rule).to.be.instanceOf(Violation);
  expect((caught as Violation).rule).to.equal(rule);
  expect((caught as Violation).message).to.match(/^(A|The|Member|Members|After|Entry) .*\.$/);
}
