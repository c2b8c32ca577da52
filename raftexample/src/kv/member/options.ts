import type { NodeId } from '@raft-ts/raft';
import type { TlsOptions } from '@raft-ts/rafthttp';
import type { SnapshotPolicy } from '@raft-ts/replica';
import type { Address } from '../../common/peers.js';
import type { WarnLimits } from '../watch/watches.js';

/** What one member of the store needs to know. */
export interface KvOptions {
  readonly id: NodeId;
  readonly clusterId: bigint;
  /** Members and their URLs, this one among them. */
  readonly peers: ReadonlyMap<NodeId, string>;
  /** Where to dial a member, if not at its URL. */
  readonly dial: ReadonlyMap<NodeId, string>;
  /** Where to listen for the other members; `undefined`: at the address of its URL. */
  readonly listen: Address | undefined;
  readonly clientAddress: Address;
  /** Where clients reach this member, as the others tell them; `undefined`: they do not. */
  readonly clientUrl: string | undefined;
  readonly data: string;
  readonly join: boolean;
  /** Where a member answers clients that is to be asked to add this one. */
  readonly joinVia: string | undefined;
  /** The CA of that member's certificate; `undefined` without TLS. */
  readonly joinCaFile: string | undefined;
  /** The certificates of the members' port; `undefined`: plain HTTP. */
  readonly peerTls: TlsOptions | undefined;
  /** The certificates of the clients' port. */
  readonly clientTls: TlsOptions | undefined;
  /** The file with what clients must show. */
  readonly tokenFile: string | undefined;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly snapshotEvery: number;
  readonly snapshotBytes: number;
  readonly catchUp: number;
  readonly catchUpBytes: number;
  readonly snapshots: 'inline' | 'stream';
  /** Most bytes per second of snapshots that are sent beside their message; `undefined` without a limit. */
  readonly snapshotRate: number | undefined;
  readonly timeoutMs: number;
  readonly maxValue: number;
  /** From where on this member warns. */
  readonly warn: WarnLimits;
  readonly insecure: boolean;
  readonly verbose: boolean;
}

/** How long a stop may take beside what its replica waits for, in milliseconds: above all for the disk. */
const CLOSING_MS = 5000;

/**
 * After this time a member that should stop is ended, in milliseconds. Its replica waits three times, for an election
 * timeout at most: for what leads, for whoever takes over leadership, and for the calls that are under way.
 */
export function stopLimitMs({ tickMs, electionTicks }: Pick<KvOptions, 'tickMs' | 'electionTicks'>): number {
  return 3 * tickMs * electionTicks + CLOSING_MS;
}

/** A snapshot within a message is held in memory by whoever sends it, and by whoever gets it: up to so many bytes. */
export const LARGEST_INLINE: number = 64 * 2 ** 20;

/** Entries that are kept at most for a member that is further behind than usual, while it answers. */
const KEPT_FOR_SLOW = 50_000;

/** When snapshots are taken, and how they travel: beside their message, if it would be too large with them. */
export function snapshotPolicy({
  snapshotEvery,
  snapshotBytes,
  catchUp,
  catchUpBytes,
  snapshots,
}: Pick<
  KvOptions,
  'snapshotEvery' | 'snapshotBytes' | 'catchUp' | 'catchUpBytes' | 'snapshots'
>): Partial<SnapshotPolicy> {
  return {
    everyEntries: snapshotEvery,
    everyBytes: snapshotBytes,
    keepEntries: catchUp,
    // Whoever asks for more than the default gets it.
    keepEntriesForSlow: Math.max(catchUp, KEPT_FOR_SLOW),
    keepBytes: catchUpBytes,
    inlineBytes: snapshots === 'inline' ? LARGEST_INLINE : 1,
  };
}
