// The command `npm run differential`; `npm run differential -- --help` says what it does.
import process from 'node:process';
import { differential } from '../test/dist/differential/cli.js';

process.exitCode = await differential(process.argv.slice(2), { out: (text) => process.stdout.write(text) });
