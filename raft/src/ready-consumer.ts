import { ERR_READY_CONSUMER, RaftError } from './errors.js';
import type { Ready } from './ready.js';

/** The consumer's end of the loop: at most one request is pending, and one Ready answers it. */
export class ReadyConsumer implements AsyncIterator<Ready, undefined> {
  private readonly host: { wanted(): void; detached(): void };
  private request:
    | { resolve(result: IteratorResult<Ready, undefined>): void; reject(error: unknown): void }
    | undefined;
  private finished = false;
  private failure: Error | undefined;

  constructor(host: { wanted(): void; detached(): void }) {
    this.host = host;
  }

  get isWaiting(): boolean {
    return this.request !== undefined;
  }

  next(): Promise<IteratorResult<Ready, undefined>> {
    if (this.request !== undefined) {
      return Promise.reject(new RaftError(ERR_READY_CONSUMER, 'raft: ready() is being waited for already'));
    }
    if (this.finished) {
      const { failure } = this;
      this.failure = undefined;
      return failure === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(failure);
    }
    return new Promise((resolve, reject) => {
      this.request = { resolve, reject };
      this.host.wanted();
    });
  }

  give(rd: Ready): void {
    const { request } = this;
    this.request = undefined;
    request?.resolve({ done: false, value: rd });
  }

  end(failure: Error | undefined): void {
    const { request } = this;
    this.request = undefined;
    this.finished = true;
    this.host.detached();
    if (request === undefined) this.failure = failure;
    else if (failure === undefined) request.resolve({ done: true, value: undefined });
    else request.reject(failure);
  }

  return(): Promise<IteratorResult<Ready, undefined>> {
    this.end(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }
}
