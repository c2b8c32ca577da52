import {
  type AnyConfChange,
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type NodeId,
  type RaftError,
} from '@raft-ts/raft';
import { checkMemberId, refuseOption } from '../base/arguments.js';
import type { CallOptions, MemberAddress, MemberInfo } from '../base/contracts.js';
import { ERR_REFUSED } from '../base/errors.js';
import { type Group, membersOf } from '../group/group.js';
import { Attempts, type AttemptsHost, type Step } from './attempts.js';
import { Call } from './call.js';
import type { Followers } from './followers.js';
import { LONGEST_ADDRESS, urlUsed } from './guard.js';
import type { Transfers } from './transfers.js';

/** A new member must be started and be sent everything: adding one may take so long, unless the call says otherwise. */
const CATCH_UP_MS = 600_000;

/** A member to be added. */
export interface NewMember {
  /** Where the others reach it. */
  readonly url: string;
  /**
   * Its id, one that no member has or had. Default: the next free one. Passing the id of a member that is being added
   * already goes on from there.
   */
  readonly id?: NodeId | undefined;
}

/** How far a new member has come. */
export interface MemberProgress {
  /**
   * - `added`: it is a learner: start it now, under this id, with `join: true`
   * - `catching-up`: it is being sent the log, or a snapshot; told once an election timeout at most
   * - `promoted`: it votes
   */
  readonly phase: 'added' | 'catching-up' | 'promoted';
  readonly id: NodeId;
  /** It has the log up to this index. Only the leader knows. */
  readonly match?: number;
  /** It may vote once it has the log up to this index, which rises with what is committed. Only the leader knows. */
  readonly target?: number;
}

/** Options of `replaceMember`. */
export interface AddOptions extends CallOptions {
  /** Hears how far the new member has come. What it throws ends the call. */
  readonly onProgress?: (progress: MemberProgress) => void;
}

/** Options of `addMember`. */
export interface AddMemberOptions extends AddOptions {
  /** `learner`: it gets everything and never votes. Calling again without this makes it a voter. Default `voter`. */
  readonly role?: MemberInfo['role'];
}

export interface MembershipHost extends AttemptsHost {
  readonly self: NodeId;
  readonly group: Group;
  readonly confState: () => ConfState;
  readonly followers: Followers;
  readonly transfers: Transfers;
  readonly leads: () => boolean;
  /** Resolves once this member has applied what was committed when this was called. */
  readonly barrier: (call: Call) => Promise<void>;
  /** Throws if the transport could not dial it. */
  readonly checkAddress: (member: MemberAddress) => void;
  readonly warn: (text: string) => void;
  /** How long a call may take that does not wait for a new member. */
  readonly timeoutMs: number;
}

/**
 * Changes the membership, on whichever member it is asked for. Each call has a goal, and steps towards it: a change is
 * proposed, and proposed again, until the membership that this member has applied shows what it was for. So it does not
 * matter whether a change got lost, or the leader with it, or somebody else made it; all of them can be made twice.
 */
export class Membership {
  private readonly host: MembershipHost;
  private readonly attempts: Attempts;

  constructor(host: MembershipHost) {
    this.host = host;
    this.attempts = new Attempts(host);
  }

  async add({ url, id }: NewMember, { role = 'voter', onProgress, ...options }: AddMemberOptions): Promise<MemberInfo> {
    const call = new Call('addMember', options, this.host.clock, CATCH_UP_MS);
    checkUrl(url);
    await this.host.barrier(call);
    this.checkNewcomer(call, { url, id }, undefined);
    const member = await this.addLearner(call, { url, id }, undefined, onProgress);
    if (role === 'learner') return { id: member, url, role };
    await this.promote(
      call,
      { change: addVoter(member), done: () => this.votes(call, member) },
      { member, onProgress },
    );
    return { id: member, url, role: 'voter' };
  }

  async remove(id: NodeId, options: CallOptions): Promise<void> {
    const call = new Call('removeMember', options, this.host.clock, this.host.timeoutMs);
    checkMemberId(id);
    call.id = id;
    // Without the other one there may be no quorum to ask.
    this.noteTwoVoters(call, id);
    await this.host.barrier(call);
    if (this.host.group.removed.has(id)) return;
    this.checkPresent(call, id);
    this.noteTwoVoters(call, id);
    const { voters } = this.host.confState();
    if (voters.length === 1 && voters.includes(id)) {
      throw call.refuse(
        'last-voter',
        `member ${id} is the only voter, and without one there is no cluster: add another member first, or stop this one for good`,
      );
    }
    if (call.needsBoth) {
      this.host.warn(
        `removing member ${id}, one of two voters: both must confirm it, and after that the other one is alone`,
      );
    }
    await this.leadElsewhere(call, id);
    try {
      await this.attempts.carryOut(call, { change: removal(id), done: () => this.isGone(id) });
    } catch (error) {
      // The others refuse this member as soon as they have applied it, which ends it: it may not come to do so itself.
      if (id !== this.host.self || !saysRemoved(error)) throw error;
    }
  }

  async replace(old: NodeId, { url, id }: NewMember, { onProgress, ...options }: AddOptions): Promise<MemberInfo> {
    const call = new Call('replaceMember', options, this.host.clock, CATCH_UP_MS);
    checkMemberId(old);
    checkUrl(url);
    call.id = old;
    await this.host.barrier(call);
    // A call that goes on may find that the old one has left meanwhile.
    if (!this.host.group.removed.has(old) || id === undefined) this.checkPresent(call, old);
    this.checkNewcomer(call, { url, id }, old);
    const learns = this.host.confState().learners.includes(old);
    const member = await this.addLearner(call, { url, id }, old, onProgress);
    if (learns) {
      await this.attempts.carryOut(call, { change: removal(old), done: () => this.isGone(old) });
      return { id: member, url, role: 'learner' };
    }
    await this.leadElsewhere(call, old);
    const done = (): boolean => this.votes(call, member) && this.isGone(old);
    await this.promote(call, { change: exchange(old, member), done }, { member, onProgress });
    return { id: member, url, role: 'voter' };
  }

  private checkPresent(call: Call, id: NodeId): void {
    if (!membersOf(this.host.confState()).has(id)) throw call.refuse('unknown-id', `the cluster has no member ${id}`);
  }

  /** @param replaced a member whose address the new one may take over */
  private checkNewcomer(call: Call, { url, id }: NewMember, replaced: NodeId | undefined): void {
    const { members, removed } = this.host.group;
    this.checkFree(call, url, [id, replaced]);
    if (id === undefined) return;
    checkMemberId(id);
    if (removed.has(id)) throw call.refuse('id-used', `member ${id} was removed, and its id is never used again`);
    const address = members.get(id);
    if (address !== undefined && address !== url) {
      throw call.refuse('id-used', `member ${id} is there already, at ${address}`);
    }
  }

  /** @param among who may have this address */
  private checkFree(call: Call, url: string, among: readonly (NodeId | undefined)[]): void {
    for (const [other, address] of this.host.group.members) {
      if (address === url && !among.includes(other)) throw call.refuse('url-used', urlUsed(other, url).message);
    }
  }

  private noteTwoVoters(call: Call, id: NodeId): void {
    const { voters } = this.host.confState();
    call.needsBoth = voters.length === 2 && voters.includes(id);
  }

  private async addLearner(
    call: Call,
    { url, id }: NewMember,
    replaced: NodeId | undefined,
    onProgress: AddOptions['onProgress'],
  ): Promise<NodeId> {
    const { group } = this.host;
    // Once it is in the log it cannot be taken back.
    this.host.checkAddress({ id: id ?? group.lastId + 1n, url });
    const member = id ?? (await this.attempts.reserveId(call));
    call.id = member;
    const change = {
      // Raft makes nothing of it; the leader's guard lets the two share an address.
      id: replaced ?? 0n,
      type: ConfChangeType.ConfChangeAddLearnerNode,
      nodeId: member,
      context: new TextEncoder().encode(url),
    };
    const done = (): boolean => {
      this.checkNotRemoved(call, member);
      const address = group.members.get(member);
      if (address !== undefined && address !== url) {
        throw call.refuse('id-used', `somebody else has added member ${member} meanwhile, at ${address}`);
      }
      // Somebody else may have been faster.
      if (address === undefined) this.checkFree(call, url, [replaced]);
      return address === url;
    };
    await this.attempts.carryOut(call, { change, done });
    onProgress?.({ phase: 'added', id: member });
    return member;
  }

  /** Makes a learner vote once it has caught up; the leader refuses it before, whoever asks. */
  private async promote(
    call: Call,
    { change, done }: Step,
    { member, onProgress }: { readonly member: NodeId; readonly onProgress: AddOptions['onProgress'] },
  ): Promise<void> {
    const { clock, electionMs } = this.host;
    let told = '';
    let tellAt = clock.monotonic();
    const watched = (): boolean => {
      if (done()) return true;
      const lag = this.host.leads() ? this.host.followers.lag(member) : undefined;
      const { match, target } = lag ?? {};
      if (onProgress === undefined || told === `${match} ${target}` || clock.monotonic() < tellAt) return false;
      told = `${match} ${target}`;
      tellAt = clock.monotonic() + electionMs;
      onProgress({
        phase: 'catching-up',
        id: member,
        ...(match === undefined || target === undefined ? {} : { match, target }),
      });
      return false;
    };
    const text = `member ${member} does not vote yet: the leader, member ${this.host.transfers.leader}, sees to that once it has caught up`;
    await this.attempts.carryOut(call, { change, done: watched, unseen: { reason: 'not-caught-up', text } });
    onProgress?.({ phase: 'promoted', id: member });
  }

  /** Leadership is handed over before its holder goes, which spares the others an election timeout. */
  private async leadElsewhere(call: Call, id: NodeId): Promise<void> {
    const { transfers, electionMs, confState } = this.host;
    if (transfers.leader !== id || confState().voters.length < 2) return;
    try {
      await transfers.transfer(undefined, { timeoutMs: call.remaining(2 * electionMs), signal: call.signal });
    } catch {
      // It goes all the same, and steps down when it does.
    }
  }

  private checkNotRemoved(call: Call, id: NodeId): void {
    if (this.host.group.removed.has(id))
      throw call.refuse('id-used', `somebody else has removed member ${id} meanwhile`);
  }

  private votes(call: Call, id: NodeId): boolean {
    this.checkNotRemoved(call, id);
    return this.host.confState().voters.includes(id);
  }

  private isGone(id: NodeId): boolean {
    return !membersOf(this.host.confState()).has(id);
  }
}

function checkUrl(url: unknown): void {
  if (typeof url === 'string' && url !== '' && new TextEncoder().encode(url).length <= LONGEST_ADDRESS) return;
  refuseOption(
    'url',
    `it must be an address of at most ${LONGEST_ADDRESS} bytes at which the others reach the member, not ${String(url).slice(0, 100)}`,
  );
}

function addVoter(nodeId: NodeId): AnyConfChange {
  return { id: 0n, type: ConfChangeType.ConfChangeAddNode, nodeId, context: undefined };
}

function removal(nodeId: NodeId): AnyConfChange {
  return { id: 0n, type: ConfChangeType.ConfChangeRemoveNode, nodeId, context: undefined };
}

/** One joint change, which the leader leaves by itself: at no time does the cluster have a voter less. */
function exchange(old: NodeId, young: NodeId): AnyConfChange {
  return {
    transition: ConfChangeTransition.ConfChangeTransitionAuto,
    changes: [
      { type: ConfChangeType.ConfChangeAddNode, nodeId: young },
      { type: ConfChangeType.ConfChangeRemoveNode, nodeId: old },
    ],
    context: undefined,
  };
}

/** Has the call failed because this member was removed? */
function saysRemoved(error: unknown): boolean {
  const { code, reason } = ((error as Error).cause ?? {}) as Partial<RaftError>;
  return code === ERR_REFUSED && reason === 'removed';
}
