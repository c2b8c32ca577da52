// Removes compiled files whose source is gone. tsc leaves them; a test that was deleted would still run, and a module
// that was renamed would still be published.

import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { root, workspaces } from './workspaces.mjs';

for (const { folder } of workspaces) {
  const dist = join(root, folder, 'dist');
  const source = existsSync(join(root, folder, 'src')) ? join(root, folder, 'src') : join(root, folder);
  if (!existsSync(dist)) continue;
  for (const file of await readdir(dist, { recursive: true })) {
    const output = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(file);
    if (output !== null && !existsSync(join(source, `${output[1]}.ts`))) await rm(join(dist, file));
  }
}
