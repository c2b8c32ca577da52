import { type NodeId, silentLogger } from '@raft-ts/raft';
import { DurableStorage } from '@raft-ts/raftwal';
import { type Position, Replica, type ReplicaOptions, type StateMachine } from '@raft-ts/replica';
import { Pausable } from '@raft-ts/replica/internal';
import { type Choice, Disk, KEPT, LOST, PowerCut, SimFs } from '@raft-ts/sim/disk';
import type { Invariants } from '../invariants.js';
import type { VirtualNetwork, VirtualTime } from '../virtual.js';

export type ListReplica = Replica<number, number>;

/** What the members of one run share. */
export interface Place {
  readonly time: VirtualTime;
  readonly network: VirtualNetwork;
  readonly invariants: Invariants;
  readonly random: (n: number) => number;
  /** What was applied, by place. */
  readonly list: number[];
  readonly founders: readonly { readonly id: NodeId; readonly url: string }[];
  readonly options: Partial<ReplicaOptions<number, number>>;
  readonly fault: (text: string) => void;
}

/** A list of unique numbers: `append` answers with the place. It keeps its length and a hash of what it holds. */
class ListMachine implements StateMachine<number, number> {
  length = 0;
  private hash = 0;
  private readonly member: ChaosMember;
  private readonly lives: () => boolean;

  /** @param lives whether the process still runs: a dead one applies nothing more */
  constructor(member: ChaosMember, lives: () => boolean) {
    this.member = member;
    this.lives = lives;
  }

  apply(id: number, at: Position): number | Promise<number> {
    const { applyDelay, place } = this.member;
    if (applyDelay === 0 || place.random(4) > 0) return this.append(id, at);
    return (async () => {
      await new Promise<void>((resolve) => void place.time.after(1 + place.random(applyDelay), resolve));
      return this.lives() ? this.append(id, at) : await new Promise<never>(() => {});
    })();
  }

  private append(id: number, { index, term }: Position): number {
    const { list, invariants } = this.member.place;
    const place = this.length++;
    this.hash = (Math.imul(this.hash, 31) + id) | 0;
    invariants.applies(this.member.id, index, term, this.text());
    list[place] ??= id;
    return place;
  }

  private text(): string {
    return `${this.length} ${this.hash}`;
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(this.text());
  }

  async restore(chunks: AsyncIterable<Uint8Array>, { index }: Position): Promise<void> {
    let text = '';
    for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
    const [length, hash] = text.split(' ').map(Number) as [number, number];
    this.length = length;
    this.hash = hash;
    this.member.place.invariants.restores(this.member.id, index, text);
  }
}

/** A member whose disk may be cut off from power, and that can be frozen: one life after the other. */
export class ChaosMember {
  readonly id: NodeId;
  readonly place: Place;
  replica: ListReplica | undefined = undefined;
  machine: ListMachine | undefined = undefined;
  /** Milliseconds that each call of the disk takes at most. */
  diskDelay = 0;
  /** Milliseconds that some commands take to apply at most. */
  applyDelay = 0;
  paused = false;
  private disk = new Disk();
  private fs: SimFs | undefined = undefined;
  private pausable: Pausable | undefined = undefined;
  private lives = 0;

  constructor(id: NodeId, place: Place) {
    this.id = id;
    this.place = place;
  }

  get runs(): boolean {
    return this.fs !== undefined;
  }

  /** Starts its next life, on what the last one left. */
  async start(): Promise<void> {
    const { time, network, invariants, founders, options, fault } = this.place;
    const life = ++this.lives;
    const fs = new SimFs(this.disk, { pace: () => this.pace() });
    this.fs = fs;
    const pausable = new Pausable(time);
    this.pausable = pausable;
    try {
      const log = await DurableStorage.open('/member', {
        nodeId: this.id,
        clusterId: 1n,
        fs,
        segmentSize: 1 << 16,
        later: (run) => void time.after(5, run),
      });
      if (life !== this.lives) return;
      invariants.reopened(this.id, log);
      const machine = new ListMachine(this, () => life === this.lives);
      const replica = await Replica.start<number, number>({
        tickMs: 10,
        logger: silentLogger,
        ...options,
        id: this.id,
        log: invariants.watch(this.id, log),
        clock: pausable.clock,
        random: this.place.random,
        stateMachine: machine,
        bootstrap: { peers: founders },
        transport: (receiver) => {
          if (life !== this.lives) throw new Error('a dead process connects to nobody');
          return network.connect(this.id, pausable.receiver(receiver));
        },
      });
      if (life !== this.lives) {
        // The power was cut while it started.
        void replica.kill();
        return;
      }
      this.machine = machine;
      this.replica = replica;
      replica.watch('leadership', (leadership) => {
        if (life === this.lives) invariants.leads(this.id, leadership);
      });
      void this.watchEnd(replica, life);
    } catch (error) {
      if (life === this.lives) fault(`NC: member ${this.id} could not start: ${(error as Error).stack}`);
    }
  }

  private async watchEnd(replica: ListReplica, life: number): Promise<void> {
    const { reason, error } = await replica.ended;
    if (life === this.lives) this.place.fault(`NC: member ${this.id} ended, ${reason}: ${(error as Error)?.stack}`);
  }

  private async pace(): Promise<void> {
    if (this.diskDelay === 0) return;
    const ms = this.place.random(this.diskDelay + 1);
    if (ms > 0) await new Promise<void>((resolve) => void this.place.time.after(ms, resolve));
  }

  pause(): void {
    this.paused = true;
    this.pausable?.pause();
  }

  resume(): void {
    this.paused = false;
    this.pausable?.resume();
  }

  /** Cuts the power: of what was not synced, the disk keeps what it likes. */
  cutPower(): void {
    const { random } = this.place;
    this.lives++;
    this.fs?.kill();
    this.fs = undefined;
    const { replica } = this;
    this.replica = undefined;
    this.machine = undefined;
    this.paused = false;
    // A dead process does nothing, and its log is never closed: nobody waits for this.
    void replica?.kill();
    // Whoever sent it something sees the connection break: a snapshot above all must be answered, or none follows.
    this.pausable?.resume();
    const cut = new PowerCut(this.disk, random);
    const choice = [cut.all(LOST), cut.all(KEPT), cut.sample(random)][random(3)] as Choice;
    // A disk that tears within a sector leaves what only an operator can decide about.
    this.disk = new Disk(cut.image(cut.tears(choice) ? cut.all(LOST) : choice));
  }
}
