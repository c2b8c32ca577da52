// The command `npm run labs`; `test/labs/main.ts` says what it does.
import process from 'node:process';
import { labs } from '../test/dist/labs/main.js';

process.exitCode = labs(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
});
