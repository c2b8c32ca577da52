import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../errors.js';
import { readFully } from '../fs.js';
import { defaultFs } from '../lock.js';
import { decodeSnapshotFile } from '../snapshot-format.js';

export interface SnapshotCheck {
  readonly name: string;
  readonly bytes: number;
  /** What is wrong with it; undefined where nothing is. */
  readonly error: string | undefined;
}

/** Reads every snapshot file of a member's folder, and renames none. */
export async function checkSnapshots(dir: string): Promise<SnapshotCheck[]> {
  const folder = join(dir, 'snap');
  if (!existsSync(folder)) return [];
  const fs = defaultFs();
  const checks: SnapshotCheck[] = [];
  for (const name of (await fs.readdir(folder)).filter((one) => one.endsWith('.snap'))) {
    const file = await fs.open(join(folder, name));
    try {
      const bytes = new Uint8Array(await file.size());
      checks.push({ name, bytes: await readFully(file, bytes, 0), error: problemOf(bytes) });
    } finally {
      await file.close();
    }
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
