import { EntryType } from '@raft-ts/proto';
import { type MemoryStorage, RawNode } from '@raft-ts/raft';
import { expect } from 'chai';
import { bytes, newTestConfig, newTestMemoryStorage, withPeers } from '../../helpers/index.js';
import { changeV2 } from '../rawnode/changes.js';

/** Writes and applies until there is nothing to do; collects the reads that may be served. */
function settle(node: RawNode, storage: MemoryStorage): number[] {
  const served: number[] = [];
  while (node.hasReady()) {
    const rd = node.ready();
    if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
    storage.append(rd.entries);
    served.push(...rd.readStates.map(({ index }) => index));
    for (const entry of rd.committedEntries) {
      if ((entry.type ?? EntryType.EntryNormal) !== EntryType.EntryNormal) node.applyConfChangeEntry(entry);
    }
    node.advance();
  }
  return served;
}

function leaderOf(storage: MemoryStorage): RawNode {
  const node = new RawNode(newTestConfig(1n, storage));
  node.campaign();
  settle(node, storage);
  expect(node.raft.state).to.equal('StateLeader');
  return node;
}

describe('reads in a configuration with one voter', () => {
  it('wait after a restart for an entry of the new term: the stored commit index may be behind what was acknowledged', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    const before = leaderOf(storage);
    const { hardState } = storage.initialState();
    before.propose(bytes('acknowledged'));
    settle(before, storage);
    const acknowledged = before.raft.raftLog.applied;
    // The commit index is written lazily, so a crash may lose it.
    storage.setHardState(hardState as NonNullable<typeof hardState>);

    const node = new RawNode(newTestConfig(1n, storage));
    node.campaign();
    // The vote for itself is written, and it leads; its first entry is not written yet.
    const rd = node.ready();
    storage.setHardState(rd.hardState as NonNullable<typeof hardState>);
    node.advance();
    expect(node.raft.state).to.equal('StateLeader');
    expect(node.raft.raftLog.committed).to.be.below(acknowledged);
    node.readIndex(bytes('read'));
    expect(settle(node, storage)).to.deep.equal([acknowledged + 1]);
  });

  it('need the word of the voter if the leader is not that voter itself, but was demoted and leads on', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n));
    const node = new RawNode(newTestConfig(1n, storage));
    node.raft.becomeCandidate();
    node.raft.becomeLeader();
    node.raft.trk.progress.get(2n)?.maybeUpdate(node.raft.raftLog.lastIndex());
    settle(node, storage);
    node.applyConfChange(changeV2('l1'));
    expect(node.raft.state).to.equal('StateLeader');
    expect(`${node.raft.trk.config}`).to.equal('voters=(2) learners=(1)');
    node.readIndex(bytes('read'));
    // Member 2 may have been elected meanwhile, and have committed more.
    expect(settle(node, storage)).to.deep.equal([]);
    expect(node.raft.readOnly.unconfirmedReads).to.have.lengthOf(1);
  });

  it('are answered while the configuration is joint, though nobody else is there to confirm the leader', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    const node = leaderOf(storage);
    node.proposeConfChange(changeV2('v1', 'explicit'));
    settle(node, storage);
    expect(`${node.raft.trk.config}`).to.equal('voters=(1)&&(1)');
    node.readIndex(bytes('read'));
    expect(settle(node, storage)).to.deep.equal([node.raft.raftLog.committed]);
  });
});
