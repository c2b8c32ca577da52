// Bundles each program of `raftexample` into one file. A member is made of 300 modules of ours and 350 of others, and
// Node.js takes half a second of processor to find, read and compile them one by one; a bundle in CommonJS halves that.
//
// Packages of others stay outside, so that they are installed, audited and updated as anywhere else; but for one that
// has no CommonJS form.

import { join } from 'node:path';
import { build } from 'esbuild';

import { root } from './workspaces.mjs';

const dist = join(root, 'raftexample/dist');

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

await build({
  absWorkingDir: root,
  entryPoints: {
    raftexample: join(dist, 'main.js'),
    cluster: join(dist, 'hello/cluster.js'),
    store: join(dist, 'kv/store.js'),
    workers: join(dist, 'workers/workers.js'),
  },
  outdir: join(dist, 'programs'),
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  // Files that lie beside the modules are found from the bundle's folder, which is as deep as theirs.
  define: { 'import.meta.url': 'import_meta_url' },
  banner: { js: "const import_meta_url = require('node:url').pathToFileURL(__filename).href;" },
  sourcemap: 'linked',
  sourcesContent: false,
  plugins: [outside],
  logLevel: 'warning',
});
