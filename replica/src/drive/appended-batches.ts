import { SlidingList } from '@raft-ts/proto/internal';
import type { Position } from '../base/contracts.js';

/** Proposals whose entries stand one after the other in this member's log. */
interface Batch<Pending> {
  readonly index: number;
  readonly term: number;
  /** Shortened from its end once another leader's entries are committed in the place of its last ones. */
  readonly pending: Pending[];
}

export interface AppendedBatchesHost<Pending> {
  /** Another entry stands in the place of this one for good. */
  readonly onReplaced: (pending: Pending, detail: string) => void;
  /** A snapshot has taken its place, and nobody knows what came of it. */
  readonly onSkipped: (pending: Pending) => void;
}

/**
 * Proposals that this member has appended as the leader. Their entries have an index and a term, so whatever is
 * committed at that index decides about them.
 */
export class AppendedBatches<Pending> {
  private readonly host: AppendedBatchesHost<Pending>;
  /**
   * Ascending by index. Two may overlap, if this member led, was overwritten, and leads again: until something is
   * committed there, each of the two may still be.
   */
  private readonly batches = new SlidingList<Batch<Pending>>();

  constructor(host: AppendedBatchesHost<Pending>) {
    this.host = host;
  }

  insert(batch: Batch<Pending>): void {
    const { batches } = this;
    let place = batches.length;
    while (place > 0 && (batches.at(place - 1) as Batch<Pending>).index > batch.index) place--;
    const above = batches.slice(place);
    batches.truncate(place);
    batches.push(batch);
    for (const one of above) batches.push(one);
  }

  /** The entry at `index` was applied. @returns whose it is */
  appliedAt(index: number, term: number): Pending | undefined {
    const { batches } = this;
    if (batches.length === 0) return undefined;
    let own: Pending | undefined;
    for (let i = 0, batch = batches.at(0); batch !== undefined && batch.index <= index; batch = batches.at(++i)) {
      const offset = index - batch.index;
      if (batch.term === term) own = batch.pending[offset];
      else this.replaced(batch, offset, `index ${index} holds an entry of term ${term}, not ${batch.term}`);
    }
    for (let batch = batches.at(0); batch !== undefined; batch = batches.at(0)) {
      if (batch.index + batch.pending.length > index + 1) break;
      batches.dropFront(1);
    }
    return own;
  }

  /** An entry of another term stands in this place for good, so nothing from there on can be committed any more. */
  private replaced({ pending }: Batch<Pending>, from: number, detail: string): void {
    for (const one of pending.splice(from)) this.host.onReplaced(one, detail);
  }

  /** A snapshot took the place of the entries up to there. */
  skippedTo({ index, term }: Position): void {
    const batches = this.batches.slice();
    this.batches.clear();
    for (const batch of batches) {
      const skipped = Math.max(0, index + 1 - batch.index);
      const detail = `the entry at index ${index} is of term ${term}, not ${batch.term}`;
      // Terms never go down along a log: none up to here is of a later term, and none from here on of an earlier one.
      if (batch.term > term) {
        for (const one of batch.pending.splice(0, skipped)) this.host.onReplaced(one, detail);
      } else {
        if (batch.term < term) this.replaced(batch, skipped, detail);
        for (const one of batch.pending.splice(0, skipped)) this.host.onSkipped(one);
      }
      if (batch.pending.length > 0) this.batches.push({ ...batch, index: Math.max(batch.index, index + 1) });
    }
  }

  *all(): Generator<Pending, void> {
    for (const { pending } of this.batches.slice()) yield* pending;
  }

  clear(): void {
    this.batches.clear();
  }
}
