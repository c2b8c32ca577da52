import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Entry, EntryType, ERR_ARGUMENT, emptyConfState, RaftError } from '@raft-ts/proto';
import { DurableStorage, Wal } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { rejection } from '../helpers/waiting.js';

const identity = { nodeId: 1n, clusterId: 1n };
const confState = { ...emptyConfState(), voters: [1n] };

function entry(index: number, type?: Entry['type']): Entry {
  return { type, term: 1, index, data: undefined };
}

describe('DurableStorage and what a program without types hands over', () => {
  let folder: string;
  let storage: DurableStorage;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'raftwal-arguments-'));
    storage = await DurableStorage.open(folder, { nodeId: 1n, clusterId: 1n, segmentSize: 1 << 16 });
    await storage.save({ hardState: { term: 1, vote: 1n, commit: 3 }, entries: [1, 2, 3].map((i) => entry(i)) });
  });

  afterEach(async () => {
    await storage.close();
    rmSync(folder, { recursive: true });
  });

  const wrong: readonly [reason: string, call: (s: DurableStorage) => Promise<unknown>][] = [
    ['entries[0].data', (s) => s.save({ entries: [{ ...entry(4), data: 'hello' as never }] })],
    ['entries', (s) => s.save({ entries: 'hello' as never })],
    ['hardState.vote', (s) => s.save({ hardState: { term: 1, vote: 1 as never, commit: 3 } })],
    ['snapshot.data', (s) => s.save({ snapshot: { data: 'x' as never, metadata: { confState, index: 9, term: 1 } } })],
    ['index', (s) => s.createSnapshot('3' as never, confState, undefined)],
    ['confState.voters', (s) => s.createSnapshot(3, { ...confState, voters: 1n as never }, undefined)],
    ['data', (s) => s.createSnapshot(3, confState, {} as never)],
    ['ready', (s) => s.save('hello' as never)],
    ['dir', () => DurableStorage.open(5 as never, identity)],
    ['options', (s) => DurableStorage.open(s.dir, null as never)],
    ['nodeId', (s) => DurableStorage.open(s.dir, { ...identity, nodeId: 1 as never })],
    ['clusterId', (s) => DurableStorage.open(s.dir, { ...identity, clusterId: -1n })],
    ['segmentSize', (s) => DurableStorage.open(s.dir, { ...identity, segmentSize: '65536' as never })],
    ['keepSnapshots', (s) => DurableStorage.open(s.dir, { ...identity, keepSnapshots: Number.NaN })],
    ['keepSegments', (s) => DurableStorage.open(s.dir, { ...identity, keepSegments: 2 ** 53 })],
  ];
  for (const [reason, call] of wrong) {
    it(`refuses a wrong ${reason}, and goes on as before`, async () => {
      expect(await rejection(call(storage)))
        .to.be.instanceOf(RaftError)
        .that.includes({ code: ERR_ARGUMENT, reason });
      expect(storage.lastIndex()).to.equal(3);
      await storage.save({ entries: [entry(4)], hardState: { term: 1, vote: 1n, commit: 4 } });
      await storage.createSnapshot(4, confState, undefined);
      expect(storage.lastIndex()).to.equal(4);
    });
  }

  it('refuses a snapshot without the membership that belongs to it', async () => {
    const code = 'ERR_RAFT_SNAPSHOT_MEMBERSHIP';
    expect(await rejection(storage.createSnapshot(2, undefined, undefined))).to.include({ code, reason: 'unknown' });
    expect(await rejection(storage.createSnapshot(2, emptyConfState(), undefined))).to.include({ code });
    await storage.createSnapshot(2, confState, undefined);
    await storage.createSnapshot(3, undefined, undefined);
    const change = entry(4, EntryType.EntryConfChangeV2);
    await storage.save({ entries: [change, entry(5)], hardState: { term: 1, vote: 1n, commit: 5 } });
    expect(await rejection(storage.createSnapshot(5, undefined, undefined))).to.include({ code, reason: 'outdated' });
    await storage.createSnapshot(5, { ...confState, voters: [1n, 2n] }, undefined);
    expect(() => storage.compact(6)).to.throw('cannot compact up to 6: the newest snapshot is 5');
    expect(() => storage.compact(Number.NaN))
      .to.throw(RaftError)
      .that.includes({ code: ERR_ARGUMENT });
    storage.compact(5);
  });
});

describe('Wal and what a program without types hands over', () => {
  it('refuses it with the name of the argument, and continues as before', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'raftwal-arguments-'));
    const state = { term: 1, vote: 1n, commit: 0 };
    const dir = join(folder, 'wal');
    const wrong: readonly [reason: string, call: (log: Wal) => Promise<unknown>][] = [
      ['entries', (log) => log.save(state, 5 as never)],
      ['entries', (log) => log.save(state, null as never)],
      ['hardState', (log) => log.save(null as never, [])],
      ['snapshot', (log) => log.saveSnapshot(null as never)],
      ['index', (log) => log.releaseTo(Number.NaN)],
      ['keep', (log) => log.purge(-1)],
      ['dir', () => Wal.open(undefined as never)],
      ['nodeId', () => Wal.open(dir, { identity: { ...identity, nodeId: '1' as never } })],
      ['segmentSize', () => Wal.create(`${dir}-2`, { segmentSize: -1 })],
    ];
    const wal = await Wal.create(dir, { identity, segmentSize: 1 << 16 });
    for (const [reason, call] of wrong) {
      expect(await rejection(call(wal)), reason).to.include({ code: ERR_ARGUMENT, reason });
    }
    await wal.save(state, [entry(1)]);
    expect(wal.lastIndex).to.equal(1);
    await wal.close();
    rmSync(folder, { recursive: true });
  });
});
