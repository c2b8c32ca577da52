// Bundles each program of `raftexample`, and each command of the one that has several, into one file. A member is made
// of 300 modules of ours and 350 of others, and Node.js takes half a second of processor to find, read and compile them
// one by one; a bundle in CommonJS halves that. What a member does not need, and white space, would stay in its memory.
//
// Packages of others stay outside, so that they are installed, audited and updated as anywhere else; but for one that
// has no CommonJS form.

import { join } from 'node:path';
import { build } from 'esbuild';

import { root } from './workspaces.mjs';

const dist = join(root, 'raftexample/dist');

/** The modules that `main.js` loads when it knows what it is asked for, each of which becomes a file of its own. */
const COMMANDS = {
  hello: './hello/main.js',
  kv: './kv/main.js',
  restore: './kv/restore.js',
  recover: './kv/recover.js',
  ctl: './ctl/main.js',
};

/** Only in ESM, for which `require` would depend on the release of Node.js. */
const ESM_ONLY = ['string-width', 'get-east-asian-width', 'strip-ansi', 'ansi-regex'];

const outside = {
  name: 'packages of others stay outside',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === 'entry-point' || path.startsWith('@raft-ts/') || ESM_ONLY.includes(path)) return undefined;
      return { path, external: true };
    });
  },
};

const commands = {
  name: 'commands have files of their own',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/\w+\/\w+\.js$/ }, ({ path, importer }) => {
      if (importer !== join(dist, 'main.js')) return undefined;
      const [name] = Object.entries(COMMANDS).find(([, module]) => module === path) ?? [];
      return name === undefined
        ? { errors: [{ text: `${path} is no command of scripts/programs.mjs` }] }
        : { path: `./${name}.cjs`, external: true };
    });
  },
};

const shared = {
  absWorkingDir: root,
  outdir: join(dist, 'programs'),
  outExtension: { '.js': '.cjs' },
  bundle: true,
  // Names stay, and lines short enough for the places that stacks name.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 120,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  // Files that lie beside the modules are found from the bundle's folder, which is as deep as theirs.
  define: { 'import.meta.url': 'import_meta_url' },
  banner: { js: "const import_meta_url = require('node:url').pathToFileURL(__filename).href;" },
  sourcemap: 'linked',
  sourcesContent: false,
  plugins: [outside, commands],
  logLevel: 'warning',
};

await build({
  ...shared,
  entryPoints: {
    ...Object.fromEntries(Object.entries(COMMANDS).map(([name, module]) => [name, join(dist, module)])),
    cluster: join(dist, 'hello/cluster.js'),
    store: join(dist, 'kv/store.js'),
    workers: join(dist, 'workers/workers.js'),
  },
});
// With `require` in place of `import()`, which reads a file in CommonJS twice, the first time for its exports.
await build({
  ...shared,
  entryPoints: { raftexample: join(dist, 'main.js') },
  supported: { 'dynamic-import': false },
});
