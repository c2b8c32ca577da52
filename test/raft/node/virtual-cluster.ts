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
import { bytes, idsBySize, newTestConfig, type Overrides, testRandom } from '../../helpers/index.js';
import { turns } from '../../helpers/waiting.js';
import { textOf } from './harness.js';

/** How many messages may wait for one member; more are lost. */
const INBOX_LIMIT = 1024;

interface Waiting {
  readonly due: number;
  readonly message: Message;
}

/** A network whose time, in milliseconds, passes only when it is told to. Loses and delays by chance, from a seed. */
export class VirtualNetwork {
  now = 0;
  private readonly random = testRandom();
  private readonly inboxes = new Map<NodeId, Waiting[]>();
  private readonly losses = new Map<string, number>();
  private readonly delays = new Map<string, { longest: number; rate: number }>();
  private readonly disconnected = new Set<NodeId>();

  constructor(ids: readonly NodeId[]) {
    for (const id of ids) this.inboxes.set(id, []);
  }

  /** A number of [0, 1). */
  private chance(): number {
    return this.random(2 ** 32) / 2 ** 32;
  }

  /** Sends a message that leaves after `departs` milliseconds. Returns by how much the link delays it. */
  send(message: Message, departs = 0): number {
    const inbox = this.inboxes.get(message.to);
    if (inbox === undefined || this.disconnected.has(message.to)) return 0;
    const link = `${message.from}>${message.to}`;
    if (this.chance() < (this.losses.get(link) ?? 0)) return 0;
    const slow = this.delays.get(link);
    const delay = slow !== undefined && this.chance() < slow.rate ? this.chance() * slow.longest : 0;
    // A message belongs to its receiver, who may change it.
    if (inbox.length < INBOX_LIMIT) inbox.push({ due: this.now + departs + delay, message: { ...message } });
    return delay;
  }

  /** Sends it after up to nine milliseconds. */
  sendSoon(message: Message): void {
    this.send(message, this.random(10));
  }

  /** What has arrived at this member by now. */
  receive(id: NodeId): Message[] {
    const inbox = this.inboxes.get(id) ?? [];
    if (this.disconnected.has(id)) return [];
    const due = inbox.filter((waiting) => waiting.due <= this.now);
    this.inboxes.set(
      id,
      inbox.filter((waiting) => waiting.due > this.now),
    );
    return due.map(({ message }) => message);
  }

  /** Loses this share of the messages from one to the other. */
  drop(from: NodeId, to: NodeId, rate: number): void {
    this.losses.set(`${from}>${to}`, rate);
  }

  /** Delays this share of the messages from one to the other, by up to `longest` milliseconds. */
  delay(from: NodeId, to: NodeId, longest: number, rate: number): void {
    this.delays.set(`${from}>${to}`, { longest, rate });
  }

  /** A member that is disconnected receives nothing; what it sends arrives. */
  disconnect(id: NodeId): void {
    this.disconnected.add(id);
    this.inboxes.set(id, []);
  }

  connect(id: NodeId): void {
    this.disconnected.delete(id);
  }
}

const limits: Overrides = { maxSizePerMsg: 1024 * 1024, maxUncommittedEntriesSize: 1024 ** 3 };

/** A member of the cluster with its loop of Readys. What it has applied is lost when it stops; its log is not. */
export class VirtualMember {
  readonly id: NodeId;
  readonly storage = new MemoryStorage();
  node: Node;
  /** Payloads, in the order in which they were applied. */
  applied: string[] = [];
  running = true;
  private readonly network: VirtualNetwork;
  private loop: Promise<void>;
  private buffered: Message[] = [];
  private paused: { promise: Promise<void>; end: () => void } | undefined;

  constructor(id: NodeId, ids: readonly NodeId[], network: VirtualNetwork) {
    this.id = id;
    this.network = network;
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
    for (const m of rd.messages) this.network.sendSoon(m);
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

  receive(): void {
    if (!this.running) return;
    const messages = this.network.receive(this.id);
    if (this.paused === undefined) this.step(messages);
    else this.buffered.push(...messages);
  }

  private step(messages: readonly Message[]): void {
    for (const m of messages) {
      const stepped = this.node.step(m);
      // A proposal may wait for a leader for as long as the node runs.
      if (m.type === MessageType.MsgProp) stepped.catch(() => {});
      else void stepped;
    }
  }

  async stop(): Promise<void> {
    this.network.disconnect(this.id);
    this.running = false;
    await this.node.stop();
    await this.loop;
  }

  restart(): void {
    this.applied = [];
    this.node = restartNode(newTestConfig(this.id, this.storage, limits));
    this.running = true;
    this.network.connect(this.id);
    this.loop = this.consume();
  }

  /** Does nothing any more; what arrives is kept. */
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
    this.step(this.buffered.splice(0));
  }
}

/** Nodes on a virtual network: a tick every five milliseconds, and no time but what `pass` lets pass. */
export class VirtualCluster {
  readonly network: VirtualNetwork;
  readonly members: readonly VirtualMember[];

  constructor(size: number) {
    const ids = idsBySize(size);
    this.network = new VirtualNetwork(ids);
    this.members = ids.map((id) => new VirtualMember(id, ids, this.network));
  }

  at(slot: number): VirtualMember {
    return this.members[slot % this.members.length] as VirtualMember;
  }

  async pass(milliseconds: number): Promise<void> {
    for (let i = 0; i < milliseconds; i++) {
      this.network.now++;
      for (const member of this.members) {
        member.receive();
        if (this.network.now % 5 === 0) member.tick();
      }
      await turns(1);
    }
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
      await this.at(slot).node.propose(bytes(`somedata ${slot} ${this.network.now}`));
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
