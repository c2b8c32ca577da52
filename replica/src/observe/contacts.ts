import type { NodeId } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';

/** When this member last heard of each other one, and since when it cannot reach it. */
export class Contacts {
  private readonly clock: Pick<Clock, 'monotonic'>;
  private readonly heard = new Map<NodeId, number>();
  private readonly unreachable = new Map<NodeId, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.clock = clock;
  }

  /** A message of this member arrived. */
  hear(id: NodeId): void {
    this.heard.set(id, this.clock.monotonic());
    this.unreachable.delete(id);
  }

  /** A message to this member was lost. */
  lose(id: NodeId): void {
    if (!this.unreachable.has(id)) this.unreachable.set(id, this.clock.monotonic());
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
    for (const known of [this.heard, this.unreachable]) {
      for (const id of known.keys()) if (!members.has(id)) known.delete(id);
    }
  }
}
