import {
  type Config,
  type Entry,
  isConfChangeEntry,
  type Logger,
  type MemoryStorage,
  type Message,
  type MessageType,
  Node,
  type NodeId,
  type Peer,
  RaftError,
  RawNode,
  type Ready,
} from '@raft-ts/raft';
import type { StepOutcome } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { newTestConfig, newTestMemoryStorage, type Overrides, withPeers } from '../../helpers/index.js';
import { isPending, rejection } from '../../helpers/waiting.js';

/** The payload of an entry as text; '' if it has none. */
export function textOf(entry: Entry | undefined): string {
  return new TextDecoder().decode(entry?.data);
}

/** Code and reason of the `RaftError` that the promise was rejected with. */
export async function refusal(promise: Promise<unknown>): Promise<{ code: string; reason: string | undefined }> {
  const error = await rejection(promise);
  expect(error).to.be.instanceOf(RaftError);
  const { code, reason } = error as RaftError;
  return { code, reason };
}

/** Keeps every sentence; `onLine` sees each as it is said. */
export class RecordingLogger implements Logger {
  readonly debugEnabled = true;
  readonly lines: string[] = [];
  onLine: (line: string) => void = () => {};

  debug(message: string): void {
    this.say(`debug ${message}`);
  }
  info(message: string): void {
    this.say(`info ${message}`);
  }
  warn(message: string): void {
    this.say(`warn ${message}`);
  }
  error(message: string): void {
    this.say(`error ${message}`);
  }

  private say(line: string): void {
    this.lines.push(line);
    this.onLine(line);
  }
}

/** Puts this in the place of the rules of the present role: messages that pass the term gate come here. */
export function replaceRole(rawNode: RawNode, rule: (m: Message) => StepOutcome): void {
  (rawNode.raft as unknown as { stepRole: (m: Message) => StepOutcome }).stepRole = rule;
}

/** Puts the messages of these kinds into the list, instead of stepping them by the present role's rules. */
export function recordMessages(rawNode: RawNode, ...ignored: MessageType[]): Message[] {
  const recorded: Message[] = [];
  replaceRole(rawNode, (m) => {
    if (!ignored.includes(m.type)) recorded.push(m);
    return { kind: 'done' };
  });
  return recorded;
}

/** An election and its first entry take a handful of Readys. */
const MOST_CYCLES = 20;

/** A node with its storage, and its Readys one at a time. */
export class NodeHarness {
  readonly config: Config;
  readonly storage: MemoryStorage;
  readonly rawNode: RawNode;
  readonly node: Node;
  private readonly iterator: AsyncIterator<Ready>;
  private waiting: Promise<IteratorResult<Ready>> | undefined;

  constructor(config: Config, peers?: readonly Peer[]) {
    this.config = config;
    this.storage = config.storage as MemoryStorage;
    this.rawNode = new RawNode(config);
    if (peers !== undefined) this.rawNode.bootstrap(peers);
    this.node = new Node(this.rawNode, config);
    this.iterator = this.node.ready()[Symbol.asyncIterator]();
  }

  /** The only voter of its cluster, or one of several. */
  static of(overrides: Overrides = {}, voters: readonly NodeId[] = [1n]): NodeHarness {
    return new NodeHarness(newTestConfig(1n, newTestMemoryStorage(withPeers(...voters)), overrides));
  }

  /** The next Ready. */
  async ready(): Promise<Ready> {
    const result = await (this.waiting ?? this.iterator.next());
    this.waiting = undefined;
    if (result.done === true) return expect.fail('the loop of Readys has ended');
    return result.value;
  }

  /** Nothing is to be done now. */
  async expectNoReady(): Promise<void> {
    this.waiting ??= this.iterator.next();
    expect(await isPending(this.waiting), 'a Ready came').to.equal(true);
  }

  save(rd: Ready): void {
    if (rd.hardState !== undefined) this.storage.setHardState(rd.hardState);
    if (rd.snapshot !== undefined) this.storage.applySnapshot(rd.snapshot);
    this.storage.append(rd.entries);
  }

  /** Takes the next Ready, stores what it says, and advances. */
  async cycle(): Promise<Ready> {
    const rd = await this.ready();
    this.save(rd);
    this.node.advance();
    return rd;
  }

  /** Campaigns, and cycles until this member leads and has nothing more to do. */
  async lead(): Promise<void> {
    await this.node.campaign();
    const leads = (): boolean => this.rawNode.raft.state === 'StateLeader' && !this.rawNode.hasReady();
    for (let i = 0; i < MOST_CYCLES && !leads(); i++) await this.cycle();
    expect(leads(), `it leads and has nothing to do after ${MOST_CYCLES} Readys`).to.equal(true);
  }

  /**
   * Stores, applies and advances in the background until the node stops; returns the committed entries, as they come.
   */
  drive(): { committed: Entry[]; done: Promise<void> } {
    const committed: Entry[] = [];
    const run = async (): Promise<void> => {
      for (;;) {
        const result = await (this.waiting ?? this.iterator.next());
        this.waiting = undefined;
        if (result.done === true) return;
        this.save(result.value);
        for (const entry of result.value.committedEntries) {
          committed.push(entry);
          if (isConfChangeEntry(entry)) this.node.applyConfChangeEntry(entry);
        }
        this.node.advance();
      }
    };
    return { committed, done: run() };
  }
}
