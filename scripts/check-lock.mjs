// Fails where package-lock.json would not install on another platform or from another registry.

import { readFile } from 'node:fs/promises';
import process from 'node:process';

import { lockProblems } from './lock.mjs';

const lock = JSON.parse(await readFile(new URL('../package-lock.json', import.meta.url), 'utf8'));
const problems = lockProblems(lock);
for (const problem of problems) console.error(problem);
console.log(`package-lock.json: ${Object.keys(lock.packages).length} entries, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
