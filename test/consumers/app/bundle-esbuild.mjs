// Bundles main.js for Node.js with esbuild, in both formats, and the core alone for a browser.
import { build } from 'esbuild';

const node = {
  entryPoints: ['main.js'],
  bundle: true,
  platform: 'node',
  // Native modules load a binary from beside their own files.
  external: ['@node-rs/crc32', 'fs-native-extensions'],
};
await build({ ...node, format: 'cjs', outfile: 'out/esbuild.cjs' });
// express and axios contain CommonJS, which calls `require`; a module has none.
const js = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;
await build({ ...node, format: 'esm', outfile: 'out/esbuild.mjs', banner: { js } });

const core = { entryPoints: ['memory-cluster.js'], bundle: true, platform: 'browser' };
await build({ ...core, format: 'iife', globalName: 'cluster', outfile: 'out/esbuild.browser.js' });
