import { type ConfState, type Entry, EntryType, emptyConfState } from '@raft-ts/proto';
import { type InitialState, MemoryStorage, RaftError, RawNode } from '@raft-ts/raft';
import { marshalConfChange } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { addLearner, addNode, changeV2, entry, newTestConfig, removeNode } from '../../helpers/index.js';

type Change = Parameters<typeof marshalConfChange>[0];

function changeAt(index: number, cc: Change): Entry {
  const { type, data } = marshalConfChange(cc);
  return { type, term: 1, index, data };
}

const members = (voters: bigint[], learners: bigint[] = []): ConfState => ({ ...emptyConfState(), voters, learners });

/** A log that begins with the founders 1 to 3, then `rest`; `commit` is what storage happened to know. */
function logOf(rest: readonly Entry[], commit: number): MemoryStorage {
  const storage = new MemoryStorage();
  storage.append([1n, 2n, 3n].map((id, i) => changeAt(i + 1, addNode(id))));
  storage.append(rest);
  storage.setHardState({ term: 1, vote: 2n, commit });
  return storage;
}

function start(storage: MemoryStorage, applied: number): RawNode {
  return new RawNode(newTestConfig(1n, storage, { applied }));
}

function votersOf(rawNode: RawNode): { voters: bigint[]; learners: bigint[] } {
  const { voters, learners } = rawNode.raft.trk.config.confState();
  return { voters: [...voters], learners: [...learners] };
}

describe('Config.applied: an application that keeps its own state and applied index', () => {
  it('restarts after a crash, if it has applied more than storage knows to be committed', () => {
    const storage = logOf([entry(1, 4, 'a'), entry(1, 5, 'b'), entry(1, 6, 'c')], 3);
    const rawNode = start(storage, 5);
    const { raftLog } = rawNode.raft;
    expect([raftLog.committed, raftLog.applied, raftLog.applying]).to.deep.equal([5, 5, 5]);
    expect(votersOf(rawNode).voters).to.deep.equal([1n, 2n, 3n]);
    // What was applied must not be handed out again; the raised commit must be saved.
    const rd = rawNode.ready();
    expect(rd.committedEntries).to.deep.equal([]);
    expect(rd.hardState).to.deep.equal({ term: 1, vote: 2n, commit: 5 });
    // A commit can be learned again: nothing needs to be synced for it.
    expect(rd.mustSync).to.equal(false);
  });

  it('restarts after an orderly stop with the membership of the entries that it has applied', () => {
    const storage = logOf([changeAt(4, addNode(4n)), changeAt(5, addLearner(5n)), changeAt(6, removeNode(2n))], 6);
    expect(votersOf(start(storage, 3))).to.deep.equal({ voters: [1n, 2n, 3n], learners: [] });
    expect(votersOf(start(storage, 4))).to.deep.equal({ voters: [1n, 2n, 3n, 4n], learners: [] });
    expect(votersOf(start(storage, 5))).to.deep.equal({ voters: [1n, 2n, 3n, 4n], learners: [5n] });
    const rawNode = start(storage, 6);
    expect(votersOf(rawNode)).to.deep.equal({ voters: [1n, 3n, 4n], learners: [5n] });
    expect(rawNode.hasReady()).to.equal(false);
  });

  it('gets what it has not applied, and no change twice', () => {
    const storage = logOf([changeAt(4, addNode(4n)), entry(1, 5, 'a')], 5);
    const rd = start(storage, 4).ready();
    expect(rd.committedEntries.map(({ index }) => index)).to.deep.equal([5]);
    expect(rd.hardState).to.equal(undefined);
  });

  it('goes on from a snapshot, and from a joint configuration', () => {
    const storage = logOf([changeAt(4, addNode(4n)), changeAt(5, changeV2('r1 v5')), entry(1, 6)], 6);
    storage.createSnapshot(4, members([1n, 2n, 3n, 4n]), undefined);
    storage.compact(2);
    const rawNode = start(storage, 5);
    const { voters, votersOutgoing, autoLeave } = rawNode.raft.trk.config.confState();
    expect({ voters: [...voters], votersOutgoing: [...votersOutgoing], autoLeave }).to.deep.equal({
      voters: [2n, 3n, 4n, 5n],
      votersOutgoing: [1n, 2n, 3n, 4n],
      autoLeave: true,
    });
  });

  it('skips a change that no member could carry out', () => {
    const storage = logOf([changeAt(4, changeV2('')), changeAt(5, addNode(4n))], 5);
    expect(votersOf(start(storage, 5)).voters).to.deep.equal([1n, 2n, 3n, 4n]);
  });

  it('may keep the latest ConfState itself, and says for which index it counts', () => {
    class Latest extends MemoryStorage {
      override initialState(): InitialState {
        return { ...super.initialState(), confState: members([1n, 3n]), confStateIndex: 5 };
      }
    }
    const storage = new Latest();
    storage.append([1n, 2n, 3n].map((id, i) => changeAt(i + 1, addNode(id))));
    // The application has rejected the first of these two changes, so the log alone does not tell the membership.
    storage.append([changeAt(4, addNode(9n)), changeAt(5, removeNode(2n)), changeAt(6, addNode(4n))]);
    storage.setHardState({ term: 1, vote: 2n, commit: 6 });
    expect(votersOf(start(storage, 6)).voters).to.deep.equal([1n, 3n, 4n]);
  });

  const refused: readonly [what: string, applied: number, reason: string][] = [
    ['beyond the end of the log', 7, 'applied-beyond-log'],
    ['before the snapshot that the log begins after', 2, 'applied-before-log'],
  ];
  for (const [what, applied, reason] of refused) {
    it(`is refused ${what}, with a code and what to do`, () => {
      const storage = logOf([entry(1, 4), entry(1, 5), entry(1, 6)], 6);
      storage.createSnapshot(4, members([1n, 2n, 3n]), undefined);
      storage.compact(4);
      expect(() => start(storage, applied))
        .to.throw(RaftError, `applied ${applied} is `)
        .that.includes({ code: 'ERR_RAFT_CONFIG', reason });
    });
  }

  it('is refused if storage says nonsense about its ConfState', () => {
    class Wrong extends MemoryStorage {
      override initialState(): InitialState {
        return { ...super.initialState(), confStateIndex: 9 };
      }
    }
    const storage = new Wrong();
    storage.append([{ type: EntryType.EntryNormal, term: 1, index: 1, data: undefined }]);
    storage.setHardState({ term: 1, vote: 1n, commit: 1 });
    expect(() => start(storage, 1))
      .to.throw(RaftError)
      .that.includes({ reason: 'conf-state-index' });
  });
});
