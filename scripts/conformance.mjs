// The command `npm run conformance`; `npm run conformance -- --help` says what it does.
import process from 'node:process';
import { conformance } from '../test/dist/conformance/main.js';

process.exitCode = conformance(process.argv.slice(2));
