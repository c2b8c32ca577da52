import type { Entry } from '@raft-ts/proto';
import { StrictError } from './rules.js';

/** Proposals that are remembered at a time: of those that other members commit, nothing is heard here. */
const REMEMBERED = 1024;

/** A hash of bytes (FNV-1a), to notice a change; nobody has to be kept from making one that does not show. */
function hashOf(data: Uint8Array | undefined): number {
  if (data === undefined) return 0;
  let hash = 0x811c9dc5;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

interface Known {
  readonly term: number;
  readonly hash: number;
}

/** Notices that bytes are changed after they were proposed, or between being handed out to be written and applied. */
export class Bytes {
  private readonly proposals: Map<Uint8Array, number> = new Map();
  /** Entries that were handed out to be written and are not committed yet, by index. */
  private readonly entries: Map<number, Known> = new Map();

  propose(data: Uint8Array): void {
    this.proposals.set(data, hashOf(data));
    if (this.proposals.size <= REMEMBERED) return;
    const [oldest] = this.proposals.keys();
    if (oldest !== undefined) this.proposals.delete(oldest);
  }

  /** The proposal was refused: the bytes are its caller's again. */
  forget(data: Uint8Array): void {
    this.proposals.delete(data);
  }

  /** @throws StrictError */
  checkProposals(): void {
    for (const [data, hash] of this.proposals) {
      if (hashOf(data) !== hash) {
        throw new StrictError('bytes-unchanged', `A payload of ${data.length} bytes was changed after it was proposed`);
      }
    }
  }

  /** Entries are handed out to be written. */
  handOut(entries: readonly Entry[]): void {
    for (const { index, term, data } of entries) this.entries.set(index, { term, hash: hashOf(data) });
  }

  /**
   * Entries leave for another member, or are about to be applied.
   * @throws StrictError
   */
  check(entries: readonly Entry[], where: string): void {
    for (const { index, term, data } of entries) {
      const known = this.entries.get(index);
      if (known !== undefined && known.term === term && known.hash !== hashOf(data)) {
        throw new StrictError('bytes-unchanged', `The bytes of entry ${index} were changed before it was ${where}`);
      }
    }
  }

  /** Entries are committed: their bytes have been compared for the last time. */
  applied(entries: readonly Entry[]): void {
    for (const { index, data } of entries) {
      this.entries.delete(index);
      if (data !== undefined) this.proposals.delete(data);
    }
  }

  /** A snapshot covers everything up to here. */
  covered(index: number): void {
    for (const known of this.entries.keys()) if (known <= index) this.entries.delete(known);
  }
}
