import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * Runs `main` of a program with the command line, and ends with the exit code that it resolves to. Signals are listened
 * to before the program is loaded, which takes longest: until then, SIGHUP ends a process despite `nohup`.
 */
export async function run(program) {
  const file = fileURLToPath(new URL(`../dist/programs/${program}.cjs`, import.meta.url));
  if (!existsSync(file)) {
    process.stderr.write('raftexample is not built yet: run `npm run build` at the root of the repository first\n');
    process.exitCode = 1;
    return;
  }
  const { stopRequested } = await import('../dist/common/stop.js');
  const stopping = stopRequested();
  const { keepHeapSmall } = await import('../dist/common/heap.js');
  keepHeapSmall();
  const { main } = createRequire(import.meta.url)(file);
  process.exitCode = await main(process.argv.slice(2), stopping);
}
