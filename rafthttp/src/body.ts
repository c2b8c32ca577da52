import type { IncomingMessage } from 'node:http';
import { MAX_POST_BYTES, MAX_POST_BYTES_TOTAL } from './limits.js';
import type { Refusal } from './sender-checks.js';

const tooLarge: Refusal = { status: 413, text: 'raft message too large' };
const tooMany: Refusal = { status: 503, text: 'too many raft messages at the same time' };
const unreadable: Refusal = { status: 400, text: 'error reading raft message' };

/** Reads bodies of requests: each bounded, and all of them together. */
export class BodyReader {
  private readonly idleMs: number;
  private readonly limit: number;
  private readonly totalLimit: number;
  private total = 0;

  /** @param idleMs how long a body may stay silent */
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
      let length = 0;
      const over = (result: Buffer | Refusal): void => {
        clearTimeout(silence);
        req.off('data', take);
        this.total -= length;
        length = 0;
        resolve(result);
      };
      const take = (chunk: Buffer): void => {
        silence.refresh();
        length += chunk.length;
        this.total += chunk.length;
        if (length > this.limit) return over(tooLarge);
        if (this.total > this.totalLimit) return over(tooMany);
        chunks.push(chunk);
      };
      const silence = setTimeout(() => over(unreadable), this.idleMs);
      req.on('data', take);
      req.once('end', () => over(Buffer.concat(chunks, length)));
      req.once('error', () => over(unreadable));
      req.once('close', () => over(unreadable));
    });
  }
}
