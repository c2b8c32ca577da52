import { type Message, MessageType, type NodeId } from '@raft-ts/proto';
import { describeMessage, type MemoryStorage } from '@raft-ts/raft';
import { Raft, restoreConfig } from '@raft-ts/raft/internal';
import { idsBySize } from './entries.js';
import { newTestRaft, type Overrides } from './members.js';
import { readMessages, step } from './outbox.js';
import { testRandom } from './random.js';
import { newTestMemoryStorage, withPeers } from './storage.js';

/**
 * What stands at a place of a network: a new member, one that exists, or one that takes everything and says nothing.
 */
export type NetworkPeer = 'fresh' | 'black hole' | Raft;

/** Decides whether a message passes; may keep a copy. */
export type MessageHook = (m: Message) => boolean;

/**
 * A network without time: `send` delivers, and delivers what that brings forth, until nobody says anything more. In
 * order, one at a time, every disk done at once although nothing is written. Members are 1 to n, all voters except
 * those who were learners in the configuration of the member that is asked.
 */
export class Network {
  /** The stores of members that the network has made itself. */
  readonly storage: Map<NodeId, MemoryStorage> = new Map();
  /** Every message of a member that passed the filter is shown to this; if it returns false, the message is lost. */
  msgHook: MessageHook | undefined = undefined;
  private readonly peers = new Map<NodeId, Raft | 'black hole'>();
  private readonly losses = new Map<string, number>();
  private readonly ignored = new Set<MessageType>();
  private readonly random = testRandom();

  constructor(peers: readonly NetworkPeer[], overrides: Overrides = {}) {
    const ids = idsBySize(peers.length);
    for (const [i, peer] of peers.entries()) {
      const id = BigInt(i + 1);
      if (peer === 'fresh') {
        const storage = newTestMemoryStorage(withPeers(...ids));
        this.storage.set(id, storage);
        this.peers.set(id, newTestRaft(id, storage, overrides));
      } else {
        if (peer instanceof Raft) adopt(peer, id, ids);
        this.peers.set(id, peer);
      }
    }
  }

  /** The member with this id, which must not be a black hole. */
  member(id: NodeId): Raft {
    const peer = this.peers.get(id);
    if (!(peer instanceof Raft)) throw new Error(`${id} is not a member but ${peer}`);
    return peer;
  }

  /** All members that are not black holes. */
  get members(): Raft[] {
    return [...this.peers.values()].filter((peer) => peer instanceof Raft);
  }

  /** The store of a member that the network has made. */
  storageOf(id: NodeId): MemoryStorage {
    const storage = this.storage.get(id);
    if (storage === undefined) throw new Error(`the network has no store of ${id}`);
    return storage;
  }

  /** Delivers these messages, which no loss applies to, and everything that follows from them. */
  send(...messages: readonly Message[]): void {
    const queue = [...messages];
    for (let m = queue.shift(); m !== undefined; m = queue.shift()) {
      const peer = this.peers.get(m.to);
      if (peer === undefined) throw new Error(`nobody is ${m.to}: ${describeMessage(m)}`);
      if (peer === 'black hole') continue;
      step(peer, m);
      queue.push(...this.filter(readMessages(peer)));
    }
  }

  /** What of these messages of a member arrives. */
  filter(messages: readonly Message[]): Message[] {
    return messages.filter((m) => {
      if (m.type === MessageType.MsgHup) throw new Error(`MsgHup must not leave a member: ${describeMessage(m)}`);
      if (this.ignored.has(m.type)) return false;
      const loss = this.losses.get(`${m.from}>${m.to}`) ?? 0;
      if (loss > 0 && this.random(2 ** 32) / 2 ** 32 < loss) return false;
      return this.msgHook?.(m) ?? true;
    });
  }

  /** Loses this share (0 to 1) of what goes from one to the other. */
  drop(from: NodeId, to: NodeId, share: number): void {
    this.losses.set(`${from}>${to}`, share);
  }

  /** Nothing passes between these two any more. */
  cut(a: NodeId, b: NodeId): void {
    this.drop(a, b, 1);
    this.drop(b, a, 1);
  }

  /** Nothing passes between this one and the others any more. */
  isolate(id: NodeId): void {
    for (const other of this.peers.keys()) {
      if (other !== id) this.cut(id, other);
    }
  }

  /** Loses all messages of this kind. */
  ignore(type: MessageType): void {
    this.ignored.add(type);
  }

  /** Loses nothing any more, except by the hook. */
  recover(): void {
    this.losses.clear();
    this.ignored.clear();
  }
}

/**
 * Makes an existing member number `id` of these; its role, term and vote stay, everything else of a term starts anew.
 */
function adopt(r: Raft, id: NodeId, ids: readonly NodeId[]): void {
  const { learners } = r.trk.config;
  (r as { id: NodeId }).id = id;
  const { config, progress } = restoreConfig(
    {
      voters: ids.filter((voter) => !learners.includes(voter)),
      learners: ids.filter((learner) => learners.includes(learner)),
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    },
    {
      lastIndex: r.raftLog.lastIndex(),
      maxInflight: r.trk.maxInflight,
      maxInflightBytes: r.trk.maxInflightBytes,
    },
  );
  r.trk.install(config, progress);
  r.reset(r.term);
}
