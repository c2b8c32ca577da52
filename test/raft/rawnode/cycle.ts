import { type ConfState, isConfChangeEntry, type MemoryStorage, type RawNode, type Ready } from '@raft-ts/raft';
import { expect } from 'chai';
import { checkMember } from '../../helpers/index.js';

/** Writes to storage what a Ready holds. */
export function save(rd: Ready, storage: MemoryStorage): void {
  if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
  if (rd.snapshot !== undefined) storage.applySnapshot(rd.snapshot);
  storage.append(rd.entries);
}

/** Carries out the membership changes that a Ready commits; returns what the last one led to. */
export function applyChanges(rawNode: RawNode, rd: Ready): ConfState | undefined {
  let confState: ConfState | undefined;
  for (const entry of rd.committedEntries) {
    if (isConfChangeEntry(entry)) confState = rawNode.applyConfChangeEntry(entry);
  }
  return confState;
}

/** Does what the next Ready asks for, and returns it. */
export function cycle(rawNode: RawNode, storage: MemoryStorage): Ready {
  const rd = rawNode.ready();
  save(rd, storage);
  applyChanges(rawNode, rd);
  rawNode.advance();
  checkMember(rawNode.raft);
  return rd;
}

/** Campaigns, and cycles until this member, the only voter, leads and has nothing to do. */
export function lead(rawNode: RawNode, storage: MemoryStorage): void {
  rawNode.campaign();
  while (rawNode.hasReady()) cycle(rawNode, storage);
  expect(rawNode.raft.state).to.equal('StateLeader');
}
