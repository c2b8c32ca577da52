import type { ConfState, NodeId, RawNode } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { CallOptions, MemberAddress, MemberInfo, Removal } from '../base/contracts.js';
import { describe, ReadFailed } from '../base/errors.js';
import type { Proposals } from '../drive/proposals.js';
import type { Reads } from '../drive/reads.js';
import type { Group } from '../group/group.js';
import { Call } from './call.js';
import { Conditions } from './conditions.js';
import { Departure, type DepartureHost } from './departure.js';
import { Followers } from './followers.js';
import { ChangeGuard } from './guard.js';
import { Membership } from './membership.js';
import { Transfers } from './transfers.js';

export interface RosterHost {
  readonly self: NodeId;
  readonly raw: RawNode;
  readonly clock: Clock;
  readonly group: Group;
  readonly confState: () => ConfState;
  readonly proposals: Pick<Proposals, 'submitChange'>;
  readonly reads: Pick<Reads, 'submit'>;
  readonly reserveId: (options: CallOptions) => Promise<NodeId>;
  readonly wake: () => void;
  /** Throws if the transport could not dial it. */
  readonly checkAddress: (member: MemberAddress) => void;
  readonly warn: (text: string) => void;
  readonly end: DepartureHost['end'];
  readonly timeoutMs: number;
  readonly tickMs: number;
  readonly electionTicks: number;
}

/** Who is in the cluster, and who leads it: puts together what changes that, and hears what it depends on. */
export class Roster {
  readonly membership: Membership;
  readonly transfers: Transfers;
  readonly guard: ChangeGuard;
  private readonly host: RosterHost;
  private readonly conditions: Conditions;
  private readonly followers: Followers;
  private readonly departure: Departure;

  constructor(host: RosterHost) {
    this.host = host;
    const { self, raw, clock, group, confState, checkAddress, warn, electionTicks, timeoutMs, proposals } = host;
    const electionMs = electionTicks * host.tickMs;
    const conditions = new Conditions(clock);
    const followers = new Followers({ self, raw, electionTicks });
    const leads = (): boolean => raw.basicStatus().softState.raftState === 'StateLeader';
    const barrier = (call: Call): Promise<void> => this.barrier(call);
    const common = {
      self,
      raw,
      clock,
      group,
      confState,
      conditions,
      followers,
      leads,
      barrier,
      checkAddress,
      warn,
      timeoutMs,
      electionMs,
    };
    this.conditions = conditions;
    this.followers = followers;
    this.guard = new ChangeGuard(common);
    this.transfers = new Transfers({ ...common, wake: host.wake });
    this.membership = new Membership({
      ...common,
      transfers: this.transfers,
      reserveId: host.reserveId,
      propose: (change, options) => proposals.submitChange(change, options),
    });
    this.departure = new Departure({
      self,
      clock,
      isRemoved: () => group.removed.has(self),
      farewellMs: electionMs,
      end: host.end,
    });
  }

  /** Returns who is in the cluster, ascending by id, as far as this member has applied. */
  list(): readonly MemberInfo[] {
    const { learners, learnersNext } = this.host.confState();
    const learning = new Set([...learners, ...learnersNext]);
    return [...this.host.group.members]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, url]) => ({ id, url, role: learning.has(id) ? 'learner' : 'voter' }));
  }

  /** Time has passed. */
  tick(): void {
    this.followers.tick();
    this.conditions.look();
  }

  membershipChanged(): void {
    this.departure.membershipChanged();
    this.conditions.look();
  }

  leadershipChanged(): void {
    this.conditions.look();
  }

  /** Others refuse this member for good. */
  refused(removal: Removal): void {
    this.departure.refused(removal);
  }

  /** Hands leadership over, and waits for what is under way: each for an election timeout at most. */
  async leave(isIdle: () => boolean): Promise<void> {
    const { clock, electionTicks, tickMs } = this.host;
    const led = this.transfers.leads;
    await this.transfers.handOver();
    const call = new Call('stop', {}, clock, electionTicks * tickMs);
    try {
      await this.conditions.when(call, () => (isIdle() ? true : undefined));
    } catch {
      // What still waits is told that this member stops.
    }
    // Another one that stops may have handed leadership to this one meanwhile.
    if (!led) await this.transfers.handOver();
  }

  /** Ends all calls: this member stops. */
  end(cause: unknown): void {
    this.departure.stop();
    this.conditions.end(cause);
  }

  /** A membership that this member has applied may be old; a call begins with the present one. */
  private async barrier(call: Call): Promise<void> {
    const { reads, timeoutMs } = this.host;
    try {
      await reads.submit(() => undefined, call.signal, call.remaining(timeoutMs));
    } catch (error) {
      if (!(error instanceof ReadFailed)) throw error;
      switch (error.reason) {
        case 'aborted':
        case 'stopped':
          throw call.fail(error.reason, error.cause);
        case 'busy':
          throw call.refuse('busy', describe(error));
        default:
          call.heldUp('no-leader', `the leader cannot be asked for the present membership (${error.reason})`);
          throw call.fail('deadline', error);
      }
    }
  }
}
