/** A state of an application above 4 GiB, streamed to a snapshot file and back: rates, and what it takes of memory. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { SnapshotFiles } from '@raft-ts/raftwal';
import { print } from './workload.js';

const PIECE = 1 << 20;

/** Bytes that nobody can guess from their length: each piece says where it stands. */
function* pieces(count: number, hash: ReturnType<typeof createHash>): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    const piece = Buffer.alloc(PIECE, `piece ${i}; `);
    hash.update(piece);
    yield piece;
  }
}

const { values } = parseArgs({
  options: { dir: { type: 'string', default: tmpdir() }, mib: { type: 'string', default: '4608' } },
});
const mib = Number(values.mib);
const dir = mkdtempSync(join(values.dir, 'bench-snapshot-'));
try {
  const files = await SnapshotFiles.open(join(dir, 'snap'));
  const residentBefore = process.resourceUsage().maxRSS;
  const written = createHash('sha1');
  const writing = performance.now();
  const length = await files.saveStream(pieces(mib, written), 1);
  const wrote = (performance.now() - writing) / 1000;
  const read = createHash('sha1');
  let back = 0;
  const reading = performance.now();
  for await (const piece of files.loadStream(1)) {
    read.update(piece);
    back += piece.length;
  }
  const took = (performance.now() - reading) / 1000;
  if (length !== mib * PIECE || back !== length || read.digest('hex') !== written.digest('hex')) {
    throw new Error(`${length} bytes were written, ${back} came back`);
  }
  print('snapshot-files', [
    {
      bytes: length,
      write_mb_per_s: Math.round(length / wrote / 1e6),
      read_mb_per_s: Math.round(length / took / 1e6),
      memory_mib: Math.round((process.resourceUsage().maxRSS - residentBefore) / 1024),
    },
  ]);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
