import type { NodeId, RawNode } from '@raft-ts/raft';
import type { StateHashes } from '../drive/state-hashes.js';
import type { StateHashesContent } from '../format/format.js';
import { OwnEntry } from './own-entry.js';

export interface StateChecksHost {
  readonly id: NodeId;
  readonly raft: RawNode['raft'];
  readonly hashes: Pick<StateHashes<unknown>, 'uncovered' | 'next'>;
  readonly applied: () => number;
  /** Hashes leave after so many commands, */
  readonly everyCommands: number;
  /** or so many ticks, whichever comes first; */
  readonly everyTicks: number;
  /** of so many entries at a time. */
  readonly most: number;
  /** Proposes the entry, if this member leads. Rejects with what the format throws if it cannot write it. */
  readonly propose: (content: StateHashesContent) => Promise<unknown>;
  readonly info: (text: string) => void;
}

/** The leader has what commands came to on it written into the log, for every member to compare. */
export class StateChecks {
  private readonly host: StateChecksHost;
  private readonly entry: OwnEntry;
  /** Ticks since hashes were proposed. */
  private ticks = 0;

  constructor(host: StateChecksHost) {
    this.host = host;
    const { everyTicks, info } = host;
    this.entry = new OwnEntry(everyTicks, (why) =>
      info(`this member's format does not write entries of the kind state-hashes, so no states are compared: ${why}`),
    );
  }

  tick(): void {
    const { id, raft, hashes, applied, everyCommands, everyTicks, most, propose } = this.host;
    this.ticks++;
    if (!this.entry.tick() || raft.state !== 'StateLeader') return;
    if (hashes.uncovered < everyCommands && this.ticks < everyTicks) return;
    const next = hashes.next(applied(), most);
    if (next === undefined) return;
    this.ticks = 0;
    this.entry.propose(() => propose({ kind: 'state-hashes', member: id, ...next }));
  }
}
