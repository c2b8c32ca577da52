import {
  type AnyConfChange,
  type ConfChangeSingle,
  ConfChangeType,
  type ConfState,
  decodeConfChangeEntry,
  isConfChangeEntry,
  type Message,
  type NodeId,
} from '@raft-ts/raft';
import type { MemberAddress } from '../base/contracts.js';
import { describe, MembershipError } from '../base/errors.js';
import type { Group } from '../group/group.js';
import type { Followers } from './followers.js';

/** Bytes of an address: far more than any has. It stands in every snapshot, and in every answer about the members. */
export const LONGEST_ADDRESS = 2048;

const decoder = new TextDecoder('utf-8', { fatal: true });

export interface GuardHost {
  readonly group: Group;
  readonly confState: () => ConfState;
  readonly leads: () => boolean;
  readonly followers: Followers;
  /** Throws if the transport could not dial it. */
  readonly checkAddress: (member: MemberAddress) => void;
  readonly warn: (text: string) => void;
}

/**
 * What a leader must know before it takes a membership change, its own or one that was forwarded. Raft lets one in only
 * when all earlier ones are applied, so the membership that the guard looks at is the one that will be changed.
 *
 * Only a leader knows who has caught up and who answers, so this is where a promotion that comes too early is refused,
 * on whichever member it was asked for; whoever asked tries again. And a change may come late: a forwarded one can be
 * delayed, or arrive twice, when its member has long been promoted, or removed for good.
 */
export class ChangeGuard {
  private readonly host: GuardHost;

  constructor(host: GuardHost) {
    this.host = host;
  }

  /** @throws MembershipError if this member leads, and the change must not be taken */
  check(cc: AnyConfChange): void {
    if (!this.host.leads()) return;
    const changes = 'changes' in cc ? cc.changes : [cc];
    const carriesAddress = cc.context !== undefined && cc.context.length > 0;
    for (const change of changes) this.checkSingle(change, carriesAddress);
    if (carriesAddress) this.checkAddress(cc, changes);
    if (changes.some(({ type }) => type === ConfChangeType.ConfChangeRemoveNode)) this.checkHealth(changes);
  }

  /** @throws MembershipError if a forwarded proposal holds a change that must not be taken */
  checkForwarded({ entries, from }: Message): void {
    if (!this.host.leads()) return;
    for (const entry of entries) {
      if (!isConfChangeEntry(entry)) continue;
      let cc: AnyConfChange;
      try {
        cc = decodeConfChangeEntry(entry);
      } catch {
        // Raft says what it makes of it.
        continue;
      }
      try {
        this.check(cc);
      } catch (error) {
        const { reason, message } = error as MembershipError;
        // This one is asked for until it is so.
        if (reason !== 'not-caught-up') this.host.warn(`refused a membership change of member ${from}: ${message}`);
        throw error;
      }
    }
  }

  private checkSingle({ type, nodeId }: ConfChangeSingle, carriesAddress: boolean): void {
    const { group, confState, followers } = this.host;
    if (type !== ConfChangeType.ConfChangeAddNode && type !== ConfChangeType.ConfChangeAddLearnerNode) return;
    if (group.removed.has(nodeId)) {
      throw new MembershipError('id-used', `member ${nodeId} was removed, and its id is never used again`, {
        id: nodeId,
      });
    }
    const { voters, learners } = confState();
    if (type === ConfChangeType.ConfChangeAddLearnerNode) {
      if (carriesAddress && voters.includes(nodeId)) {
        throw new MembershipError('id-used', `member ${nodeId} votes already: adding it would take its vote away`, {
          id: nodeId,
        });
      }
    } else if (learners.includes(nodeId)) {
      const lag = followers.lag(nodeId);
      if (lag?.caughtUp !== true) throw notCaughtUp(nodeId, lag);
    }
  }

  /**
   * An address is in the log for good, and a member whose address is none is reached by nobody after the next start. So
   * that no peer can do that to a member that votes, an address never changes: a member gets another one by being
   * replaced.
   */
  private checkAddress(cc: AnyConfChange, changes: readonly ConfChangeSingle[]): void {
    const { members } = this.host.group;
    const isRemoval = ({ type }: ConfChangeSingle): boolean => type === ConfChangeType.ConfChangeRemoveNode;
    const [change, ...more] = changes.filter((one) => !isRemoval(one));
    if (change === undefined) return;
    const { nodeId } = change;
    const url = addressIn(cc, nodeId);
    if (more.length > 0) throw urlUsed(nodeId, url);
    const known = members.get(nodeId) ?? '';
    if (known !== '' && known !== url) {
      throw new MembershipError(
        'id-used',
        `member ${nodeId} has the address ${known}, which cannot be changed: replaceMember(${nodeId}n, …) puts a new member in its place`,
        { id: nodeId },
      );
    }
    // Two calls at once may have found the same address free. The new member may have that of the one in `id`, or of
    // one that leaves by the same change.
    const leaving = new Set(changes.filter(isRemoval).map((one) => one.nodeId));
    if ('id' in cc) leaving.add(cc.id);
    for (const [other, address] of members) {
      if (address === url && other !== nodeId && !leaving.has(other)) throw urlUsed(other, url);
    }
    try {
      this.host.checkAddress({ id: nodeId, url });
    } catch (error) {
      throw noAddress(nodeId, describe(error));
    }
  }

  /** Would a quorum of the voters that remain answer? */
  private checkHealth(changes: readonly ConfChangeSingle[]): void {
    const voters = new Set(this.host.confState().voters);
    for (const { type, nodeId } of changes) {
      if (type === ConfChangeType.ConfChangeAddNode) voters.add(nodeId);
      else if (type !== ConfChangeType.ConfChangeUpdateNode) voters.delete(nodeId);
    }
    const silent = [...voters].filter((id) => !this.host.followers.answers(id));
    if (voters.size === 0 || voters.size - silent.length > voters.size / 2) return;
    throw new MembershipError(
      'unhealthy',
      `of the ${voters.size} voters that would remain, ${named(silent)} ${silent.length === 1 ? 'does' : 'do'} not answer the leader, so that nothing could be committed: bring them back, or remove them first`,
    );
  }
}

function addressIn({ context }: AnyConfChange, id: NodeId): string {
  if (context === undefined || context.length > LONGEST_ADDRESS) {
    throw noAddress(id, `an address has ${LONGEST_ADDRESS} bytes at most`);
  }
  try {
    return decoder.decode(context);
  } catch {
    throw noAddress(id, 'it is not UTF-8');
  }
}

function noAddress(id: NodeId, why: string): MembershipError {
  return new MembershipError('refused', `member ${id} could not be reached at the address of this change: ${why}`, {
    id,
  });
}

/** Returns what is said of an address that a member has already. */
export function urlUsed(id: NodeId, url: string): MembershipError {
  return new MembershipError(
    'url-used',
    `member ${id} has the address ${url}: replaceMember(${id}n, …) puts a new member in its place, and addMember({ url, id: ${id}n }) goes on if it is being added`,
    { id },
  );
}

/** Returns what is said of a learner that cannot vote yet. */
export function notCaughtUp(id: NodeId, lag: { readonly match: number; readonly target: number } | undefined): Error {
  const how =
    lag === undefined || lag.match === 0
      ? 'it has not answered the leader: is it started, with join: true, and can the leader reach its address?'
      : `it has the log up to index ${lag.match} of ${lag.target}`;
  return new MembershipError('not-caught-up', `member ${id} has not caught up: ${how}`, { id });
}

function named(ids: readonly NodeId[]): string {
  return ids.length === 1 ? `member ${ids[0]}` : `members ${ids.join(', ')}`;
}
