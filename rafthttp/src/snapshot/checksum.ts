import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Ours: the SHA-256 of the whole body of a streamed snapshot's request, as a trailer. Go members ignore trailers. */
export const CHECKSUM_TRAILER = 'X-Raft-Snapshot-Sha256';

/** Checksum of a request's body, including the envelope, so that a body cannot be swapped on its way. */
export class SnapshotChecksum {
  private readonly hash: Hash = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.hash.update(bytes);
  }

  /** May be called only once. */
  digest(): string {
    return this.hash.digest('hex');
  }
}

/** Has the head of this request promised a checksum? Then a missing one is as wrong as a different one. */
export function promisesChecksum(req: IncomingMessage): boolean {
  const trailers = (req.headers.trailer ?? '').split(',', 8);
  return trailers.some((name) => name.trim().toLowerCase() === CHECKSUM_TRAILER.toLowerCase());
}

/** The checksum that came after the body; undefined if none did. */
export function checksumOf(req: IncomingMessage): string | undefined {
  return req.trailers[CHECKSUM_TRAILER.toLowerCase()];
}
