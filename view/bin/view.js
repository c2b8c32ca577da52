#!/usr/bin/env node
import process from 'node:process';
import { main } from '../dist/build/main.js';

// npm runs scripts in the root of the repository: paths are relative to where it was called.
if (process.env.INIT_CWD !== undefined) process.chdir(process.env.INIT_CWD);
process.exitCode = await main(process.argv.slice(2));
