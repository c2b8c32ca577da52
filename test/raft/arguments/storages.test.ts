import { ERR_ARGUMENT, emptyConfState } from '@raft-ts/proto';
import { MemoryStorage, RaftPanic, RawNode, type Storage } from '@raft-ts/raft';
import { expect } from 'chai';
import { bytes, entry, newTestConfig, newTestMemoryStorage, withPeers } from '../../helpers/index.js';

/** A store of voter 1 with one committed entry, some of whose answers are these. */
function answering(answers: Partial<Record<keyof Storage, unknown>>): RawNode {
  const storage = newTestMemoryStorage(withPeers(1n));
  storage.append([entry(1, 1, 'a'), entry(1, 2, 'b')]);
  storage.setHardState({ term: 1, vote: 1n, commit: 2 });
  for (const [call, answer] of Object.entries(answers)) Object.assign(storage, { [call]: () => answer });
  return new RawNode(newTestConfig(1n, storage));
}

describe('answers of a storage', () => {
  const confState = { ...emptyConfState(), voters: [1n] };
  const atStart: readonly [string, Partial<Record<keyof Storage, unknown>>, string][] = [
    ['a promise of the first state', { initialState: Promise.resolve({}) }, 'initialState().confState'],
    ['no first state', { initialState: undefined }, 'initialState()'],
    [
      'a bigint as commit',
      { initialState: { hardState: { term: 1, vote: 1n, commit: 2n }, confState } },
      'initialState().hardState.commit',
    ],
    [
      'numbers as voters',
      { initialState: { hardState: undefined, confState: { ...confState, voters: [1] } } },
      'initialState().confState.voters[0]',
    ],
    ['no first index', { firstIndex: undefined }, 'firstIndex()'],
    ['a bigint as last index', { lastIndex: 2n }, 'lastIndex()'],
    ['a term that is none', { term: '1' }, 'term(2)'],
  ];
  for (const [what, answers, where] of atStart) {
    it(`${what}: the start is refused, and says which answer is wrong`, () => {
      expect(() => answering(answers))
        .to.throw(RaftPanic, `Storage.${where} is`)
        .with.property('rule', 'storage-answer');
    });
  }

  const whenRead: readonly [string, unknown, string][] = [
    ['a promise of entries', Promise.resolve([]), ''],
    ['no entry at all', [], '.length'],
    ['more entries than were asked for', [entry(1, 1), entry(1, 2), entry(1, 3)], '.length'],
    ['entries of other places', [entry(1, 2)], '[0].index'],
    ['text as data', [{ ...entry(1, 1), data: 'a' }], '[0].data'],
    ['a bigint as term', [{ ...entry(1, 1), term: 1n }], '[0].term'],
  ];
  for (const [what, entries, where] of whenRead) {
    it(`${what}: nothing is handed to the application`, () => {
      const rawNode = answering({ entries });
      expect(() => rawNode.ready())
        .to.throw(RaftPanic, `Storage.entries(1, 3)${where} is`)
        .with.property('rule', 'storage-answer');
    });
  }
});

describe('arguments of MemoryStorage', () => {
  it('are checked before anything is changed', () => {
    const storage = new MemoryStorage();
    storage.append([entry(1, 1, 'a')]);
    const calls: readonly [() => unknown, string][] = [
      [() => storage.append([{ ...entry(1, 2), data: 'b' as never }]), 'entries[0].data'],
      [() => storage.append(undefined as never), 'entries'],
      [() => storage.setHardState({ term: 1, vote: 1 as never, commit: 0 }), 'hardState.vote'],
      [() => storage.createSnapshot('1' as never, emptyConfState(), undefined), 'index'],
      [() => storage.createSnapshot(1, { voters: [1n] } as never, undefined), 'confState.learners'],
      [() => storage.createSnapshot(1, { ...emptyConfState(), voters: [1n] }, 'data' as never), 'data'],
      [() => storage.applySnapshot({ data: bytes('x') } as never), 'snapshot.metadata'],
      [() => storage.compact(Number.NaN), 'index'],
    ];
    for (const [call, reason] of calls) expect(call).to.throw().that.includes({ code: ERR_ARGUMENT, reason });
    expect(storage.lastIndex()).to.equal(1);
    expect(storage.initialState().hardState).to.equal(undefined);
    expect(storage.snapshot().metadata.index).to.equal(0);
  });
});
