import { dirname } from 'node:path';
import { ERR_WAL_EXISTS, hasCode, WalError } from './errors.js';
import type { Fs } from './fs.js';
import { removeMember } from './remove-member.js';

/**
 * Makes a member's folder: it has its name once it is whole and durable. What is being made lies beside it, under a
 * name that nobody else uses or has used, so that two who make the same folder do not write into one, and nothing is
 * removed but what was made here. A process that is killed leaves it behind.
 *
 * @param kind what stands in that name, which says to whoever finds it what it was to become
 * @throws WalError `ERR_RAFT_WAL_EXISTS` if the folder is there, and not empty, by then; what `make` throws
 */
export async function inScratch<T>(
  { fs, target, kind }: { readonly fs: Fs; readonly target: string; readonly kind: string },
  make: (scratch: string) => Promise<T>,
): Promise<T> {
  const scratch = `${target}.${kind}-${crypto.randomUUID()}`;
  try {
    const made = await make(scratch);
    await name(fs, scratch, target);
    return made;
  } catch (error) {
    await removeMember(fs, scratch).catch(() => {});
    throw error;
  }
}

async function name(fs: Fs, scratch: string, target: string): Promise<void> {
  try {
    await fs.rename(scratch, target);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'EEXIST')) throw error;
    throw new WalError(ERR_WAL_EXISTS, `${target} exists already`, { path: target, cause: error });
  }
  await fs.syncDirectory(dirname(target));
}
