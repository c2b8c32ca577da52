/** A cluster under random faults, over virtual time, from one seed. */
import type { NodeId } from '@raft-ts/raft';
import { seededRandom } from '@raft-ts/raft/internal';
import { Invariants } from '../invariants.js';
import { VirtualNetwork, VirtualTime } from '../virtual.js';
import { check, type Operation } from './history.js';
import { ChaosMember, type ListReplica } from './member.js';

export interface ChaosPlan {
  readonly seed: number;
  readonly members: number;
  /** Milliseconds of virtual time under faults between two healings. */
  readonly disturbMs?: number;
}

/** Election timeouts of 100 to 200 ms: within 50 of them a healed cluster must serve everywhere. */
const HEAL_MS = 10_000;

interface SessionClient {
  readonly id: number;
  next: number;
  busy: boolean;
}

export class ChaosWorld {
  readonly time = new VirtualTime();
  readonly invariants: Invariants;
  readonly operations: Operation[] = [];
  readonly list: number[] = [];
  readonly faults: string[] = [];
  /** Reads that were answered by a leader while it had a lease. */
  leaseReads = 0;
  readonly members: readonly ChaosMember[];
  private readonly network: VirtualNetwork;
  private readonly random: (n: number) => number;
  private readonly plan: ChaosPlan;
  /** A network that repeats proposals: what is not in a session may then be applied twice, so everything is. */
  private readonly repeatsProposals: boolean;
  private readonly sessions: SessionClient[] = [];
  private moments = 0;
  private nextId = 1;

  constructor(plan: ChaosPlan) {
    this.plan = plan;
    const random = seededRandom(plan.seed);
    this.random = random;
    this.repeatsProposals = random(3) === 0;
    this.invariants = new Invariants(plan.members);
    this.network = new VirtualNetwork(this.time, plan.seed);
    this.network.onSend = (message) => this.invariants.sent(message);
    const founders = Array.from({ length: plan.members }, (_, i) => ({ id: BigInt(i + 1), url: `virtual:${i + 1}` }));
    const place = {
      time: this.time,
      network: this.network,
      invariants: this.invariants,
      random,
      list: this.list,
      founders,
      options: {
        snapshots: { everyEntries: 30 + random(200), keepEntries: 1 + random(20), keepEntriesForSlow: 20 + random(40) },
        limits: {
          maxPending: 20 + random(200),
          maxInflight: 1 + random(16),
          maxMessageBytes: 100 + random(2000),
          maxUncommittedBytes: 500 + random(20_000),
          maxUncommittedEntries: 50 + random(300),
        },
      },
      fault: (text: string) => this.fault(text),
    };
    this.members = founders.map(({ id }) => new ChaosMember(id, place));
  }

  private fault(text: string): void {
    if (this.faults.length < 20) this.faults.push(text);
  }

  /** Everything that was found to be wrong. */
  verdict(): string[] {
    return [...this.faults, ...this.invariants.faults, ...check(this.operations, this.list).slice(0, 20)];
  }

  get isSound(): boolean {
    return this.faults.length === 0 && this.invariants.faults.length === 0;
  }

  async start(): Promise<void> {
    await this.time.settled(Promise.all(this.members.map((member) => member.start())));
    await this.heal();
  }

  /** One round: faults for some time, then healing, and checks. */
  async round(): Promise<void> {
    const until = this.time.monotonic() + (this.plan.disturbMs ?? 2000);
    let nextFault = 0;
    while (this.time.monotonic() < until && this.isSound) {
      if (this.time.monotonic() >= nextFault) {
        this.disturb();
        nextFault = this.time.monotonic() + 10 + this.random(120);
      }
      this.call();
      await this.time.advance(1 + this.random(6));
    }
    await this.heal();
    this.invariants.checkLogs();
  }

  private get one(): ChaosMember {
    return this.members[this.random(this.members.length)] as ChaosMember;
  }

  private disturb(): void {
    const { network, random } = this;
    const member = this.one;
    const actions: (() => void)[] = [
      () => {
        network.faults = { drop: random(30) / 100, delay: [1, 1 + random(80)], ...this.repeats(random(20) / 100) };
      },
      () => {
        network.faults = {};
      },
      () => network.cut(member.id, this.one.id),
      () => network.cut(member.id, this.one.id),
      () => network.isolate(member.id, this.ids),
      () => this.partition(),
      () => network.mend(),
      () => network.mend(),
      () => this.pause(member),
      () => this.crash(member),
      () => {
        member.diskDelay = random(30);
      },
      () => {
        member.applyDelay = random(2) * random(40);
      },
    ];
    (actions[random(actions.length)] as () => void)();
  }

  private repeats(duplicate: number): object {
    return { duplicate, duplicateProposals: this.repeatsProposals };
  }

  private get ids(): NodeId[] {
    return this.members.map(({ id }) => id);
  }

  private partition(): void {
    const sides = this.members.map(() => this.random(2));
    for (const [i, { id }] of this.members.entries()) {
      for (const [k, other] of this.members.entries()) if (sides[i] !== sides[k]) this.network.cut(id, other.id);
    }
  }

  private pause(member: ChaosMember): void {
    if (!member.runs || member.paused) return;
    member.pause();
    const frozen = member.replica;
    this.time.after(20 + this.random(500), () => {
      if (member.replica === frozen) member.resume();
    });
  }

  private crash(member: ChaosMember): void {
    if (!member.runs) return;
    member.cutPower();
    this.time.after(5 + this.random(400), () => {
      if (!member.runs) void member.start();
    });
  }

  /** A client calls somebody. */
  private call(): void {
    const { replica } = this.one;
    if (replica === undefined) return;
    const kind = this.random(10);
    const timeoutMs = 20 + this.random(400);
    if (kind < 3) void this.read(replica, timeoutMs);
    else if (kind < 5 || this.repeatsProposals) void this.appendInSession(replica, timeoutMs);
    else for (let burst = this.random(8) === 0 ? 20 : 1; burst > 0; burst--) void this.append(replica, timeoutMs);
  }

  private begin(kind: Operation['kind']): Operation {
    const id = kind === 'read' ? 0 : this.nextId++;
    const operation: Operation = {
      kind,
      id,
      began: ++this.moments,
      ended: 0,
      outcome: 'open',
      seen: -1,
      reason: '',
    };
    this.operations.push(operation);
    return operation;
  }

  private async settle(operation: Operation, call: Promise<number>): Promise<void> {
    try {
      operation.seen = await call;
      operation.outcome = 'applied';
    } catch (error) {
      const { outcome, reason, name } = error as { outcome?: 'dropped' | 'unknown'; reason?: string; name: string };
      operation.outcome = outcome ?? (name === 'ReadFailed' ? 'dropped' : 'unknown');
      operation.reason = `${reason}`;
      if (outcome === undefined && name !== 'ReadFailed') this.fault(`an operation failed of ${String(error)}`);
    }
    operation.ended = ++this.moments;
  }

  private async read(replica: ListReplica, timeoutMs: number): Promise<void> {
    const { machine } = this.members.find((member) => member.replica === replica) as ChaosMember;
    // A lease must promise no less than a round does.
    const consistency = this.random(2) === 0 ? 'lease' : 'linearizable';
    const operation = this.begin('read');
    const isLeased = (): boolean => consistency === 'lease' && replica.explain({ lease: true }).code === 'leased';
    const leased = isLeased();
    await this.settle(
      operation,
      replica.read(() => machine?.length ?? -1, { timeoutMs, consistency }),
    );
    if (leased && operation.outcome === 'applied' && isLeased()) this.leaseReads++;
  }

  private append(replica: ListReplica, timeoutMs: number): Promise<void> {
    const operation = this.begin('append');
    const signal = this.random(10) === 0 ? this.abortLater() : undefined;
    const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    return this.settle(operation, resultOf(replica.propose(operation.id, options)));
  }

  private abortLater(): AbortSignal {
    const controller = new AbortController();
    this.time.after(this.random(60), () => controller.abort());
    return controller.signal;
  }

  /** A client that tries again, on whichever member, until it knows. */
  private async appendInSession(replica: ListReplica, timeoutMs: number): Promise<void> {
    const idle = this.sessions.filter(({ busy }) => !busy);
    const client = idle[this.random(Math.max(1, idle.length))];
    if (client === undefined) {
      if (this.sessions.length < 8) await this.openSession(replica, timeoutMs);
      return;
    }
    client.busy = true;
    const sequence = client.next++;
    const operation = this.begin('session');
    await this.settle(operation, this.retry({ client, sequence, operation }, timeoutMs));
    client.busy = false;
  }

  private async openSession(replica: ListReplica, timeoutMs: number): Promise<void> {
    try {
      this.sessions.push({ id: (await replica.openSession({ timeoutMs })).id, next: 1, busy: false });
    } catch {
      // Another call opens one.
    }
  }

  private async retry(
    asked: { readonly client: SessionClient; readonly sequence: number; readonly operation: Operation },
    timeoutMs: number,
  ): Promise<number> {
    const { client, sequence, operation } = asked;
    let handedOver = false;
    for (let tries = 0; ; tries++) {
      const { replica } = this.one;
      try {
        if (replica === undefined)
          throw Object.assign(new Error('it does not run'), { outcome: 'dropped', reason: 'down' });
        const place = { session: client.id, sequence, acknowledged: sequence };
        return await resultOf(replica.propose(operation.id, { place, timeoutMs }));
      } catch (error) {
        const { outcome } = error as { outcome?: string };
        handedOver ||= outcome === 'unknown';
        // What one copy came to says nothing about the others.
        if (tries >= 10 && (outcome === 'unknown' || !handedOver)) throw error;
        if (tries >= 10) throw Object.assign(new Error('given up'), { outcome: 'unknown', reason: 'given up' });
        await new Promise<void>((resolve) => void this.time.after(1 + this.random(50), resolve));
      }
    }
  }

  /** Ends all faults; then everybody must serve soon, and all must hold the same. */
  private async heal(): Promise<void> {
    const { time, network, members } = this;
    network.mend();
    network.faults = {};
    for (const member of members) {
      member.diskDelay = 0;
      member.applyDelay = 0;
      if (member.paused) member.resume();
      if (!member.runs) void member.start();
    }
    const limit = time.monotonic() + HEAL_MS;
    try {
      await time.until(() => members.every(({ replica }) => replica !== undefined), 'LIV: all run again', HEAL_MS);
      await time.settled(Promise.all(members.map((member) => this.serves(member, limit))), 2 * HEAL_MS);
      const agree = (): boolean => new Set(members.map(({ replica }) => replica?.applied.index)).size === 1;
      await time.until(agree, 'LIV: all have applied the same', HEAL_MS);
      // Every call has been answered by its deadline.
      await time.until(
        () => this.operations.every(({ outcome }) => outcome !== 'open'),
        'LIV: all is answered',
        HEAL_MS,
      );
    } catch (error) {
      this.fault(`LIV: ${(error as Error).message}`);
    }
  }

  private async serves(member: ChaosMember, limit: number): Promise<void> {
    let last = '';
    while (this.time.monotonic() < limit) {
      const { replica } = member;
      if (replica === undefined) return;
      const append = this.begin('append');
      await this.settle(append, resultOf(replica.propose(append.id, { timeoutMs: 1000 })));
      const read = this.begin('read');
      await this.settle(
        read,
        replica.read(() => member.machine?.length ?? -1, { timeoutMs: 1000 }),
      );
      if (append.outcome === 'applied' && read.outcome === 'applied') return;
      last = `${append.outcome} ${append.reason}, ${read.outcome} ${read.reason}`;
    }
    this.fault(`LIV: member ${member.id} does not serve ${HEAL_MS} ms after all faults have ended: ${last}`);
  }

  /** For the report. */
  summary(): string {
    const count = (outcome: string): number => this.operations.filter((one) => one.outcome === outcome).length;
    const [applied, dropped, unknown] = ['applied', 'dropped', 'unknown'].map(count);
    return `${this.operations.length} calls: ${applied} applied, ${dropped} dropped, ${unknown} unknown; ${this.list.length} in the list`;
  }
}

async function resultOf(done: Promise<{ readonly result: number }>): Promise<number> {
  return (await done).result;
}
