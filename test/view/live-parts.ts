import { StoreClient } from '@raft-ts/raftexample/client';
import { reserveRange } from '../helpers/ports.js';

/** A number of which the twenty ports after it are free now, and stay so for us. */
export async function freePorts(): Promise<number> {
  return (await reserveRange(20)) - 1;
}

/** A client that writes all the time, one key after the other, and knows of which it was told that they are written. */
export class Writer {
  readonly acknowledged: string[] = [];
  readonly client: StoreClient;
  private readonly stopping = new AbortController();
  private readonly done: Promise<void>;

  constructor(endpoints: readonly string[]) {
    this.client = new StoreClient({ endpoints });
    this.done = this.write();
  }

  private async write(): Promise<void> {
    const { signal } = this.stopping;
    for (let i = 0; !signal.aborted; i++) {
      const { outcome } = await this.client.put(`written/${i}`, `value ${i}`, { signal });
      if (outcome === 'done') this.acknowledged.push(`written/${i}=value ${i}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done;
  }
}
