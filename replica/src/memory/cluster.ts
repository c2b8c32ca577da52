import { type NodeId, RaftError, silentLogger } from '@raft-ts/raft';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import { systemClock } from '../base/clock.js';
import type { MemberAddress, ReplicaReceiver, StateMachine } from '../base/contracts.js';
import { ERR_OPTIONS } from '../base/errors.js';
import type { ReplicaOptions } from '../member/options.js';
import { Replica } from '../member/replica.js';
import type { ReplicaEvents } from '../member/types.js';
import { MemoryLog } from './memory-log.js';
import { Pausable } from './pausable.js';

/** What may be said of every member; the rest follows from its being in memory. */
export type MemoryClusterOptions<Command, Result> = Omit<
  Partial<ReplicaOptions<Command, Result>>,
  'id' | 'log' | 'transport' | 'stateMachine' | 'bootstrap' | 'join'
>;

interface Place<Command, Result> {
  replica: Replica<Command, Result> | undefined;
  readonly log: MemoryLog;
  readonly joined: boolean;
  pausable: Pausable;
  receiver: ReplicaReceiver | undefined;
}

/**
 * A cluster whose members live in this process, connected by a network in memory. Ids count from 1. Members can be cut
 * off, paused, killed and brought back, which is what tests of a state machine need.
 */
export class MemoryCluster<Command, Result> {
  private readonly network = new MemoryNetwork();
  private readonly places = new Map<NodeId, Place<Command, Result>>();
  private readonly cuts = new Map<string, readonly [NodeId, NodeId]>();
  private readonly founders: readonly MemberAddress[];
  private readonly create: (id: NodeId) => StateMachine<Command, Result>;
  private readonly options: MemoryClusterOptions<Command, Result>;

  constructor(
    size: number,
    create: (id: NodeId) => StateMachine<Command, Result>,
    options: MemoryClusterOptions<Command, Result>,
  ) {
    this.create = create;
    this.options = options;
    this.founders = Array.from({ length: size }, (_, i) => ({ id: BigInt(i + 1), url: `memory:${i + 1}` }));
  }

  /** Starts the founders. */
  async start(): Promise<void> {
    for (const { id } of this.founders) this.place(id, false);
    await Promise.all(this.founders.map(({ id }) => this.restart(id)));
  }

  private place(id: NodeId, joined: boolean): void {
    const pausable = new Pausable(this.options.clock ?? systemClock());
    this.places.set(id, { replica: undefined, log: new MemoryLog(), joined, pausable, receiver: undefined });
  }

  /** The members that run, ascending by id. */
  get replicas(): readonly Replica<Command, Result>[] {
    return [...this.places.values()].flatMap(({ replica }) => replica ?? []);
  }

  /** @throws ERR_RAFT_REPLICA_OPTIONS if it does not run */
  replica(id: NodeId): Replica<Command, Result> {
    const found = this.places.get(id)?.replica;
    if (found === undefined) throw unknown(id);
    return found;
  }

  /** Resolves with the member that leads, once one does. */
  leader(signal?: AbortSignal): Promise<Replica<Command, Result>> {
    return new Promise((resolve, reject) => {
      const watches: (() => void)[] = [];
      const settle = (): void => {
        for (const end of watches) end();
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        settle();
        reject(signal?.reason as Error);
      };
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener('abort', abort);
      const replicas = this.replicas;
      const look = (replica: Replica<Command, Result>) => (leadership: ReplicaEvents['leadership']) => {
        if (!leadership.leading) return;
        settle();
        resolve(replica);
      };
      for (const replica of replicas) watches.push(replica.watch('leadership', look(replica)));
    });
  }

  /** Starts a member that the cluster has added, or is about to add, under this id. */
  async join(id: NodeId): Promise<Replica<Command, Result>> {
    if (this.places.has(id)) throw new RaftError(ERR_OPTIONS, `member ${id} is there already`, { reason: 'id' });
    this.place(id, true);
    return this.restart(id);
  }

  /** Loses everything between these two members from now on. */
  cut(a: NodeId, b: NodeId): void {
    this.cuts.set(`${a}-${b}`, [a, b]);
    this.network.cut(a, b);
  }

  /** Cuts a member off from all others. */
  isolate(id: NodeId): void {
    for (const other of this.places.keys()) if (other !== id) this.cut(id, other);
  }

  /** Mends every cut. */
  mend(): void {
    for (const [a, b] of this.cuts.values()) this.network.mend(a, b);
    this.cuts.clear();
  }

  /** Freezes a member, as SIGSTOP does. */
  pause(id: NodeId): void {
    this.places.get(id)?.pausable.pause();
  }

  /** Lets it go on, as SIGCONT does. */
  resume(id: NodeId): void {
    this.places.get(id)?.pausable.resume();
  }

  /** Ends a member without a farewell. Its log stays, for `restart`. */
  async kill(id: NodeId): Promise<void> {
    const place = this.places.get(id);
    if (place?.replica === undefined) return;
    const { replica } = place;
    place.replica = undefined;
    place.pausable.resume();
    await replica.kill();
  }

  /** Starts a member with the log that it had, and a new state machine. */
  async restart(id: NodeId): Promise<Replica<Command, Result>> {
    const place = this.places.get(id);
    if (place === undefined) throw unknown(id);
    await this.kill(id);
    place.pausable = new Pausable(this.options.clock ?? systemClock());
    const { pausable, log, joined } = place;
    const replica = await Replica.start<Command, Result>({
      tickMs: 10,
      logger: silentLogger,
      ...this.options,
      id,
      log,
      clock: pausable.clock,
      stateMachine: this.create(id),
      transport: (receiver) => {
        place.receiver = pausable.receiver(receiver);
        const transport = this.network.connect(id, this.refusing(id, place.receiver));
        // All members are of this process, and were given the same options.
        return Object.assign(transport, { featuresOf: () => this.options.features ?? 0 });
      },
      ...(joined ? { join: true } : { bootstrap: { peers: this.founders } }),
    });
    place.replica = replica;
    return replica;
  }

  /** As transports do, tells members that were removed that they were. */
  private refusing(id: NodeId, receiver: ReplicaReceiver): ReplicaReceiver {
    const process: ReplicaReceiver['process'] = (message, options) => {
      if (receiver.isIdRemoved(message.from)) {
        this.places.get(message.from)?.receiver?.onRemoved({ reason: 'removed', by: [id] });
      }
      return receiver.process(message, options);
    };
    return { ...receiver, process };
  }

  /** Stops all members. */
  async stop(): Promise<void> {
    for (const { pausable } of this.places.values()) pausable.resume();
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    for (const place of this.places.values()) place.replica = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Starts a cluster of so many members in this process, each with a state machine of its own. */
export async function cluster<Command, Result>(
  size: number,
  create: (id: NodeId) => StateMachine<Command, Result>,
  options: MemoryClusterOptions<Command, Result> = {},
): Promise<MemoryCluster<Command, Result>> {
  const made = new MemoryCluster(size, create, options);
  await made.start();
  return made;
}

function unknown(id: NodeId): RaftError {
  return new RaftError(ERR_OPTIONS, `member ${id} does not run in this cluster`, { reason: 'id' });
}
