// Bundles main.js for Node.js with vite, in both formats, and the core alone for a browser.
import { build } from 'vite';

const quiet = { configFile: false, logLevel: 'warn' };
for (const [format, extension] of [
  ['cjs', 'cjs'],
  ['es', 'mjs'],
]) {
  await build({
    ...quiet,
    // Native modules load a binary from beside their own files.
    ssr: { noExternal: true, external: ['@node-rs/crc32', 'fs-native-extensions'] },
    build: {
      ssr: 'main.js',
      outDir: 'out',
      emptyOutDir: false,
      rollupOptions: { output: { format, entryFileNames: `vite.${extension}` } },
    },
  });
}
const lib = { entry: 'memory-cluster.js', formats: ['iife'], name: 'cluster', fileName: () => 'vite.browser.js' };
await build({ ...quiet, build: { outDir: 'out', emptyOutDir: false, lib } });
