import { type ConfState, type Entry, emptySnapshot, type HardState, type Snapshot } from '@raft-ts/proto';
import { EntryList } from '@raft-ts/proto/internal';
import { type InitialState, MemoryStorage } from '@raft-ts/raft';

/** One write to a member's log. */
export type Write =
  | { readonly kind: 'entries'; readonly entries: readonly Entry[] }
  | { readonly kind: 'hard-state'; readonly hardState: HardState }
  /** A snapshot of the leader's, with what came with it: the log keeps nothing of it unless it keeps all. */
  | {
      readonly kind: 'installed';
      readonly snapshot: Snapshot;
      readonly entries: readonly Entry[];
      readonly hardState: HardState | undefined;
    }
  /** A snapshot of the member's own state. */
  | { readonly kind: 'made'; readonly snapshot: Snapshot }
  | { readonly kind: 'compacted'; readonly index: number };

/** What is on stable storage: what is left of a member after a power cut. */
export class Image {
  hardState: HardState | undefined = undefined;
  snapshot: Snapshot = emptySnapshot();
  /** Last entry that was compacted, and its term. */
  compacted = 0;
  compactedTerm = 0;
  private readonly log = new EntryList();

  get lastIndex(): number {
    return this.compacted + this.log.length;
  }

  /** The term of an entry; 0 if it is not here, undefined if only a snapshot covers it. */
  term(index: number): number | undefined {
    if (index < this.compacted) return undefined;
    return index === this.compacted ? this.compactedTerm : (this.log.at(index - this.compacted - 1)?.term ?? 0);
  }

  /** Is this entry on stable storage, in the log or in the snapshot? */
  holds(index: number, term: number): boolean {
    return index < this.compacted || this.term(index) === term;
  }

  /** The entries after the snapshot. */
  entriesAfterSnapshot(): readonly Entry[] {
    return this.log.slice(this.snapshot.metadata.index - this.compacted);
  }

  apply(write: Write): void {
    switch (write.kind) {
      case 'entries':
        this.append(write.entries);
        return;
      case 'hard-state':
        this.hardState = write.hardState;
        return;
      case 'installed': {
        const { index, term } = write.snapshot.metadata;
        this.snapshot = write.snapshot;
        this.compacted = index;
        this.compactedTerm = term;
        this.log.clear();
        this.append(write.entries);
        if (write.hardState !== undefined) this.hardState = write.hardState;
        return;
      }
      case 'made':
        this.snapshot = write.snapshot;
        return;
      case 'compacted':
        if (write.index <= this.compacted) return;
        this.compactedTerm = this.term(write.index) ?? 0;
        this.log.dropFront(write.index - this.compacted);
        this.compacted = write.index;
    }
  }

  private append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const skip = Math.max(0, this.compacted + 1 - first.index);
    if (skip >= entries.length) return;
    this.log.truncate(first.index + skip - this.compacted - 1);
    for (let i = skip; i < entries.length; i++) this.log.push(entries[i] as Entry);
  }

  /** Opens the log again: from its newest snapshot, as a program does that starts. */
  open(): LogStorage {
    const storage = new LogStorage();
    const { index, confState } = this.snapshot.metadata;
    if (index > 0 || confState.voters.length > 0) storage.applySnapshot(this.snapshot);
    if (this.hardState !== undefined) storage.setHardState(this.hardState);
    storage.append(this.entriesAfterSnapshot());
    return storage;
  }
}

/** A storage that can tell raft a later membership than that of its snapshot. */
export class LogStorage extends MemoryStorage {
  private later: { readonly confState: ConfState; readonly index: number } | undefined;

  /** The application keeps the membership at this index itself. */
  keepConfState(confState: ConfState, index: number): void {
    this.later = { confState, index };
  }

  override initialState(): InitialState {
    const state = super.initialState();
    if (this.later === undefined) return state;
    return { hardState: state.hardState, confState: this.later.confState, confStateIndex: this.later.index };
  }
}
