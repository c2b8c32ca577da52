import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { NodeId } from '@raft-ts/raft';
import { ERR_SNAPSHOT_FORMAT } from '@raft-ts/replica';
import { UsageError } from '../../common/usage.js';
import { type RestoredCopy, restoreCopy } from '../machine/backup.js';
import { KvMachine } from '../machine/kv-machine.js';
import { checkEmpty, foundFolder } from './found-folder.js';
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
  /** Read the copy and tell what it would come to, and write nothing. */
  readonly dryRun: boolean;
}

export interface Restored {
  readonly keys: number;
  /** The index with which the log begins. */
  readonly index: number;
  /** Of what the copy is. */
  readonly copy: { readonly clusterId: bigint; readonly index: number; readonly term: number };
}

/**
 * Makes the folder of the one founder of a new cluster out of a copy of the store. The folder is there once it is
 * whole, and nothing is written before the copy has been read to its end and found sound.
 * @throws UsageError if the copy or the folder cannot be used
 */
export async function restoreFolder(options: RestoreOptions, stopping: AbortSignal): Promise<Restored> {
  const { file, id, url, clusterId, data, skip, dryRun } = options;
  await checkEmpty(data);
  const machine = new KvMachine();
  const copy = await readFile(file, machine, stopping);
  if (copy.clusterId === clusterId) {
    throw new UsageError(
      `${file} is of cluster ${clusterId}: what is restored from it is another cluster, or members of the former one could come back and be taken for its own. Pass another --cluster-id`,
    );
  }
  const index = copy.index + skip;
  const restored: Restored = { keys: machine.size, index, copy };
  if (dryRun) return restored;
  await foundFolder(data, {
    id,
    url,
    clusterId,
    at: { index, term: copy.term },
    stateMachine: machine,
    former: copy.head,
    // What is known to be large is not held to find that out.
    inlineBytes: (await stat(file)).size > LARGEST_INLINE ? 0 : LARGEST_INLINE,
  });
  return restored;
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
