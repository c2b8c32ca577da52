/** Number of requests that a rate is computed from; etcd's. */
const CAPACITY = 200;

/** If the last request is older than this the rate is zero, in milliseconds; etcd's. */
const STALE_MS = 1000;

/** The rate of requests and bytes, from the last 200 requests. */
export class Rate {
  private readonly times: number[] = [];
  private readonly sizes: number[] = [];
  private next = 0;

  /** @param nowMs on the clock of `performance.now` */
  add(size: number, nowMs: number): void {
    this.times[this.next] = nowMs;
    this.sizes[this.next] = size;
    this.next = (this.next + 1) % CAPACITY;
  }

  /** Requests and bytes per second; zeros if there were none within the last second. */
  perSecond(nowMs: number): { requests: number; bytes: number } {
    const none = { requests: 0, bytes: 0 };
    const count = this.times.length;
    if (count === 0) return none;
    const newest = this.times[(this.next + CAPACITY - 1) % CAPACITY] as number;
    if (nowMs - newest > STALE_MS) {
      this.times.length = 0;
      this.sizes.length = 0;
      this.next = 0;
      return none;
    }
    const oldest = this.times[count < CAPACITY ? 0 : this.next] as number;
    const seconds = (newest - oldest) / 1000;
    // A single request, or several at one moment, have no rate; etcd says infinity, which is not JSON.
    if (seconds <= 0) return none;
    let bytes = 0;
    for (const size of this.sizes) bytes += size;
    return { requests: count / seconds, bytes: bytes / seconds };
  }
}
