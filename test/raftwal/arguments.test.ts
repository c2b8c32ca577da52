import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Entry, EntryType, ERR_ARGUMENT, emptyConfState, RaftError } from '@raft-ts/proto';
import { DurableStorage } from '@raft-ts/raftwal';
import { expect } from 'chai';

const confState = { ...emptyConfState(), voters: [1n] };

function entry(index: number, type?: Entry['type']): Entry {
  return { type, term: 1, index, data: undefined };
}

async function rejection(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  return expect.fail('it was taken');
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
    expect(() => storage.compact(6)).to.throw('compact 6 lies above the newest snapshot, 5');
    expect(() => storage.compact(Number.NaN))
      .to.throw(RaftError)
      .that.includes({ code: ERR_ARGUMENT });
    storage.compact(5);
  });
});
