import { RaftError } from '@raft-ts/proto';
import { ERR_CONF_CHANGE_REFUSED, proposalDropped } from './errors.js';
import type { StepOutcome } from './outcome.js';

/** What this member did with a proposal: it is in the leader's log, or on its way there, but not committed. */
export interface ProposalReceipt {
  /** It was forwarded to the leader; whether it arrives and is accepted is not known. */
  readonly forwarded: boolean;
}

/** Where the entries of a batch are in the leader's log, unless the batch was forwarded. */
export interface BatchReceipt extends ProposalReceipt {
  /** Index of the first entry; 0 if the batch was forwarded. */
  readonly index: number;
  /** The term of all entries; 0 if the batch was forwarded. */
  readonly term: number;
}

const appended: ProposalReceipt = { forwarded: false };
const forwarded: ProposalReceipt = { forwarded: true };
/** That of a batch that was forwarded. */
export const forwardedBatch: BatchReceipt = { forwarded: true, index: 0, term: 0 };

/** Returns the receipt of an accepted proposal; throws if it was not accepted. */
export function receipt(outcome: StepOutcome): ProposalReceipt {
  switch (outcome.kind) {
    case 'done':
      return appended;
    case 'forwarded':
      return forwarded;
    case 'dropped':
      throw proposalDropped(outcome.reason);
    case 'refused':
      throw new RaftError(ERR_CONF_CHANGE_REFUSED, `raft: membership change refused: ${outcome.reason}`, {
        reason: outcome.reason,
      });
  }
}
