import process from 'node:process';
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, Histogram, type Metric, type Registry } from 'prom-client';
import { type Alarms, alarmKinds } from './alarms.js';
import type { CertificateWatch } from './certificate-watch.js';
import type { DiskWatch } from './disk-watch.js';
import type { SlowWatch } from './slow-watch.js';

/** In seconds. */
const LATE_BUCKETS: readonly number[] = [0.01, 0.03, 0.1, 0.3, 1, 3, 10];

export interface Measured {
  readonly alarms: Alarms;
  readonly disk: DiskWatch;
  readonly certificates: CertificateWatch;
  readonly syncs: SlowWatch;
}

/** They are registered together. */
const registers: Registry[] = [];

/** Registers what is watched. @returns takes note by how many seconds a timer was late */
export function measure(registry: Registry, measured: Measured): (seconds: number) => void {
  const late = new Histogram({
    name: 'raft_store_loop_late_seconds',
    help: 'By how much timers were late: the event loop was busy.',
    buckets: [...LATE_BUCKETS],
    registers,
  });
  const all: readonly Metric[] = [late, ...diskMetrics(measured), ...memoryMetrics(), ...alarmMetrics(measured)];
  for (const metric of all) registry.registerMetric(metric);
  return (seconds) => late.observe(seconds);
}

function diskMetrics({ disk, syncs }: Measured): readonly Metric[] {
  // No comparison with NaN holds, so what is not known raises no alert.
  const free = new Gauge({
    name: 'raft_store_disk_free_bytes',
    help: 'Room on the disk of the log.',
    registers,
    collect() {
      this.set(disk.room?.free ?? Number.NaN);
    },
  });
  const size = new Gauge({
    name: 'raft_store_disk_size_bytes',
    help: 'Size of the disk of the log.',
    registers,
    collect() {
      this.set(disk.room?.size ?? Number.NaN);
    },
  });
  const slow = new Counter({
    name: 'raft_store_slow_syncs_total',
    help: 'Writes of the log that took longer to be durable than --warn-sync says.',
    registers,
    collect() {
      this.reset();
      this.inc(syncs.total);
    },
  });
  return [free, size, slow];
}

function memoryMetrics(): readonly Metric[] {
  const used = new Gauge({
    name: 'raft_store_heap_used_bytes',
    help: 'The heap of this process.',
    registers,
    collect() {
      this.set(getHeapStatistics().used_heap_size);
    },
  });
  const limit = new Gauge({
    name: 'raft_store_heap_limit_bytes',
    help: 'What the heap of this process may take: Node.js ends a process that takes more.',
    registers,
    collect() {
      this.set(getHeapStatistics().heap_size_limit);
    },
  });
  const resident = new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory size in bytes.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  return [used, limit, resident];
}

function alarmMetrics({ alarms, certificates }: Measured): readonly Metric[] {
  const expires = new Gauge({
    name: 'raft_store_certificate_expires_timestamp_seconds',
    help: 'When the certificate in a file expires.',
    labelNames: ['file'],
    registers,
    collect() {
      this.reset();
      for (const { file, expires: at } of certificates.files) this.set({ file }, at / 1000);
    },
  });
  const alarm = new Gauge({
    name: 'raft_store_alarm',
    help: 'Whether this member warns of something.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const kind of alarmKinds) this.set({ kind }, alarms.has(kind) ? 1 : 0);
    },
  });
  return [expires, alarm];
}
