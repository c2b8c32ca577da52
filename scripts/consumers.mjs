// The command `npm run test:consumers`; `test/consumers/main.ts` says what it does.
import process from 'node:process';
import { consumers } from '../test/dist/consumers/main.js';
import { binaryOf } from './node-releases.mjs';

process.exitCode = await consumers(process.argv.slice(2), binaryOf);
