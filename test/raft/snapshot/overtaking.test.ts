import { type Entry, EntryType, encodeConfChange, type Message, MessageType } from '@raft-ts/proto';
import { type MemoryStorage, RawNode } from '@raft-ts/raft';
import { expect } from 'chai';
import { addNode, message, newTestConfig, newTestMemoryStorage, snapshotOf, withPeers } from '../../helpers/index.js';

/** Committed, and handed to the application of member 2, which has not carried it out yet. */
const change: Entry = { type: EntryType.EntryConfChange, term: 1, index: 2, data: encodeConfChange(addNode(3n)) };

describe('a snapshot that overtakes membership changes in hand', () => {
  for (const asyncStorageWrites of [false, true]) {
    it(`is refused until they are carried out, with ${asyncStorageWrites ? 'a' : ''}synchronous storage`, () => {
      const storage = newTestMemoryStorage();
      storage.applySnapshot(snapshotOf(1, 1, withPeers(1n, 2n)));
      const node = new RawNode(newTestConfig(2n, storage, { asyncStorageWrites }));
      const append = { type: MessageType.MsgApp, from: 1n, to: 2n, term: 1, index: 1, logTerm: 1 };
      node.step(message({ ...append, entries: [change], commit: 2 }));
      expect(takeCommitted(node, storage)).to.deep.equal([change]);

      // By index 9 member 3 was removed again.
      const snapshot = snapshotOf(9, 1, withPeers(1n, 2n));
      const overtake = (): Message => message({ type: MessageType.MsgSnap, from: 1n, to: 2n, term: 1, snapshot });
      node.step(overtake());
      node.applyConfChangeEntry(change);
      expect(`${node.raft.trk.config}`).to.equal('voters=(1 2 3)');
      expect(node.raft.raftLog.committed).to.equal(2);

      node.step(overtake());
      expect(`${node.raft.trk.config}`).to.equal('voters=(1 2)');
      expect(node.raft.raftLog.committed).to.equal(9);
    });
  }
});

/** Writes what the Readys ask for until committed entries are handed out; returns these, which are not applied. */
function takeCommitted(node: RawNode, storage: MemoryStorage): readonly Entry[] {
  while (node.hasReady()) {
    const rd = node.ready();
    if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
    storage.append(rd.entries);
    if (rd.committedEntries.length > 0) return rd.committedEntries;
    for (const m of rd.messages) {
      if (m.type !== MessageType.MsgStorageAppend) continue;
      for (const response of m.responses) if (response.to === 2n) node.step(response);
    }
  }
  return [];
}
