// The command `npm run mutants`; `test/mutants/main.ts` says what it does.
import process from 'node:process';
import { runMutants } from '../test/dist/mutants/main.js';
import { root } from './workspaces.mjs';

process.exitCode = await runMutants(process.argv.slice(2), root, {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
});
