// Removes what a build, a test run or a coverage run leaves behind.
//
// Usage: npm run clean

import { rm } from 'node:fs/promises';

import { helpIfAsked } from './help.mjs';
import { root, workspaces } from './workspaces.mjs';

helpIfAsked(import.meta.url);

const outputs = ['coverage', 'docs/site/html', ...workspaces.map(({ folder }) => `${folder}/dist`)];
await Promise.all(outputs.map((path) => rm(`${root}${path}`, { recursive: true, force: true })));
