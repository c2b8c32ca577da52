// Other releases of Node.js. The npm package `node` carries each release's binary, so nothing but the registry is
// needed; the binaries stay in node_modules/.cache.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { root } from './workspaces.mjs';

/** Returns the binary of a release, such as 24 or 20.19: this process's own if it is that, or one from the registry. */
export function binaryOf(release) {
  if (process.version.startsWith(`v${release}.`)) return process.execPath;
  const folder = join(root, 'node_modules/.cache/node', release);
  const binary = join(folder, 'node_modules/node/bin/node');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const npm = ['install', '--no-audit', '--no-fund', '--loglevel=error', `node@${release}`];
  const { status } = spawnSync('npm', npm, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0 || !existsSync(binary)) throw new Error(`cannot install node@${release} in ${folder}`);
  return binary;
}
