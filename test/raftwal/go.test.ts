/** Etcd reads what we write, and we read what it writes. */
import { join } from 'node:path';
import { SnapshotFiles, Wal } from '@raft-ts/raftwal';
import { encodeIdentity } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { build, type GoLog, go, hold, releases } from './go-programs.js';
import { entries, indexes, newPlace, oneVoter, readBack, refused, SEGMENT_SIZE, state } from './logs.js';
import { removeScratch, scratchFolder, toHex } from './vectors.js';

const small = { segmentSize: SEGMENT_SIZE };
const identity = { nodeId: 0xfedcba9876543210n, clusterId: 0x1000n };

for (const release of releases) {
  describe(`etcd ${release}`, () => {
    let binary = '';

    before(function () {
      this.timeout(300_000);
      const built = build(release);
      if (typeof built === 'string') {
        console.log(`      skipped: ${built}`);
        this.skip();
      } else binary = built.binary;
    });

    afterEach(removeScratch);

    it('reads a log of ours, of many files, and so does ours after it', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, { ...small, identity });
      const all = entries(1, 300);
      for (const one of all) {
        await wal.save(state(2, 3n, one.index - 1), [one]);
        if (one.index === 100)
          await wal.saveSnapshot({ index: 50, term: 1, confState: { ...oneVoter, voters: [1n, 2n] } });
      }
      await wal.close();
      const log = go(binary, 'read', dir, 0, 0) as GoLog;
      expect(log.error).to.equal('');
      expect(log.verify).to.equal('');
      expect(log.metadata).to.equal(toHex(encodeIdentity(identity)));
      expect([log.term, log.vote, log.commit]).to.deep.equal([2, 3, 299]);
      expect(log.marks).to.deep.equal(['0/0 []', '50/1 [1 2]']);
      expect(log.entries).to.deep.equal(
        all.map(({ index, term, type, data }) => ({ index, term, type, data: toHex(data as Uint8Array) })),
      );
      expect((go(binary, 'read', dir, 50, 1) as GoLog).entries?.[0]?.index).to.equal(51);
      expect((await readBack(dir, { identity })).entries).to.deep.equal(all);
    });

    it('appends to a log of ours, and ours to that', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, small);
      await wal.save(state(1, 1n, 0), entries(1, 60));
      await wal.close();
      expect(go(binary, 'append', dir, 61, 90, 2)).to.deep.equal({ error: '' });
      const again = await Wal.open(dir, small);
      const { entries: found, hardState } = await again.readAll();
      expect(indexes(found)).to.deep.equal(indexes(entries(1, 90)));
      expect(hardState).to.deep.equal(state(2, 1n, 60));
      await again.save(state(2, 1n, 90), entries(80, 120, 2));
      await again.close();
      const log = go(binary, 'read', dir, 0, 0) as GoLog;
      expect(log.error).to.equal('');
      expect(log.entries?.map(({ index }) => index)).to.deep.equal(indexes(entries(1, 120)));
      expect(log.entries?.[79]?.term).to.equal(2);
      expect(log.commit).to.equal(90);
    });

    it('writes a log that ours reads', async () => {
      const dir = newPlace();
      go(binary, 'create', dir, 'abcd', SEGMENT_SIZE, 1, 200, 3);
      const { metadata, entries: found, hardState } = await readBack(dir);
      expect(toHex(metadata as Uint8Array)).to.equal('abcd');
      expect(indexes(found)).to.deep.equal(indexes(entries(1, 200)));
      expect(hardState).to.deep.equal(state(3, 1n, 199));
    });

    it('is kept out while ours has the log open, and ours while it has', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, small);
      await wal.save(undefined, entries(1, 3));
      const refusal = await hold(binary, dir);
      expect(refusal.error).to.include('file already locked');
      await refusal.release();
      await wal.close();
      const holder = await hold(binary, dir);
      expect(holder.error).to.equal('');
      await refused(Wal.open(dir, small), 'ERR_RAFT_WAL_LOCKED');
      await holder.release();
      await (await Wal.open(dir, small)).close();
    });

    it('loads a snapshot of ours, and ours one of its', async () => {
      const dir = join(scratchFolder(), 'snap');
      const files = await SnapshotFiles.open(dir);
      const data = new TextEncoder().encode('state of the application');
      await files.save({ data, metadata: { index: 7, term: 2, confState: { ...oneVoter, voters: [1n, 2n, 3n] } } });
      const loaded = go(binary, 'load', dir);
      expect(loaded).to.deep.equal({ error: '', index: 7, term: 2, data: toHex(data), voters: [1, 2, 3] });
      expect(go(binary, 'save', dir, 9, 3, 'c0ffee')).to.deep.equal({ error: '' });
      const newest = await files.load();
      expect([newest.metadata.index, newest.metadata.term, toHex(newest.data as Uint8Array)]).to.deep.equal([
        9,
        3,
        'c0ffee',
      ]);
    });
  });
}
