import { open, rename, rm } from 'node:fs/promises';
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
  try {
    const handle = await create(partial);
    let copied: Copied;
    try {
      copied = await copy(context, async (chunk) => {
        await handle.write(chunk);
      });
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
    await print(context, { file, ...copied }, `${file}: ${bytes(copied.bytes)}, index ${copied.index}\n`);
    return CtlExit.Done;
  } catch (error) {
    await Promise.all([rm(partial, { force: true }), rm(file, { force: true })]);
    throw error;
  }
}

async function create(file: string): ReturnType<typeof open> {
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
