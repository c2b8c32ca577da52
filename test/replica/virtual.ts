import { type Message, MessageType, type NodeId, silentLogger } from '@raft-ts/raft';
import { seededRandom } from '@raft-ts/raft/internal';
import type { Transport } from '@raft-ts/raft/transport';
import {
  type Clock,
  Replica,
  type ReplicaLog,
  type ReplicaOptions,
  type ReplicaReceiver,
  type StateMachine,
} from '@raft-ts/replica';
import { Pausable } from '@raft-ts/replica/internal';
import { MemoryLog } from '@raft-ts/replica/memory';
import { hostTurn, RunHash, StackTime, Stream } from '@raft-ts/sim/internal';
import { inside } from './inside.js';

/**
 * The simulator's queue counts whole moments; tests wait for parts of milliseconds too. As many as this leave 37 hours
 * until the last moment that the queue knows.
 */
const PER_MS = 64;

/**
 * Time that moves only when a test moves it, on the simulator's queue: between two events everything that promises lead
 * to is done, so that a run depends on nothing but its inputs.
 */
export class VirtualTime implements Clock {
  private readonly time = new StackTime(new Stream(1), new RunHash());

  private readonly turns: (() => void)[] = [];

  monotonic(): number {
    return this.time.now / PER_MS;
  }

  wall(): number {
    return 1_700_000_000_000 + this.monotonic();
  }

  after(ms: number, call: () => void): () => void {
    const event = this.time.post(Math.ceil(this.time.now + Math.max(0, ms) * PER_MS), call);
    return () => {
      event.cancelled = true;
    };
  }

  /** Turns of an event loop come one after the other; other events of one moment come in any order. */
  soon(call: () => void): void {
    this.turns.push(call);
    this.after(0, () => this.turns.shift()?.());
  }

  /** Lets so many milliseconds pass. */
  async advance(ms: number): Promise<void> {
    // What was called before has its turn first.
    await hostTurn();
    const until = this.time.now + ms * PER_MS;
    while (await this.time.step(until));
  }

  /** Lets time pass until this holds. @throws if it does not hold within so many milliseconds */
  async until(holds: () => boolean, what: string, limitMs = 60_000): Promise<void> {
    const limit = this.monotonic() + limitMs;
    while (!holds()) {
      if (this.monotonic() >= limit) throw new Error(`after ${limitMs} ms of virtual time: ${what} does not hold`);
      await this.advance(5);
    }
  }

  /** What the promise settles to, while time passes. @throws if it has not settled within so many milliseconds */
  async settled<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    const state = { open: true };
    void (async () => {
      await Promise.allSettled([promise]);
      state.open = false;
    })();
    await this.until(() => !state.open, 'the promise has settled', limitMs);
    return promise;
  }
}

/** How a network treats messages; shares are of 1. */
export interface Faults {
  readonly drop?: number;
  readonly duplicate?: number;
  /** Are proposals repeated too? One that was forwarded may then be applied twice. Default true. */
  readonly duplicateProposals?: boolean;
  /** Milliseconds, drawn evenly; a wide range reorders. */
  readonly delay?: readonly [least: number, most: number];
}

/** A network over virtual time, with faults from a seed. Cuts go one way. */
export class VirtualNetwork {
  faults: Faults = {};
  /** What was sent, for tests that look. */
  onSend: (message: Message) => void = () => {};
  /** Loses messages of a test's choice, and may say why. */
  loses: (message: Message) => boolean | Error = () => false;
  /** Addresses that each member was told to dial, by the member that dials. */
  readonly dialled = new Map<NodeId, Map<NodeId, readonly string[]>>();
  private readonly time: VirtualTime;
  private readonly random: (n: number) => number;
  private readonly receivers = new Map<NodeId, ReplicaReceiver>();
  private readonly cuts = new Set<string>();
  /** Messages that arrive, by their way and their moment. */
  private readonly arriving = new Map<string, (() => void)[]>();

  constructor(time: VirtualTime, seed = 1) {
    this.time = time;
    this.random = seededRandom(seed);
  }

  connect(id: NodeId, receiver: ReplicaReceiver): Transport {
    this.receivers.set(id, receiver);
    const peers = new Map<NodeId, readonly string[]>();
    this.dialled.set(id, peers);
    return {
      send: (messages) => {
        for (const message of messages) {
          // One that joins answers whoever writes to it, until it knows the others.
          if (peers.has(message.to) || peers.size === 0) this.send(id, receiver, message);
        }
      },
      addPeer: (peer, urls) => void peers.set(peer, urls),
      updatePeer: (peer, urls) => void peers.set(peer, urls),
      removePeer: (peer) => void peers.delete(peer),
      stop: () => {
        if (this.receivers.get(id) === receiver) this.receivers.delete(id);
        return Promise.resolve();
      },
    };
  }

  /** Loses what `from` sends to `to`. */
  cut(from: NodeId, to: NodeId): void {
    this.cuts.add(`${from}-${to}`);
  }

  /** Loses what goes between this member and the others, both ways. */
  isolate(id: NodeId, others: readonly NodeId[]): void {
    for (const other of others) {
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  mend(): void {
    this.cuts.clear();
  }

  /** Delivers a message once more, as a network may, after any time. */
  repeat(message: Message): void {
    this.deliver(message, () => {});
  }

  private send(from: NodeId, sender: ReplicaReceiver, message: Message): void {
    this.onSend(message);
    const { drop = 0, duplicate = 0, duplicateProposals = true } = this.faults;
    const lost = this.cuts.has(`${from}-${message.to}`) || this.chance(drop) || this.loses(message);
    if (lost !== false) {
      const error = lost === true ? undefined : lost;
      this.time.soon(() => {
        sender.reportUnreachable(message.to);
        if (message.type === MessageType.MsgSnap) sender.reportSnapshot(message.to, 'failure', error);
      });
      return;
    }
    const isSnapshot = message.type === MessageType.MsgSnap;
    this.deliver(message, (taken) => {
      if (!taken) sender.reportUnreachable(message.to);
      // Transports tell a member that was removed when it comes again.
      const removed = !taken && this.receivers.get(message.to)?.isIdRemoved(from) === true;
      if (removed) sender.onRemoved({ reason: 'removed', by: [message.to] });
      if (isSnapshot) sender.reportSnapshot(message.to, taken ? 'finish' : 'failure');
    });
    const repeats = !isSnapshot && (duplicateProposals || message.type !== MessageType.MsgProp);
    if (repeats && this.chance(duplicate)) this.deliver(message, () => {});
  }

  private deliver(message: Message, done: (taken: boolean) => void): void {
    const [least, most] = this.faults.delay ?? [1, 1];
    const delay = least + this.random(Math.max(1, most - least + 1));
    // What arrives from one member at the same moment keeps its order.
    const way = `${message.from}-${message.to} ${this.time.monotonic() + delay}`;
    const waiting = this.arriving.get(way) ?? [];
    waiting.push(() => void this.hand(message, done));
    this.arriving.set(way, waiting);
    this.time.after(delay, () => {
      waiting.shift()?.();
      if (waiting.length === 0) this.arriving.delete(way);
    });
  }

  private async hand(message: Message, done: (taken: boolean) => void): Promise<void> {
    const receiver = this.receivers.get(message.to);
    try {
      await receiver?.process(message);
    } catch {
      done(false);
      return;
    }
    done(receiver !== undefined);
  }

  private chance(share: number): boolean {
    return share > 0 && this.random(1_000_000) < share * 1_000_000;
  }
}

export type VirtualOptions<Command, Result> = Partial<ReplicaOptions<Command, Result>>;

/** Replicas over virtual time and a virtual network: ids from 1. Ticks take 10 ms, elections 100 to 200. */
export class VirtualCluster<Command, Result> {
  readonly time = new VirtualTime();
  readonly network: VirtualNetwork;
  readonly replicas = new Map<NodeId, Replica<Command, Result>>();
  readonly logs = new Map<NodeId, ReplicaLog>();
  private readonly pausables = new Map<NodeId, Pausable>();
  private readonly founders: readonly { id: NodeId; url: string }[];
  private readonly create: (id: NodeId) => StateMachine<Command, Result>;
  private readonly options: VirtualOptions<Command, Result>;
  private readonly seed: number;
  private starts = 0;

  constructor(
    size: number,
    create: (id: NodeId) => StateMachine<Command, Result>,
    { seed = 1, ...options }: VirtualOptions<Command, Result> & { readonly seed?: number } = {},
  ) {
    this.network = new VirtualNetwork(this.time, seed);
    this.founders = Array.from({ length: size }, (_, i) => ({ id: BigInt(i + 1), url: `virtual:${i + 1}` }));
    this.create = create;
    this.options = options;
    this.seed = seed;
  }

  get ids(): readonly NodeId[] {
    return this.founders.map(({ id }) => id);
  }

  /** Starts all founders, and waits until they propose nothing by themselves any more. */
  async start(): Promise<void> {
    for (const id of this.ids) await this.startMember(id);
    await this.promised();
  }

  /** Every member has announced the promise on which leases rest. */
  async promised(): Promise<void> {
    const knows = (replica: Replica<Command, Result>): boolean => {
      const { promising } = inside(replica).group;
      return [...this.replicas.keys()].every((id) => promising.has(id));
    };
    await this.time.until(() => [...this.replicas.values()].every(knows), 'every member has announced its promise');
  }

  /** Starts a member, with the log that it had if it was there before. */
  async startMember(id: NodeId, more: VirtualOptions<Command, Result> = {}): Promise<Replica<Command, Result>> {
    const log = this.logs.get(id) ?? this.options.log ?? new MemoryLog();
    this.logs.set(id, log);
    const founder = this.ids.includes(id);
    const pausable = new Pausable(more.clock ?? this.options.clock ?? this.time);
    this.pausables.set(id, pausable);
    const starting = Replica.start<Command, Result>({
      id,
      log,
      transport: (receiver) => {
        const transport = this.network.connect(id, pausable.receiver(receiver));
        // All members were given the same options.
        return Object.assign(transport, { featuresOf: () => this.options.features ?? 0 });
      },
      stateMachine: this.create(id),
      // Of its own for each start: by what it draws a member knows its requests from those of its former life.
      random: seededRandom(this.seed * 1000 + this.starts++),
      tickMs: 10,
      logger: silentLogger,
      ...(founder ? { bootstrap: { peers: this.founders } } : { join: true }),
      ...this.options,
      ...more,
      clock: pausable.clock,
    });
    const replica = await this.time.settled(starting);
    this.replicas.set(id, replica);
    return replica;
  }

  /** The member that leads in the highest term, once the others that run follow it. */
  async leader(): Promise<Replica<Command, Result>> {
    const find = (): Replica<Command, Result> | undefined => {
      const leaders = [...this.replicas.values()].filter(({ leadership }) => leadership.leading);
      return leaders.sort((a, b) => b.leadership.term - a.leadership.term)[0];
    };
    await this.time.until(() => find() !== undefined, 'somebody leads');
    return find() as Replica<Command, Result>;
  }

  replica(id: NodeId): Replica<Command, Result> {
    const replica = this.replicas.get(id);
    if (replica === undefined) throw new Error(`member ${id} does not run`);
    return replica;
  }

  /** Freezes a member, as SIGSTOP does: nothing of it runs, and what arrives waits. */
  pause(id: NodeId): void {
    this.pausables.get(id)?.pause();
  }

  /** Lets it go on. */
  resume(id: NodeId): void {
    this.pausables.get(id)?.resume();
  }

  async kill(id: NodeId): Promise<void> {
    const replica = this.replica(id);
    this.replicas.delete(id);
    this.resume(id);
    await this.time.settled(replica.kill());
  }

  async stop(): Promise<void> {
    for (const id of [...this.replicas.keys()]) await this.kill(id);
  }
}
