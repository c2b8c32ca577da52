// What `--help` prints for a script of this folder: the comment that it begins with.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * Prints the first comment of a script and ends the process, if the command line asks for that.
 *
 * @param {string} url the script's `import.meta.url`
 */
export function helpIfAsked(url) {
  const asked = process.argv.slice(2);
  if (!asked.includes('--help') && !asked.includes('-h')) return;
  const lines = readFileSync(fileURLToPath(url), 'utf8').split('\n');
  const comment = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('//')),
  );
  for (const line of comment) console.log(line.slice(3));
  process.exit(0);
}
