import type { NodeId } from '@raft-ts/proto';
import { formatId } from '../base/headers.js';

/** What etcd shows as the minimum latency before there is one: the number nearest to 2^63. */
const NO_MINIMUM = 2 ** 63;

/** Statistics of appends to one follower; latencies in milliseconds. */
export interface FollowerStatsJson {
  readonly latency: {
    readonly current: number;
    readonly average: number;
    readonly standardDeviation: number;
    readonly minimum: number;
    readonly maximum: number;
  };
  readonly counts: { readonly fail: number; readonly success: number };
}

/** Statistics of appends to each follower, in the form of etcd's `/v2/stats/leader`. */
export interface LeaderStatsJson {
  readonly leader: string;
  readonly followers: Readonly<Record<string, FollowerStatsJson>>;
}

/**
 * Counts appends to one peer. The latency of a POST is its round trip, on a stream the time for encoding and writing.
 */
export class FollowerStats {
  private current = 0;
  private sum = 0;
  private sumOfSquares = 0;
  private minimum = NO_MINIMUM;
  private maximum = 0;
  private success = 0;
  private fail = 0;

  /** @param count number of appends that took `ms` each */
  succeeded(ms: number, count: number = 1): void {
    this.current = ms;
    this.sum += ms * count;
    this.sumOfSquares += ms * ms * count;
    this.success += count;
    this.minimum = Math.min(this.minimum, ms);
    this.maximum = Math.max(this.maximum, ms);
  }

  failed(): void {
    this.fail++;
  }

  toJSON(): FollowerStatsJson {
    const { success, current, minimum, maximum } = this;
    const average = success === 0 ? 0 : this.sum / success;
    const variance = success === 0 ? 0 : this.sumOfSquares / success - average * average;
    return {
      latency: { current, average, standardDeviation: Math.sqrt(Math.max(0, variance)), minimum, maximum },
      counts: { fail: this.fail, success },
    };
  }
}

/** Counts appends to each peer. */
export class LeaderStats {
  private readonly id: NodeId;
  private readonly followers = new Map<NodeId, FollowerStats>();

  constructor(id: NodeId) {
    this.id = id;
  }

  add(peer: NodeId): FollowerStats {
    const stats = new FollowerStats();
    this.followers.set(peer, stats);
    return stats;
  }

  remove(peer: NodeId): void {
    this.followers.delete(peer);
  }

  toJSON(): LeaderStatsJson {
    const rows = [...this.followers].map(([id, stats]) => [formatId(id), stats.toJSON()] as const);
    return { leader: formatId(this.id), followers: Object.fromEntries(rows) };
  }
}
