import { RaftError } from '@raft-ts/proto';
import type { Router } from 'express';
import { ERR_LISTEN } from '../base/errors.js';
import type { Listener, ListenOptions } from './listener.js';
import { type ListenContext, listen } from './server.js';

/** The servers of a transport, all of which answer by the same routes. */
export class Listeners {
  private readonly ctx: ListenContext;
  private readonly router: Router;
  private readonly opened: () => Promise<void> | undefined;
  private readonly open = new Set<Listener>();
  private stopped = false;

  /** @param opened called once an address is this member's: another process may have been using it until then */
  constructor(ctx: ListenContext, router: Router, opened: () => Promise<void> | undefined) {
    this.ctx = ctx;
    this.router = router;
    this.opened = opened;
  }

  /** Where they listen. */
  get urls(): string[] {
    return [...this.open].map(({ url }) => url);
  }

  /** @throws RaftError `ERR_RAFT_LISTEN` */
  async listen(options: ListenOptions): Promise<Listener> {
    if (this.stopped) throw new RaftError(ERR_LISTEN, 'the transport has stopped', { reason: 'stopped' });
    const server = await listen(this.ctx, this.router, options);
    const listener: Listener = {
      ...server,
      // `close` waits for it until it has closed; from then on the address is no longer this member's.
      close: () => server.close().finally(() => this.open.delete(listener)),
    };
    this.open.add(listener);
    await this.opened();
    // The transport may have been stopped in the meantime.
    if (this.stopped) await listener.close();
    return listener;
  }

  /** From now on nothing begins to listen. What listens already goes on until `close`. */
  stop(): void {
    this.stopped = true;
  }

  /** Closes them all. */
  async close(): Promise<void> {
    await Promise.all([...this.open].map((listener) => listener.close()));
  }
}
