// Removes what a build, a test run or a coverage run leaves behind.

import { rm } from 'node:fs/promises';

import { root, workspaces } from './workspaces.mjs';

const outputs = ['coverage', 'docs/site/html', ...workspaces.map(({ folder }) => `${folder}/dist`)];
await Promise.all(outputs.map((path) => rm(`${root}${path}`, { recursive: true, force: true })));
