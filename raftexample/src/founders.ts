import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeId } from '@raft-ts/raft';
import { MAX_FOUNDERS } from '@raft-ts/rafthttp/internal';
import { systemError } from '@raft-ts/raftwal';
import { parseId } from './peers.js';
import { UsageError } from './usage.js';

/**
 * The members that the cluster of this folder's log was founded by: those that the flags named when the log began. They
 * stay what they are, whatever the flags say later and whoever joins or leaves. Undefined if the folder does not say;
 * then nobody checks.
 *
 * @param isNew there is no log yet: then they are written anew, whatever a former log left
 * @param founders those of a new cluster
 * @throws UsageError if they cannot be read
 */
export async function keptFounders(
  dir: string,
  isNew: boolean,
  founders: readonly NodeId[],
): Promise<readonly NodeId[] | undefined> {
  const path = join(dir, 'founders');
  if (!isNew) return readFounders(path, await readIfThere(path));
  await keep(dir, path, founders.join(','));
  return founders;
}

/** They must not be others after a power cut: written aside, on the disk, and only then under its name. */
async function keep(dir: string, path: string, text: string): Promise<void> {
  try {
    await writeFile(`${path}.tmp`, `${text}\n`, { mode: 0o600, flush: true });
    await rename(`${path}.tmp`, path);
    const folder = await open(dir);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    throw systemError('write', path, error);
  }
}

function readFounders(path: string, text: string | undefined): readonly NodeId[] | undefined {
  if (text === undefined) return undefined;
  const ids = text.split(',', MAX_FOUNDERS + 1);
  try {
    if (ids.length <= MAX_FOUNDERS) return ids.map((id) => parseId(path, id));
  } catch {
    // What it holds instead is of no use to anybody.
  }
  throw new UsageError(`${path} must hold the members that the cluster began with, such as 1,2,3: write them there`);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw systemError('read', path, error);
  }
}
