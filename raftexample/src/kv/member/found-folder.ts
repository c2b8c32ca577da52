import { resolve } from 'node:path';
import { DurableStorage, type DurableStorageOptions, hasCode, type WalError } from '@raft-ts/raftwal';
import { codedFs, inScratch } from '@raft-ts/raftwal/internal';
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
  if (names.length > 0) throw notEmpty(data);
}

function notEmpty(data: string): UsageError {
  return new UsageError(
    `${data} is not empty, and what is in it stays: name a folder with --data that is not there yet`,
  );
}

/** Makes the folder of the founder of a new cluster. It is there once it is whole and durable. */
export async function foundFolder(data: string, folder: NewFolder, disk: Disk = {}): Promise<void> {
  const fs = codedFs(disk.fs);
  try {
    await inScratch({ fs, target: resolve(data), kind: 'unfinished' }, (scratch) => found(scratch, folder, disk));
  } catch (error) {
    if (hasCode(error, 'ERR_RAFT_WAL_EXISTS')) throw notEmpty(data);
    const { operation } = error as Partial<WalError>;
    if (operation === 'rename' && NOT_REPLACED.some((code) => hasCode(error, code))) {
      throw new UsageError(
        `${data} is a link, or a disk of its own, in the place of which nothing can be put: name a folder in it with --data that is not there yet`,
      );
    }
    throw cannotOpen(data, error);
  }
}

/** What the system answers if a folder is to take the place of a link, or of where a disk is mounted. */
const NOT_REPLACED = ['ENOTDIR', 'EBUSY', 'EXDEV'];

async function found(dir: string, { id, url, clusterId, ...state }: NewFolder, disk: Disk): Promise<void> {
  const log = await DurableStorage.open(dir, { ...disk, nodeId: id, clusterId });
  try {
    await foundFromState(log, { ...state, peers: [{ id, url }], format: kvFormat });
  } finally {
    await log.close();
  }
}
