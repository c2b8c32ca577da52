import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncFolder } from '../common/sync-folder.js';
import { UsageError } from '../common/usage.js';
import { type CtlCommand, type CtlContext, print, tell, write } from './command.js';
import { CtlExit } from './exit-codes.js';
import { Progress } from './progress.js';
import { bytes } from './table.js';

export const snapshot: CtlCommand = {
  usage: 'FILE',
  summary: 'copies the whole store, as of one moment, to a file that must not exist yet; - is standard output',
  help: `
The file appears under its name once all of it is on disk. A copy that breaks off leaves nothing.

Examples:
  raftexample ctl snapshot backup-$(date +%F).json
  raftexample ctl snapshot - | gzip > backup.json.gz
`,
  options: {},
  words: [1, 1],
  parse:
    ([file]) =>
    (context) =>
      file === '-' ? toOutput(context) : toFile(context, file as string),
};

interface Copied {
  readonly index: number;
  readonly term: number;
  readonly bytes: number;
}

async function toOutput(context: CtlContext): Promise<number> {
  const { index, bytes: count } = await copy(context, (chunk) => write(context.io.stdout, chunk));
  await tell(context, `${bytes(count)}, index ${index}`);
  return CtlExit.Done;
}

async function toFile(context: CtlContext, file: string): Promise<number> {
  // Two at once must not write to the same file, and an earlier backup is never overwritten.
  const own = await create(file);
  await own.close();
  const partial = `${file}.part`;
  /** What is removed if it fails: only what was made here. */
  const made = [file];
  let copied: Copied;
  try {
    const handle = await create(partial);
    made.push(partial);
    copied = await fill(context, handle);
    await rename(partial, file);
    await syncFolder(dirname(resolve(file)));
  } catch (error) {
    await Promise.all(made.map((one) => rm(one, { force: true })));
    throw error;
  }
  await print(context, { file, ...copied }, `${file}: ${bytes(copied.bytes)}, index ${copied.index}\n`);
  return CtlExit.Done;
}

/** Copies to a file, and closes it once all of it is on disk. */
async function fill(context: CtlContext, handle: FileHandle): Promise<Copied> {
  try {
    // Unlike `write`, it goes on after a write that took a part only.
    const copied = await copy(context, (chunk) => handle.writeFile(chunk));
    await handle.sync();
    return copied;
  } finally {
    await handle.close();
  }
}

async function create(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx');
  } catch (error) {
    throw new UsageError(`cannot create ${file}: ${(error as Error).message}`);
  }
}

async function copy(
  { client, io, stopping: signal }: CtlContext,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<Copied> {
  await using found = await client.snapshot({ signal });
  const { index, term } = found;
  const progress = new Progress(io);
  let count = 0;
  try {
    for await (const chunk of found.chunks) {
      await take(chunk);
      count += chunk.length;
      progress.tell(`${bytes(count)} of the store at index ${index}`);
    }
  } finally {
    progress.end();
  }
  return { index, term, bytes: count };
}
