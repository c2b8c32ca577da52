import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type DurableStorage, SnapshotFiles } from '@raft-ts/raftwal';
import type { SnapshotEvent } from '@raft-ts/replica';

/** When the newest snapshot of this member was taken, or installed: what is newer than it is in the log alone. */
export class SnapshotAge {
  private at: number | undefined;
  private readonly now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(at: number | undefined, now: () => number = () => Date.now()) {
    this.at = at;
    this.now = now;
  }

  /** Looks when the snapshot was written that an earlier process has left. */
  static async ofFolder(data: string, storage: Pick<DurableStorage, 'snapshot'>): Promise<SnapshotAge> {
    const { metadata } = storage.snapshot();
    if (metadata.index === 0) return new SnapshotAge(undefined);
    const [name] = SnapshotFiles.namesOf(metadata);
    const file = await stat(join(data, 'snap', name)).catch(() => undefined);
    return new SnapshotAge(file?.mtimeMs);
  }

  hear({ phase }: Pick<SnapshotEvent, 'phase'>): void {
    if (phase === 'saved' || phase === 'installed') this.at = this.now();
  }

  /** In milliseconds; `undefined` if there is no snapshot, or its file does not say. */
  get ms(): number | undefined {
    // A clock that was set back makes nothing younger than new.
    return this.at === undefined ? undefined : Math.max(0, Math.round(this.now() - this.at));
  }
}
