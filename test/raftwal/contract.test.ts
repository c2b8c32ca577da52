import { DurableStorage } from '@raft-ts/raftwal';
import { testDurableStorage } from '../contracts/durable-storage.js';

const options = { nodeId: 1n, clusterId: 2n, segmentSize: 8192 };

testDurableStorage('DurableStorage', {
  open: (dir) => DurableStorage.open(dir, options),
  // What is only in memory is lost with the object; its files are closed, so that the locks are released.
  kill: async (log) => {
    const { wal } = log as unknown as { wal: { letGo(): Promise<void> } };
    await wal.letGo();
    log.close = () => Promise.resolve();
  },
});

testDurableStorage('DurableStorage that keeps one file of each kind', {
  open: (dir) => DurableStorage.open(dir, { ...options, segmentSize: 1024, keepSnapshots: 1, keepSegments: 1 }),
});
