import type { ConfState, Entry, Message, Snapshot } from '@raft-ts/proto';
import { EntryType, MessageType } from '@raft-ts/proto';
import type { RawNode, Ready } from '@raft-ts/raft';
import type { Member } from '../member/member.js';
import { committedForEver, committedOnQuorum, entryIntact, stateMachineSafety } from './commits.js';
import { electionSafety, leaderCompleteness, type Voter, voteOnce, voteUpToDate } from './elections.js';
import { History } from './history.js';
import { leaderAppendOnly, logMatching, oneChangeAtATime } from './log.js';
import { configurationAgreed } from './membership.js';
import { messageLegal } from './messages.js';
import { hardStateMonotone, persistedBeforeSent } from './persistence.js';
import { positionsOrdered } from './positions.js';
import { progressSane, uncommittedSize } from './progress.js';
import { readLinearizable } from './reads.js';
import { snapshotTrue } from './snapshots.js';

/**
 * Looks at everything that members do, and throws a `Violation` at the first broken rule. Each rule is a function of
 * its own, named like the rule, in the files beside this one; here stands when each is asked.
 */
export class Rules {
  readonly history: History = new History();
  private readonly members: readonly Member[];

  /** @param members all members of the cluster by slot; grows as members join */
  constructor(members: readonly Member[]) {
    this.members = members;
  }

  /** A member starts from its disk: the log that it finds there is held against those of the others. */
  restarted(member: Member): void {
    const { durable } = member.disk;
    const { index, term } = durable.snapshot.metadata;
    member.log.reset(index, term, this.history.chains[index] as number);
    logMatching(this.history, member, durable.entriesAfterSnapshot());
  }

  /** A member has done one thing: handled a message, a tick or a call, applied an entry. */
  afterStep(member: Member, node: RawNode): void {
    const { raft } = node;
    if (raft.state === 'StateLeader') {
      if (member.leadsTerm !== raft.term) {
        electionSafety(this.history, member, raft.term);
        leaderCompleteness(this.history, member, raft);
        member.leadsTerm = raft.term;
      }
      if (raft.raftLog.committed > member.seenCommit) {
        committedOnQuorum(member, raft, this.members);
        committedForEver(this.history, member, raft.raftLog.committed, raft.term);
      }
      progressSane(member, raft, this.members);
      uncommittedSize(member, raft);
    } else {
      member.leadsTerm = 0;
    }
    positionsOrdered(member, raft);
  }

  /** A member has handled a request for its vote. */
  afterVoteRequest(member: Member, node: RawNode, request: Message, own: Voter): void {
    voteUpToDate(member, node.raft, request, own);
  }

  /** A member hands out a Ready. */
  handedOut(member: Member, node: RawNode, rd: Ready): void {
    const { history } = this;
    const { raft } = node;
    if (rd.snapshot !== undefined) {
      snapshotTrue(history, member, rd.snapshot);
      const { index, term } = rd.snapshot.metadata;
      member.log.reset(index, term, history.chains[index] as number);
    }
    if (rd.entries.length > 0) {
      leaderAppendOnly(member, rd.entries);
      logMatching(history, member, rd.entries);
      oneChangeAtATime(history, member);
    }
    committedForEver(history, member, raft.raftLog.committed, raft.term);
    member.handedTerm = member.leadsTerm;
    for (let i = 0; i < rd.readStates.length; i++) {
      readLinearizable(history, member, rd.readStates[i] as Ready['readStates'][number]);
    }
  }

  /** Something of a member's has reached stable storage. */
  persisted(member: Member): void {
    const { durableTerm, durableVote } = member;
    hardStateMonotone(member);
    const isNew = member.durableTerm !== durableTerm || member.durableVote !== durableVote;
    if (isNew && member.durableVote !== 0n) voteOnce(this.history, member, member.durableTerm, member.durableVote);
  }

  /** A message is handed to the network. */
  sent(member: Member, m: Message): void {
    messageLegal(this.history, member, m);
    persistedBeforeSent(member, m);
    if (m.type === MessageType.MsgVoteResp && !m.reject) voteOnce(this.history, member, m.term, m.to);
    if (m.snapshot !== undefined) snapshotTrue(this.history, member, m.snapshot);
  }

  /** A member applies an entry. Returns its state afterwards. */
  applying(member: Member, entry: Entry): number {
    const state = stateMachineSafety(this.history, member, entry);
    if (entry.index > this.history.applied && (entry.type ?? EntryType.EntryNormal) === EntryType.EntryNormal) {
      entryIntact(this.history, member, entry);
    }
    return state;
  }

  /** A member has carried out a membership change. */
  configured(member: Member, entry: Entry, confState: ConfState): void {
    configurationAgreed(this.history, member, entry, confState);
  }

  /** A member has applied everything up to its `applied`. */
  applied(member: Member): void {
    if (member.applied > this.history.applied) this.history.applied = member.applied;
  }

  /** A member has made a snapshot of its own state. */
  snapshotMade(member: Member, snapshot: Snapshot): void {
    snapshotTrue(this.history, member, snapshot);
  }
}
