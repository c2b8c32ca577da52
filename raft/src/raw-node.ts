import {
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  MessageType,
  NONE,
  type NodeId,
  newMessage,
} from '@raft-ts/proto';
import {
  badArgument,
  checkBytes,
  checkId,
  checkList,
  checkOptionalBytes,
  confChangeFault,
  entryFault,
  messageFault,
  refuseFault,
} from '@raft-ts/proto/internal';
import { Admission } from './admission.js';
import { bootstrap, type Peer } from './bootstrap.js';
import { type AnyConfChange, marshalConfChange } from './confchange/conf-change.js';
import type { Config } from './config.js';
import { proposalDropped, RaftPanic } from './errors.js';
import { HandedChanges } from './handed-changes.js';
import { applyConfChange, applyConfChangeEntry, tryConfChange } from './membership.js';
import { Raft, type SoftState } from './raft.js';
import type { ReadState } from './read-only.js';
import { mustSync, type Ready } from './ready.js';
import { type BatchReceipt, forwardedBatch, type ProposalReceipt, receipt } from './receipt.js';
import { checkSnapshotStatus, type SnapshotStatus } from './snapshot-status.js';
import { type BasicStatus, basicStatus, type Status, status } from './status.js';
import { asyncMessages, needsStorageAppendResp, storageAppendResp, storageApplyResp } from './storage-messages.js';
import type { Progress } from './tracker/progress.js';

/** Does a progress belong to a voter or to a learner? */
export type ProgressType = 'ProgressTypePeer' | 'ProgressTypeLearner';

// A Ready never shows an empty list of raft's own, which would fill up behind the application's back.
const noMessages: readonly Message[] = [];
const noReadStates: readonly ReadState[] = [];

const emptyHardState: HardState = { term: 0, vote: NONE, commit: 0 };

/**
 * A member, driven by its owner: feed it ticks and messages, and whenever `hasReady()` returns true take a `Ready`, do
 * what it asks for, and call `advance()`. Every call runs to completion; nothing happens between calls. `Node` wraps it
 * for asynchronous programs.
 *
 * All calls may throw a `RaftPanic` for a broken invariant; the member must then be abandoned.
 */
export class RawNode {
  /** The state machine itself: for tests and tools; programs use the methods. */
  readonly raft: Raft;
  private readonly asyncStorageWrites: boolean;
  private prevLead: NodeId;
  private prevState: SoftState['raftState'];
  private prevHardState: HardState;
  /** Messages from this member to itself that take effect when the current Ready is done. */
  private stepsOnAdvance: Message[] = [];
  private readonly admission: Admission;
  private readonly handedChanges: HandedChanges;

  /**
   * Continues a member from its storage; with empty storage, it belongs to no cluster until a snapshot or `bootstrap`
   * gives it a membership.
   * @throws ERR_RAFT_CONFIG
   */
  constructor(config: Config) {
    this.raft = new Raft(config);
    this.asyncStorageWrites = config.asyncStorageWrites ?? false;
    this.handedChanges = new HandedChanges(this.raft.id, this.raft.logger);
    this.admission = new Admission(this.raft, {
      hasReady: () => this.hasReady(),
      asyncStorageWrites: this.asyncStorageWrites,
    });
    this.raft.areChangesInHand = () => this.handedChanges.areWaiting;
    this.prevLead = this.raft.lead;
    this.prevState = this.raft.state;
    // A commit index that was raised to Config.applied is not stored yet: the first Ready saves it.
    this.prevHardState = { ...this.raft.hardState(), commit: this.raft.storedCommit };
  }

  // Inputs

  /** Advances time by one tick. */
  tick(): void {
    this.raft.tick();
  }

  /** Advances time without acting on it yet: for groups that sleep while nothing happens. */
  tickQuiesced(): void {
    this.raft.timePasses();
    this.raft.electionElapsed++;
  }

  /** Starts an election, unless this member leads, may not lead, or has membership changes to apply first. */
  campaign(): void {
    this.raft.step(newMessage(MessageType.MsgHup, NONE));
  }

  /**
   * Proposes this payload. The bytes belong to the log afterwards and must not be changed.
   * @throws ERR_RAFT_PROPOSAL_DROPPED with a `DropReason`: it was not appended; ERR_RAFT_ARGUMENT if it is not bytes
   */
  propose(data: Uint8Array | undefined): ProposalReceipt {
    checkOptionalBytes('data', data);
    const m = newMessage(MessageType.MsgProp, NONE);
    m.from = this.raft.id;
    m.entries = [{ type: undefined, term: 0, index: 0, data }];
    return receipt(this.raft.step(m));
  }

  /**
   * Proposes these payloads together, in order, so that they travel to each follower in one message. Either all are
   * accepted or none. etcd's node proposes one at a time.
   * @param payloads at least one; `undefined` makes an empty entry
   * @throws ERR_RAFT_PROPOSAL_DROPPED, ERR_RAFT_ARGUMENT as `propose` does
   */
  proposeBatch(payloads: readonly (Uint8Array | undefined)[]): BatchReceipt {
    checkList('payloads', payloads);
    if (payloads.length === 0) {
      throw badArgument('payloads', { path: '', value: payloads, allowed: 'a list of at least one' });
    }
    const m = newMessage(MessageType.MsgProp, NONE);
    m.from = this.raft.id;
    const { raft } = this;
    const leads = raft.state === 'StateLeader';
    // A leader's entries get their places at once, and are not made twice. Others leave that to the leader.
    const term = leads ? raft.term : 0;
    const index = leads ? raft.raftLog.lastIndex() + 1 : 0;
    m.entries = payloads.map((data, i): Entry => {
      // The name is put together for what is refused alone: there may be thousands of payloads.
      if (!(data instanceof Uint8Array)) checkOptionalBytes(`payloads[${i}]`, data);
      return { type: undefined, term, index: leads ? index + i : 0, data };
    });
    if (receipt(raft.step(m)).forwarded) return forwardedBatch;
    return { forwarded: false, index, term };
  }

  /**
   * Proposes a membership change. Only one can be in progress at a time.
   * @throws ERR_RAFT_PROPOSAL_DROPPED as `propose` does; ERR_RAFT_CONF_CHANGE_REFUSED if this member leads and the
   * change is not allowed now (an empty entry was appended instead, as in etcd)
   */
  proposeConfChange(cc: AnyConfChange): ProposalReceipt {
    refuseFault('cc', confChangeFault(cc));
    const { type, data } = marshalConfChange(cc);
    const m = newMessage(MessageType.MsgProp, NONE);
    m.entries = [{ type, term: 0, index: 0, data }];
    return receipt(this.raft.step(m));
  }

  /**
   * Carries out a committed membership change, for applications that decode it themselves; others call
   * `applyConfChangeEntry`. To reject a change, on every member alike, an application passes one of the same form whose
   * only step has node id 0.
   * @returns the configuration now in force; store it with the next snapshot
   * @throws ERR_RAFT_CONF_CHANGE_INVALID if the change cannot be carried out, which is so on every member, or (reason
   * `decoded-as-v1`) if an entry of the second form was decoded as one of the first; the configuration is unchanged
   */
  applyConfChange(cc: AnyConfChange): ConfState {
    refuseFault('cc', confChangeFault(cc));
    this.handedChanges.carryOut(cc);
    return applyConfChange(this.raft, cc);
  }

  /**
   * Carries out the membership change of an entry from `committedEntries`; call it for each one. A change that neither
   * etcd nor this package can decode or carry out is skipped on every member alike, with a warning: it is in every log,
   * and a member that failed because of it would fail again at each start.
   * @returns the configuration now in force; store it with the next snapshot
   * @throws ERR_RAFT_CONF_CHANGE_LIMIT if the change exceeds a limit that only this package has (16,384 steps). Members
   * that run etcd may have carried it out, so this one must end: if it skipped the change it would count a different
   * majority.
   */
  applyConfChangeEntry(entry: Entry): ConfState {
    refuseFault('entry', entryFault(entry));
    this.handedChanges.carryOutEntry(entry);
    return applyConfChangeEntry(this.raft, entry);
  }

  /**
   * Checks whether `applyConfChange` would carry this out now. Call it before proposing: what is in the log must be
   * applied.
   * @throws ERR_RAFT_CONF_CHANGE_INVALID if it would not
   */
  checkConfChange(cc: AnyConfChange): void {
    refuseFault('cc', confChangeFault(cc));
    tryConfChange(this.raft, cc);
  }

  /**
   * Steps a message from another member, or from a storage thread. It belongs to raft afterwards.
   * @throws ERR_RAFT_STEP_LOCAL_MSG, ERR_RAFT_STEP_PEER_NOT_FOUND for what no peer of this member may send;
   * ERR_RAFT_MESSAGE_INVALID for what no correct member sends; ERR_RAFT_ARGUMENT for what is not a message, with a
   * `reason` that names the field; ERR_RAFT_PROPOSAL_DROPPED for a forwarded proposal. The state is then unchanged.
   */
  step(m: Message): void {
    refuseFault('message', messageFault(m));
    this.stepChecked(m);
  }

  /** Steps, as `step` does, a message whose fields have been checked. */
  stepChecked(m: Message): void {
    const outcome = this.admission.admit(m) ? this.raft.step(m) : undefined;
    if (m.type === MessageType.MsgStorageApplyResp) this.handedChanges.appliedTo(this.raft.raftLog.applied);
    if (outcome?.kind === 'dropped') throw proposalDropped(outcome.reason);
  }

  /** Reports that the transport could not deliver to this member: less is sent ahead until it answers again. */
  reportUnreachable(id: NodeId): void {
    checkId('id', id);
    const m = newMessage(MessageType.MsgUnreachable, NONE);
    m.from = id;
    this.raft.step(m);
  }

  /** Reports what became of a snapshot to this member; without it the leader would wait for the snapshot for ever. */
  reportSnapshot(id: NodeId, result: SnapshotStatus): void {
    checkId('id', id);
    checkSnapshotStatus(result);
    const m = newMessage(MessageType.MsgSnapStatus, NONE);
    m.from = id;
    m.reject = result === 'failure';
    this.raft.step(m);
  }

  /** Transfers leadership to this member. This may fail; watch `Ready.softState`. */
  transferLeadership(transferee: NodeId): void {
    checkId('transferee', transferee);
    const m = newMessage(MessageType.MsgTransferLeader, NONE);
    m.from = transferee;
    this.raft.step(m);
  }

  /** Acts as if no leader were known, so that this member may grant votes and pre-votes. */
  forgetLeader(): void {
    this.raft.step(newMessage(MessageType.MsgForgetLeader, NONE));
  }

  /**
   * Asks for an index at which a read is linearizable. The answer comes in `Ready.readStates` with this context. It may
   * be lost: then ask again.
   * @param context identifies the request; must be unique
   */
  readIndex(context: Uint8Array): void {
    checkBytes('context', context);
    const m = newMessage(MessageType.MsgReadIndex, NONE);
    m.entries = [{ type: undefined, term: 0, index: 0, data: context }];
    this.raft.step(m);
  }

  /**
   * Begins a new cluster with these members.
   * @throws ERR_RAFT_BOOTSTRAP if there are none, or storage is not new (`isNewLog`)
   */
  bootstrap(peers: readonly Peer[]): void {
    bootstrap(this.raft, peers);
    // Makes the first Ready hold the hard state, which the application must save.
    this.prevHardState = emptyHardState;
  }

  // Outputs

  /** Is there anything to do? */
  hasReady(): boolean {
    const { raft } = this;
    const { raftLog, readStates } = raft;
    const { unstable } = raftLog;
    return (
      raft.msgs.length > 0 ||
      raft.msgsAfterAppend.length > 0 ||
      unstable.hasNextEntries() ||
      raftLog.hasNextCommittedEnts(!this.asyncStorageWrites) ||
      this.hardStateChanged() ||
      raft.lead !== this.prevLead ||
      raft.state !== this.prevState ||
      readStates.length > 0 ||
      unstable.nextSnapshot() !== undefined
    );
  }

  private hardStateChanged(): boolean {
    const { raft, prevHardState } = this;
    return (
      raft.raftLog.committed !== prevHardState.commit ||
      raft.term !== prevHardState.term ||
      raft.vote !== prevHardState.vote
    );
  }

  /**
   * Returns what is to be done now, and takes it as being done: without `asyncStorageWrites`, do it and call
   * `advance()` before the next call.
   */
  ready(): Ready {
    const rd = this.readyWithoutAccept();
    this.acceptReady(rd);
    return rd;
  }

  /** Returns what is to be done, without noting that it was handed out. */
  readyWithoutAccept(): Ready {
    const { raft, prevHardState } = this;
    const { unstable } = raft.raftLog;
    const entries = unstable.nextEntries();
    const changed = raft.lead !== this.prevLead || raft.state !== this.prevState;
    const hardState = this.hardStateChanged() ? raft.hardState() : undefined;
    const rd: { -readonly [Field in keyof Ready]: Ready[Field] } = {
      softState: changed ? raft.softState() : undefined,
      hardState,
      readStates: raft.readStates.length > 0 ? raft.readStates : noReadStates,
      entries,
      snapshot: unstable.nextSnapshot(),
      committedEntries: raft.raftLog.nextCommittedEnts(!this.asyncStorageWrites),
      messages: noMessages,
      mustSync: mustSync(hardState ?? prevHardState, prevHardState, entries.length),
    };
    rd.messages = this.asyncStorageWrites ? asyncMessages(this.raft, rd) : this.syncMessages();
    return rd;
  }

  private syncMessages(): readonly Message[] {
    const { id, msgs, msgsAfterAppend } = this.raft;
    const others = msgsAfterAppend.length === 0 ? noMessages : msgsAfterAppend.filter((m) => m.to !== id);
    if (msgs.length === 0) return others;
    return others.length === 0 ? msgs : msgs.concat(others);
  }

  /** Notes that this Ready, which was just built, was handed out. */
  acceptReady(rd: Ready): void {
    const { raft } = this;
    this.admission.readyTaken();
    this.prevLead = raft.lead;
    this.prevState = raft.state;
    if (rd.hardState !== undefined) this.prevHardState = rd.hardState;
    if (rd.readStates.length > 0) raft.readStates = [];
    if (!this.asyncStorageWrites) this.prepareAdvance(rd);
    // These lists now belong to the Ready.
    if (raft.msgs.length > 0) raft.msgs = [];
    if (raft.msgsAfterAppend.length > 0) raft.msgsAfterAppend = [];
    raft.raftLog.unstable.acceptInProgress();
    const last = rd.committedEntries.at(-1);
    if (last !== undefined) {
      this.handedChanges.handOut(rd.committedEntries);
      raft.raftLog.acceptApplying(last.index, raft.raftLog.pageSize(rd.committedEntries), !this.asyncStorageWrites);
    }
  }

  private prepareAdvance({ snapshot, committedEntries }: Ready): void {
    const { raft, stepsOnAdvance } = this;
    if (stepsOnAdvance.length > 0) {
      throw new RaftPanic('advance-before-ready', 'two accepted Ready structs without call to Advance');
    }
    for (const m of raft.msgsAfterAppend) if (m.to === raft.id) stepsOnAdvance.push(m);
    if (needsStorageAppendResp(raft, snapshot)) stepsOnAdvance.push(storageAppendResp(raft, snapshot));
    if (committedEntries.length > 0) stepsOnAdvance.push(storageApplyResp(raft, committedEntries));
  }

  /** Reports that the work of the last Ready is done. Harmless if nothing was outstanding. */
  advance(): void {
    if (this.asyncStorageWrites) {
      throw new RaftPanic('advance-in-async-mode', 'Advance must not be called when using AsyncStorageWrites');
    }
    const steps = this.stepsOnAdvance;
    if (steps.length === 0) return;
    this.stepsOnAdvance = [];
    for (const m of steps) this.raft.step(m);
    this.handedChanges.appliedTo(this.raft.raftLog.applied);
  }

  // Status

  /** Returns a copy of the state, with the progress of every member if this one leads. */
  status(): Status {
    return status(this.raft);
  }

  /** Returns a copy of the state without the progress of the members, which is cheap. */
  basicStatus(): BasicStatus {
    return basicStatus(this.raft);
  }

  /** Visits the progress of each member in ascending order, without copying what is in flight as `status` does. */
  withProgress(visit: (id: NodeId, type: ProgressType, pr: Progress) => void): void {
    for (const pr of this.raft.trk.ordered) {
      visit(pr.id, pr.isLearner ? 'ProgressTypeLearner' : 'ProgressTypePeer', pr.withoutInflights());
    }
  }
}
