import {
  type AnyConfChange,
  ERR_CONF_CHANGE_REFUSED,
  type NodeId,
  type ProposalReceipt,
  type RaftError,
} from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { CallOptions } from '../base/contracts.js';
import { describe, MembershipError, type MembershipRefusal, ProposalDropped, ProposalUnknown } from '../base/errors.js';
import type { Call } from './call.js';
import type { Conditions } from './conditions.js';
import type { Transfers } from './transfers.js';

export interface AttemptsHost {
  readonly clock: Clock;
  readonly conditions: Conditions;
  readonly transfers: Pick<Transfers, 'leader'>;
  readonly reserveId: (options: CallOptions) => Promise<NodeId>;
  readonly propose: (change: AnyConfChange, options: CallOptions & { timeoutMs: number }) => Promise<ProposalReceipt>;
  readonly electionMs: number;
}

/** One step on the way to a membership. */
export interface Step {
  readonly change: AnyConfChange;
  /** Is it done, as far as this member has applied? May throw: then it never will be. */
  readonly done: () => boolean;
  /** What it most likely waits for if it was forwarded and nothing has come of it. */
  readonly unseen?: { readonly reason: MembershipRefusal; readonly text: string };
}

/** Tries again what a change of the membership proposes, until it has come about or the call's time is up. */
export class Attempts {
  private readonly host: AttemptsHost;

  constructor(host: AttemptsHost) {
    this.host = host;
  }

  /** Proposes the change until what it is for can be seen. */
  async carryOut(call: Call, step: Step): Promise<void> {
    const { clock, conditions, electionMs } = this.host;
    const seen = (): true | undefined => (step.done() ? true : undefined);
    let attempt = await conditions.when(call, seen, clock.monotonic());
    while (attempt !== true) {
      // Lost, or refused: a change that was forwarded has no answer but its effect.
      const elections = await this.handOver(call, step);
      attempt = await conditions.when(call, seen, clock.monotonic() + elections * electionMs);
    }
    call.handedOver = false;
  }

  /** @returns after how many election timeouts to try again */
  private async handOver(call: Call, { change, unseen }: Step): Promise<number> {
    const { propose, electionMs, transfers } = this.host;
    try {
      const { forwarded } = await propose(change, { timeoutMs: call.remaining(electionMs), signal: call.signal });
      call.handedOver = true;
      if (!forwarded) {
        call.heldUp('unseen', 'this member, which leads, has it in its log, and a quorum has not confirmed it');
      } else if (unseen === undefined) {
        call.heldUp(
          'unseen',
          `it was sent to member ${transfers.leader}, which leads, and was not carried out: it may have been lost, or refused, which the log of that member says`,
        );
      } else call.heldUp(unseen.reason, unseen.text);
      return 1;
    } catch (error) {
      return this.holdUp(call, error);
    }
  }

  /** A reservation that is lost, or whose answer is, costs an id and nothing else. */
  async reserveId(call: Call): Promise<NodeId> {
    const { reserveId, electionMs } = this.host;
    for (;;) {
      try {
        return await reserveId({ timeoutMs: call.remaining(2 * electionMs), signal: call.signal });
      } catch (error) {
        await this.rest(call, this.holdUp(call, error));
      }
    }
  }

  private async rest(call: Call, elections: number): Promise<void> {
    const { clock, conditions, electionMs } = this.host;
    await conditions.when(call, () => undefined, clock.monotonic() + elections * electionMs);
  }

  /** Takes note of what stands in the way. @throws it, if it will not pass. @returns as `handOver` */
  private holdUp(call: Call, error: unknown): number {
    if (error instanceof MembershipError) {
      if (error.reason !== 'not-caught-up' && error.reason !== 'unhealthy')
        throw call.refuse(error.reason, error.message);
      call.heldUp(error.reason, error.message);
      return 0.3;
    }
    if ((error as Partial<RaftError>).code === ERR_CONF_CHANGE_REFUSED) {
      call.heldUp('refused', `the leader refuses it: ${(error as RaftError).reason}`);
      return 1;
    }
    if (error instanceof ProposalUnknown && error.reason !== 'aborted' && error.reason !== 'stopped') return 0;
    if (!(error instanceof ProposalDropped) && !(error instanceof ProposalUnknown)) throw error;
    switch (error.reason) {
      case 'aborted':
        throw call.fail('aborted', error.cause);
      case 'stopped':
        throw call.fail('stopped', error.cause);
      case 'removed':
        throw call.refuse('stopped', 'this member was removed from the cluster: ask another one');
      case 'no-leader':
      case 'transferring':
      case 'not-leading':
        call.heldUp('no-leader', 'no leader is known, or it is handing leadership over');
        return 0;
      default:
        call.heldUp('busy', describe(error));
        return 0.3;
    }
  }
}
