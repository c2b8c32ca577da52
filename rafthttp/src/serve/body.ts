import type { IncomingMessage } from 'node:http';
import { BODY_PACE_BYTES, MAX_POST_BYTES, MAX_POST_BYTES_TOTAL } from '../base/limits.js';
import type { Refusal } from '../base/refusals.js';
import { ReceivedBytes } from './received-bytes.js';

const tooLarge: Refusal = { status: 413, text: 'raft message too large' };
const tooMany: Refusal = { status: 503, text: 'too many raft messages at the same time' };
const unreadable: Refusal = { status: 400, text: 'error reading raft message' };

/** A body that is being read. */
interface Reading {
  readonly bytes: ReceivedBytes;
  readonly end: (result: Refusal) => void;
}

/** A body that has arrived. Until it is released it counts as being read. */
export interface Body {
  readonly length: number;
  readonly bytes: ReceivedBytes;
  release(): void;
}

/**
 * Reads the bodies of requests, bounded each and in total. If the total is exceeded the longest body is refused:
 * whoever holds large bodies open could otherwise keep all others out.
 */
export class BodyReader {
  private readonly idleMs: number;
  private readonly limit: number;
  private readonly totalLimit: number;
  private readonly readings = new Set<Reading>();
  private total = 0;

  /** @param idleMs how long a body may take to bring `BODY_PACE_BYTES`, or to end */
  constructor(idleMs: number, limit: number = MAX_POST_BYTES, totalLimit: number = MAX_POST_BYTES_TOTAL) {
    this.idleMs = idleMs;
    this.limit = limit;
    this.totalLimit = totalLimit;
  }

  /** Reads the whole body, or returns why not. Memory is allocated for what arrives, never for what is announced. */
  read(req: IncomingMessage): Promise<Body | Refusal> {
    const announced = announcedLength(req);
    if (announced !== undefined && announced > this.limit) return Promise.resolve(tooLarge);
    return new Promise((resolve) => {
      const bytes = new ReceivedBytes(announced);
      let sincePace = 0;
      const over = (result: Body | Refusal): void => {
        clearTimeout(tooSlow);
        req.off('data', take);
        if (!this.readings.delete(reading)) return;
        if ('status' in result) this.total -= bytes.length;
        resolve(result);
      };
      const reading: Reading = { bytes, end: over };
      this.readings.add(reading);
      const take = (chunk: Buffer): void => {
        sincePace += chunk.length;
        if (sincePace >= BODY_PACE_BYTES) {
          sincePace = 0;
          tooSlow.refresh();
        }
        bytes.add(chunk);
        this.total += chunk.length;
        if (bytes.length > this.limit) return over(tooLarge);
        if (this.total > this.totalLimit) this.longest(reading).end(tooMany);
      };
      const tooSlow = setTimeout(() => over(unreadable), this.idleMs);
      req.on('data', take);
      req.once('end', () => over(this.complete(bytes)));
      req.once('error', () => over(unreadable));
      req.once('close', () => over(unreadable));
    });
  }

  private complete(bytes: ReceivedBytes): Body {
    const { length } = bytes;
    const release = (): void => {
      this.total -= length;
    };
    return { length, bytes, release };
  }

  /** Returns the longest body; of equally long ones, the one that is asking for more. */
  private longest(asking: Reading): Reading {
    let longest = asking;
    for (const reading of this.readings) if (reading.bytes.length > longest.bytes.length) longest = reading;
    return longest;
  }
}

function announcedLength({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}
