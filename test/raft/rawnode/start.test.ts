import { type Entry, isNewLog, joinNode, MemoryStorage, RawNode, startNode } from '@raft-ts/raft';
import { expect } from 'chai';
import { entry, newTestConfig } from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';

describe('the beginning of a cluster', () => {
  const peers = [{ id: 1n }, { id: 2n }];

  function used(): MemoryStorage {
    const storage = new MemoryStorage();
    storage.append([entry(1, 1)]);
    return storage;
  }

  it('needs members', () => {
    const rawNode = new RawNode(newTestConfig(1n, new MemoryStorage()));
    expect(() => rawNode.bootstrap([]))
      .to.throw('must provide at least one peer to Bootstrap')
      .that.includes({ code: 'ERR_RAFT_BOOTSTRAP' });
    expect(() => startNode(newTestConfig(1n, new MemoryStorage()), []))
      .to.throw('no peers given; use RestartNode instead')
      .that.includes({ name: 'RaftPanic', rule: 'peers-for-start' });
  });

  it('needs an empty log', () => {
    const rawNode = new RawNode(newTestConfig(1n, used()));
    expect(() => rawNode.bootstrap(peers))
      .to.throw("can't bootstrap a nonempty Storage")
      .that.includes({ code: 'ERR_RAFT_BOOTSTRAP' });
    expect(rawNode.raft.term).to.equal(0);
    expect(rawNode.raft.raftLog.lastIndex()).to.equal(1);
  });

  it('is skipped by startNode where the log is not empty, as etcd does, with a warning', async () => {
    const logger = new RecordingLogger();
    const node = startNode({ ...newTestConfig(1n, used()), logger }, peers);
    expect(logger.lines).to.include(
      "warn error occurred during starting a new node: can't bootstrap a nonempty Storage",
    );
    expect([...node.status().progress.keys()]).to.deep.equal([]);
    await node.stop();
  });

  it('is skipped by startNode without a logger too', async () => {
    const node = startNode(newTestConfig(1n, used()), peers);
    expect(node.status().hardState.commit).to.equal(0);
    await node.stop();
  });

  it('ends in startNode where storage fails', () => {
    const storage = new MemoryStorage();
    const logger = new RecordingLogger();
    logger.onLine = (line) => {
      if (!line.startsWith('info newRaft')) return;
      // From here on the member is built.
      storage.lastIndex = () => {
        throw new Error('disk on fire');
      };
    };
    expect(() => startNode({ ...newTestConfig(1n, storage), logger }, peers)).to.throw(Error, 'disk on fire');
    expect(logger.lines.filter((line) => line.startsWith('warn'))).to.deep.equal([]);
  });

  describe('that a crash has cut short', () => {
    /** The entries that this founding begins a log with. */
    function founding(ids: readonly bigint[]): Entry[] {
      const rawNode = new RawNode(newTestConfig(1n, new MemoryStorage()));
      rawNode.bootstrap(ids.map((id) => ({ id })));
      return [...rawNode.ready().entries];
    }

    /** A log with these entries, and no hard state. */
    function left(entries: readonly Entry[]): MemoryStorage {
      const storage = new MemoryStorage();
      storage.append(entries);
      return storage;
    }

    const all = [1n, 2n, 3n];

    it('is told from a log that has begun', () => {
      expect(isNewLog(new MemoryStorage())).to.equal(true);
      for (const count of [1, 2, 3]) expect(isNewLog(left(founding(all).slice(0, count)))).to.equal(true);
      expect(isNewLog(left([...founding(all), entry(1, 4)])), 'a normal entry').to.equal(false);
      expect(isNewLog(left(founding(all).map((one) => ({ ...one, term: 2 })))), 'a later term').to.equal(false);
      const begun = left(founding(all));
      begun.setHardState({ term: 1, vote: 0n, commit: 3 });
      expect(isNewLog(begun), 'a hard state').to.equal(false);
      begun.createSnapshot(3, { ...begun.initialState().confState, voters: all }, undefined);
      begun.compact(3);
      begun.setHardState({ term: 0, vote: 0n, commit: 0 });
      expect(isNewLog(begun), 'a snapshot').to.equal(false);
    });

    for (const [what, before] of [
      ['some of the same members', [1n, 2n]],
      ['the same members', all],
      ['others, and more of them', [1n, 7n, 8n, 9n]],
    ] as const) {
      it(`is done again: it had come to ${what}`, () => {
        const rawNode = new RawNode(newTestConfig(1n, left(founding(before))));
        rawNode.bootstrap(all.map((id) => ({ id })));
        const { entries, hardState, committedEntries } = rawNode.ready();
        expect(entries).to.deep.equal(founding(all));
        expect(hardState).to.deep.equal({ term: 1, vote: 0n, commit: 3 });
        expect(committedEntries).to.deep.equal(founding(all));
        expect(rawNode.raft.raftLog.lastIndex()).to.equal(3);
      });
    }

    it('is forgotten by a member that joins a cluster instead', async () => {
      const node = joinNode(newTestConfig(1n, left(founding(all))));
      expect(node.status().hardState.commit).to.equal(0);
      await node.stop();
    });
  });
});
