import { readFile, statfs } from 'node:fs/promises';
import type { TlsOptions } from '@raft-ts/rafthttp';
import type { WalMetrics } from '@raft-ts/raftwal';
import { type Clock, systemClock } from '@raft-ts/replica';
import type { Registry } from 'prom-client';
import { type Alarm, Alarms, type AlarmsHost } from './alarms.js';
import { CertificateWatch, type CertificateWatchHost } from './certificate-watch.js';
import { type DiskRoom, DiskWatch, type DiskWatchHost } from './disk-watch.js';
import { measure } from './measures.js';
import { SlowWatch } from './slow-watch.js';

/** From where on a member warns; 0 for what it does not watch. */
export interface WarnLimits {
  /** Room on the disk of its folder, in bytes. */
  readonly diskBytes: number;
  /** Time until a write of the log is on disk, in milliseconds. */
  readonly syncMs: number;
  /** Time by which a timer is late, in milliseconds. */
  readonly lateMs: number;
  /** Days until a certificate expires. */
  readonly certificateDays: number;
}

export interface WatchesHost {
  readonly limits: WarnLimits;
  readonly data: string;
  /** Of both ports; `undefined`: plain HTTP. */
  readonly tls: readonly (TlsOptions | undefined)[];
  readonly log: AlarmsHost['log'];
  readonly registry: Registry;
  /** Default: the host's. */
  readonly clock?: Clock;
  /** Default: the host's. */
  readonly statfs?: DiskWatchHost['statfs'];
  /** Default: the host's. */
  readonly readFile?: CertificateWatchHost['readFile'];
}

/** How often the disk is asked for its room. */
const LOOK_MS = 10_000;
/** How often certificates are read: somebody who has renewed one looks soon whether all is well. */
const CERTIFICATES_MS = 60_000;
/** How often it is seen whether the event loop is on time. */
const LOOP_MS = 200;

/** Watches what ends a member sooner or later: its disk, its event loop and its certificates. */
export class Watches {
  private readonly alarms: Alarms;
  private readonly disk: DiskWatch;
  private readonly certificates: CertificateWatch;
  private readonly syncs: SlowWatch;
  private readonly loop: SlowWatch;
  private readonly clock: Clock;
  private readonly observeLate: (seconds: number) => void;
  private readonly cancels = new Map<number, () => void>();
  private stopped = false;

  constructor(host: WatchesHost) {
    const { limits, data, tls, log, registry, clock = systemClock() } = host;
    this.clock = clock;
    const alarms = new Alarms({ clock, log });
    this.alarms = alarms;
    this.disk = new DiskWatch({
      alarms,
      data,
      limit: limits.diskBytes,
      statfs: host.statfs ?? ((path) => statfs(path)),
    });
    const read = host.readFile ?? ((path) => readFile(path));
    this.certificates = new CertificateWatch({ alarms, clock, tls, days: limits.certificateDays, readFile: read });
    this.syncs = new SlowWatch({
      ...{ alarms, clock, kind: 'sync', limitMs: limits.syncMs },
      describe: (times, slowest) =>
        `the disk of ${data} took longer than the ${limits.syncMs} ms of --warn-sync ${times}, up to ${slowest} ms, to make a write of the log durable: whoever writes waits for it, and a leader may lose its place. Give the log a faster disk, or one that nobody else uses`,
      over: `the disk of ${data} makes writes of the log durable in time again`,
    });
    this.loop = new SlowWatch({
      ...{ alarms, clock, kind: 'loop', limitMs: limits.lateMs },
      describe: (times, slowest) =>
        `the event loop was late by more than the ${limits.lateMs} ms of --warn-late ${times}, by up to ${slowest} ms: nothing was answered meanwhile, and a leader may lose its place. Look for what takes the processor from this process, give it more of the machine, or send it less`,
      over: 'the event loop is on time again',
    });
    const parts = { alarms, disk: this.disk, certificates: this.certificates, syncs: this.syncs };
    this.observeLate = measure(registry, parts);
  }

  /** Goes on until `stop`. Resolves once everything was looked at once. */
  async start(): Promise<void> {
    this.watchLoop();
    await Promise.all([
      this.repeat(LOOK_MS, async () => {
        this.syncs.look();
        this.loop.look();
        await this.disk.look();
      }),
      this.repeat(CERTIFICATES_MS, () => this.certificates.look()),
    ]);
  }

  stop(): void {
    this.stopped = true;
    for (const cancel of this.cancels.values()) cancel();
    this.cancels.clear();
  }

  /** What lasts now. */
  get warnings(): readonly Alarm[] {
    return this.alarms.list();
  }

  /** As of the last look. */
  get room(): DiskRoom | undefined {
    return this.disk.room;
  }

  /** Looks at what is measured on its way to `metrics`. */
  watching(metrics: WalMetrics): WalMetrics {
    return {
      observeSync: (seconds) => {
        metrics.observeSync(seconds);
        this.syncs.took(seconds * 1000);
      },
      observeWrite: (seconds, bytes) => metrics.observeWrite(seconds, bytes),
    };
  }

  private async repeat(ms: number, look: () => Promise<void>): Promise<void> {
    await look();
    this.after(ms, () => void this.repeat(ms, look));
  }

  private watchLoop(): void {
    const due = this.clock.monotonic() + LOOP_MS;
    this.after(LOOP_MS, () => {
      const lateMs = Math.max(0, this.clock.monotonic() - due);
      this.observeLate(lateMs / 1000);
      this.loop.took(lateMs);
      this.watchLoop();
    });
  }

  /** There is one call for each period. */
  private after(ms: number, call: () => void): void {
    if (!this.stopped) this.cancels.set(ms, this.clock.after(ms, call));
  }
}
