import { type NodeId, silentLogger } from '@raft-ts/raft';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import { refuseOption } from '../base/arguments.js';
import { systemClock } from '../base/clock.js';
import type { MemberAddress, ReplicaReceiver, StateMachine } from '../base/contracts.js';
import type { ReplicaOptions } from '../member/options.js';
import { Replica } from '../member/replica.js';
import { MemoryLog } from './memory-log.js';
import { Pausable } from './pausable.js';

/** What may be said of every member; the rest follows from its being in memory. */
export type MemoryClusterOptions<Command, Result> = Omit<
  Partial<ReplicaOptions<Command, Result>>,
  'id' | 'log' | 'transport' | 'stateMachine' | 'bootstrap' | 'join'
>;

/** A member's id: `1` and `1n` name the same one. */
export type MemoryId = NodeId | number;

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

  /** Each looks whether somebody leads. */
  private readonly waiting = new Set<() => void>();

  /** @throws ERR_RAFT_REPLICA_OPTIONS */
  constructor(
    size: number,
    create: (id: NodeId) => StateMachine<Command, Result>,
    options: MemoryClusterOptions<Command, Result>,
  ) {
    if (!Number.isSafeInteger(size) || size < 1)
      refuseOption('size', `it must be a whole number above 0, not ${String(size)}`);
    if (typeof create !== 'function') refuseOption('create', 'it must be a function that makes a state machine');
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

  /** The members that run, ascending by id: without those that were killed, or have ended by themselves. */
  get replicas(): readonly Replica<Command, Result>[] {
    return [...this.places.values()].flatMap(({ replica }) => (replica?.running === true ? replica : []));
  }

  /**
   * Returns the replica of a member that runs.
   * @throws ERR_RAFT_REPLICA_OPTIONS if it does not run
   */
  replica(id: MemoryId): Replica<Command, Result> {
    const { replica } = this.placeOf(id);
    if (replica?.running !== true) refuseOption('id', `member ${id} does not run: restart(${id}) starts it again`);
    return replica;
  }

  /** @throws ERR_RAFT_REPLICA_OPTIONS: a mistaken id must not pass for a fault that did nothing */
  private placeOf(id: MemoryId): Place<Command, Result> {
    const found = this.places.get(idOf(id));
    if (found !== undefined) return found;
    return refuseOption(
      'id',
      `there is no member ${String(id)} in this cluster, but ${[...this.places.keys()].join(', ')}`,
    );
  }

  /** Resolves with the member that leads, once one does: in the highest term, if an isolated one does not know yet. */
  leader(signal?: AbortSignal): Promise<Replica<Command, Result>> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.waiting.delete(look);
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        settle();
        reject(signal?.reason as Error);
      };
      const look = (): void => {
        const leading = this.replicas.filter((replica) => replica.leadership.leading);
        const [latest] = leading.sort((one, other) => other.leadership.term - one.leadership.term);
        if (latest === undefined) return;
        settle();
        resolve(latest);
      };
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener('abort', abort);
      this.waiting.add(look);
      look();
    });
  }

  /** Starts a member that the cluster has added, or is about to add, under this id. */
  async join(id: MemoryId): Promise<Replica<Command, Result>> {
    const member = idOf(id);
    if (this.places.has(member)) refuseOption('id', `member ${id} is there already`);
    this.place(member, true);
    return this.restart(member);
  }

  /** Loses everything between these two members from now on. */
  cut(a: MemoryId, b: MemoryId): void {
    for (const id of [a, b]) this.placeOf(id);
    const [one, other] = [idOf(a), idOf(b)];
    this.cuts.set(`${one}-${other}`, [one, other]);
    this.network.cut(one, other);
  }

  /** Cuts a member off from all others. */
  isolate(id: MemoryId): void {
    this.placeOf(id);
    for (const other of this.places.keys()) if (other !== idOf(id)) this.cut(id, other);
  }

  /** Mends every cut. */
  mend(): void {
    for (const [a, b] of this.cuts.values()) this.network.mend(a, b);
    this.cuts.clear();
  }

  /** Freezes a member, as SIGSTOP does. */
  pause(id: MemoryId): void {
    this.placeOf(id).pausable.pause();
  }

  /** Lets it go on, as SIGCONT does. */
  resume(id: MemoryId): void {
    this.placeOf(id).pausable.resume();
  }

  /** Ends a member without a farewell. Its log stays, for `restart`. Does nothing if it has ended. */
  async kill(id: MemoryId): Promise<void> {
    const place = this.placeOf(id);
    const { replica } = place;
    place.replica = undefined;
    place.pausable.resume();
    await replica?.kill();
  }

  /** Starts a member with the log that it had, and a new state machine. Kills it before, if it runs. */
  async restart(id: MemoryId): Promise<Replica<Command, Result>> {
    const place = this.placeOf(id);
    const member = idOf(id);
    await this.kill(member);
    place.pausable = new Pausable(this.options.clock ?? systemClock());
    const { pausable, log, joined } = place;
    const replica = await Replica.start<Command, Result>({
      tickMs: 10,
      logger: silentLogger,
      ...this.options,
      id: member,
      log,
      clock: pausable.clock,
      stateMachine: this.create(member),
      transport: (receiver) => {
        place.receiver = pausable.receiver(receiver);
        const transport = this.network.connect(member, this.refusing(member, place.receiver));
        // All members are of this process, and were given the same options.
        return Object.assign(transport, { featuresOf: () => this.options.features ?? 0 });
      },
      ...(joined ? { join: true } : { bootstrap: { peers: this.founders } }),
    });
    place.replica = replica;
    replica.watch('leadership', () => {
      for (const look of this.waiting) look();
    });
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
    await Promise.all([...this.places.values()].flatMap(({ replica }) => replica?.stop() ?? []));
    for (const place of this.places.values()) place.replica = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/**
 * Starts a cluster of so many members in this process, each with a state machine of its own.
 * @throws ERR_RAFT_REPLICA_OPTIONS
 */
export async function cluster<Command, Result>(
  size: number,
  create: (id: NodeId) => StateMachine<Command, Result>,
  options: MemoryClusterOptions<Command, Result> = {},
): Promise<MemoryCluster<Command, Result>> {
  const made = new MemoryCluster(size, create, options);
  await made.start();
  return made;
}

function idOf(id: MemoryId): NodeId {
  return typeof id === 'number' && Number.isSafeInteger(id) ? BigInt(id) : (id as NodeId);
}
