import { once } from 'node:events';
import { createServer } from 'node:net';
import { StoreClient } from '@raft-ts/raftexample/client';

/** A number of which the twenty ports after it are free now. */
export async function freePorts(): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 30_000);
    const servers = Array.from({ length: 20 }, () => createServer());
    const listening = servers.map(
      (server, i) =>
        new Promise<boolean>((resolve) => {
          server.once('error', () => resolve(false));
          server.listen(first + 1 + i, '127.0.0.1', () => resolve(true));
        }),
    );
    const areFree = (await Promise.all(listening)).every((each) => each);
    await Promise.all(servers.filter(({ listening: open }) => open).map((server) => once(server.close(), 'close')));
    if (areFree) return first;
  }
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
