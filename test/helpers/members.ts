import type { NodeId } from '@raft-ts/proto';
import { type Config, MemoryStorage, RawNode, type Storage, silentLogger } from '@raft-ts/raft';
import { Raft } from '@raft-ts/raft/internal';
import { index } from './entries.js';
import { readMessages } from './outbox.js';
import { testRandom } from './random.js';
import { newTestMemoryStorage, withPeers } from './storage.js';

/** What a test wants different from `newTestConfig`'s values. */
export type Overrides = Partial<Omit<Config, 'id' | 'storage'>>;

/** Election after 10 ticks and heartbeats after 1 unless told otherwise, no limits of size, 256 appends in flight. */
export function newTestConfig(id: NodeId, storage: Storage, overrides: Overrides = {}): Config {
  return {
    id,
    electionTick: 10,
    heartbeatTick: 1,
    storage,
    maxSizePerMsg: Number.POSITIVE_INFINITY,
    maxInflightMsgs: 256,
    random: testRandom(),
    // What tests do wrong on purpose need not be told.
    logger: silentLogger,
    ...overrides,
  };
}

export function newTestRaft(id: NodeId, storage: Storage, overrides: Overrides = {}): Raft {
  return new Raft(newTestConfig(id, storage, overrides));
}

export function newTestRawNode(id: NodeId, storage: Storage, overrides: Overrides = {}): RawNode {
  return new RawNode(newTestConfig(id, storage, overrides));
}

/** The voters of a small cluster. */
export const three = [1n, 2n, 3n] as const;

/** A member of a cluster of these voters, with an empty log on a store of its own. */
export function newVoter(id: NodeId, voters: readonly NodeId[], overrides: Overrides = {}): Raft {
  return newTestRaft(id, newTestMemoryStorage(withPeers(...voters)), overrides);
}

export const preVoteConfig: Overrides = { preVote: true };

/** A member for a `Network` that has entries of these terms and has not voted in the last of them. */
export function entsWithConfig(overrides: Overrides, ...terms: readonly number[]): Raft {
  const storage = new MemoryStorage();
  storage.append(index(1).terms(...terms));
  const r = newTestRaft(1n, storage, { electionTick: 5, ...overrides });
  r.reset(terms.at(-1) ?? 0);
  return r;
}

/** A member for a `Network` with an empty log that has voted for `vote` in `term`. */
export function votedWithConfig(overrides: Overrides, vote: NodeId, term: number): Raft {
  const storage = new MemoryStorage();
  storage.setHardState({ term, vote, commit: 0 });
  const r = newTestRaft(1n, storage, { electionTick: 5, ...overrides });
  r.reset(term);
  return r;
}

/** Campaigns and wins without asking anybody; nothing is broadcast. */
export function makeLeader(r: Raft): void {
  r.becomeCandidate();
  r.becomeLeader();
}

/** The leader of these voters in its first term, with nothing waiting to be sent. */
export function leaderOf(voters: readonly NodeId[], overrides: Overrides = {}): Raft {
  const r = newVoter(1n, voters, overrides);
  makeLeader(r);
  readMessages(r);
  return r;
}
