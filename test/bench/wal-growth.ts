/**
 * What an entry costs as a log grows: logs of 10^3 to 10^7 small entries, with a snapshot and a compaction every so
 * many, as a member keeps them. Each length in a process of its own, whose resident memory is told.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ConfState, Entry } from '@raft-ts/proto';
import { DurableStorage } from '@raft-ts/raftwal';
import { print } from './workload.js';

const BATCH = 256;
const ENTRY_BYTES = 16;
const SNAPSHOT_EVERY = 100_000;
/** Entries that stay in memory after a snapshot. */
const KEPT = 50_000;

const oneVoter: ConfState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const identity = { nodeId: 1n, clusterId: 0x1000n };

const micros = (began: number, count: number): number => Math.round(((performance.now() - began) / count) * 1e5) / 100;

async function grow(dir: string, count: number): Promise<object> {
  const storage = await DurableStorage.open(dir, identity);
  const data = new Uint8Array(ENTRY_BYTES).fill(0x78);
  const lastTenth = count - Math.floor(count / 10);
  const began = performance.now();
  let tenthBegan = began;
  let next = 1;
  let snapshotAt = 0;
  while (next <= count) {
    if (next <= lastTenth && next + BATCH > lastTenth) tenthBegan = performance.now();
    const size = Math.min(BATCH, count - next + 1);
    const entries = Array.from({ length: size }, (_, i): Entry => ({ type: 0, term: 1, index: next + i, data }));
    await storage.save({ hardState: { term: 1, vote: 1n, commit: next - 1 }, entries });
    next += size;
    const committed = next - 1 - size;
    if (committed - snapshotAt < SNAPSHOT_EVERY) continue;
    await storage.createSnapshot(committed, oneVoter, undefined);
    storage.compact(committed - KEPT);
    snapshotAt = committed;
  }
  const perEntry = micros(began, count);
  const perEntryLast = micros(tenthBegan, count - lastTenth);
  await storage.close();
  const opening = performance.now();
  const again = await DurableStorage.open(dir, identity);
  const opened = Math.round(performance.now() - opening);
  if (again.lastIndex() !== count) throw new Error(`${again.lastIndex()} entries of ${count}`);
  await again.close();
  const wal = join(dir, 'wal');
  const disk = readdirSync(wal).reduce((sum, name) => sum + statSync(join(wal, name)).size, 0);
  return {
    entries: count,
    us_per_entry: perEntry,
    us_per_entry_in_the_last_tenth: perEntryLast,
    open_ms: opened,
    peak_resident_mib: Math.round(process.resourceUsage().maxRSS / 1024),
    disk_mib: Math.round(disk / 2 ** 20),
  };
}

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: tmpdir() },
    entries: { type: 'string', default: '1000,10000,100000,1000000,10000000' },
  },
});
const lengths = values.entries.split(',').map(Number);
if (lengths.length === 1) {
  const dir = mkdtempSync(join(values.dir, 'bench-wal-growth-'));
  try {
    print('wal-growth', [await grow(dir, lengths[0] as number)]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
} else {
  const results = lengths.flatMap((length) => {
    const args = [fileURLToPath(import.meta.url), '--dir', values.dir, '--entries', String(length)];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) throw new Error(`${length} entries: exit code ${status}`);
    return (JSON.parse(stdout) as { results: object[] }).results;
  });
  print('wal-growth', results);
}
