import {
  isConfChangeEntry,
  isEmptySnap,
  MemoryStorage,
  type Message,
  MessageType,
  type Node,
  type NodeId,
  type Ready,
  restartNode,
  startNode,
} from '@raft-ts/raft';
import { FAIR, Network, RunHash, StackTime, Stream } from '@raft-ts/sim/internal';
import { bytes, idsBySize, newTestConfig, type Overrides } from '../../helpers/index.js';
import { textOf } from './harness.js';

const TICK_MS = 5;
const limits: Overrides = { maxSizePerMsg: 1024 * 1024, maxUncommittedEntriesSize: 1024 ** 3 };

/** A member of the cluster with its loop of Readys. What it has applied is lost when it stops; its log is not. */
export class VirtualMember {
  readonly id: NodeId;
  readonly storage = new MemoryStorage();
  node: Node;
  /** Payloads, in the order in which they were applied. */
  applied: string[] = [];
  private readonly send: (m: Message) => void;
  private running = true;
  private loop: Promise<void>;
  private buffered: Message[] = [];
  private paused: { promise: Promise<void>; end: () => void } | undefined;

  constructor(id: NodeId, ids: readonly NodeId[], send: (m: Message) => void) {
    this.id = id;
    this.send = send;
    this.node = startNode(
      newTestConfig(id, this.storage, limits),
      ids.map((peer) => ({ id: peer })),
    );
    this.loop = this.consume();
  }

  private async consume(): Promise<void> {
    for await (const rd of this.node.ready()) {
      await this.paused?.promise;
      this.process(rd);
    }
  }

  private process(rd: Ready): void {
    if (rd.hardState !== undefined) this.storage.setHardState(rd.hardState);
    if (rd.snapshot !== undefined && !isEmptySnap(rd.snapshot)) this.storage.applySnapshot(rd.snapshot);
    this.storage.append(rd.entries);
    for (const m of rd.messages) this.send(m);
    for (const entry of rd.committedEntries) {
      if (isConfChangeEntry(entry)) this.node.applyConfChangeEntry(entry);
      else if (entry.data !== undefined) this.applied.push(textOf(entry));
    }
    this.node.advance();
  }

  /** The commit index that is on storage. */
  get commit(): number {
    return this.storage.initialState().hardState?.commit ?? 0;
  }

  tick(): void {
    if (this.running && this.paused === undefined) this.node.tick();
  }

  /** What comes while it does not run is lost; what comes while it stands still waits. */
  receive(m: Message): void {
    if (!this.running) return;
    if (this.paused !== undefined) {
      this.buffered.push(m);
      return;
    }
    const stepped = this.node.step(m);
    // A proposal may wait for a leader for as long as the node runs.
    if (m.type === MessageType.MsgProp) stepped.catch(() => {});
    else void stepped;
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.node.stop();
    await this.loop;
  }

  restart(): void {
    this.applied = [];
    this.node = restartNode(newTestConfig(this.id, this.storage, limits));
    this.running = true;
    this.loop = this.consume();
  }

  /** Does nothing any more. */
  pause(): void {
    let end = (): void => {};
    const promise = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.paused = { promise, end };
  }

  resume(): void {
    this.paused?.end();
    this.paused = undefined;
    for (const m of this.buffered.splice(0)) this.receive(m);
  }
}

/** Nodes on the simulator's queue and network: no time passes but what `pass` lets pass. */
export class VirtualCluster {
  readonly members: readonly VirtualMember[];
  private readonly hash = new RunHash();
  private readonly time = new StackTime(new Stream(1), this.hash);
  private readonly network = new Network(1, this.hash, (at, m, from) => {
    this.time.post(at, () => this.deliver(m, from));
  });

  constructor(size: number) {
    const ids = idsBySize(size);
    this.network.weather = { ...FAIR, minDelay: 0, maxDelay: 9, ordered: false };
    this.members = ids.map((id) => new VirtualMember(id, ids, (m) => this.send(m)));
    for (const member of this.members) this.tick(member);
  }

  private send(m: Message): void {
    this.network.send(m, Number(m.from) - 1, Number(m.to) - 1, this.time.now);
  }

  private deliver(m: Message, from: number): void {
    const to = Number(m.to) - 1;
    this.network.arrived(from, to);
    this.at(to).receive(m);
  }

  private tick(member: VirtualMember): void {
    this.time.post(this.time.now + TICK_MS, () => {
      member.tick();
      this.tick(member);
    });
  }

  at(slot: number): VirtualMember {
    return this.members[slot % this.members.length] as VirtualMember;
  }

  async pass(milliseconds: number): Promise<void> {
    const until = this.time.now + milliseconds;
    while (await this.time.step(until));
  }

  /** Waits until this holds, for so many milliseconds at most; says whether it does. */
  async until(holds: () => boolean, milliseconds: number): Promise<boolean> {
    for (let i = 0; i < milliseconds && !holds(); i++) await this.pass(1);
    return holds();
  }

  /** The place of the leader whom everybody knows. */
  async leader(): Promise<number> {
    const known = (): bigint[] => [...new Set(this.members.map(({ node }) => node.status().softState.lead))];
    const agreed = await this.until(() => known().length === 1 && known()[0] !== 0n, 10_000);
    if (!agreed) throw new Error(`no leader: ${known()}`);
    return Number(known()[0]) - 1;
  }

  /** Proposes so many payloads at one member, one after the other, and lets as many milliseconds pass. */
  async propose(slot: number, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.at(slot).node.propose(bytes(`somedata ${slot} ${this.time.now}`));
      await this.pass(1);
    }
  }

  /** Waits until all members have committed the same, and more than `target`. */
  async converge(target: number): Promise<number> {
    const commits = (): number[] => this.members.map(({ commit }) => commit);
    const converged = await this.until(() => new Set(commits()).size === 1 && (commits()[0] ?? 0) > target, 5000);
    if (!converged) throw new Error(`commit indexes did not converge: ${commits()}`);
    return commits()[0] ?? 0;
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }
}
