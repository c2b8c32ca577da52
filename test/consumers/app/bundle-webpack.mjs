// Bundles main.js for Node.js with webpack, in both formats, and the core alone for a browser.
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import webpack from 'webpack';

const path = resolve('out');
const node = { mode: 'production', entry: './main.js', target: 'node20' };
// Native modules load a binary from beside their own files.
const cjs = { '@node-rs/crc32': 'commonjs @node-rs/crc32', 'fs-native-extensions': 'commonjs fs-native-extensions' };
const esm = { '@node-rs/crc32': 'module @node-rs/crc32', 'fs-native-extensions': 'import fs-native-extensions' };

const configs = [
  { ...node, externals: cjs, output: { path, filename: 'webpack.cjs' } },
  {
    ...node,
    externals: esm,
    experiments: { outputModule: true },
    output: { path, filename: 'webpack.mjs', module: true },
  },
  {
    mode: 'production',
    entry: './memory-cluster.js',
    target: 'web',
    output: { path, filename: 'webpack.browser.js', library: { name: 'cluster', type: 'var' } },
  },
];
for (const config of configs) {
  const stats = await promisify(webpack)(config);
  if (stats.hasErrors()) throw new Error(stats.toString({ all: false, errors: true }));
}
