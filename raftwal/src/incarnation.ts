import { join } from 'node:path';
import { type Fs, readFully, withCleanup, writeFully } from './base/fs.js';
import type { LogOptions } from './base/options.js';
import { placeFile } from './base/place-file.js';

const NAME = 'incarnation';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;
/** Length of a UUID and a line end. */
const LENGTH = 37;

export interface IncarnationOptions extends Pick<LogOptions, 'logger'> {
  /** The log is being created: it gets a new name, even if an earlier log left one. So does a log without a name. */
  readonly isNew: boolean;
  /** Makes a UUID that no other log has. */
  readonly newName?: () => string;
}

/**
 * Returns the random name of the log in `dir`. Members remember the first name of each other that they meet and refuse
 * another one, so that a member whose folder was emptied cannot vote a second time in terms that it has forgotten.
 *
 * @throws WalError `ERR_RAFT_WAL_IO`
 */
export async function incarnationOf(
  fs: Fs,
  dir: string,
  { isNew, newName = () => crypto.randomUUID(), logger }: IncarnationOptions,
): Promise<string> {
  const kept = isNew ? undefined : await read(fs, dir);
  if (kept !== undefined && UUID.test(kept)) return kept;
  // Its owner would look for a log that was lost: this is what the others will say.
  if (kept !== undefined)
    logger?.warn(`${join(dir, NAME)} was damaged: the log has a new name, and members that knew the former refuse it`);
  const made = newName();
  // A power cut must not bring another name back.
  await placeFile(fs, dir, NAME, (file) => writeFully(file, new TextEncoder().encode(`${made}\n`), 0));
  return made;
}

/** What the file holds; `undefined` if there is none. */
async function read(fs: Fs, dir: string): Promise<string | undefined> {
  if (!(await fs.readdir(dir)).includes(NAME)) return undefined;
  const file = await fs.open(join(dir, NAME));
  const bytes = new Uint8Array(LENGTH);
  const got = await withCleanup(
    () => readFully(file, bytes, 0),
    () => file.close(),
  );
  return new TextDecoder().decode(bytes.subarray(0, got)).trim();
}
