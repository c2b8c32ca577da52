import type { IncomingMessage } from 'node:http';
import { BODY_PACE_BYTES, MAX_POST_BYTES, MAX_POST_BYTES_TOTAL } from './limits.js';
import type { Refusal } from './sender-checks.js';

const tooLarge: Refusal = { status: 413, text: 'raft message too large' };
const tooMany: Refusal = { status: 503, text: 'too many raft messages at the same time' };
const unreadable: Refusal = { status: 400, text: 'error reading raft message' };

/** A body that is being read. */
interface Reading {
  /** Bytes that came so far. */
  length: number;
  readonly end: (result: Refusal) => void;
}

/**
 * Reads bodies of requests: each bounded, and all of them together. Where they are too many bytes together, the longest
 * gives way: whoever holds large bodies open would otherwise keep all others out.
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

  /** The whole body, or why it cannot be had. Memory is taken for what arrives, never for what is announced. */
  read(req: IncomingMessage): Promise<Buffer | Refusal> {
    if (Number(req.headers['content-length'] ?? 0) > this.limit) return Promise.resolve(tooLarge);
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let sincePace = 0;
      const over = (result: Buffer | Refusal): void => {
        clearTimeout(tooSlow);
        req.off('data', take);
        this.total -= reading.length;
        reading.length = 0;
        this.readings.delete(reading);
        chunks.length = 0;
        resolve(result);
      };
      const reading: Reading = { length: 0, end: over };
      this.readings.add(reading);
      const take = (chunk: Buffer): void => {
        sincePace += chunk.length;
        if (sincePace >= BODY_PACE_BYTES) {
          sincePace = 0;
          tooSlow.refresh();
        }
        reading.length += chunk.length;
        this.total += chunk.length;
        if (reading.length > this.limit) return over(tooLarge);
        chunks.push(chunk);
        if (this.total > this.totalLimit) this.longest(reading).end(tooMany);
      };
      const tooSlow = setTimeout(() => over(unreadable), this.idleMs);
      req.on('data', take);
      req.once('end', () => over(Buffer.concat(chunks, reading.length)));
      req.once('error', () => over(unreadable));
      req.once('close', () => over(unreadable));
    });
  }

  /** The longest body; among equal ones the one that asks for more. */
  private longest(asking: Reading): Reading {
    let longest = asking;
    for (const reading of this.readings) if (reading.length > longest.length) longest = reading;
    return longest;
  }
}
