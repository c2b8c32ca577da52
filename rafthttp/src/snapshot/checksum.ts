import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Ours: the SHA-256 of all that a streamed snapshot's request carries, after its last byte. Go members ignore trailers.
 */
export const CHECKSUM_TRAILER = 'X-Raft-Snapshot-Sha256';

/** Sums up a request's body, envelope included, so that a body cannot come to belong to another message on its way. */
export class SnapshotChecksum {
  private readonly hash: Hash = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.hash.update(bytes);
  }

  /** Only once. */
  digest(): string {
    return this.hash.digest('hex');
  }
}

/** Has the head of this request promised a checksum? Then one that does not come is as wrong as another one. */
export function promisesChecksum(req: IncomingMessage): boolean {
  const trailers = (req.headers.trailer ?? '').split(',', 8);
  return trailers.some((name) => name.trim().toLowerCase() === CHECKSUM_TRAILER.toLowerCase());
}

/** The checksum that came after the body; undefined if none did. */
export function checksumOf(req: IncomingMessage): string | undefined {
  return req.trailers[CHECKSUM_TRAILER.toLowerCase()];
}
