import { join } from 'node:path';
import { codedFs } from '../base/coded-fs.js';
import { hasCode } from '../base/errors.js';
import { readFully, withCleanup } from '../base/fs.js';
import { decodeSnapshotFile } from '../snapshots/snapshot-format.js';

export interface SnapshotCheck {
  readonly name: string;
  readonly bytes: number;
  /** What is wrong with it; undefined if it is sound. */
  readonly error: string | undefined;
}

/** Checks every snapshot file of a member's folder without renaming any. */
export async function checkSnapshots(dir: string): Promise<SnapshotCheck[]> {
  const folder = join(dir, 'snap');
  const fs = codedFs(undefined);
  if (!(await isFolder(folder))) return [];
  const checks: SnapshotCheck[] = [];
  for (const name of (await fs.readdir(folder)).filter((one) => one.endsWith('.snap'))) {
    const file = await fs.open(join(folder, name));
    await withCleanup(
      async () => {
        const bytes = new Uint8Array(await file.size());
        checks.push({ name, bytes: await readFully(file, bytes, 0), error: problemOf(bytes) });
      },
      () => file.close(),
    );
  }
  return checks;
}

function problemOf(bytes: Uint8Array): string | undefined {
  try {
    decodeSnapshotFile(bytes);
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'ERR_RAFT_SNAP_BROKEN')) throw error;
    return (error as Error).message;
  }
}

/** Tells whether there is a folder of this name. @throws WalError `ERR_RAFT_WAL_IO` if that cannot be found out */
export async function isFolder(path: string): Promise<boolean> {
  try {
    await codedFs(undefined).readdir(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}
