// The command `npm run flakes`; `test/flakes/main.ts` says what it does.
import process from 'node:process';
import { flakes } from '../test/dist/flakes/main.js';
import { root } from './workspaces.mjs';

process.exitCode = await flakes(process.argv.slice(2), root, {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
});
