// Builds a static site of the documents and of the API, from the docstrings of whatever the packages export.
//
// typedoc reads sources by a TypeScript of its own, an older one than the packages are compiled with. So it is no
// dependency of theirs: docs/site names it, with a lock of its own, and it is installed there when it is first needed.
//
// Usage: npm run docs                    (into docs/site/html, which git ignores)

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { helpIfAsked } from './help.mjs';
import { root, workspaces } from './workspaces.mjs';

helpIfAsked(import.meta.url);

const site = join(root, 'docs/site');
const out = join(site, 'html');
const typedoc = join(site, 'node_modules/typedoc/bin/typedoc');

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error !== undefined) console.error(error.message);
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(typedoc)) run('npm', ['ci'], { cwd: site });

const published = workspaces.filter(({ manifest }) => manifest.private !== true);
const entryPoints = published.flatMap(({ folder, manifest }) =>
  Object.entries(manifest.exports)
    .filter(([door, target]) => door !== './internal' && typeof target === 'object')
    .map(([, target]) => join(root, folder, target['@raft-ts/source'])),
);

const folder = mkdtempSync(join(site, 'build-'));
try {
  const tsconfig = join(folder, 'tsconfig.json');
  const compilerOptions = {
    noEmit: true,
    composite: false,
    incremental: false,
    rootDir: root,
    lib: ['es2023', 'esnext.disposable', 'dom'],
    types: ['node'],
    // The packages are read from their sources, which need no build.
    customConditions: ['@raft-ts/source'],
  };
  const include = published.map((one) => join(root, one.folder, 'src/**/*.ts'));
  writeFileSync(tsconfig, JSON.stringify({ extends: join(root, 'tsconfig.base.json'), compilerOptions, include }));
  const options = {
    name: 'raft-ts',
    entryPoints,
    tsconfig,
    out,
    basePath: root,
    readme: join(root, 'README.md'),
    projectDocuments: ['docs/*.md', ...workspaces.map((one) => `${one.folder}/README.md`)].map((name) =>
      join(root, name),
    ),
    // A site that is read from a disk has no place to link sources to.
    disableSources: true,
    // The build has done that, with the TypeScript of the packages.
    skipErrorChecking: true,
    validation: { notExported: false },
    highlightLanguages: [
      'bash',
      'console',
      'http',
      'javascript',
      'json',
      'jsonc',
      'shell',
      'sql',
      'tsx',
      'typescript',
      'yaml',
    ],
  };
  const configuration = join(folder, 'typedoc.json');
  writeFileSync(configuration, JSON.stringify(options));
  run(process.execPath, [typedoc, '--options', configuration], { cwd: site });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`the site is in ${out}: open index.html, or serve the folder`);
