import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { NodeId } from '@raft-ts/raft';
import { DurableStorage } from '@raft-ts/raftwal';
import { ERR_SNAPSHOT_FORMAT, foundFromState } from '@raft-ts/replica';
import { cannotOpen } from '../../common/bad-log.js';
import { UsageError } from '../../common/usage.js';
import { type RestoredCopy, restoreCopy } from '../machine/backup.js';
import { kvFormat } from '../machine/kv-format.js';
import { KvMachine } from '../machine/kv-machine.js';
import { LARGEST_INLINE } from './options.js';

/** Bytes read from a copy at a time. */
const CHUNK = 2 ** 20;

/** What a new cluster begins with. */
export interface RestoreOptions {
  /** What GET /snapshot gave. */
  readonly file: string;
  /** The founder: the only one, so that no two can begin with different copies. */
  readonly id: NodeId;
  readonly url: string;
  readonly clusterId: bigint;
  readonly data: string;
  /** Indexes that are left out between the copy and the first entry. */
  readonly skip: number;
}

export interface Restored {
  readonly keys: number;
  /** The index with which the log begins. */
  readonly index: number;
}

/**
 * Makes the folder of the one founder of a new cluster out of a copy of the store. The folder is there once it is
 * whole, and nothing is written before the copy has been read to its end and found sound.
 * @throws UsageError if the copy or the folder cannot be used
 */
export async function restoreFolder(options: RestoreOptions, stopping: AbortSignal): Promise<Restored> {
  const { file, clusterId, data, skip } = options;
  await checkFolder(data);
  const machine = new KvMachine();
  const copy = await readFile(file, machine, stopping);
  if (copy.clusterId === clusterId) {
    throw new UsageError(
      `${file} is of cluster ${clusterId}: what is restored from it is another cluster, or members of the former one could come back and be taken for its own. Pass another --cluster-id`,
    );
  }
  const index = copy.index + skip;
  // Beside the folder, so that an end in the middle leaves no log that looks whole.
  const scratch = `${data}.restoring`;
  await rm(scratch, { recursive: true, force: true });
  try {
    await found(scratch, options, { copy, machine, index });
    await rename(scratch, data);
    await syncFolder(dirname(resolve(data)));
  } catch (error) {
    await rm(scratch, { recursive: true, force: true }).catch(() => {});
    throw cannotOpen(data, error);
  }
  return { keys: machine.size, index };
}

async function checkFolder(data: string): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(data);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    throw new UsageError(`cannot use ${data}: ${message}`);
  }
  if (names.length > 0) {
    throw new UsageError(
      `${data} is not empty, and what is in it stays: name a folder with --data that is not there yet`,
    );
  }
}

async function readFile(file: string, machine: KvMachine, stopping: AbortSignal): Promise<RestoredCopy> {
  const chunks = createReadStream(file, { highWaterMark: CHUNK, signal: stopping });
  try {
    return await restoreCopy(chunks, machine);
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (code === ERR_SNAPSHOT_FORMAT) throw new UsageError(`${file} cannot be restored: ${message}`);
    if (syscall !== undefined) throw new UsageError(`cannot read ${file}: ${message}`);
    throw error;
  } finally {
    chunks.destroy();
  }
}

async function found(
  dir: string,
  { file, id, url, clusterId }: RestoreOptions,
  { copy, machine, index }: { readonly copy: RestoredCopy; readonly machine: KvMachine; readonly index: number },
): Promise<void> {
  const log = await DurableStorage.open(dir, { nodeId: id, clusterId });
  try {
    await foundFromState(log, {
      peers: [{ id, url }],
      at: { index, term: copy.term },
      stateMachine: machine,
      format: kvFormat,
      former: copy.head,
      // What is known to be large is not held to find that out.
      inlineBytes: (await stat(file)).size > LARGEST_INLINE ? 0 : LARGEST_INLINE,
    });
  } finally {
    await log.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
