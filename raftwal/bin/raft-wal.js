#!/usr/bin/env node
import { existsSync } from 'node:fs';
import process from 'node:process';

const url = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(url)) {
  const { main } = await import(url.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write('raft-wal is not built yet: run `npm run build` at the root of the repository first\n');
  process.exitCode = 1;
}
