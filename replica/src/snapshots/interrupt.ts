import { RaftError } from '@raft-ts/raft';
import { ERR_REPLICA_STOPPED } from '../base/errors.js';

/**
 * Lets streams be read until the replica stops. What a state machine or a transport gives may be stuck for ever, so
 * whoever reads it does not wait for it then.
 */
export class Interrupt {
  private readonly waiting = new Set<(error: RaftError) => void>();
  private why: RaftError | undefined = undefined;

  get stopped(): boolean {
    return this.why !== undefined;
  }

  /** Every read that is under way, and each later one, fails with this reason. Default: the replica was stopped. */
  stop(why?: RaftError): void {
    this.why ??= why ?? new RaftError(ERR_REPLICA_STOPPED, 'the replica was stopped', { reason: 'stopped' });
    for (const reject of this.waiting) reject(this.why);
    this.waiting.clear();
  }

  /** @throws RaftError once it was stopped: the reason */
  check(): void {
    if (this.why !== undefined) throw this.why;
  }

  /** The outcome of the promise, unless the replica stops before. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.why !== undefined) reject(this.why);
      // Not Promise.race, which would hold on to each promise for as long as the other one is open.
      else this.waiting.add(reject);
      promise.then(resolve, reject).finally(() => this.waiting.delete(reject));
    });
  }

  /** The same bytes. The source is let go of when the reader is, however far it has come. */
  async *read(source: AsyncIterator<Uint8Array, unknown>): AsyncGenerator<Uint8Array, void> {
    let ended = false;
    try {
      for (;;) {
        const { done, value } = await this.race(source.next());
        ended = done === true;
        if (done === true) return;
        yield value;
      }
    } finally {
      if (!ended) await this.letGo(source);
    }
  }

  /** Closes a source. One that is stuck, or fails at that, harms nobody any more. */
  async letGo(source: AsyncIterator<Uint8Array, unknown>): Promise<void> {
    try {
      const closed = source.return?.();
      if (closed !== undefined) await this.race(closed);
    } catch {
      // Whoever read it has heard of what matters.
    }
  }
}
