import { existsSync } from 'node:fs';
import process from 'node:process';

/**
 * Runs `main` of this compiled file with the command line, and ends with the exit code that it resolves to. Signals are
 * listened to before the program is loaded, which takes longest: until then, SIGHUP ends a process despite `nohup`.
 */
export async function run(file) {
  const url = new URL(`../dist/${file}`, import.meta.url);
  if (!existsSync(url)) {
    process.stderr.write('raftexample is not built yet: run `npm run build` at the root of the repository first\n');
    process.exitCode = 1;
    return;
  }
  const { stopRequested } = await import('../dist/common/stop.js');
  const stopping = stopRequested();
  const { keepHeapSmall } = await import('../dist/common/heap.js');
  keepHeapSmall();
  const { main } = await import(url.href);
  process.exitCode = await main(process.argv.slice(2), stopping);
}
