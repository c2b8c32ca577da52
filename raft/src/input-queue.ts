import { describeError, isCoded } from '@raft-ts/proto/internal';
import { whyAborted } from './abort-listeners.js';

/** The node whose inputs are queued. */
export interface InputQueueHost {
  /** Called before inputs start to run. */
  before(): void;
  /** Called after each input. */
  after(): void;
  /** An input failed, other than by a coded refusal: nothing may run after it. */
  failed(error: Error): void;
}

/**
 * The queue of a node's inputs: each runs to completion before the next one begins; one that arrives in the middle of
 * another (from a logger, say) waits. A coded refusal goes to the caller; any other error ends the node, and rejects
 * whatever waits.
 */
export class InputQueue {
  private readonly host: InputQueueHost;
  /** Inputs that arrived while another one ran. */
  private readonly waiting: (() => void)[] = [];
  private running = false;
  private reason: Error | undefined;

  constructor(host: InputQueueHost) {
    this.host = host;
  }

  /** Is an input running now? */
  get isRunning(): boolean {
    return this.running;
  }

  /** Why no more inputs run; undefined while they do. */
  get ended(): Error | undefined {
    return this.reason;
  }

  /** Lets no further input run. */
  end(reason: Error): void {
    this.reason = reason;
  }

  /** Runs an input, then those that arrived in the meantime. */
  execute<T>(input: () => T): T {
    let result: T | undefined;
    let refusal: Error | undefined;
    this.running = true;
    try {
      this.host.before();
      try {
        result = input();
      } catch (error) {
        if (!isCoded(error)) throw error;
        refusal = error;
      }
      this.host.after();
      for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
        next();
        this.host.after();
      }
    } catch (error) {
      this.host.failed(asError(error));
      // Everything that waited is answered: each input finds that the node has ended.
      for (const queued of this.waiting.splice(0)) queued();
      throw error;
    } finally {
      this.running = false;
    }
    if (refusal !== undefined) throw refusal;
    return result as T;
  }

  /** Runs an input now, or right after the one that is running. Resolves with what it returns. */
  call<T>(input: () => T, signal: AbortSignal | undefined): Promise<T> {
    const aborted = whyAborted(signal);
    if (aborted !== undefined) return Promise.reject(aborted.reason);
    if (this.running) {
      return new Promise((resolve, reject) => {
        this.waiting.push(() => this.settle(input, resolve, reject));
      });
    }
    if (this.reason !== undefined) return Promise.reject(this.reason);
    try {
      return Promise.resolve(this.execute(input));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Runs an input that nobody waits for. */
  report(input: () => void): void {
    const unlessEnded = (): void => {
      if (this.reason === undefined) input();
    };
    if (this.running) this.waiting.push(unlessEnded);
    else this.execute(unlessEnded);
  }

  /** Queues these to run after the current input. */
  append(inputs: readonly (() => void)[]): void {
    for (const input of inputs) this.waiting.push(input);
  }

  /** Runs an input that waited, as part of another one, and settles its caller's promise. */
  settle<T>(input: () => T, resolve: (result: T) => void, reject: (error: unknown) => void): void {
    if (this.reason !== undefined) {
      reject(this.reason);
      return;
    }
    try {
      resolve(input());
    } catch (error) {
      reject(error);
      if (!isCoded(error)) throw error;
    }
  }
}

/** An error of another realm is one too, and its caller may know it by identity. */
function asError(thrown: unknown): Error {
  const isError = typeof thrown === 'object' && thrown !== null && 'message' in thrown;
  return isError ? (thrown as Error) : new Error(describeError(thrown));
}
