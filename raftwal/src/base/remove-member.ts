import { join } from 'node:path';
import { hasCode } from './errors.js';
import type { Fs } from './fs.js';

/** Removes a member's folder, if it is there. */
export async function removeMember(fs: Fs, dir: string): Promise<void> {
  for (const folder of [join(dir, 'wal'), join(dir, 'snap'), dir]) {
    let names: string[];
    try {
      names = await fs.readdir(folder);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) continue;
      throw error;
    }
    for (const name of names) await fs.unlink(join(folder, name));
    await fs.rmdir(folder);
  }
}
