import { createHash } from 'node:crypto';
import type { NodeId } from '@raft-ts/proto';
import { formatId } from '../base/headers.js';
import type { BodyPart } from '../snapshot/part.js';
import type { SnapshotBody } from '../snapshot/store.js';

/** The body of a snapshot as it is read to be sent: in pieces, and checked to have the length that it should have. */
export class OutgoingBody {
  readonly size: number;
  /** How much of it was read. */
  bytes = 0;
  /** Why it could not be read, if so. */
  error: unknown;
  private readonly body: SnapshotBody;
  private readonly chunks: AsyncGenerator<Uint8Array, void>;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(body: SnapshotBody, peer: NodeId) {
    this.body = body;
    this.size = body.size;
    this.chunks = this.read(peer);
  }

  /** Resolves with the next piece; undefined at the end. @param most longest piece that is wanted, in bytes */
  async next(most: number): Promise<Uint8Array | undefined> {
    if (this.rest.length === 0) {
      const { done, value } = await this.chunks.next();
      if (done === true) return undefined;
      this.rest = value;
    }
    const piece = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(piece.length);
    this.bytes += piece.length;
    return piece;
  }

  /**
   * Passes over what the receiver has already. Resolves with whether that is the beginning of this body; rejects when
   * the signal aborts, even if the source is stuck.
   *
   * @param onPiece called after each piece: it may take long to read them all
   */
  passOver(part: BodyPart, signal: AbortSignal, onPiece: () => void): Promise<boolean> {
    const aborted = new Promise<never>((_, reject) => {
      const fail = (): void => reject(signal.reason);
      if (signal.aborted) fail();
      else signal.addEventListener('abort', fail, { once: true });
    });
    return Promise.race([this.isBeginning(part, signal, onPiece), aborted]);
  }

  private async isBeginning({ bytes, sha256 }: BodyPart, signal: AbortSignal, onPiece: () => void): Promise<boolean> {
    const hash = createHash('sha256');
    while (this.bytes < bytes) {
      const piece = await this.next(bytes - this.bytes);
      signal.throwIfAborted();
      if (piece === undefined) break;
      hash.update(piece);
      onPiece();
    }
    return hash.digest('hex') === sha256;
  }

  private async *read(peer: NodeId): AsyncGenerator<Uint8Array, void> {
    const { size, chunks } = this.body;
    let bytes = 0;
    try {
      for await (const chunk of chunks) {
        if (chunk.length === 0) continue;
        bytes += chunk.length;
        if (bytes > size) break;
        yield chunk;
      }
      if (bytes !== size) throw new Error(`the body of a snapshot to ${formatId(peer)} is not ${size} bytes long`);
    } catch (error) {
      this.error = error;
      throw error;
    }
  }

  /** Releases it, however far it was read. Nobody waits for that, because the source may be stuck. */
  close(): void {
    this.chunks.return().catch(() => undefined);
    closeBody(this.body);
  }
}

/** Releases a body, whether it was read or not. Nobody waits for that, because the source may be stuck. */
export function closeBody({ chunks }: SnapshotBody): void {
  // Ending its iteration does not close a stream that nobody has begun to read.
  if ('destroy' in chunks && typeof chunks.destroy === 'function') chunks.destroy();
  chunks[Symbol.asyncIterator]()
    .return?.()
    .catch(() => undefined);
}
