import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Holder } from '../machine/locks.js';
import { answer, HttpError } from './answers.js';
import { onlyFields, readObject } from './body.js';
import type { KeysHost } from './keys.js';
import { leaseError, proposeRepeatable, wholeIn } from './leases.js';
import type { FaceLimits } from './limits.js';
import { parseIndex, parseQuery, queryOf } from './query.js';

/** Bytes of a lock's name. */
const LONGEST_NAME = 256;
/** How long a request waits for a lock at most, in milliseconds: a connection on which nothing moves is closed. */
const LONGEST_WAIT_MS = 30_000;

const SHAPE = `{"lease": ID, "waitMs": a whole number from 0 to ${LONGEST_WAIT_MS}}`;

type Parameters = Readonly<Record<string, string>>;

/** Answers requests for locks. Those that wait are few: each has its member propose again when the lock is free. */
export class LockDesk {
  private readonly host: KeysHost;
  private readonly limits: Pick<FaceLimits, 'maxLockWaiters'>;
  private waiting = 0;
  private readonly ending = new AbortController();

  constructor(host: KeysHost, limits: Pick<FaceLimits, 'maxLockWaiters'>) {
    this.host = host;
    this.limits = limits;
  }

  /**
   * Answers POST /locks/NAME: takes the lock for a lease, or waits until it is free and tries again. Of those that wait
   * any may be the next: none is promised its turn.
   */
  async acquire(request: IncomingMessage, response: ServerResponse, { name = '' }: Parameters): Promise<void> {
    checkName(name);
    const body = await readObject(request, SHAPE);
    onlyFields('the body', body, ['lease', 'waitMs']);
    const lease = wholeIn(body['lease'], 1, Number.MAX_SAFE_INTEGER, SHAPE);
    const deadline = performance.now() + wholeIn(body['waitMs'] ?? 0, 0, LONGEST_WAIT_MS, SHAPE);
    for (;;) {
      const { index, result } = await proposeRepeatable(this.host, { op: 'lock', name, lease });
      const { done, holder } = result;
      if (holder === undefined) throw leaseError(result);
      if (done) return answer(response, 200, { index, name, ...holder });
      const left = deadline - performance.now();
      if (left <= 0 || response.destroyed || this.ending.signal.aborted) throw lockedBy(name, holder);
      await this.untilFree(name, holder, left, response);
    }
  }

  /** Resolves once somebody else may have the lock, the time is over, or nobody waits any more. */
  private async untilFree(name: string, { fence }: Holder, ms: number, response: ServerResponse): Promise<void> {
    const { locks } = this.host.machine.leases;
    if (locks.get(name)?.fence !== fence) return;
    const { maxLockWaiters } = this.limits;
    if (this.waiting >= maxLockWaiters)
      throw new HttpError('ERR_KV_BUSY', 'locks', `${maxLockWaiters} requests wait for locks already on this member`);
    this.waiting++;
    const { signal } = this.ending;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        forget();
        response.off('close', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      const forget = locks.onChange(name, done);
      response.once('close', done);
      signal.addEventListener('abort', done);
    });
    this.waiting--;
  }

  /** Answers GET /locks/NAME. */
  async holder(_request: IncomingMessage, response: ServerResponse, { name = '' }: Parameters): Promise<void> {
    checkName(name);
    const { replica, machine } = this.host;
    const found = await replica.read(() => machine.leases.locks.get(name));
    if (found === undefined) throw new HttpError('ERR_KV_NOT_FOUND', 'lock', 'nobody holds this lock');
    answer(response, 200, { name, ...found });
  }

  /** Answers DELETE /locks/NAME?fence=N: gives back a lock that is held by this fence. */
  async release(request: IncomingMessage, response: ServerResponse, { name = '' }: Parameters): Promise<void> {
    checkName(name);
    const fence = parseIndex('fence', parseQuery(queryOf(request)).get('fence') ?? '');
    const { index, result } = await proposeRepeatable(this.host, { op: 'unlock', name, fence });
    answer(response, 200, { index, released: result.done });
  }

  /** Waits for nothing any more: this member stops. */
  end(): void {
    this.ending.abort();
  }
}

function checkName(name: string): void {
  if (name !== '' && Buffer.byteLength(name) <= LONGEST_NAME) return;
  throw new HttpError('ERR_KV_REQUEST', 'name', `a lock's name has 1 to ${LONGEST_NAME} bytes`);
}

function lockedBy(name: string, holder: Holder): HttpError {
  return new HttpError('ERR_KV_LOCKED', 'held', `the lock is held by lease ${holder.lease}`, { name, ...holder });
}
