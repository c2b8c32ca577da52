import { type Entry, type HardState, type Message, MessageType, messageName, NONE, type NodeId } from '@raft-ts/proto';
import { type Config, resolveConfig } from './config.js';
import { answerVote, hup } from './election.js';
import { RaftPanic } from './errors.js';
import type { Logger } from './logger.js';
import { appliedTo, restoreConfState } from './membership.js';
import { DONE, type StepOutcome } from './outcome.js';
import { describeIds } from './quorum/majority.js';
import { RaftLog } from './raft-log.js';
import { ReadOnly, type ReadState } from './read-only.js';
import { isEmptyHardState } from './ready.js';
import { appendEntry, reduceUncommittedSize } from './replication.js';
import { resumeAfter } from './resume.js';
import { payloadsSize } from './sizes.js';
import { stepCandidate } from './step-candidate.js';
import { stepFollower } from './step-follower.js';
import { stepLeader } from './step-leader.js';
import { passesTermGate } from './term-gate.js';
import { tickElection, tickHeartbeat } from './timers.js';
import { ProgressTracker } from './tracker/tracker.js';
import { Warnings } from './warnings.js';

/** The role of a member. A pre-candidate asks whether it could win before it disturbs the others. */
export type StateType = 'StateFollower' | 'StateCandidate' | 'StateLeader' | 'StatePreCandidate';

/** State that changes too often, and matters too little, to be saved. */
export interface SoftState {
  /** 0 if no leader is known. */
  readonly lead: NodeId;
  readonly raftState: StateType;
}

const emptyEntry: readonly Entry[] = [{ type: undefined, term: 0, index: 0, data: undefined }];

/**
 * The state machine of one member (figure 2 of the paper). It only reacts: to messages (`step`), to time (`tick`), and
 * to what the application has done, which arrives as messages too. What it wants done is in `msgs`, `msgsAfterAppend`,
 * `readStates` and the log, for `RawNode` to collect.
 *
 * The rules of each role are in files of their own, which say in a `Pick` type what they touch here.
 */
export class Raft {
  readonly id: NodeId;

  // Persistent: on stable storage before any message that depends on it leaves.

  /** The latest term this member has seen. */
  term = 0;
  /** The member that it voted for in this term; 0 if none. */
  vote: NodeId = NONE;
  readonly raftLog: RaftLog;
  /** The commit index that storage held at the start: if Config.applied raised it, the new one is yet to be saved. */
  storedCommit = 0;

  // Volatile, in every role.

  state: StateType = 'StateFollower';
  /** The leader of this term; 0 if none is known. */
  lead: NodeId = NONE;
  /** Is this member a learner in its own configuration? */
  isLearner = false;
  /** The members and their progress; the progress matters only on a leader, the votes only on a candidate. */
  readonly trk: ProgressTracker;
  /** Messages that may leave at once. */
  msgs: Message[] = [];
  /** Answers that promise something: they may leave once everything that is unstable now is stable. */
  msgsAfterAppend: Message[] = [];
  /** Reads that can be served, for the application. */
  readStates: ReadState[] = [];
  /** Ticks since the last sign of a leader; on a leader, since the last quorum check. */
  electionElapsed = 0;
  /** The term at the last tick: until the next one messages raise it by at most `MAX_TERM_RISE`. */
  termAtTick = 0;
  /**
   * A message was of a term beyond that bound: at the next tick this member campaigns, to learn a term closer to it.
   */
  isFarBehind = false;
  /** Number of messages dropped because their term was beyond that bound. */
  termJumps = 0;
  /** Drawn anew by every reset, so that members seldom campaign at the same time. */
  randomizedElectionTimeout = 0;
  /** Does the application hold membership changes that it has not carried out yet? RawNode knows. */
  areChangesInHand: () => boolean = () => false;

  // Volatile, of a leader.

  heartbeatElapsed = 0;
  /** The member to which leadership is being transferred; proposals are dropped meanwhile. */
  leadTransferee: NodeId = NONE;
  /** No membership change is accepted before the entry at this index is applied. */
  pendingConfIndex = 0;
  /** Payload bytes appended and not yet applied. An estimate: it leaves out what earlier leaders appended. */
  uncommittedSize = 0;
  readonly readOnly: ReadOnly;
  /** Reads that came before this term's first commit. They outlive the term: a later leadership serves them. */
  readonly pendingReadIndexMessages: Message[] = [];
  /** Bytes of their contexts. */
  pendingReadBytes = 0;

  // Parameters.

  readonly electionTimeout: number;
  readonly heartbeatTimeout: number;
  readonly maxMsgSize: number;
  readonly maxUncommittedSize: number;
  /**
   * Send a snapshot that does not name its receiver at most once per heartbeat. Off only in tests that compare every
   * message with etcd's, which sends it again after each answer.
   */
  limitsForeignSnapshots = true;
  /**
   * A leader in a configuration with one voter answers reads at once only if it is that voter and has committed in its
   * term. Off only in tests that compare every message with etcd's, which asks for neither.
   */
  guardsSoleReads = true;
  /**
   * A leader that could not propose to leave a joint configuration, because it was handing over, tries again at the
   * next election timeout. Off only in tests that compare every message with etcd's, which waits for the next applied
   * entry.
   */
  retriesLeavingJoint = true;
  /**
   * With asynchronous storage, requests for votes leave after the term that they name is stored. Off only in tests that
   * compare every message with etcd's, which lets them leave at once.
   */
  holdsVoteRequests = true;
  /**
   * A member that knows no leader tells its term to whoever asks for a vote in an earlier one. Off only in tests that
   * compare every message with etcd's, which ignores such requests.
   */
  answersEarlierVotes = true;
  checkQuorum: boolean;
  preVote: boolean;
  readonly disableProposalForwarding: boolean;
  readonly disableConfChangeValidation: boolean;
  readonly guardConfChanges: boolean;
  readonly stepDownOnRemoval: boolean;
  readonly logger: Logger;
  readonly warnings: Warnings;
  private readonly random: (n: number) => number;

  /** @throws ERR_RAFT_CONFIG for a wrong parameter; RaftPanic if storage holds what no member can have written */
  constructor(config: Config) {
    const c = resolveConfig(config);
    this.id = c.id;
    this.electionTimeout = c.electionTick;
    this.heartbeatTimeout = c.heartbeatTick;
    this.maxMsgSize = c.maxSizePerMsg;
    this.maxUncommittedSize = c.maxUncommittedEntriesSize;
    this.checkQuorum = c.checkQuorum;
    this.preVote = c.preVote;
    this.disableProposalForwarding = c.disableProposalForwarding;
    this.disableConfChangeValidation = c.disableConfChangeValidation;
    this.guardConfChanges = c.guardConfChanges;
    this.stepDownOnRemoval = c.stepDownOnRemoval;
    this.logger = c.logger;
    this.warnings = new Warnings(c.logger, c.electionTick);
    this.random = c.random;
    this.raftLog = new RaftLog(c.storage, c.logger, c.maxCommittedSizePerReady);
    this.trk = new ProgressTracker(c.maxInflightMsgs, c.maxInflightBytes);
    this.readOnly = new ReadOnly(c.readOnlyOption);
    this.start(c.applied);
  }

  private start(applied: number): void {
    const initial = this.raftLog.initialState();
    const { hardState, confState } = initial;
    const last = this.raftLog.lastEntryId();
    restoreConfState(this, confState);
    if (hardState !== undefined && !isEmptyHardState(hardState)) this.loadState(hardState);
    this.storedCommit = this.raftLog.committed;
    if (applied > 0) resumeAfter(this, applied, initial);
    this.becomeFollower(this.term, NONE);
    const peers = describeIds(this.trk.voterNodes()).slice(1, -1).replaceAll(' ', ',');
    this.logger.info(
      `newRaft ${this.id.toString(16)} [peers: [${peers}], term: ${this.term}, commit: ${this.raftLog.committed}, applied: ${this.raftLog.applied}, lastindex: ${last.index}, lastterm: ${last.term}]`,
    );
  }

  loadState({ term, vote, commit }: HardState): void {
    const { raftLog } = this;
    if (commit < raftLog.committed || commit > raftLog.lastIndex()) {
      throw new RaftPanic(
        'hard-state-in-range',
        `${this.id.toString(16)} state.commit ${commit} is out of range [${raftLog.committed}, ${raftLog.lastIndex()}]`,
      );
    }
    raftLog.committed = commit;
    this.term = term;
    this.vote = vote;
    this.termAtTick = term;
  }

  softState(): SoftState {
    return { lead: this.lead, raftState: this.state };
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.raftLog.committed };
  }

  /** May this member become a candidate? */
  promotable(): boolean {
    const own = this.trk.progress.get(this.id);
    // While a snapshot is not stable yet, its own log is not settled.
    return own !== undefined && !own.isLearner && !this.raftLog.hasNextOrInProgressSnapshot();
  }

  pastElectionTimeout(): boolean {
    return this.electionElapsed >= this.randomizedElectionTimeout;
  }

  // Messages in

  /** Handles a message: the term gate first (`term-gate.ts`), then the rule that the role has for it. */
  step(m: Message): StepOutcome {
    if (!passesTermGate(this, m)) return DONE;
    switch (m.type) {
      case MessageType.MsgHup:
        hup(this, this.preVote ? 'CampaignPreElection' : 'CampaignElection');
        return DONE;
      case MessageType.MsgStorageAppendResp:
        if (m.index !== 0) this.raftLog.unstable.stableTo({ term: m.logTerm, index: m.index });
        if (m.snapshot !== undefined) this.appliedSnap(m.snapshot.metadata.index);
        return DONE;
      case MessageType.MsgStorageApplyResp:
        this.onApplied(m.entries);
        return DONE;
      case MessageType.MsgVote:
      case MessageType.MsgPreVote:
        answerVote(this, m);
        return DONE;
      default:
        return this.stepRole(m);
    }
  }

  private stepRole(m: Message): StepOutcome {
    switch (this.state) {
      case 'StateLeader':
        return stepLeader(this, m);
      case 'StateFollower':
        return stepFollower(this, m);
      case 'StateCandidate':
      case 'StatePreCandidate':
        return stepCandidate(this, m);
    }
  }

  /** The application reports that it has applied these entries. */
  private onApplied(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    appliedTo(this, last.index, this.raftLog.pageSize(entries));
    // Only what a leader appended counts.
    if (this.uncommittedSize > 0) reduceUncommittedSize(this, payloadsSize(entries));
  }

  /** The snapshot at this index is on stable storage, and the application has restored it. */
  appliedSnap(index: number): void {
    this.raftLog.unstable.stableSnapTo(index);
    appliedTo(this, index, 0);
  }

  // Time

  tick(): void {
    this.timePasses();
    if (this.state === 'StateLeader') tickHeartbeat(this);
    else tickElection(this);
  }

  /** Starts anew to count what messages may do between two ticks. */
  timePasses(): void {
    this.warnings.tick();
    this.termAtTick = this.term;
  }

  // Roles

  /** Resets what belongs to a term; if the term is new, the vote too. */
  reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.lead = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.resetRandomizedElectionTimeout();
    this.leadTransferee = NONE;
    this.trk.resetVotes();
    this.trk.resetProgress(this.id, this.raftLog.lastIndex());
    this.pendingConfIndex = 0;
    this.uncommittedSize = 0;
    this.readOnly.reset();
  }

  resetRandomizedElectionTimeout(): void {
    this.randomizedElectionTimeout = this.electionTimeout + this.random(this.electionTimeout);
  }

  becomeFollower(term: number, lead: NodeId): void {
    this.reset(term);
    this.lead = lead;
    this.state = 'StateFollower';
    this.logger.info(`${this.id.toString(16)} became follower at term ${this.term}`);
  }

  becomeCandidate(): void {
    if (this.state === 'StateLeader') {
      throw new RaftPanic('role-transition', 'invalid transition [leader -> candidate]');
    }
    this.reset(this.term + 1);
    this.vote = this.id;
    this.state = 'StateCandidate';
    this.logger.info(`${this.id.toString(16)} became candidate at term ${this.term}`);
  }

  /**
   * Changes neither term nor vote: a pre-candidate that loses has disturbed nobody (section 9.6 of the dissertation).
   */
  becomePreCandidate(): void {
    if (this.state === 'StateLeader') {
      throw new RaftPanic('role-transition', 'invalid transition [leader -> pre-candidate]');
    }
    this.trk.resetVotes();
    this.lead = NONE;
    this.state = 'StatePreCandidate';
    this.logger.info(`${this.id.toString(16)} became pre-candidate at term ${this.term}`);
  }

  /** The caller must broadcast appends afterwards. */
  becomeLeader(): void {
    if (this.state === 'StateFollower') {
      throw new RaftPanic('role-transition', 'invalid transition [follower -> leader]');
    }
    this.reset(this.term);
    this.lead = this.id;
    this.state = 'StateLeader';
    const own = this.trk.progress.get(this.id);
    if (own === undefined) throw new RaftPanic('role-transition', 'a member outside its configuration became leader');
    own.becomeReplicate();
    own.recentActive = true;
    // The log may hold membership changes that are not applied yet: no new one is accepted until that is ruled out.
    this.pendingConfIndex = this.raftLog.lastIndex();
    // Entries of earlier terms commit only together with one of this term (section 5.4.2 of the paper).
    appendEntry(this, emptyEntry);
    this.logger.info(`${this.id.toString(16)} became leader at term ${this.term}`);
  }

  // Messages out

  /** Completes a message and queues it so that it leaves at the right time. */
  send(m: Message): void {
    if (m.from === NONE) m.from = this.id;
    switch (m.type) {
      case MessageType.MsgVote:
      case MessageType.MsgVoteResp:
      case MessageType.MsgPreVote:
      case MessageType.MsgPreVoteResp:
        // For pre-votes the term differs from this member's: whoever creates these messages sets it.
        if (m.term === 0) {
          throw new RaftPanic('message-term', `term should be set when sending ${messageName(m.type)}`);
        }
        break;
      default:
        if (m.term !== 0) {
          throw new RaftPanic(
            'message-term',
            `term should not be set when sending ${messageName(m.type)} (was ${m.term})`,
          );
        }
        // Forwarded requests are like local ones: the leader accepts them whatever the sender's term.
        if (m.type !== MessageType.MsgProp && m.type !== MessageType.MsgReadIndex) m.term = this.term;
    }
    switch (m.type) {
      case MessageType.MsgAppResp:
      case MessageType.MsgVoteResp:
      case MessageType.MsgPreVoteResp:
        // They promise that an entry or a vote is stored. A refusal waits too: its term must be stored as well.
        if (this.msgsAfterAppend.length === 0) this.msgsAfterAppend = [m];
        else this.msgsAfterAppend.push(m);
        return;
      default:
        if (m.to === this.id) {
          throw new RaftPanic(
            'message-to-self',
            `message should not be self-addressed when sending ${messageName(m.type)}`,
          );
        }
        if (this.msgs.length === 0) this.msgs = [m];
        else this.msgs.push(m);
    }
  }
}
