import { randomUUID } from 'node:crypto';
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

/**
 * The incarnation of the log in this folder: a random name that is kept beside it. Peers remember the first one that
 * they saw of each member and refuse another, so a member whose folder was emptied cannot vote a second time in terms
 * that it has forgotten.
 *
 * @param isNew there is no log yet: then what a former one was called must not be used again
 */
export async function readOrDrawIncarnation(dir: string, isNew: boolean): Promise<string> {
  const path = join(dir, 'incarnation');
  const kept = isNew ? undefined : await readIfThere(path);
  if (kept !== undefined && UUID.test(kept)) return kept;
  const drawn = randomUUID();
  // It must not be another one after a power cut: written aside, on the disk, and only then under its name.
  await writeFile(`${path}.tmp`, `${drawn}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.tmp`, path);
  const folder = await open(dir);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return drawn;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
