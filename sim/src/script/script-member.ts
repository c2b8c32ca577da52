import {
  type ConfState,
  type Entry,
  emptyConfState,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type NodeId,
  type Snapshot,
} from '@raft-ts/proto';
import { isConfChangeEntry, type Logger, RawNode, type Ready } from '@raft-ts/raft';
import { numbered } from '../base/bytes.js';
import { RunHash } from '../base/hash.js';
import { Disk } from '../member/disk.js';
import type { Build, Kept } from './step.js';

/** A Ready that was begun, and what is still to be done of it. */
interface Begun {
  readonly ready: Ready;
  readonly messages: readonly Message[];
  /** The number of writes that its end brings to stable storage. */
  readonly upTo: number;
}

/**
 * A member of a script: a core, a disk that loses what is not synced, an application, and what its storage threads have
 * to do. It is driven as the simulator drives its own, by one command after the other.
 */
export class ScriptMember {
  readonly id: NodeId;
  readonly disk: Disk = new Disk(new RunHash());
  node: RawNode | undefined = undefined;
  /** It has met an error that no member survives, and takes nothing in any more. */
  hasFailed = false;
  applied = 0;
  private confState: ConfState = emptyConfState();
  /** What the append thread has yet to write, oldest first, and how many of these messages it has in hand. */
  writing: Message[] = [];
  inHand = 0;
  applying: Message[] = [];
  private begun: Begun | undefined = undefined;
  readonly build: Build;
  private readonly logger: Logger;

  constructor(id: NodeId, build: Build, logger: Logger) {
    this.id = id;
    this.build = build;
    this.logger = logger;
  }

  private get isAsync(): boolean {
    return this.build.asyncStorageWrites === true;
  }

  /** Builds the core from what the disk holds. */
  start(kept: Kept): void {
    const { disk } = this;
    const { index, confState } = disk.durable.snapshot.metadata;
    if (kept === 'nothing' || this.applied < index) {
      this.applied = index;
      this.confState = confState;
    } else if (kept === 'state and membership') {
      disk.storage.keepConfState(this.confState, this.applied);
    }
    this.hasFailed = false;
    const { id, build, logger, applied } = this;
    // Election timeouts are the shortest unless a command sets them.
    this.node = new RawNode({ ...build, id, storage: disk.storage, applied, logger, random: () => 0 });
  }

  crash(kept: number): void {
    this.node = undefined;
    this.writing = [];
    this.inHand = 0;
    this.applying = [];
    this.begun = undefined;
    this.disk.cut(kept);
  }

  // Readys. Each function returns the messages that are under way from then on.

  /**
   * Takes a Ready and writes what it holds, without a sync; a leader sends its appends meanwhile. With asynchronous
   * storage the threads get their part, and nothing is left to be done.
   */
  beginReady(node: RawNode): { ready: Ready; messages: readonly Message[] } {
    const ready = node.ready();
    if (this.isAsync) return { ready, messages: this.handOver(ready) };
    const { disk } = this;
    disk.save(ready.hardState, ready.entries, ready.snapshot);
    const isLeader = node.raft.state === 'StateLeader';
    const early = ready.messages.filter(({ type }) => isLeader && type === MessageType.MsgApp);
    const messages = ready.messages.filter((m) => !early.includes(m));
    const mustSync = ready.mustSync || ready.snapshot !== undefined;
    this.begun = { ready, messages, upTo: mustSync ? disk.end : 0 };
    return { ready, messages: early };
  }

  /** Syncs what was begun, sends the rest, applies and advances. */
  finishReady(node: RawNode): readonly Message[] {
    const { begun, disk } = this;
    if (begun === undefined) return [];
    this.begun = undefined;
    disk.sync(begun.upTo);
    if (begun.ready.snapshot !== undefined) this.install(begun.ready.snapshot);
    this.apply(node, begun.ready.committedEntries);
    node.advance();
    return begun.messages;
  }

  get isBusy(): boolean {
    return this.begun !== undefined;
  }

  /** Can a Ready be taken, and is there one? */
  get hasWork(): boolean {
    return this.node !== undefined && !this.hasFailed && !this.isBusy && this.node.hasReady();
  }

  private handOver(rd: Ready): readonly Message[] {
    const others: Message[] = [];
    for (const m of rd.messages) {
      if (m.to === LOCAL_APPLY_THREAD) this.applying.push(m);
      else if (m.to !== LOCAL_APPEND_THREAD) others.push(m);
      // A new commit index alone promises nothing, and is written at once.
      else if (!rd.mustSync && m.responses.length === 0 && this.writing.length === 0) this.save(m);
      else this.writing.push(m);
    }
    return others;
  }

  private save({ term, vote, commit, entries, snapshot }: Message): void {
    const hardState: HardState | undefined =
      term === 0 && vote === NONE && commit === 0 ? undefined : { term, vote, commit };
    this.disk.save(hardState, entries, snapshot);
  }

  /** The append thread writes so many more messages, without a sync. */
  beginAppend(count: number): readonly Message[] {
    const taken = this.writing.slice(this.inHand, this.inHand + count);
    this.inHand += taken.length;
    for (const m of taken) this.save(m);
    return taken;
  }

  /** It syncs what it has in hand, and answers. */
  finishAppend(): readonly Message[] {
    const done = this.writing.splice(0, this.inHand);
    this.inHand = 0;
    this.disk.sync(this.disk.end);
    for (const { snapshot } of done) if (snapshot !== undefined) this.install(snapshot);
    return done.flatMap(({ responses }) => responses);
  }

  /** The apply thread carries out its oldest message. */
  applyOldest(node: RawNode): Message | undefined {
    const m = this.applying.shift();
    if (m !== undefined) this.apply(node, m.entries);
    return m;
  }

  // The application.

  private install({ metadata: { index, confState } }: Snapshot): void {
    // What a thread applied meanwhile may be newer.
    if (index <= this.applied) return;
    this.applied = index;
    this.confState = confState;
  }

  private apply(node: RawNode, entries: readonly Entry[]): void {
    for (const entry of entries) {
      // A snapshot that was installed meanwhile covers it.
      if (entry.index <= this.applied && this.isAsync) continue;
      this.applied = entry.index;
      if (isConfChangeEntry(entry)) this.confState = node.applyConfChangeEntry(entry);
    }
  }

  /** Makes a snapshot of what is applied. Returns its index. */
  makeSnapshot(): number {
    const { applied: index, confState, disk } = this;
    const term = disk.storage.term(index);
    disk.keepSnapshot({ data: numbered(index), metadata: { confState, index, term } });
    return index;
  }
}
