/**
 * The `wal` workload of test/reference/README.md: durable batches through the log, in blocks that alternate with the
 * limit as Node's own asynchronous calls see it, one write to a file that is set aside and opened with `O_DSYNC`; then
 * reading back.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Wal } from '@raft-ts/raftwal';
import { bytesOf, entriesFrom, RawFile, stateAt } from './raw-file.js';
import { collectGarbage, perSecond, print } from './workload.js';

/** Batches through the log, then as many through the raw file, in turn, so that both meet the same disk. */
const BLOCK = 50;

interface Latency {
  p50_us: number;
  p99_us: number;
}

function summarize(samples: readonly number[]): Latency {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number): number => {
    const rank = Math.min(sorted.length, Math.max(1, Math.ceil(share * sorted.length)));
    return Math.round((sorted[rank - 1] as number) * 10_000) / 10;
  };
  return { p50_us: at(0.5), p99_us: at(0.99) };
}

const total = (samples: readonly number[]): number => samples.reduce((sum, one) => sum + one, 0) / 1000;

async function appendCase(dir: string, batch: number, batches: number, size: number): Promise<object> {
  const wal = await Wal.create(join(dir, 'wal'), { metadata: new TextEncoder().encode('reference') });
  const raw = await RawFile.make(join(dir, 'raw'));
  const data = new Uint8Array(size).fill(0x78);
  const rawData = new Uint8Array(bytesOf(entriesFrom(1000, batch, data))).fill(7);
  let next = 1;
  const walBlock = async (samples: number[]): Promise<void> => {
    for (let i = 0; i < BLOCK; i++) {
      const entries = entriesFrom(next, batch, data);
      const state = stateAt(next - 1);
      const began = performance.now();
      await wal.save(state, entries);
      samples.push(performance.now() - began);
      next += batch;
    }
  };
  const rawBlock = async (samples: number[]): Promise<void> => {
    for (let i = 0; i < BLOCK; i++) {
      const began = performance.now();
      await raw.append(rawData);
      samples.push(performance.now() - began);
    }
  };
  // One block of each is not timed.
  await walBlock([]);
  await rawBlock([]);
  const [walSamples, rawSamples]: [number[], number[]] = [[], []];
  while (walSamples.length < batches) {
    await walBlock(walSamples);
    await rawBlock(rawSamples);
  }
  await wal.close();
  await raw.end();
  const [walTook, rawTook] = [total(walSamples), total(rawSamples)];
  return {
    case: `append-${batch}`,
    entries_per_batch: batch,
    entry_bytes: size,
    bytes_on_disk_per_batch: rawData.length,
    batches: walSamples.length,
    wal_batches_per_s: perSecond(walSamples.length, walTook),
    wal_entries_per_s: perSecond(walSamples.length * batch, walTook),
    wal_latency: summarize(walSamples),
    raw_batches_per_s: perSecond(rawSamples.length, rawTook),
    raw_latency: summarize(rawSamples),
    wal_share_of_raw: Math.round((rawTook / walTook) * 1000) / 1000,
  };
}

async function readCase(dir: string, count: number, size: number): Promise<object> {
  const path = join(dir, 'read');
  const wal = await Wal.create(path);
  const data = new Uint8Array(size).fill(0x78);
  const batch = 256;
  const record = bytesOf(entriesFrom(1, 1, data)) - bytesOf([]);
  for (let next = 1; next <= count; next += batch) {
    await wal.save(stateAt(next), entriesFrom(next, Math.min(batch, count - next + 1), data));
  }
  await wal.close();
  collectGarbage();
  const began = performance.now();
  const opened = await Wal.open(path);
  const { entries } = await opened.readAll();
  const seconds = (performance.now() - began) / 1000;
  await opened.close();
  if (entries.length !== count) throw new Error(`${entries.length} of ${count} entries`);
  const bytes = record * count;
  return {
    case: 'read',
    entries: count,
    entry_bytes: size,
    record_bytes: bytes,
    seconds: Math.round(seconds * 1000) / 1000,
    mb_per_s: Math.round(bytes / seconds / 1e5) / 10,
    entries_per_s: perSecond(count, seconds),
  };
}

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: tmpdir() },
    batch: { type: 'string', default: '1,16,256' },
    batches: { type: 'string', default: '2000' },
    size: { type: 'string', default: '256' },
    'read-entries': { type: 'string', default: '200000' },
    only: { type: 'string' },
  },
});

const results: object[] = [];
async function run(name: string, measure: (dir: string) => Promise<object>): Promise<void> {
  if (values.only !== undefined && values.only !== name) return;
  const dir = mkdtempSync(join(values.dir, 'bench-wal-'));
  try {
    results.push(await measure(dir));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const size = Number(values.size);
for (const batch of values.batch.split(',').map(Number)) {
  await run(`append-${batch}`, (dir) => appendCase(dir, batch, Number(values.batches), size));
}
await run('read', (dir) => readCase(dir, Number(values['read-entries']), size));
print('wal', results);
