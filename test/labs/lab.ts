import {
  type Entry,
  EntryType,
  entrySize,
  isResponseMessage,
  type Message,
  messageSize,
  type Snapshot,
} from '@raft-ts/proto';
import type { Settings } from '@raft-ts/sim';
import {
  FAIR,
  type Member,
  makeSnapshot,
  numbered,
  numberOf,
  type Recorder,
  Stream,
  World,
} from '@raft-ts/sim/internal';
import { type Steps, type Task, Tasks } from './steps.js';

/** The election timeout that the labs' tests wait for, in milliseconds; members draw theirs themselves. */
export const E = 1000;

/** The labs end a test after this long. */
export const TEST_LIMIT_MS = 120_000;

/** They allow this long for an agreement of connected members. */
const AGREEMENT_LIMIT_MS = 10_000;
const AGREEMENT = 'slowest agreement, ms';

// Names of the streams of random numbers, beside the seed.
const SETTINGS = 101;
const DRAWS = 102;

/** The labs' reliable network: nothing is lost, and nothing waits. */
const RELIABLE = { ...FAIR, minDelay: 0, maxDelay: 1 };
/** Each message waits for up to 26 ms, so later ones overtake it; of requests and of answers a tenth is lost. */
const UNRELIABLE = { ...FAIR, ordered: false, loss: 0.1, minDelay: 0, maxDelay: 26 };
/** Moreover, two thirds of the answers come at least 200 ms and at most 2.2 seconds late. */
const REORDERING = { ...UNRELIABLE, lateAnswers: 600 / 900 };

export interface LabOptions {
  readonly members: number;
  readonly reliable: boolean;
  /** Members make a snapshot at every tenth command and drop their logs. Default false. */
  readonly snapshots?: boolean;
}

/** A command that a leader took: its index, counting commands alone from 1, and the leader's term. */
export interface Started {
  readonly index: number;
  readonly term: number;
}

/** A requirement of a lab test that was not met. */
export class LabFailure extends Error {}

export function must(condition: boolean, text: string): asserts condition {
  if (!condition) throw new LabFailure(text);
}

/**
 * Draws how the members of a run are built: the labs' requirements hold for every way. Election timeouts are what the
 * labs recommend: up to a second, and longer than a few heartbeats, of which there are ten a second.
 */
function drawSettings(seed: number, members: number, reliable: boolean): { settings: Settings; writeMs: number } {
  const random = new Stream(seed, SETTINGS);
  const settings: Settings = {
    members,
    // An election takes four messages, of which a tenth is lost: with a timeout of one to two seconds, one run in a
    // thousand needs more than the ten seconds that the labs allow.
    electionTick: random.pick(reliable ? [4, 6, 10] : [4, 6]),
    heartbeatTick: 1,
    // Without it, etcd's members restart their election timeout at every campaign of others, even of those whose logs
    // are too short to win. If one member alone can win, it may then wait for longer than the labs allow.
    preVote: true,
    leaseReads: false,
    checkQuorum: random.chance(0.5),
    stepDownOnRemoval: false,
    disableProposalForwarding: false,
    storage: random.pick(['synchronous', 'asynchronous', 'mixed']),
    sendsWhileWriting: random.chance(0.5),
    durableState: false,
    bootstraps: random.chance(0.5),
    maxSizePerMsg: 1024 * 1024,
    maxInflightMsgs: 256,
    maxInflightBytes: 0,
    maxCommittedSizePerReady: 0,
    maxUncommittedEntriesSize: 0,
  };
  return { settings, writeMs: random.pick([0, 0, 5]) };
}

function commandOf({ type, data }: Entry): number | undefined {
  const isCommand = (type ?? EntryType.EntryNormal) === EntryType.EntryNormal;
  return data === undefined || data.length === 0 || !isCommand ? undefined : numberOf(data);
}

/**
 * A cluster as the labs drive it, made of the simulator's members, disks and network; so every rule of the simulator is
 * checked after every event too. etcd's leaders begin their terms with an empty entry: indexes here count commands.
 */
export class Lab implements Recorder {
  readonly size: number;
  readonly random: Stream;
  /** What was sent, counted as in the labs: a request and its answer are one RPC, and bytes are those of both. */
  rpcs = 0;
  bytes = 0;
  /** What was measured against the labs' limits, by its name. */
  readonly figures: Map<string, { readonly value: number; readonly limit: number }> = new Map();
  /** The commands that each member has applied in its present life, those of its snapshot included. */
  readonly logs: number[][];
  private readonly world: World;
  /** The command at each index, as the first member that applied it had it. */
  private readonly commands: number[] = [];
  /** Number of commands that the snapshot of a raft index holds. */
  private readonly counts = new Map<number, number>();
  private readonly unplugged = new Set<number>();
  /** Members that are about to make a snapshot. */
  private readonly due = new Set<Member>();
  private readonly snapshots: boolean;
  private readonly tasks: Tasks = new Tasks(this);
  /** Commands that were proposed at this moment, by the member. */
  private readonly proposed = new Map<Member, Uint8Array[]>();
  private asked = 0;

  constructor(seed: number, { members, reliable, snapshots = false }: LabOptions) {
    const { settings, writeMs } = drawSettings(seed, members, reliable);
    this.size = members;
    this.snapshots = snapshots;
    this.random = new Stream(seed, DRAWS);
    this.logs = Array.from({ length: members }, () => []);
    this.world = new World(seed, settings);
    this.world.recorder = this;
    for (const { disk } of this.world.members) disk.writeMs = writeMs;
    this.setReliable(reliable);
  }

  // Time.

  get now(): number {
    return this.world.now;
  }

  get events(): number {
    return this.world.events;
  }

  /** Lets happen what happens until this moment. */
  goTo(moment: number): void {
    must(moment <= TEST_LIMIT_MS, 'the test takes longer than 120 s');
    this.handOver();
    while (this.world.step(moment)) {
      for (const member of this.due) {
        this.due.delete(member);
        if (member.isUp) makeSnapshot(this.world, member, 0);
      }
    }
  }

  /** Begins something that goes on beside the test. */
  begin<T>(steps: Steps<T>): Task<T> {
    return this.tasks.begin(steps);
  }

  run(test: (lab: Lab) => Steps): void {
    this.tasks.run(test(this));
  }

  // What the simulator tells.

  note(): void {}

  sent(_world: World, _member: Member, m: Message): void {
    if (!isResponseMessage(m.type)) this.rpcs++;
    this.bytes += messageSize(m);
  }

  /** Every member must apply the same command at the same index. */
  applied(member: Member, entry: Entry): void {
    const log = this.logs[member.slot] as number[];
    const command = commandOf(entry);
    if (command !== undefined) {
      const first = this.commands[log.length];
      log.push(command);
      if (first === undefined) this.commands.push(command);
      must((first ?? command) === command, `member ${member.id} applies ${command} at ${log.length}, not ${first}`);
      if (this.snapshots && log.length % 10 === 0) this.due.add(member);
    }
    this.counts.set(entry.index, log.length);
  }

  installed(member: Member, snapshot: Snapshot): void {
    this.restore(member.slot, snapshot);
  }

  private restore(i: number, { metadata: { index } }: Snapshot): void {
    // That its bytes stand for these commands is one of the simulator's rules.
    this.logs[i] = this.commands.slice(0, this.counts.get(index) ?? 0);
  }

  // The network, and lives of members.

  setReliable(reliable: boolean): void {
    this.world.network.weather = reliable ? RELIABLE : UNRELIABLE;
  }

  reorderAnswers(): void {
    this.world.network.weather = REORDERING;
  }

  isConnected(i: number): boolean {
    return !this.unplugged.has(i);
  }

  connect(...which: readonly number[]): void {
    for (const i of which) this.unplugged.delete(this.place(i));
    this.plug();
  }

  disconnect(...which: readonly number[]): void {
    for (const i of which) this.unplugged.add(this.place(i));
    this.plug();
  }

  private plug(): void {
    this.handOver();
    const { unplugged } = this;
    this.world.network.connectWhere(this.size, (from, to) => !unplugged.has(from) && !unplugged.has(to));
  }

  /** Members are counted in a circle: the one after the last is the first. */
  place(i: number): number {
    return i % this.size;
  }

  private member(i: number): Member {
    return this.world.members[this.place(i)] as Member;
  }

  isUp(i: number): boolean {
    return this.member(i).isUp;
  }

  /** Ends a member at once: what it has not synced is lost. */
  crash(...which: readonly number[]): void {
    for (const i of which) {
      this.disconnect(i);
      if (this.isUp(i)) this.world.crash(this.member(i), 0);
    }
  }

  /** Starts a member, which is still disconnected if it was, from its disk; ends it first if it runs. */
  start(...which: readonly number[]): void {
    for (const i of which) {
      this.handOver();
      const member = this.member(i);
      if (member.isUp) this.world.crash(member, 0);
      this.restore(member.slot, member.disk.durable.snapshot);
      this.world.start(member);
    }
  }

  restart(...which: readonly number[]): void {
    this.start(...which);
    this.connect(...which);
  }

  get everyone(): number[] {
    return Array.from({ length: this.size }, (_, i) => i);
  }

  /** Notes a figure that the labs bound, and that it keeps within. The worst of a name stays. */
  measure(name: string, value: number, limit: number): void {
    must(value <= limit, `${name}: ${value}, at most ${limit} are allowed`);
    const known = this.figures.get(name);
    if (known === undefined || known.value < value) this.figures.set(name, { value, limit });
  }

  // What the labs ask of a member.

  /** The term, and whether it leads; undefined while it is down. */
  state(i: number): { readonly term: number; readonly leads: boolean } | undefined {
    const { raft } = this.member(i).node ?? {};
    return raft === undefined ? undefined : { term: raft.term, leads: raft.state === 'StateLeader' };
  }

  leads(i: number): boolean {
    return this.state(i)?.leads === true;
  }

  /** A command that was not used before. */
  fresh(): number {
    const { history } = this.world.rules;
    return ++history.proposals;
  }

  /**
   * Proposes a command if the member believes that it leads. Those of one moment are handed over as one batch, as
   * `replica` does: the labs bound the RPCs for ten commands, which a member gets one right after the other.
   */
  propose(i: number, command = this.fresh(), size = 4): Started | undefined {
    const member = this.member(i);
    const state = this.state(i);
    if (state?.leads !== true) return undefined;
    const batch = this.proposed.get(member) ?? [];
    this.proposed.set(member, batch);
    batch.push(numbered(command, size));
    return { index: this.position(member) + batch.length, term: state.term };
  }

  private handOver(): void {
    for (const [member, batch] of this.proposed) this.world.input(member, (node) => node.proposeBatch(batch));
    this.proposed.clear();
  }

  /** Number of commands in a member's log. */
  private position(member: Member): number {
    const { raftLog } = (member.node as NonNullable<Member['node']>).raft;
    let count = (this.logs[member.slot] as number[]).length;
    const rest = raftLog.slice(member.applied + 1, raftLog.lastIndex() + 1, Number.POSITIVE_INFINITY);
    must(typeof rest !== 'string', 'a log lacks what is not applied');
    for (const entry of rest) if (commandOf(entry) !== undefined) count++;
    return count;
  }

  /** Bytes of a member's log that are on its disk: the labs bound them where members make snapshots. */
  logBytes(i: number): number {
    const { disk } = this.member(i);
    return disk.durable.entriesAfterSnapshot().reduce((sum, entry) => sum + entrySize(entry), 0);
  }

  /** Number of members that have applied the command at this index. */
  committed(index: number): number {
    return this.logs.filter((log) => log.length >= index).length;
  }

  command(index: number): number | undefined {
    return this.commands[index - 1];
  }

  // The labs' checks.

  /** The member that leads in the highest term; there must be one soon, and one in a term, among the connected. */
  *oneLeader(): Steps<number> {
    for (let tries = 0; tries < 10; tries++) {
      yield 450 + this.random.int(100);
      const terms = new Map<number, number>();
      for (const i of this.everyone) {
        const state = this.isConnected(i) ? this.state(i) : undefined;
        if (state?.leads !== true) continue;
        must(!terms.has(state.term), `two leaders of term ${state.term}`);
        terms.set(state.term, i);
      }
      if (terms.size > 0) return terms.get(Math.max(...terms.keys())) as number;
    }
    throw new LabFailure('no leader');
  }

  noLeader(): void {
    const leader = this.everyone.find((i) => this.isConnected(i) && this.leads(i));
    must(leader === undefined, `member ${leader} leads without a quorum`);
  }

  /** The term on which all connected members agree. */
  sameTerm(): number {
    const terms = new Set(this.everyone.filter((i) => this.isConnected(i)).map((i) => this.state(i)?.term));
    must(terms.size === 1, `members are in different terms: ${[...terms].join(', ')}`);
    return [...terms][0] as number;
  }

  /**
   * Gets a command committed and applied by at least so many members, within ten seconds. Returns its index.
   * @param retry propose again if it is not applied within two seconds; otherwise that is a failure
   */
  *one(expected: number, { retry = false, size = 4 } = {}): Steps<number> {
    const command = this.fresh();
    const began = this.now;
    while (this.now < began + AGREEMENT_LIMIT_MS) {
      const index = this.proposeSomewhere(command, size);
      if (index === undefined) {
        yield 50;
        continue;
      }
      for (const limit = this.now + 2000; this.now < limit; yield 20) {
        if (this.committed(index) >= Math.max(1, expected) && this.command(index) === command) {
          this.measure(AGREEMENT, this.now - began, AGREEMENT_LIMIT_MS);
          return index;
        }
      }
      must(retry, `command ${command} is not applied by ${expected} members within 2 s`);
    }
    throw new LabFailure(`command ${command} is not applied by ${expected} members within 10 s`);
  }

  private proposeSomewhere(command: number, size: number): number | undefined {
    for (let tries = 0; tries < this.size; tries++) {
      this.asked = this.place(this.asked + 1);
      const started = this.isConnected(this.asked) ? this.propose(this.asked, command, size) : undefined;
      if (started !== undefined) return started.index;
    }
    return undefined;
  }

  /** Waits until so many members have applied an index. Returns the command; undefined if a term is above this one. */
  *wait(index: number, count: number, term?: number): Steps<number | undefined> {
    let pause = 10;
    for (let polls = 0; polls < 30 && this.committed(index) < count; polls++) {
      yield pause;
      pause = Math.min(2 * pause, 1000);
      if (term !== undefined && this.everyone.some((i) => (this.state(i)?.term ?? 0) > term)) return undefined;
    }
    must(this.committed(index) >= count, `index ${index} is applied by ${this.committed(index)} members, not ${count}`);
    return this.command(index);
  }
}
