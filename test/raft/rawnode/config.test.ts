import { LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, MemoryStorage, type Storage } from '@raft-ts/raft';
import { Raft, resolveConfig } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { compactAnyway, newTestConfig, type Overrides } from '../../helpers/index.js';

describe('a configuration', () => {
  const storage = new MemoryStorage();

  const refused: [string, Overrides & { id?: unknown; storage?: unknown }, string][] = [
    ['an id that is a number', { id: 1 }, 'id must be a bigint of 64 bits, not 1'],
    ['a negative id', { id: -1n }, 'id must be a bigint of 64 bits, not -1'],
    ['an id of 65 bits', { id: 2n ** 64n }, 'id must be a bigint of 64 bits, not 18446744073709551616'],
    ['the id of nobody', { id: 0n }, 'cannot use none as id'],
    ['the id of the append thread', { id: LOCAL_APPEND_THREAD }, 'cannot use local target as id'],
    ['the id of the apply thread', { id: LOCAL_APPLY_THREAD }, 'cannot use local target as id'],
    ['no heartbeats', { heartbeatTick: 0 }, 'heartbeat tick must be greater than 0'],
    [
      'elections as often as heartbeats',
      { electionTick: 2, heartbeatTick: 2 },
      'election tick must be greater than heartbeat tick',
    ],
    ['no storage', { storage: undefined }, 'storage cannot be nil'],
    ['null for its storage', { storage: null }, 'storage cannot be nil'],
    ['no room for appends in flight', { maxInflightMsgs: 0 }, 'max inflight messages must be greater than 0'],
    ['half a tick', { electionTick: 10.5 }, 'electionTick must be a whole number, not 10.5'],
    ['a negative size', { maxSizePerMsg: -1 }, 'maxSizePerMsg must be a whole number, not -1'],
    ['a size that is no number', { maxSizePerMsg: Number.NaN }, 'maxSizePerMsg must be a whole number, not NaN'],
    ['a switch that is a text', { guardConfChanges: 'false' as unknown as boolean }, 'guardConfChanges'],
    [
      'fewer bytes in flight than in one message',
      { maxSizePerMsg: 2048, maxInflightBytes: 2047 },
      'max inflight bytes must be >= max message size',
    ],
    [
      'reads by lease that nobody keeps',
      { readOnlyOption: 'ReadOnlyLeaseBased' },
      'CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased',
    ],
  ];
  for (const [name, overrides, text] of refused) {
    it(`is refused with ${name}`, () => {
      const config = { ...newTestConfig(1n, storage), ...overrides } as ReturnType<typeof newTestConfig>;
      expect(() => new Raft(config))
        .to.throw(text)
        .that.includes({ name: 'RaftError', code: 'ERR_RAFT_CONFIG' });
    });
  }

  it('means no limit by 0, but one entry a message by a maxSizePerMsg of 0', () => {
    const limits = { maxUncommittedEntriesSize: 0, maxInflightBytes: 0, maxCommittedSizePerReady: 0 };
    const { maxSizePerMsg, ...rest } = resolveConfig(newTestConfig(1n, storage, { ...limits, maxSizePerMsg: 0 }));
    expect(maxSizePerMsg).to.equal(0);
    expect(rest).to.include({
      maxUncommittedEntriesSize: Number.POSITIVE_INFINITY,
      maxInflightBytes: Number.POSITIVE_INFINITY,
      // A budget, which one byte makes one entry at a time: with none nothing would ever be applied.
      maxCommittedSizePerReady: 1,
    });
  });
});

describe('a member whose storage contradicts itself', () => {
  const commit = (at: number): Storage => {
    const stored = new MemoryStorage();
    stored.append([
      { type: undefined, term: 1, index: 1, data: undefined },
      { type: undefined, term: 1, index: 2, data: undefined },
    ]);
    compactAnyway(stored, 1);
    stored.setHardState({ term: 1, vote: 0n, commit: at });
    return stored;
  };

  for (const at of [0, 3]) {
    it(`is not started with a commit index of ${at} and a log from 2 to 2`, () => {
      expect(() => new Raft(newTestConfig(10n, commit(at))))
        .to.throw(`a state.commit ${at} is out of range [1, 2]`)
        .that.includes({ name: 'RaftPanic', rule: 'hard-state-in-range' });
    });
  }

  it('is started where it does not', () => {
    expect(new Raft(newTestConfig(10n, commit(2))).raftLog.committed).to.equal(2);
  });
});
