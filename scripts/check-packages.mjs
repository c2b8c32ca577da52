// Packs every package that is published and checks the tarball as a user's tools will see it.

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

import { root, workspaces } from './workspaces.mjs';

const run = promisify(execFile);
const bin = (name) => join(root, 'node_modules/.bin', name);

/** What is wrong with the package, as the tools print it. */
async function problemsOf({ folder, manifest }, target) {
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', target];
  const { stdout } = await run('npm', pack, { cwd: join(root, folder) });
  const [{ filename, files }] = JSON.parse(stdout);
  const tarball = join(target, filename);
  const problems = files
    .filter(({ path }) => !/\.(c?js|ts|map|json|md|proto|yaml)$|^dist\/page\/live\.html$|(^|\/)LICENSE$/.test(path))
    .map(({ path }) => `${manifest.name} would publish ${path}`);
  const tools = [[bin('publint'), 'run', '--strict', tarball]];
  // A package that is a command only has no doors whose types could be wrong.
  if (manifest.exports !== undefined) tools.push([bin('attw'), '--profile', 'esm-only', '--no-emoji', tarball]);
  for (const [tool, ...args] of tools) {
    await run(tool, args, { cwd: root }).catch((error) => {
      problems.push(`${manifest.name}: ${args.join(' ')}\n${error.stdout}${error.stderr}`);
    });
  }
  console.log(`${manifest.name}: ${files.length} files, ${problems.length} problems`);
  return problems;
}

const target = await mkdtemp(join(tmpdir(), 'raft-ts-packages-'));
try {
  const published = workspaces.filter(({ manifest }) => manifest.private !== true);
  const problems = (await Promise.all(published.map((one) => problemsOf(one, target)))).flat();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await rm(target, { recursive: true });
}
