import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeId } from '@raft-ts/raft';
import { MAX_FOUNDERS } from '@raft-ts/rafthttp/internal';
import { systemError } from '@raft-ts/raftwal';
import { codedFs, placeFile, writeFully } from '@raft-ts/raftwal/internal';
import { parseId } from '../common/peers.js';
import { UsageError } from '../common/usage.js';

const NAME = 'founders';

/**
 * Returns the founders of the cluster that this folder's log belongs to: the members that the flags named when the log
 * began, whatever the flags say later and whoever joins or leaves. Undefined if the folder does not say; the check is
 * then skipped.
 *
 * @param isNew there is no log yet: writes the founders, whatever a former log has left behind
 * @param founders those of a new cluster
 * @throws UsageError if they cannot be read
 */
export async function keptFounders(
  dir: string,
  isNew: boolean,
  founders: readonly NodeId[],
): Promise<readonly NodeId[] | undefined> {
  const path = join(dir, NAME);
  if (!isNew) return readFounders(path, await readIfThere(path));
  // They must survive a power cut.
  const text = new TextEncoder().encode(`${founders.join(',')}\n`);
  await placeFile(codedFs(undefined), dir, NAME, (file) => writeFully(file, text, 0));
  return founders;
}

function readFounders(path: string, text: string | undefined): readonly NodeId[] | undefined {
  if (text === undefined) return undefined;
  const ids = text.split(',', MAX_FOUNDERS + 1);
  try {
    if (ids.length <= MAX_FOUNDERS) return ids.map((id) => parseId(path, id));
  } catch {
    // The content does not matter: the error below says what to do.
  }
  throw new UsageError(
    `${path} must hold the ids of the members that founded the cluster, such as 1,2,3: write them there`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw systemError('read', path, error);
  }
}
