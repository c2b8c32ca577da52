import type { Unsaved } from '@raft-ts/replica';
import { MemoryLog } from '@raft-ts/replica/memory';
import type { VirtualTime } from './virtual.js';

/** A log in memory whose writes take time, one after the other, and that tells when each of them ends. */
export class SlowLog extends MemoryLog {
  /** Milliseconds that a write takes. */
  delay = 0;
  /** What the next writes fail with. */
  failure: Error | undefined = undefined;
  /** Called when a write is durable. */
  onDurable: (unsaved: Unsaved) => void = () => {};
  closed = false;
  private readonly time: VirtualTime;
  private last: Promise<void> = Promise.resolve();

  constructor(time: VirtualTime) {
    super();
    this.time = time;
  }

  override save(unsaved: Unsaved): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    void super.save(unsaved);
    const { delay, last } = this;
    const written = (async () => {
      await last;
      if (delay > 0) await new Promise<void>((resolve) => void this.time.after(delay, resolve));
      this.onDurable(unsaved);
    })();
    this.last = written;
    return written;
  }

  override async close(): Promise<void> {
    await super.close();
    this.closed = true;
  }
}
