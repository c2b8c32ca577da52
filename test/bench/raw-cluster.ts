/** RawNodes in one thread, no I/O, messages moved by hand. */
import {
  type ConfState,
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  MemoryStorage,
  type Message,
  type NodeId,
  RawNode,
  type Ready,
} from '@raft-ts/raft';

/** Messages that may be under way to a follower; what is proposed beyond them is gathered. */
const WINDOW = 256;
const COMPACT_EVERY = 10_000;
const COMPACT_KEEP = 1_000;
const TICK_EVERY = 10_000;

/** How the members are configured. */
export const variants: {
  readonly plain: object;
  readonly 'prevote+checkquorum': object;
  readonly async: object;
} = {
  plain: {},
  'prevote+checkquorum': { preVote: true, checkQuorum: true },
  async: { asyncStorageWrites: true },
};
export type VariantName = keyof typeof variants;

class Member {
  readonly storage = new MemoryStorage();
  readonly node: RawNode;
  inbox: Message[] = [];
  /** Client entries applied; a leader's empty ones are not counted. */
  applied = 0;
  private compacted = 0;
  private readonly confState: ConfState;

  constructor(id: NodeId, voters: readonly NodeId[], variant: VariantName, window: number) {
    const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    this.confState = confState;
    this.storage.applySnapshot({ data: undefined, metadata: { index: 1, term: 1, confState } });
    this.node = new RawNode({
      id,
      electionTick: 10,
      heartbeatTick: 1,
      storage: this.storage,
      applied: 1,
      maxSizePerMsg: 1 << 20,
      maxCommittedSizePerReady: Number.POSITIVE_INFINITY,
      maxInflightMsgs: window,
      ...variants[variant],
    });
  }

  persist(hardState: HardState | undefined, entries: readonly Entry[]): void {
    if (hardState !== undefined) this.storage.setHardState(hardState);
    this.storage.append(entries);
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.data !== undefined && entry.data.length > 0) this.applied++;
    }
    const last = entries.at(-1)?.index ?? 0;
    if (this.applied - this.compacted >= COMPACT_EVERY && last > COMPACT_KEEP) {
      this.compacted = this.applied;
      this.storage.createSnapshot(last - COMPACT_KEEP, this.confState, undefined);
      this.storage.compact(last - COMPACT_KEEP);
    }
  }
}

export class RawCluster {
  readonly members: readonly Member[];
  private readonly isAsync: boolean;
  private proposed = 0;
  private ticked = 0;
  /** Messages between members that were stepped. */
  messages = 0;

  constructor(variant: VariantName, size = 3, window: number = WINDOW) {
    this.isAsync = variant === 'async';
    const ids = Array.from({ length: size }, (_, i) => BigInt(i + 1));
    this.members = ids.map((id) => new Member(id, ids, variant, window));
  }

  get leader(): Member {
    return this.members[0] as Member;
  }

  /** Member 1 campaigns, and wins. */
  elect(): void {
    this.leader.node.campaign();
    while (this.round());
    if (this.leader.node.basicStatus().softState.raftState !== 'StateLeader') {
      throw new Error('member 1 did not become leader');
    }
  }

  /** Every member in turn takes what waits in its inbox and then does all the work it has. */
  round(): boolean {
    let busy = false;
    for (const member of this.members) {
      const { inbox, node } = member;
      member.inbox = [];
      this.messages += inbox.length;
      for (const m of inbox) node.step(m);
      while (node.hasReady()) {
        this.handle(member, node.ready());
        busy = true;
      }
      busy ||= inbox.length > 0;
    }
    return busy;
  }

  private handle(member: Member, rd: Ready): void {
    if (this.isAsync) {
      for (const m of rd.messages) this.deliver(member, m);
      return;
    }
    member.persist(rd.hardState, rd.entries);
    for (const m of rd.messages) this.deliver(member, m);
    member.apply(rd.committedEntries);
    member.node.advance();
  }

  private deliver(from: Member, m: Message): void {
    if (m.to === LOCAL_APPEND_THREAD) {
      const changed = m.term !== 0 || m.commit !== 0;
      from.persist(changed ? { term: m.term, vote: m.vote, commit: m.commit } : undefined, m.entries);
      this.answer(from, m.responses);
    } else if (m.to === LOCAL_APPLY_THREAD) {
      from.apply(m.entries);
      this.answer(from, m.responses);
    } else {
      (this.members[Number(m.to) - 1] as Member).inbox.push(m);
    }
  }

  /** Responses of a storage write: at once to the member itself, by inbox to the others. */
  private answer(from: Member, responses: readonly Message[]): void {
    for (const m of responses) {
      if (m.to === from.node.raft.id) from.node.step(m);
      else (this.members[Number(m.to) - 1] as Member).inbox.push(m);
    }
  }

  private slowest(): number {
    return Math.min(...this.members.map(({ applied }) => applied));
  }

  /** Brings the applied client entries to `target`, with at most k between proposal and application everywhere. */
  propose(target: number, k: number, data: Uint8Array): void {
    for (let slowest = this.slowest(); slowest < target; slowest = this.slowest()) {
      for (; this.proposed < target && this.proposed - slowest < k; this.proposed++) this.leader.node.propose(data);
      if (!this.round()) throw new Error(`stalled at ${slowest} of ${target} entries`);
      if (this.leader.applied - this.ticked < TICK_EVERY) continue;
      this.ticked = this.leader.applied;
      for (const { node } of this.members) node.tick();
    }
  }
}
