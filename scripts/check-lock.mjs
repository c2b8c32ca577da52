// Fails where package-lock.json would not install on another platform or from another registry.

import { readFile } from 'node:fs/promises';
import process from 'node:process';

import { lockProblems } from './lock.mjs';

let failed = false;
// The second is that of what builds the site of the documents, which is installed only there.
for (const name of ['package-lock.json', 'docs/site/package-lock.json']) {
  const lock = JSON.parse(await readFile(new URL(`../${name}`, import.meta.url), 'utf8'));
  const problems = lockProblems(lock);
  for (const problem of problems) console.error(problem);
  console.log(`${name}: ${Object.keys(lock.packages).length} entries, ${problems.length} problems`);
  failed ||= problems.length > 0;
}
process.exitCode = failed ? 1 : 0;
