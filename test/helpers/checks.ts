import { NONE, type NodeId } from '@raft-ts/proto';
import type { StateType } from '@raft-ts/raft';
import type { Progress, Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';

/** What a leader knows of this member, who must be one. */
export function progressOf(r: Raft, id: NodeId): Progress {
  const pr = r.trk.progress.get(id);
  if (pr === undefined) throw new Error(`${r.id} has no progress of ${id}`);
  return pr;
}

/** Overrides the timeout that was drawn, until the next reset draws another. */
export function setRandomizedElectionTimeout(r: Raft, ticks: number): void {
  r.randomizedElectionTimeout = ticks;
}

/** A transfer is over: this is the role, this the leader, and no transfer is under way. */
export function checkLeaderTransferState(r: Raft, state: StateType, lead: NodeId): void {
  expect(r.state).to.equal(state);
  expect(r.lead).to.equal(lead);
  expect(r.leadTransferee).to.equal(NONE);
}

/** Role and term of each of these members, in order. */
export function expectRoles(members: readonly Raft[], ...roles: readonly (readonly [StateType, number])[]): void {
  expect(members.map(({ state, term }) => [state, term])).to.deep.equal(roles);
}
