// Fails where a regular expression of a package could take more than linear time, or cannot be read from the source.
//
// Whoever reaches a member's port chooses the text that many of them run on, and one expression that backtracks stops
// the whole process. So all of them are held to it, whatever text they run on today.

import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import process from 'node:process';

import { expressionProblems, expressionsOf, sourceFiles } from './expressions.mjs';
import { root, workspaces } from './workspaces.mjs';

const published = workspaces.filter(({ manifest }) => manifest.private !== true);
const found = [];
for (const { folder } of published) {
  for (const file of await sourceFiles(join(root, folder, 'src'))) {
    for (const expression of await expressionsOf(await readFile(file, 'utf8'))) {
      found.push({ ...expression, file: relative(root, file) });
    }
  }
}
const problems = await expressionProblems(found);
for (const problem of problems) console.error(problem);
console.log(`regular expressions: ${found.length}, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
