/**
 * A state that is larger than what members may hold: two of them save it, and one sends it to a third, which installs
 * it. All three live in this process, with logs on disk and HTTP between them; the state is generated, and each byte
 * of it checked. What that takes of memory.
 */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { SnapshotEvent } from '@raft-ts/replica';
import { DurableCluster } from '../replica/durable.js';
import { Bulk } from '../replica/machines.js';
import { collectGarbage, print } from './workload.js';

const MIB = 2 ** 20;

async function measure(mib: number): Promise<object> {
  const size = mib * MIB;
  const members = new DurableCluster(3, () => new Bulk(size), {
    snapshots: { everyEntries: 10, keepEntries: 1, keepEntriesForSlow: 1 },
    timeoutMs: 60_000,
  });
  collectGarbage();
  await sleep(100);
  const before = process.memoryUsage().rss;
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  let began = performance.now();
  await Promise.all([members.start(1n), members.start(2n)]);
  for (let i = 0; i < 30; i++) await members.replicas.get(1n)?.propose(1);
  // The first one, for the founders, and one that is beyond all that a third member could still read from the log.
  const saved = ({ phase, index }: SnapshotEvent): boolean => phase === 'saved' && index > 10;
  await Promise.all([members.event(1n, 'snapshot', saved), members.event(2n, 'snapshot', saved)]);
  const saveSeconds = (performance.now() - began) / 1000;
  began = performance.now();
  let told = 0;
  const late = await members.start(3n);
  late.watch('snapshot', ({ phase, bytes }) => {
    if (phase === 'installing' && bytes > 0) told++;
  });
  await members.event(3n, 'snapshot', ({ phase }) => phase === 'installed');
  const installSeconds = (performance.now() - began) / 1000;
  clearInterval(watch);
  const { restored } = members.machines.get(3n) as Bulk;
  if (restored.length !== 1 || restored[0] !== size) throw new Error(`restored ${String(restored)} of ${size} bytes`);
  await members.end();
  return {
    mib,
    // Four of them: two members, twice each.
    save_mb_per_s: Math.round((4 * size) / saveSeconds / 1e6),
    send_and_install_mb_per_s: Math.round(size / installSeconds / 1e6),
    resident_mib: Math.round(peak / MIB),
    growth_mib: Math.round((peak - before) / MIB),
    progress_events: told,
  };
}

const { values } = parseArgs({ options: { mib: { type: 'string', default: '64,1024' } } });
const results: object[] = [];
for (const mib of values.mib.split(',').map(Number)) results.push(await measure(mib));
print('replica-snapshot', results);
