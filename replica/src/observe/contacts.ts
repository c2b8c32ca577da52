import type { NodeId } from '@raft-ts/raft';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import type { Clock } from '../base/clock.js';

/** A transport that keeps meeting members of another cluster says so more often than this. */
const APART_MS = 60_000;

/** Snapshots to a member have failed, all of them since the last one that arrived. */
export interface SnapshotFailures {
  readonly count: number;
  /** Milliseconds since the first of them. */
  readonly forMs: number;
  /** Why the last one failed, if the transport has said it. */
  readonly error: unknown;
}

/** How far a snapshot to another member is. */
export interface SnapshotSent {
  readonly index: number;
  /** So far. */
  readonly bytes: number;
  /** Of the whole, if it is known. */
  readonly size: number | undefined;
}

/**
 * When this member last heard of each other one, since when it cannot reach it, what of snapshots, and who belongs to
 * another cluster.
 */
export class Contacts {
  private readonly clock: Pick<Clock, 'monotonic'>;
  private readonly heard = new Map<NodeId, number>();
  private readonly unreachable = new Map<NodeId, number>();
  private readonly apart = new Map<NodeId, { readonly founders: readonly NodeId[]; readonly at: number }>();

  private readonly sending = new Map<NodeId, SnapshotSent>();
  private readonly failures = new Map<NodeId, { count: number; readonly since: number; error: unknown }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.clock = clock;
  }

  /** A message of this member arrived. */
  hear(id: NodeId): void {
    this.heard.set(id, this.clock.monotonic());
    // Mostly both are empty, and to look up a bigint is a call.
    if (this.unreachable.size > 0) this.unreachable.delete(id);
    if (this.apart.size > 0) this.apart.delete(id);
  }

  /** A message to this member was lost. */
  lose(id: NodeId): void {
    if (!this.unreachable.has(id)) this.unreachable.set(id, this.clock.monotonic());
  }

  /** How a snapshot that was sent to this member has ended. */
  sentSnapshot(id: NodeId, status: SnapshotStatus, error: unknown): void {
    this.sending.delete(id);
    const failures = this.failures.get(id);
    if (status === 'finish') this.failures.delete(id);
    else if (failures === undefined) this.failures.set(id, { count: 1, since: this.clock.monotonic(), error });
    else Object.assign(failures, { count: failures.count + 1, error });
  }

  /** So much of a snapshot to this member was sent. */
  sendingSnapshot(id: NodeId, progress: SnapshotSent): void {
    this.sending.set(id, progress);
  }

  /** How far the snapshot of this index to it is; `undefined` if that is not known. */
  snapshotSent(id: NodeId, index: number): SnapshotSent | undefined {
    const sent = this.sending.get(id);
    return sent?.index === index && sent.bytes > 0 ? sent : undefined;
  }

  /** What has become of snapshots to it; `undefined` if the last one arrived, or none was sent. */
  snapshotFailures(id: NodeId): SnapshotFailures | undefined {
    const failures = this.failures.get(id);
    if (failures === undefined) return undefined;
    const { count, since, error } = failures;
    return { count, forMs: this.clock.monotonic() - since, error };
  }

  /** This member's cluster was founded by others. @returns whether that is news */
  estrange(id: NodeId, founders: readonly NodeId[]): boolean {
    const news = this.foundersOf(id)?.join() !== founders.join();
    this.apart.set(id, { founders, at: this.clock.monotonic() });
    return news;
  }

  /** Who founded the cluster of this member, if not those who founded this one's. */
  foundersOf(id: NodeId): readonly NodeId[] | undefined {
    const found = this.apart.get(id);
    return found === undefined || this.clock.monotonic() - found.at > APART_MS ? undefined : found.founders;
  }

  /** Milliseconds since it was last heard of; `undefined` if it never was. */
  silentFor(id: NodeId): number | undefined {
    const at = this.heard.get(id);
    return at === undefined ? undefined : this.clock.monotonic() - at;
  }

  /** Milliseconds for which messages to it have been lost; `undefined` if they are not. */
  unreachableFor(id: NodeId): number | undefined {
    const since = this.unreachable.get(id);
    return since === undefined ? undefined : this.clock.monotonic() - since;
  }

  /** Forgets whoever is not a member any more. */
  keep(members: ReadonlyMap<NodeId, unknown>): void {
    for (const known of [this.heard, this.unreachable, this.apart, this.failures, this.sending]) {
      for (const id of known.keys()) if (!members.has(id)) known.delete(id);
    }
  }
}
