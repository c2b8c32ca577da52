#!/usr/bin/env node
import process from 'node:process';
import { raftSim } from '../dist/cli/main.js';

// npm runs scripts in the root of the repository: paths are relative to where it was called.
if (process.env.INIT_CWD !== undefined) process.chdir(process.env.INIT_CWD);
process.exitCode = await raftSim(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
});
