import { type Entry, EntryType, RaftError } from '@raft-ts/proto';
import { type AnyConfChange, isConfChangeEntry, isV2 } from './confchange/conf-change.js';
import { ERR_CONF_CHANGE_INVALID } from './errors.js';
import type { Logger } from './logger.js';

/**
 * The membership changes that were handed to the application and not carried out yet. A change that is forgotten, or
 * decoded in the wrong form, would silently leave this member with a different membership from the others.
 */
export class HandedChanges {
  private readonly id: bigint;
  private readonly logger: Logger;
  private waiting: Entry[] = [];

  constructor(id: bigint, logger: Logger) {
    this.id = id;
    this.logger = logger;
  }

  get areWaiting(): boolean {
    return this.waiting.length > 0;
  }

  handOut(entries: readonly Entry[]): void {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      if (isConfChangeEntry(entry)) this.waiting.push(entry);
    }
  }

  /**
   * The application carries out the oldest one.
   * @throws ERR_RAFT_CONF_CHANGE_INVALID if it was decoded in the wrong form
   */
  carryOut(cc: AnyConfChange): void {
    const entry = this.waiting[0];
    if (entry?.type === EntryType.EntryConfChangeV2 && !isV2(cc) && cc.nodeId === 0n) {
      throw new RaftError(
        ERR_CONF_CHANGE_INVALID,
        `raft: entry ${entry.index} is an EntryConfChangeV2, but was decoded as a ConfChange without a member: ` +
          'call applyConfChangeEntry, or decode entries with decodeConfChangeEntry',
        { reason: 'decoded-as-v1' },
      );
    }
    this.waiting.shift();
  }

  /** The application carries out the change of this entry. */
  carryOutEntry({ index }: Entry): void {
    if (this.waiting.length > 0) this.waiting = this.waiting.filter((entry) => entry.index !== index);
  }

  /** The application has applied everything up to `index`: warns of changes that it has not carried out. */
  appliedTo(index: number): void {
    if (this.waiting.length === 0) return;
    const missed = this.waiting.filter((entry) => entry.index <= index);
    if (missed.length === 0) return;
    this.waiting = this.waiting.filter((entry) => entry.index > index);
    const indexes = missed.map((entry) => entry.index).join(', ');
    this.logger.warn(
      `${this.id.toString(16)} was told that the membership change at index ${indexes} is applied, without a call of applyConfChangeEntry() for it: ` +
        'its membership may now differ from that of the others; call it for each (to reject one, call applyConfChange() ' +
        'with a change of the same form whose only step has node id 0)',
    );
  }
}
