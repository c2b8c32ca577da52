import {
  type AnyConfChange,
  type ConfState,
  decodeConfChangeEntry,
  type Entry,
  isConfChangeEntry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  MemoryStorage,
  type Message,
  type NodeId,
  RaftError,
  RawNode,
  type Ready,
  type Snapshot,
} from '@raft-ts/raft';
import { assertInvariants, seededRandom } from '@raft-ts/raft/internal';
import { bytes, idsBySize, type Overrides, snapshotOf } from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';
import { changeV2 } from '../rawnode/changes.js';

export type Random = (n: number) => number;

/** One of these, drawn evenly. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)] as T;
}

/** Runs what may be refused; a RaftPanic, and whatever else is no coded refusal, goes on to the caller. */
export function tolerate(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
  }
}

/** A member with the application that drives it: storage, threads, and a Ready that may be half done. */
export class Member {
  readonly id: NodeId;
  readonly storage: MemoryStorage;
  readonly logger = new RecordingLogger();
  rawNode: RawNode;
  /** How many numbers it has drawn: part of its state, though no field shows it. */
  draws = 0;
  private readonly overrides: Overrides;
  private readonly random: Random;
  private outstanding: Ready | undefined;
  private appends: Message[] = [];
  private applies: Message[] = [];
  private applied = 0;
  private confState: ConfState;
  private readonly send: (messages: readonly Message[]) => void;

  constructor(id: NodeId, storage: MemoryStorage, overrides: Overrides, random: Random, send: Member['send']) {
    this.id = id;
    this.storage = storage;
    this.overrides = overrides;
    this.random = random;
    this.send = send;
    this.confState = storage.initialState().confState;
    this.rawNode = this.start();
  }

  private start(): RawNode {
    return new RawNode({
      id: this.id,
      electionTick: 5,
      heartbeatTick: 1,
      storage: this.storage,
      maxSizePerMsg: 200,
      maxInflightMsgs: 3,
      logger: this.logger,
      random: (n) => {
        this.draws++;
        return this.random(n);
      },
      ...this.overrides,
    });
  }

  get asyncStorageWrites(): boolean {
    return this.overrides.asyncStorageWrites ?? false;
  }

  /** Loses what is in memory and continues from its storage. The application's state is the snapshot's again. */
  restart(): void {
    const { confState } = this.storage.initialState();
    this.outstanding = undefined;
    this.appends = [];
    this.applies = [];
    this.applied = this.storage.firstIndex() === 1 ? 0 : this.storage.snapshot().metadata.index;
    this.confState = confState;
    this.rawNode = this.start();
  }

  /**
   * Takes one step of the work that is to be done: a whole Ready, half of one, or what a storage thread has waiting.
   */
  work(): void {
    if (this.asyncStorageWrites) this.workAsync();
    else if (this.outstanding !== undefined) this.finish(this.outstanding);
    else if (this.rawNode.hasReady()) {
      const rd = this.rawNode.ready();
      if (this.random(3) === 0) this.outstanding = rd;
      else this.finish(rd);
    }
  }

  private finish(rd: Ready): void {
    this.outstanding = undefined;
    if (rd.hardState !== undefined) this.storage.setHardState(rd.hardState);
    this.store(rd.snapshot, rd.entries);
    this.send(rd.messages);
    this.apply(rd.committedEntries);
    this.rawNode.advance();
  }

  private store(snapshot: Snapshot | undefined, entries: readonly Entry[]): void {
    if (snapshot !== undefined) {
      this.storage.applySnapshot(snapshot);
      this.confState = snapshot.metadata.confState;
      this.applied = snapshot.metadata.index;
    }
    this.storage.append(entries);
  }

  private apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (isConfChangeEntry(entry)) {
        tolerate(() => {
          this.confState = this.rawNode.applyConfChange(decodeConfChangeEntry(entry));
        });
      }
      this.applied = entry.index;
    }
  }

  private workAsync(): void {
    const choice = this.random(3);
    if (choice === 0 && this.rawNode.hasReady()) {
      for (const m of this.rawNode.ready().messages) {
        if (m.to === LOCAL_APPEND_THREAD) this.appends.push(m);
        else if (m.to === LOCAL_APPLY_THREAD) this.applies.push(m);
        else this.send([m]);
      }
      return;
    }
    const queue = choice === 1 ? this.appends : this.applies;
    const m = queue.shift();
    if (m === undefined) return;
    if (m.to === LOCAL_APPEND_THREAD) {
      if (m.term > 0) this.storage.setHardState({ term: m.term, vote: m.vote, commit: m.commit });
      this.store(m.snapshot, m.entries);
    } else {
      this.apply(m.entries);
    }
    for (const response of m.responses) {
      if (response.to === this.id) tolerate(() => this.rawNode.step(response));
      else this.send([response]);
    }
  }

  /**
   * Makes a snapshot of what was applied, and compacts the log up to it, or almost. Not before the commit index that is
   * stored reaches so far, which asynchronous writes may do later than the application.
   */
  compact(): void {
    const { storage, applied } = this;
    if (applied > (storage.initialState().hardState?.commit ?? 0)) return;
    if (applied <= storage.snapshot().metadata.index || applied > storage.lastIndex()) return;
    storage.createSnapshot(applied, this.confState, bytes(`state at ${applied}`));
    const upTo = applied - this.random(3);
    if (upTo >= storage.firstIndex()) storage.compact(upTo);
  }
}

/** A cluster that takes random steps: time passes, messages arrive, are lost and repeated, members crash and change. */
export class World {
  readonly random: Random;
  readonly members: readonly Member[];
  private readonly ids: readonly NodeId[];
  private inflight: Message[] = [];

  /** Three to five members, of whom the last may begin outside; this and every other choice follows from the seed. */
  constructor(seed: number) {
    this.random = seededRandom(seed);
    const { random } = this;
    const ids = idsBySize(3 + random(3));
    const voters = ids.slice(0, random(3) === 0 ? 2 : ids.length - random(2));
    const asyncStorageWrites = random(2) === 0;
    const lease = random(4) === 0;
    const overrides: Overrides = {
      asyncStorageWrites,
      checkQuorum: lease || random(2) === 0,
      preVote: random(2) === 0,
      readOnlyOption: lease ? 'ReadOnlyLeaseBased' : 'ReadOnlySafe',
      disableConfChangeValidation: random(5) === 0,
      disableProposalForwarding: random(5) === 0,
      stepDownOnRemoval: random(2) === 0,
      maxUncommittedEntriesSize: pick(random, [0, 50]),
      maxCommittedSizePerReady: pick(random, [0, 40]),
    };
    // Who joins later must be told of the founders: the log then begins after a snapshot that says who they are.
    const founding = voters.length < ids.length ? snapshotOf(3, 1, { voters }) : snapshotOf(0, 0, { voters });
    this.ids = ids;
    this.members = ids.map((id) => {
      const storage = new MemoryStorage();
      if (voters.includes(id)) storage.applySnapshot(founding);
      return new Member(id, storage, overrides, random, (messages) => this.inflight.push(...messages));
    });
  }

  /** Takes this many random steps, after each of which the invariants of the member concerned must hold. */
  walk(steps: number): void {
    for (let i = 0; i < steps; i++) this.step();
  }

  private step(): void {
    const { random, ids } = this;
    const member = pick(random, this.members);
    const { rawNode } = member;
    switch (random(32)) {
      case 0:
        tolerate(() => rawNode.propose(bytes('x'.repeat(random(40)))));
        break;
      case 1:
        tolerate(() => rawNode.proposeConfChange(this.change()));
        break;
      case 2:
        if (random(3) === 0) rawNode.campaign();
        break;
      case 3:
        rawNode.transferLeadership(pick(random, ids));
        break;
      case 4:
        rawNode.readIndex(bytes(`read ${random(100)}`));
        break;
      case 5:
        if (random(4) === 0) rawNode.forgetLeader();
        break;
      case 6:
        rawNode.reportUnreachable(pick(random, ids));
        break;
      case 7:
        rawNode.reportSnapshot(pick(random, ids), pick(random, ['finish', 'failure']));
        break;
      case 8:
        member.compact();
        break;
      case 9:
        if (random(8) === 0) member.restart();
        break;
      case 10:
      case 11:
      case 12:
        for (let ticks = 1 + random(4); ticks > 0; ticks--) rawNode.tick();
        break;
      case 13:
      case 14:
      case 15:
      case 16:
      case 17:
      case 18:
      case 19:
      case 20:
        for (const worker of this.members) worker.work();
        break;
      default:
        for (let messages = 1 + random(4); messages > 0; messages--) this.deliver();
    }
    assertInvariants(member.rawNode.raft);
  }

  /** One to send a message to: often one who leads, for a leader has most to lose. */
  target(random: Random): Member {
    const leaders = this.members.filter(({ rawNode }) => rawNode.raft.state === 'StateLeader');
    return pick(random, leaders.length > 0 && random(2) === 0 ? leaders : this.members);
  }

  private change(): AnyConfChange {
    const { random, ids } = this;
    const part = (): string => `${pick(random, ['v', 'v', 'l', 'r', 'u'])}${pick(random, ids)}`;
    const parts = Array.from({ length: pick(random, [0, 1, 1, 1, 2, 3]) }, part);
    return changeV2(parts.join(' '), pick(random, ['auto', 'auto', 'implicit', 'explicit']));
  }

  /** The oldest message arrives, mostly; it may be lost, overtaken or repeated. */
  private deliver(): void {
    const { random, inflight } = this;
    if (inflight.length > 200) inflight.splice(0, 100);
    const at = random(4) === 0 ? random(Math.max(1, inflight.length)) : 0;
    const m = inflight[at];
    if (m === undefined) return;
    if (random(20) !== 0) inflight.splice(at, 1);
    if (random(20) === 0) return;
    const receiver = this.members[Number(m.to) - 1];
    // A message belongs to its receiver, who may change it.
    tolerate(() => receiver?.rawNode.step({ ...m }));
    if (receiver !== undefined) assertInvariants(receiver.rawNode.raft);
  }
}
