import { MemoryStorage, type Message, RawNode, silentLogger } from '@raft-ts/raft';
import { StrictError, type StrictOptions, type StrictRule, strict } from '@raft-ts/raft/strict';
import { expect } from 'chai';
import { snapshotOf, withPeers } from '../../helpers/storage.js';

/** A storage that begins with a snapshot of index 1 and term 1, which names these voters. */
export function founded<T extends MemoryStorage>(storage: T, voters: readonly bigint[]): T {
  storage.applySnapshot(snapshotOf(1, 1, withPeers(...voters)));
  storage.setHardState({ term: 1, vote: 0n, commit: 1 });
  return storage;
}

export const limits = { electionTick: 10, heartbeatTick: 1, maxSizePerMsg: 4096, maxInflightMsgs: 256 };

/** Member 1 of these voters under strict mode, its storage, and what its transport sent. */
export function strictMember({
  voters = [1n, 2n, 3n],
  storage = new MemoryStorage(),
  ...options
}: { voters?: readonly bigint[]; storage?: MemoryStorage } & Omit<StrictOptions, 'asyncStorageWrites'> = {}) {
  founded(storage, voters);
  const rawNode = new RawNode({ id: 1n, storage, logger: silentLogger, ...limits });
  const sent: Message[] = [];
  const watched = strict(rawNode, storage, { send: (messages) => void sent.push(...messages) }, options);
  return { ...watched, rawNode, storage, sent };
}

/** As `strictMember`, with asynchronous storage writes. */
export function strictAsyncMember(voters: readonly bigint[] = [1n, 2n, 3n]) {
  const storage = founded(new MemoryStorage(), voters);
  const rawNode = new RawNode({ id: 1n, storage, logger: silentLogger, asyncStorageWrites: true, ...limits });
  const sent: Message[] = [];
  const send = (messages: readonly Message[]): void => void sent.push(...messages);
  const watched = strict(rawNode, storage, { send }, { asyncStorageWrites: true });
  return { ...watched, rawNode, storage, sent };
}

/** Expects that this rule is broken, and returns the error. */
export function expectBroken(rule: StrictRule, what: () => unknown): StrictError {
  let thrown: unknown;
  try {
    what();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, `nothing breaks ${rule}`).to.be.instanceOf(StrictError);
  const error = thrown as StrictError;
  expect(error.rule, error.message).to.equal(rule);
  return error;
}
