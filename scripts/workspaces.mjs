// The repository's folders, as package.json lists them.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const read = (path) => JSON.parse(readFileSync(`${root}${path}`, 'utf8'));

/** Every workspace: its folder, and its package.json. */
export const workspaces = read('package.json').workspaces.map((folder) => ({
  folder,
  manifest: read(`${folder}/package.json`),
}));
