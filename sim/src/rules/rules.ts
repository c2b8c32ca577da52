import type { ConfState, Entry, Message, NodeId, Snapshot } from '@raft-ts/proto';
import { EntryType, MessageType } from '@raft-ts/proto';
import type { RawNode, Ready } from '@raft-ts/raft';
import { Leadership } from '../member/leadership.js';
import type { Member } from '../member/member.js';
import {
  commitsOwnTerm,
  committedForEver,
  committedOnQuorum,
  electableComplete,
  entryIntact,
  stateMachineSafety,
} from './commits.js';
import {
  campaignAllowed,
  electedByQuorum,
  electionSafety,
  leaderCompleteness,
  voteOnce,
  voteUpToDate,
} from './elections.js';
import { History } from './history.js';
import { heardFrom, jointLeft, leaderInTouch, transferBounded, transferSeen, uncommittedSize } from './leading.js';
import { leaderAppendOnly, logMatching, oneChangeAtATime } from './log.js';
import { configurationAgreed } from './membership.js';
import { messageLegal } from './messages.js';
import { hardStateMonotone, persistedBeforeSent, stableTrue } from './persistence.js';
import { positionsOrdered } from './positions.js';
import { matchStored, progressSane } from './progress.js';
import { heartbeatHeard, readConfirmed, readLinearizable, readOwnTerm } from './reads.js';
import {
  appendAccepted,
  type Before,
  commitPassedOn,
  commitTold,
  preVoteHarmless,
  snapshotTaken,
  staleIgnored,
  termAdopted,
  voteOwed,
} from './receiving.js';
import { snapshotTrue } from './snapshots.js';

/**
 * Looks at everything that members do, and throws a `Violation` at the first broken rule. Each rule is a function of
 * its own, named like the rule, in the files beside this one; here stands when each is asked.
 */
export class Rules {
  readonly history: History = new History();
  private readonly members: readonly Member[];
  private readonly readsByLease: boolean;
  /** Whoever has led, and may still do. */
  private readonly leading: Set<Member> = new Set();

  /**
   * @param members all members of the cluster by slot; grows as members join
   * @param readsByLease leaders answer reads without asking anybody
   */
  constructor(members: readonly Member[], readsByLease = false) {
    this.members = members;
    this.readsByLease = readsByLease;
  }

  /** A member starts from its disk: the log that it finds there is held against those of the others. */
  restarted(member: Member): void {
    const { durable } = member.disk;
    const { index, term } = durable.snapshot.metadata;
    member.log.reset(index, term, this.history.chains[index] as number);
    logMatching(this.history, member, durable.entriesAfterSnapshot());
  }

  /**
   * A member has done one thing: handled a message, a tick or a call, applied an entry.
   * @param from whose message, if it was one of another member
   */
  afterStep(member: Member, node: RawNode, from?: NodeId): void {
    const { raft } = node;
    if (raft.state === 'StateLeader') {
      if (member.leadsTerm !== raft.term) this.elected(member, raft);
      if (raft.raftLog.committed > member.seenCommit) {
        committedOnQuorum(member, raft, this.members);
        commitsOwnTerm(member, raft);
        electableComplete(member, raft, this.members);
        committedForEver(this.history, member, raft.raftLog.committed, raft.term);
      }
      progressSane(member, raft, { members: this.members, from });
      uncommittedSize(member, raft);
      readOwnTerm(member, raft);
      transferSeen(member.led as Leadership, raft);
    } else {
      if (raft.state !== 'StateFollower' && (member.seenState !== raft.state || member.seenTerm !== raft.term)) {
        // Whoever asked for pre-votes first was looked at then.
        if (member.seenState !== 'StatePreCandidate') campaignAllowed(member, raft);
      }
      member.leadsTerm = 0;
      member.led = undefined;
    }
    member.seenState = raft.state;
    stableTrue(member, raft);
    positionsOrdered(member, raft);
  }

  private elected(member: Member, raft: RawNode['raft']): void {
    electionSafety(this.history, member, raft.term);
    electedByQuorum(this.history, member, raft);
    leaderCompleteness(this.history, member, raft);
    member.leadsTerm = raft.term;
    member.led = new Leadership(raft);
    this.leading.add(member);
  }

  /** A member's clock has ticked. */
  ticked(member: Member, { raft }: RawNode): void {
    const { led } = member;
    if (led === undefined || raft.state !== 'StateLeader' || raft.term !== member.leadsTerm) return;
    led.ticks++;
    transferSeen(led, raft);
    transferBounded(member, led, raft.electionTimeout);
    if (raft.checkQuorum) leaderInTouch(member, led, raft);
    jointLeft(member, led, raft);
  }

  /**
   * A member has handled a message of another.
   * @param at what the member was like before, and the number of events so far
   */
  received(member: Member, node: RawNode, m: Message, at: { readonly before: Before; readonly events: number }): void {
    const { raft } = node;
    const { before } = at;
    const { term } = m;
    if (term === 0) return;
    if (term < before.term) staleIgnored(member, raft, m, before);
    else if (term > before.term) termAdopted(member, raft, m, before);
    switch (m.type) {
      case MessageType.MsgPreVote:
        preVoteHarmless(member, raft, m, before);
        voteUpToDate(member, raft, m, before);
        voteOwed(member, raft, m, before);
        return;
      case MessageType.MsgVote:
        voteUpToDate(member, raft, m, before);
        voteOwed(member, raft, m, before);
        return;
      default:
    }
    if (term !== raft.term) return;
    switch (m.type) {
      case MessageType.MsgApp:
        commitTold(member, raft, m, before);
        appendAccepted(member, raft, m, before);
        return;
      case MessageType.MsgHeartbeat:
        commitTold(member, raft, m, before);
        heartbeatHeard(member, term, at.events);
        return;
      case MessageType.MsgSnap:
        commitTold(member, raft, m, before);
        snapshotTaken(member, raft, m, before);
        return;
      case MessageType.MsgAppResp:
        if (!m.reject && raft.state === 'StateLeader') commitPassedOn(member, raft, m, before);
        heardFrom(member, m);
        return;
      case MessageType.MsgHeartbeatResp:
        heardFrom(member, m);
        return;
      default:
    }
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
      const read = rd.readStates[i] as Ready['readStates'][number];
      if (!this.readsByLease) readConfirmed(history, member, read, this.members);
      readLinearizable(history, member, read);
    }
  }

  /** Something of a member's has reached stable storage. */
  persisted(member: Member): void {
    const { durableTerm, durableVote } = member;
    hardStateMonotone(member);
    if (member.node !== undefined) stableTrue(member, member.node.raft);
    const isNew = member.durableTerm !== durableTerm || member.durableVote !== durableVote;
    if (isNew && member.durableVote !== 0n) voteOnce(this.history, member, member.durableTerm, member.durableVote);
    for (const leader of this.leading) {
      if (leader.leadsTerm === 0) this.leading.delete(leader);
      else if (leader !== member && leader.node !== undefined) matchStored(leader, leader.node.raft, member);
    }
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
    // Whoever joins counts as heard.
    if (member.led !== undefined) member.led.renewed = member.led.ticks;
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
