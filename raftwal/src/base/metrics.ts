/** Receives measurements of the disk; pass one to `Wal`. */
export interface WalMetrics {
  /** Records how long a durable write took. */
  observeSync(seconds: number): void;
  /** Records how long a write took. With write-through files, write and sync are one call. */
  observeWrite(seconds: number, bytes: number): void;
}

/** Upper bounds of etcd's buckets: one millisecond, doubled thirteen times. */
const bounds: readonly number[] = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i);

class Histogram {
  private readonly counts: number[] = new Array<number>(bounds.length + 1).fill(0);
  private sum = 0;
  private readonly name: string;
  private readonly help: string;

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  observe(seconds: number): void {
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    const at = bucket < 0 ? bounds.length : bucket;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += seconds;
  }

  text(): string {
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} histogram`];
    let total = 0;
    for (const [i, count] of this.counts.entries()) {
      total += count;
      lines.push(`${this.name}_bucket{le="${bounds[i] ?? '+Inf'}"} ${total}`);
    }
    lines.push(`${this.name}_sum ${this.sum}`, `${this.name}_count ${total}`);
    return lines.join('\n');
  }
}

/** Etcd's histograms under etcd's names, in Prometheus' text format. */
export class WalHistograms implements WalMetrics {
  private readonly syncs = new Histogram(
    'etcd_disk_wal_fsync_duration_seconds',
    'The latency distributions of fsync called by WAL.',
  );
  private readonly writes = new Histogram(
    'etcd_disk_wal_write_duration_seconds',
    'The latency distributions of write called by WAL.',
  );
  private bytes = 0;

  observeSync(seconds: number): void {
    this.syncs.observe(seconds);
  }

  observeWrite(seconds: number, bytes: number): void {
    this.writes.observe(seconds);
    this.bytes += bytes;
  }

  /** Returns all histograms as text for a `/metrics` page. */
  text(): string {
    const name = 'etcd_disk_wal_write_bytes_total';
    const gauge = `# HELP ${name} Total number of bytes written in WAL.\n# TYPE ${name} gauge\n${name} ${this.bytes}`;
    return `${this.syncs.text()}\n${this.writes.text()}\n${gauge}\n`;
  }
}
