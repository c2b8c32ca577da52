import type { ConfState, Entry, Message, Snapshot } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { Position } from '../base/contracts.js';
import { replicaStopped } from '../base/errors.js';
import { AppliedState, type AppliedStateOptions } from './applied-state.js';
import type { Proposals } from './proposals.js';

/**
 * Commands are applied for so long in one turn of the event loop, in milliseconds; sockets and timers come in between.
 */
const SLICE_MS = 5;
/** The clock is looked at after so many commands. */
const COMMANDS_PER_LOOK = 16;

export interface ApplierOptions<Command, Result> extends Omit<AppliedStateOptions<Command, Result>, 'proposals'> {
  readonly proposals: Pick<Proposals, 'appliedAt' | 'find' | 'answer' | 'resolve' | 'skippedTo'>;
  readonly clock: Clock;
  /** The work of a MsgStorageApply is done. */
  readonly onApplied: (message: Message) => void;
  /** A snapshot has taken the place of everything up to here. */
  readonly onRestored: (at: Position) => void;
  /** So many entries, of so many bytes, were applied; nothing is being applied now. */
  readonly onProgress: (entries: number, bytes: number) => void;
  /** The state machine failed: this member may not go on. */
  readonly onFatal: (error: unknown) => void;
}

type Task =
  | { readonly kind: 'entries'; readonly message: Message }
  | { readonly kind: 'call'; readonly run: () => Promise<void>; readonly reject: (error: unknown) => void };

interface WaitingForIndex {
  readonly index: number;
  readonly run: () => void;
}

/**
 * Applies what is committed, in order, one command at a time, off the critical path of the loop: what raft hands out
 * waits here, and is applied in slices between which the event loop turns. A state machine that answers by promises
 * holds up only what is applied after it.
 */
export class Applier<Command, Result> {
  private readonly options: ApplierOptions<Command, Result>;
  private readonly tasks: Task[] = [];
  /** When the present slice began, and after how many commands the clock is looked at next. */
  private sliceBegan = 0;
  private lookAfter = COMMANDS_PER_LOOK;
  private running = false;
  private stopped = false;
  /** Reads and others that wait for an index, and run between two commands. */
  private waiting: WaitingForIndex[] = [];
  private index: number;
  private term: number;
  private readonly state: AppliedState<Command, Result>;
  /** Commands wait for this, if there is something to wait for. */
  private room: (() => Promise<void> | undefined) | undefined = undefined;

  constructor(
    options: ApplierOptions<Command, Result>,
    from: { readonly applied: Position; readonly confState: ConfState },
  ) {
    this.options = options;
    this.index = from.applied.index;
    this.term = from.applied.term;
    this.state = new AppliedState(options, from);
  }

  /** The last entry that was applied. */
  get applied(): Position {
    return { index: this.index, term: this.term };
  }

  /** The membership at `applied`. */
  get confState(): ConfState {
    return this.state.confState;
  }

  /** Entries and calls that are not done yet. */
  get isIdle(): boolean {
    return !this.running && this.tasks.length === 0;
  }

  /** Takes the entries of a MsgStorageApply. */
  push(message: Message): void {
    this.tasks.push({ kind: 'entries', message });
  }

  /** Does this between two commands, after all that was handed over before; what comes later waits until it is done. */
  exclusive(run: () => void | Promise<void>): Promise<void> {
    if (this.stopped) return Promise.reject(replicaStopped(undefined));
    return new Promise((resolve, reject) => {
      const work = async (): Promise<void> => {
        try {
          await run();
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      this.tasks.push({ kind: 'call', run: work, reject });
      this.start();
    });
  }

  /** Calls this between two commands once everything up to `index` is applied. */
  whenApplied(index: number, run: () => void): void {
    if (index <= this.index && !this.running) run();
    else this.waiting.push({ index, run });
  }

  /** Asks this before each entry from now on, and waits for its promise, if there is one; `undefined` ends that. */
  holdUp(room: (() => Promise<void> | undefined) | undefined): void {
    this.room = room;
  }

  /** Applies nothing any more, and waits for nothing: what the state machine is busy with may never end. */
  stop(): void {
    this.stopped = true;
    const tasks = this.tasks.splice(0);
    this.waiting = [];
    for (const task of tasks) if (task.kind === 'call') task.reject(replicaStopped(undefined));
  }

  /** Works on what waits. */
  start(): void {
    if (!this.running && !this.stopped && this.tasks.length > 0) void this.work();
  }

  private async work(): Promise<void> {
    this.running = true;
    this.beginSlice(COMMANDS_PER_LOOK);
    try {
      for (let task = this.tasks[0]; task !== undefined && !this.stopped; task = this.tasks[0]) {
        if (task.kind === 'call') await task.run();
        else await this.applyAll(task.message);
        this.tasks.shift();
      }
    } catch (error) {
      if (!this.stopped) this.options.onFatal(error);
    } finally {
      this.running = false;
    }
    if (!this.stopped) this.runWaiting();
  }

  private async applyAll(message: Message): Promise<void> {
    const { clock } = this.options;
    const { entries } = message;
    let bytes = 0;
    // An iterator would live across the awaits below, and make an object for each entry.
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      bytes += entry.data?.length ?? 0;
      for (let room = this.room?.(); room !== undefined && !this.stopped; room = this.room?.()) await room;
      if (this.stopped) return;
      const pending = this.state.apply(entry);
      if (pending !== undefined) await pending;
      if (this.stopped) return;
      this.index = entry.index;
      this.term = entry.term;
      if (--this.lookAfter > 0) continue;
      if (clock.monotonic() - this.sliceBegan < SLICE_MS) {
        this.lookAfter = COMMANDS_PER_LOOK;
        continue;
      }
      this.runWaiting();
      await new Promise<void>((resolve) => clock.soon(resolve));
      if (this.stopped) return;
      // Once a few commands have filled a slice, each next one is looked at.
      this.beginSlice(1);
    }
    this.options.onApplied(message);
    this.runWaiting();
    this.options.onProgress(entries.length, bytes);
  }

  private beginSlice(lookAfter: number): void {
    this.sliceBegan = this.options.clock.monotonic();
    this.lookAfter = lookAfter;
  }

  /** Runs what waits for an index that is reached. Nothing is being applied now. */
  private runWaiting(): void {
    if (this.waiting.length === 0) return;
    const ready = this.waiting.filter(({ index }) => index <= this.index);
    if (ready.length === 0) return;
    this.waiting = this.waiting.filter(({ index }) => index > this.index);
    for (const { run } of ready) run();
  }

  /** Replaces everything by a snapshot of the leader's. To be called within `exclusive`. */
  async restore(snapshot: Snapshot, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const head = await this.state.load(snapshot, chunks);
    // From here on nothing waits: nobody sees the membership of one index beside the position of another.
    const { index, term, confState } = snapshot.metadata;
    this.state.adopt(snapshot.metadata, head);
    this.index = index;
    this.term = term;
    this.options.proposals.skippedTo({ index, term });
    this.options.onRestored({ index, term });
    this.options.onMembership(confState);
  }
}
