import { join } from 'node:path';
import { type Fs, readFully, withCleanup, writeFully } from './base/fs.js';
import { placeFile } from './base/place-file.js';

const NAME = 'incarnation';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;
/** A UUID and the end of its line. */
const LENGTH = 37;

/**
 * The random name of the log in `dir`. Members remember the first that they met of each other and refuse another, so that one
 * whose folder was emptied cannot vote a second time in terms that it has forgotten.
 *
 * @param isNew the log begins now: then it gets a name of its own, whatever a former log has left here. So does a log that has none
 * @throws WalError `ERR_RAFT_WAL_IO`
 */
export async function incarnationOf(fs: Fs, dir: string, isNew: boolean): Promise<string> {
  const kept = isNew ? undefined : await read(fs, dir);
  if (kept !== undefined) return kept;
  const made = crypto.randomUUID();
  // It must not be another one after a power cut.
  await placeFile(fs, dir, NAME, (file) => writeFully(file, new TextEncoder().encode(`${made}\n`), 0));
  return made;
}

async function read(fs: Fs, dir: string): Promise<string | undefined> {
  if (!(await fs.readdir(dir)).includes(NAME)) return undefined;
  const file = await fs.open(join(dir, NAME));
  const bytes = new Uint8Array(LENGTH);
  const got = await withCleanup(
    () => readFully(file, bytes, 0),
    () => file.close(),
  );
  const text = new TextDecoder().decode(bytes.subarray(0, got)).trim();
  return UUID.test(text) ? text : undefined;
}
