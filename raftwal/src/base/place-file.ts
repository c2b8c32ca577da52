import { join } from 'node:path';
import { type Fs, type FsFile, withCleanup } from './fs.js';

/** Options of `placeFile`. */
export interface PlaceOptions {
  /** The name under which the file is written. Default: its own name followed by `.tmp`. */
  readonly scratch?: string;
}

/**
 * Makes a file that is never seen half written: it is written under another name, made durable, and only then given its
 * own name, which is durable when the call resolves. A file that had this name is replaced. If writing fails, nothing
 * is left.
 */
export async function placeFile(
  fs: Fs,
  dir: string,
  name: string,
  fill: (file: FsFile) => Promise<void>,
  { scratch = `${name}.tmp` }: PlaceOptions = {},
): Promise<void> {
  const path = join(dir, scratch);
  // An earlier process may have left a file under this name.
  const file = await fs.open(path, { write: true, create: true, truncate: true });
  try {
    await withCleanup(
      async () => {
        await fill(file);
        await file.datasync();
      },
      () => file.close(),
    );
    await fs.rename(path, join(dir, name));
  } catch (error) {
    await fs.unlink(path).catch(() => {});
    throw error;
  }
  await fs.syncDirectory(dir);
}
