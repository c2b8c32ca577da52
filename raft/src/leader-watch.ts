import { NONE, type NodeId } from '@raft-ts/proto';
import type { Raft } from './raft.js';

/** Notices after each input whether the leader has changed, logs it, and knows whether proposals may go to raft. */
export class LeaderWatch {
  private last: NodeId = NONE;
  private takes = false;

  /** Whether a proposal may go to raft now; otherwise it waits. */
  get takesProposals(): boolean {
    return this.takes;
  }

  /** Looks who leads after an input. Returns whether that is a leader that was not known before. */
  finds(raft: Pick<Raft, 'id' | 'lead' | 'term' | 'logger'>): boolean {
    const previous = this.last;
    if (raft.lead === previous) return false;
    const { id, lead, term, logger } = raft;
    this.last = lead;
    this.takes = lead !== NONE;
    const self = id.toString(16);
    if (lead === NONE) {
      logger.info(`raft.node: ${self} lost leader ${previous.toString(16)} at term ${term}`);
      return false;
    }
    logger.info(
      previous === NONE
        ? `raft.node: ${self} elected leader ${lead.toString(16)} at term ${term}`
        : `raft.node: ${self} changed leader from ${previous.toString(16)} to ${lead.toString(16)} at term ${term}`,
    );
    return true;
  }

  /** This member has been removed: it takes no more proposals until it hears of another leader. */
  refuseProposals(): void {
    this.takes = false;
  }
}
