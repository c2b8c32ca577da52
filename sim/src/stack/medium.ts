import type { NodeId } from '@raft-ts/raft';
import type { ReplicaLog } from '@raft-ts/replica';
import type { RunHash } from '../base/hash.js';
import type { Stream } from '../base/random.js';
import type { Loss } from '../plan/stack-action.js';

/** What the storage of a member needs of the world around it, for one life of the member. */
export interface MediumHost {
  /** Resolves when a call of the disk that is made now may have its effect: an event of the queue. */
  readonly pace: () => Promise<void>;
  /** Calls back a moment later. */
  readonly later: (run: () => void) => void;
  /** The member's own clock, in milliseconds. */
  readonly now: () => number;
}

/** What the storage of a member is made of. */
export interface MediumOptions {
  readonly id: NodeId;
  readonly hash: RunHash;
  readonly random: Stream;
  /** Bytes of one file of the log. */
  readonly segmentSize: number;
}

/** Where a member keeps its log: it outlives the member's lives. */
export interface Medium {
  /** Number of bytes that still fit, or undefined for any. */
  room: number | undefined;
  /** Does the next sync fail? */
  failsNextSync: boolean;
  /** Does a sector of the next sync go to another place? */
  straysNextSync: boolean;
  /**
   * Has a sync written to another place? Then a member may come back without what it acknowledged, and not know it: the
   * last write looks as if it had not been made.
   */
  readonly hasStrayed: boolean;
  /** Damages something that was synced. */
  rot(draw: (n: number) => number): void;
  /** Opens the log for a new life. */
  open(host: MediumHost): Promise<ReplicaLog>;
  /** Ends the life at once, and this much of what was not synced with it. */
  end(loss: Loss): void;
  /** Is this what a fault of the medium leads to? */
  isItsFault(error: unknown): boolean;
  /** Is this how a member tells that what was synced is damaged, and is it? */
  isDamage(error: unknown): boolean;
  /** Returns what the present life has open, in words; nothing if all is closed. */
  leftOpen(): readonly string[];
}

export type MediumMaker = (options: MediumOptions) => Medium;
