import { dirname, resolve } from 'node:path';
import { DurableStorage, type DurableStorageOptions, hasCode } from '@raft-ts/raftwal';
import { codedFs, removeMember } from '@raft-ts/raftwal/internal';
import { type FoundingState, foundFromState } from '@raft-ts/replica';
import { cannotOpen } from '../../common/bad-log.js';
import { UsageError } from '../../common/usage.js';
import { kvFormat } from '../machine/kv-format.js';

/** What the folder of a new cluster's one founder begins with. */
export interface NewFolder extends Omit<FoundingState, 'peers' | 'format'> {
  /** The founder: the only one, so that no two can begin with different states. */
  readonly id: bigint;
  readonly url: string;
  readonly clusterId: bigint;
}

/** On which file system, and how large files of the log are. Default: those of a member. */
export type Disk = Pick<DurableStorageOptions, 'fs' | 'segmentSize'>;

/** Sees that a folder is empty, or not there yet. @throws UsageError */
export async function checkEmpty(data: string, { fs }: Disk = {}): Promise<void> {
  let names: readonly string[];
  try {
    names = await codedFs(fs).readdir(data);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw new UsageError(`cannot use ${data}: ${(error as Error).message}`);
  }
  if (names.length > 0) {
    throw new UsageError(
      `${data} is not empty, and what is in it stays: name a folder with --data that is not there yet`,
    );
  }
}

/** Makes the folder of the founder of a new cluster. It is there once it is whole and durable. */
export async function foundFolder(data: string, folder: NewFolder, disk: Disk = {}): Promise<void> {
  const fs = codedFs(disk.fs);
  const path = resolve(data);
  // Beside the folder, so that an end in the middle leaves no log that looks whole.
  const scratch = `${path}.restoring`;
  try {
    await removeMember(fs, scratch);
    await found(scratch, folder, disk);
    await fs.rename(scratch, path);
    await fs.syncDirectory(dirname(path));
  } catch (error) {
    await removeMember(fs, scratch).catch(() => {});
    throw cannotOpen(data, error);
  }
}

async function found(dir: string, { id, url, clusterId, ...state }: NewFolder, disk: Disk): Promise<void> {
  const log = await DurableStorage.open(dir, { ...disk, nodeId: id, clusterId });
  try {
    await foundFromState(log, { ...state, peers: [{ id, url }], format: kvFormat });
  } finally {
    await log.close();
  }
}
