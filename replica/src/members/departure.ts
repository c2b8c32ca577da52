import { type NodeId, RaftError } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { Removal } from '../base/contracts.js';
import { ERR_REFUSED } from '../base/errors.js';

export interface DepartureHost {
  readonly self: NodeId;
  readonly clock: Clock;
  /** Was this member removed, as far as it has applied? */
  readonly isRemoved: () => boolean;
  /** A member that has applied its own removal goes on for so long, so that others learn what is committed. */
  readonly farewellMs: number;
  /** This member ends. */
  readonly end: (reason: 'removed' | 'failed', error: RaftError) => void;
}

/** Ends this member when the cluster has removed it, or refuses it for good. */
export class Departure {
  private readonly host: DepartureHost;
  private cancel: (() => void) | undefined;

  constructor(host: DepartureHost) {
    this.host = host;
  }

  /** The membership has changed. */
  membershipChanged(): void {
    const { self, clock, isRemoved, farewellMs, end } = this.host;
    if (this.cancel !== undefined || !isRemoved()) return;
    this.cancel = clock.after(farewellMs, () => end('removed', refusal(self, { reason: 'removed', by: [] })));
  }

  /** Others refuse this member for good. */
  refused(removal: Removal): void {
    const reason = removal.reason === 'removed' ? 'removed' : 'failed';
    this.host.end(reason, refusal(this.host.self, removal));
  }

  stop(): void {
    this.cancel?.();
  }
}

function refusal(self: NodeId, { reason, by }: Removal): RaftError {
  const says =
    by.length === 0 ? '' : ` (${by.length === 1 ? `member ${by[0]} says so` : `members ${by.join(', ')} say so`})`;
  return new RaftError(ERR_REFUSED, textOf(self, reason, says), { reason });
}

function textOf(self: NodeId, reason: Removal['reason'], says: string): string {
  switch (reason) {
    case 'removed':
      return `member ${self} was removed from the cluster${says}. Its id is never used again: to bring this machine back, start a new member in an empty folder and add it with addMember`;
    case 'incarnation':
      return `member ${self} ran with another log before${says}: the log that it had is lost, and it may have voted in it. It must not come back under this id: call replaceMember(${self}n, { url }) on another member, and start the new member in an empty folder with the id that it gives`;
    case 'twin':
      return `another process runs as member ${self} with the same log${says}: one of the two runs with a copy of the folder. Stop the one that is not meant to run; if a member is to move, stop it before its folder is copied`;
    case 'founders':
      return `member ${self} belongs to a cluster that other members founded${says}. Check its folder and its bootstrap list; if it is to join this cluster, start it in an empty folder with join: true after addMember or replaceMember`;
  }
}
