import { backup, DurableStorage, verify } from '@raft-ts/raftwal';
import { Disk, LOST, PowerCut, SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { entries, oneVoter, state } from '../logs.js';

describe('a backup', () => {
  it('is there, and whole, after a power cut that follows it', async () => {
    const disk = new Disk(new Map([['data', new Map()]]));
    const fs = new SimFs(disk);
    const options = { nodeId: 1n, clusterId: 2n, segmentSize: 4096 };
    const storage = await DurableStorage.open('data/member', { ...options, fs });
    for (let index = 1; index <= 90; index += 3) {
      await storage.save({ hardState: state(1, 1n, index - 1), entries: entries(index, index + 2) });
    }
    await storage.createSnapshot(60, oneVoter, new Uint8Array(2000).fill(3));
    await storage.snapshots.saveStream([new Uint8Array(3000).fill(4)], 60);
    const { files } = await backup('data/member', 'data/copies/one', { fs });
    const cut = new PowerCut(disk, () => 0);
    // Everything that was not synced is gone, but nothing of the copy may be.
    const after = new SimFs(new Disk(cut.image(cut.all(LOST))));
    expect(await after.readdir('data/copies')).to.deep.equal(['one']);
    for (const name of files) {
      const [before, copy] = await Promise.all(
        [fs, after].map(async (one) => {
          const file = await one.open(`data/copies/one/${name}`);
          const bytes = new Uint8Array(await file.size());
          await file.read(bytes, 0);
          return bytes;
        }),
      );
      expect(copy, name).to.deep.equal(before);
    }
    expect(files.filter((name) => name.startsWith('snap'))).to.have.length(2);
    expect((await verify('data/copies/one/wal', { fs: after })).lastIndex).to.equal(90);
    const copy = await DurableStorage.open('data/copies/one', { ...options, fs: after });
    expect([copy.snapshot().metadata.index, copy.lastIndex()]).to.deep.equal([60, 90]);
    await copy.close();
    await storage.close();
  });
});
