import type { ServerResponse } from 'node:http';
import { HttpError } from './answers.js';

/**
 * Requests that cost milliseconds, a few at a time: members speak to each other in the same thread, and must not miss a
 * heartbeat because many clients ask at once.
 */
export class Slots {
  private readonly size: number;
  private readonly maxWaiting: number;
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(size: number, maxWaiting: number) {
    this.size = size;
    this.maxWaiting = maxWaiting;
  }

  /** Does the work once it is its turn, if the client is still there. @throws HttpError 503 if too many wait */
  async run(response: ServerResponse, work: () => Promise<void> | void): Promise<void> {
    if (this.waiting.length >= this.maxWaiting)
      throw new HttpError('ERR_KV_BUSY', 'waiting', `${this.maxWaiting} requests of this kind wait already`);
    if (this.running >= this.size) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      if (!response.destroyed) await work();
    } finally {
      const next = this.waiting.shift();
      // In a turn of its own: between two of them others are served.
      if (next === undefined) this.running--;
      else setImmediate(next);
    }
  }
}
