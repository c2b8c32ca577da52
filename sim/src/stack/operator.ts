import type { NodeId } from '@raft-ts/raft';
import type { MemberProgress, StateMachine } from '@raft-ts/replica';
import { MAX_SLOTS } from '../cluster/network.js';
import type { Pick } from '../plan/action.js';
import type { Broke } from './log-rules.js';
import type { StackMember } from './member.js';
import { Gone } from './process.js';
import type { StackTime } from './time.js';

/** Clusters stay this small. */
const MAX_MEMBERS = 7;
/** How often whoever runs the cluster tries again. */
const AGAIN_MS = 1000;
/** How long a call may take. */
const CALL_MS = 8000;

export interface OperatorHost<Command, Result, Machine extends StateMachine<Command, Result>> {
  readonly time: StackTime;
  readonly members: readonly StackMember<Command, Result, Machine>[];
  readonly broke: Broke;
  /** Adds a member that is not started yet. */
  readonly addMember: () => StackMember<Command, Result, Machine>;
  readonly pick: (who: Pick) => StackMember<Command, Result, Machine> | undefined;
}

/** Whoever runs the cluster: changes its membership by the replicas' own calls, one change after the other. */
export class Operator<Command, Result, Machine extends StateMachine<Command, Result>> {
  /** Members that were taken out, or are about to be. */
  readonly removed: Set<NodeId> = new Set();
  private readonly host: OperatorHost<Command, Result, Machine>;
  /** Members whose disks are damaged, whether they know it or not. */
  private readonly damaged = new Set<NodeId>();
  /** Those that were lost while something else was done to the membership. */
  private readonly toReplace: NodeId[] = [];
  /** The voters that nothing is being done to. */
  private settled: readonly NodeId[];
  private work: string | undefined = undefined;
  /** The voters of every membership that some member may still be in. */
  private readonly memberships: (readonly NodeId[])[];

  constructor(host: OperatorHost<Command, Result, Machine>, founders: readonly NodeId[]) {
    this.host = host;
    this.memberships = [founders];
    this.settled = founders;
  }

  /**
   * What is being done to the membership, in words; undefined if nothing is. It must come to an end once faults do.
   */
  get underWay(): string | undefined {
    return this.work;
  }

  private get voters(): readonly NodeId[] {
    return this.memberships.at(-1) ?? [];
  }

  /** May these disks be lost, so that a majority stays in every membership that a member may think to be in? */
  mayLose(ids: readonly NodeId[]): boolean {
    const stays = (id: NodeId): boolean =>
      !ids.includes(id) && !this.damaged.has(id) && this.host.members[Number(id) - 1]?.isGone === false;
    return this.memberships.every((voters) => 2 * voters.filter(stays).length > voters.length);
  }

  /** May this disk be damaged? If so, it counts as lost from now on, until its member is replaced. */
  mayDamage(id: NodeId): boolean {
    if (this.damaged.has(id)) return true;
    if (!this.settled.includes(id) || this.removed.has(id) || !this.mayLose([id])) return false;
    this.damaged.add(id);
    return true;
  }

  /** A member's disk is damaged, as its process has told: it never comes back, and a new member takes its place. */
  lost(id: NodeId): void {
    this.host.members[Number(id) - 1]?.leave();
    if (this.removed.has(id)) return;
    this.removed.add(id);
    if (this.work === undefined) this.exchange(0, id);
    else this.toReplace.push(id);
  }

  /** Adds a member. */
  add(via: Pick, learner: boolean): void {
    const { host } = this;
    if (this.work !== undefined || host.members.length >= MAX_SLOTS) return;
    if (host.members.filter(({ isGone }) => !isGone).length >= MAX_MEMBERS) return;
    const member = host.addMember();
    const role = learner ? 'learner' : 'voter';
    const voters = learner ? this.voters : [...this.voters, member.id];
    void this.insist(`member ${member.id} is added as a ${role}`, via, voters, (replica) =>
      replica.addMember(
        { id: member.id, url: urlOf(member.id) },
        { role, timeoutMs: CALL_MS, onProgress: (progress) => this.onProgress(member, progress) },
      ),
    );
  }

  private onProgress(member: StackMember<Command, Result, Machine>, { phase }: MemberProgress): void {
    if (phase === 'added') member.start();
  }

  /** Removes a voter, if enough of them stay. */
  remove(via: Pick, who: number): void {
    if (this.work !== undefined) return;
    const id = this.voters[who % Math.max(1, this.voters.length)];
    if (id === undefined || this.voters.length < 2 || !this.mayLose([id])) return;
    this.removed.add(id);
    this.takeOut(via, id);
  }

  private takeOut(via: Pick, id: NodeId): void {
    const voters = this.voters.filter((voter) => voter !== id);
    void this.insist(`member ${id} is removed`, via, voters, (replica) =>
      replica.removeMember(id, { timeoutMs: CALL_MS }),
    );
  }

  /** A voter loses its disk for ever; a new member takes its place. */
  replace(via: Pick, who: number): void {
    const { host } = this;
    if (this.work !== undefined || host.members.length >= MAX_SLOTS) return;
    const lost = this.voters[who % Math.max(1, this.voters.length)];
    if (lost === undefined || !this.mayLose([lost])) return;
    this.removed.add(lost);
    host.members[Number(lost) - 1]?.leave();
    this.exchange(via, lost);
  }

  /** Puts a new member into the place of one that is gone, if there is room for it. */
  private exchange(via: Pick, lost: NodeId): void {
    const { host } = this;
    if (host.members.length >= MAX_SLOTS) {
      this.takeOut(via, lost);
      return;
    }
    const member = host.addMember();
    const voters = [...this.voters.filter((voter) => voter !== lost), member.id];
    void this.insist(`member ${member.id} replaces ${lost}`, via, voters, (replica) =>
      replica.replaceMember(
        lost,
        { id: member.id, url: urlOf(member.id) },
        { timeoutMs: CALL_MS, onProgress: (progress) => this.onProgress(member, progress) },
      ),
    );
  }

  /** Calls a member, and another one, until one says that it is done. */
  private async insist(
    work: string,
    via: Pick,
    voters: readonly NodeId[],
    call: (replica: NonNullable<StackMember<Command, Result, Machine>['replica']>) => Promise<unknown>,
  ): Promise<void> {
    const { host } = this;
    this.work = work;
    // From now on somebody may be in it.
    this.memberships.push(voters);
    let who = via;
    for (;;) {
      const process = host.pick(who)?.process;
      const replica = process?.replica;
      if (process !== undefined && replica !== undefined) {
        try {
          await process.guard(call(replica));
          break;
        } catch (error) {
          if (!(error instanceof Gone) && (error as Error).name !== 'MembershipError') {
            host.broke(
              'no-failure',
              `To have it that ${work} ends in an error that is none of its own: ${String(error)}.`,
              error,
            );
            return;
          }
        }
      }
      await host.time.sleep(AGAIN_MS);
      who = typeof who === 'number' ? who + 1 : 0;
    }
    this.work = undefined;
    this.settled = voters;
    const next = this.toReplace.shift();
    if (next !== undefined) this.exchange(0, next);
  }
}

export function urlOf(id: NodeId): string {
  return `sim:${id}`;
}
