import type { ConfState, Entry, HardState } from '@raft-ts/proto';
import type { Fs } from '@raft-ts/raftwal';
import type { LogState, SnapshotMark } from './history.js';

export interface SnapshotOfTest extends SnapshotMark {
  readonly confState: ConfState;
}

/** A log that is open for writing, as far as the scenario uses one. */
export interface OpenLog {
  save(hardState: HardState | undefined, entries: readonly Entry[]): Promise<void>;
  /** Marks a snapshot that the member took, at or below the commit. */
  saveSnapshot(snapshot: SnapshotOfTest): Promise<void>;
  /** Takes a snapshot from the leader in place of the log, and the state that commits it. */
  install(snapshot: SnapshotOfTest, hardState: HardState): Promise<void>;
  /** Nothing at or below this index is needed any more. Resolves when what can be removed is. */
  release(index: number): Promise<void>;
  close(): Promise<void>;
}

/** The outcome of a start on a directory. */
export interface Started {
  readonly log: OpenLog;
  readonly state: LogState;
  /**
   * `created`: there was no log, and now there is. `decided`: it took an operator's word to cut off damage at the end.
   */
  readonly how: 'created' | 'opened' | 'decided';
}

/** The log as a program uses it, or one with a planted bug. */
export interface LogUnderTest {
  /** Opens the log in `directory`, or creates one if there is none, as a member does when it starts. */
  start(fs: Fs, directory: string): Promise<Started>;
}
