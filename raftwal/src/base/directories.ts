import { dirname } from 'node:path';
import { hasCode } from './errors.js';
import type { Fs } from './fs.js';

/** Makes a folder, and the missing ones above it; each is durable in its parent. */
export async function makeDirectories(fs: Fs, dir: string): Promise<void> {
  const parent = dirname(dir);
  try {
    await fs.mkdir(dir);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return;
    if (!hasCode(error, 'ENOENT') || parent === dir) throw error;
    await makeDirectories(fs, parent);
    await makeDirectory(fs, dir);
  }
  await fs.syncDirectory(parent);
}

/**
 * Makes a folder, unless somebody else has made it meanwhile: no lock is held before there is a folder to keep it in.
 */
async function makeDirectory(fs: Fs, dir: string): Promise<void> {
  try {
    await fs.mkdir(dir);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}
