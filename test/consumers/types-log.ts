// The names that a program writes which keeps a log. Compiled as it is by each compiler that is tried.
import type { Ready, Storage } from '@raft-ts/raft';
import { DurableStorage, type Fs, type WalError } from '@raft-ts/raftwal';

export const open = (dir: string, fs: Fs): Promise<Storage> =>
  DurableStorage.open(dir, { nodeId: 1n, clusterId: 1n, fs });
export const save = (storage: DurableStorage, rd: Ready): Promise<void> => storage.save(rd);
export const reason = (error: WalError): string | undefined => error.reason;
