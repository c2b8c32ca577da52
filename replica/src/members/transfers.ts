import type { ConfState, NodeId, RawNode } from '@raft-ts/raft';
import { checkMemberId } from '../base/arguments.js';
import type { Clock } from '../base/clock.js';
import type { CallOptions } from '../base/contracts.js';
import { Call } from './call.js';
import type { Conditions } from './conditions.js';
import type { Followers } from './followers.js';

export interface TransfersHost {
  readonly self: NodeId;
  readonly raw: Pick<RawNode, 'transferLeadership' | 'basicStatus'>;
  readonly clock: Clock;
  readonly conditions: Conditions;
  readonly followers: Followers;
  readonly confState: () => ConfState;
  /** Waits until this member has applied what was committed when this was called. */
  readonly barrier: (call: Call) => Promise<void>;
  readonly wake: () => void;
  readonly timeoutMs: number;
  readonly electionMs: number;
}

/** Hands leadership from one member to another. */
export class Transfers {
  private readonly host: TransfersHost;

  constructor(host: TransfersHost) {
    this.host = host;
  }

  /** Returns who leads as far as this member knows; 0 if nobody. */
  get leader(): NodeId {
    return this.host.raw.basicStatus().softState.lead;
  }

  get leads(): boolean {
    return this.host.raw.basicStatus().softState.raftState === 'StateLeader';
  }

  /** Hands leadership to this member, or away from whoever leads. @returns who leads then */
  async transfer(id: NodeId | undefined, options: CallOptions): Promise<NodeId> {
    const { clock, conditions, timeoutMs, electionMs } = this.host;
    const call = new Call('transferLeadership', options, clock, timeoutMs);
    if (id !== undefined) checkMemberId(id);
    call.id = id;
    await this.checkTarget(call, id);
    const from = (await conditions.when(call, () => this.leader || undefined)) ?? this.leader;
    const taken = (): NodeId | undefined => {
      const { leader } = this;
      if (leader === 0n) return undefined;
      return (id === undefined ? leader !== from : leader === id) ? leader : undefined;
    };
    for (;;) {
      const asked = this.ask(call, id);
      // Raft gives a hand-over up after an election timeout.
      const again = clock.monotonic() + (asked ? 1.5 : 0.2) * electionMs;
      const leader = await conditions.when(call, taken, again);
      if (leader !== undefined) return leader;
    }
  }

  /**
   * Hands leadership over, if this member leads and another can take it; gives up after an election timeout. A leader
   * that was elected a moment ago has heard of nobody yet, so it first waits until somebody answers.
   */
  async handOver(): Promise<void> {
    const { clock, conditions, electionMs, self, confState } = this.host;
    const { voters } = confState();
    if (!this.leads || voters.every((id) => id === self)) return;
    const call = new Call('stop', { timeoutMs: electionMs }, clock, electionMs);
    try {
      await conditions.when(call, () => (!this.leads || this.target() !== undefined ? true : undefined));
      if (!this.leads) return;
      this.ask(call, undefined);
      await conditions.when(call, () => (this.leader !== 0n && this.leader !== self ? true : undefined));
    } catch {
      // Nobody has taken it in time: the others elect a leader when they miss this one.
    }
  }

  private async checkTarget(call: Call, id: NodeId | undefined): Promise<void> {
    if (id === undefined || this.host.confState().voters.includes(id)) return;
    await this.host.barrier(call);
    const { voters, learners, learnersNext } = this.host.confState();
    if (voters.includes(id)) return;
    if (learners.includes(id) || learnersNext.includes(id)) {
      throw call.refuse('not-a-voter', `member ${id} is a learner, which cannot lead`);
    }
    throw call.refuse('unknown-id', `the cluster has no member ${id}`);
  }

  /** Returns who is to lead if nobody was named: only a leader knows who is most advanced, others name themselves. */
  private target(): NodeId | undefined {
    const { self, followers, confState } = this.host;
    const { voters } = confState();
    if (this.leads) return followers.mostAdvanced(voters);
    return voters.includes(self) ? self : undefined;
  }

  /** @returns whether there was anybody to ask, and anybody to ask for */
  private ask(call: Call, id: NodeId | undefined): boolean {
    const { raw, followers, wake } = this.host;
    const { leader, leads } = this;
    if (leader === 0n) {
      call.heldUp('no-leader', 'no leader is known');
      return false;
    }
    const target = id ?? this.target();
    if (target === undefined && !leads) {
      throw call.refuse(
        'not-a-voter',
        'this member does not vote, and only the leader knows who else could lead: name a member',
      );
    }
    // While leadership is handed over nothing can be proposed, so it is not tried with a member that cannot take it.
    if (target === undefined || (leads && !followers.answers(target))) {
      const who = target === undefined ? 'no other voter answers' : `member ${target} does not answer`;
      call.heldUp('not-connected', `${who} the leader, member ${leader}`);
      return false;
    }
    call.heldUp('unseen', `member ${leader} was asked to hand leadership to member ${target}, which has not taken it`);
    raw.transferLeadership(target);
    wake();
    return true;
  }
}
