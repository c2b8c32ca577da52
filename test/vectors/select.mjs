// Packs the byte vectors that the tests of the codec need into this folder, so that a clone without the full folder
// proves the same: RAFT_VECTORS=FOLDER node test/vectors/select.mjs
//
// The three files of messages and records compress to less than 200 KB, so every line is taken, unchanged and in order.
// Streams, HTTP exchanges and log folders are not taken.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

const folder = process.env.RAFT_VECTORS;
if (folder === undefined) {
  process.stderr.write('RAFT_VECTORS must name the folder with the vectors\n');
  process.exit(2);
}
for (const name of ['messages.jsonl', 'records.jsonl', 'malformed.jsonl']) {
  const text = readFileSync(join(folder, name));
  const packed = gzipSync(text, { level: constants.Z_BEST_COMPRESSION, memLevel: 9 });
  writeFileSync(fileURLToPath(new URL(`./${name}.gz`, import.meta.url)), packed);
  process.stdout.write(`${name}: ${text.length} bytes, packed ${packed.length}\n`);
}
