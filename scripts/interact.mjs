// The command `npm run interact`; `npm run interact -- --help` says what it does.
import process from 'node:process';
import { interact } from '../test/dist/interaction/cli.js';

process.stdout.on('error', (error) => {
  // Whoever reads may have seen enough: `npm run interact -- FILE | head`.
  if (error.code !== 'EPIPE') {
    throw error;
  }
});

// npm runs scripts in the root of the repository: paths are relative to where it was called.
const directory = process.env.INIT_CWD ?? process.cwd();
process.exitCode = interact(process.argv.slice(2), directory, {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
});
