// Builds the page of a running cluster into the package whose launchers serve it, so that they need no bundler.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { buildLivePage } from '../view/dist/build/page-file.js';
import { root } from './workspaces.mjs';

const folder = join(root, 'raftexample/dist/page');
const file = join(folder, 'live.html');
const page = await buildLivePage();
const before = await readFile(file, 'utf8').catch(() => undefined);
if (page !== before) {
  await mkdir(folder, { recursive: true });
  await writeFile(file, page);
}
