import { isCoded } from '@raft-ts/proto/internal';
import {
  type AnyConfChange,
  type ConfState,
  type Entry,
  EntryType,
  isConfChangeEntry,
  type Message,
  RaftError,
  type Snapshot,
} from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { Codec } from '../base/codec.js';
import type { Position, StateMachine } from '../base/contracts.js';
import {
  CommandFailed,
  describe,
  ERR_STATE_MACHINE,
  ProposalDropped,
  ProposalUnknown,
  replicaStopped,
} from '../base/errors.js';
import type { DecodedEntry, EntryContent, Format } from '../format/format.js';
import type { Group } from '../group/group.js';
import type { SessionPlace } from '../group/sessions.js';
import type { Patience } from './patience.js';
import type { Applied, Pending, Proposals } from './proposals.js';
import { type Came, SessionAnswers } from './session-answers.js';
import type { StateHashes } from './state-hashes.js';

/**
 * Commands are applied for so long in one turn of the event loop, in milliseconds; sockets and timers come in between.
 */
const SLICE_MS = 5;
/** The clock is looked at after so many commands. */
const COMMANDS_PER_LOOK = 16;

export interface ApplierOptions<Command, Result> {
  readonly stateMachine: StateMachine<Command, Result>;
  readonly format: Format<Command>;
  /** How results are kept in sessions, and so in snapshots. */
  readonly results: Codec<Result>;
  readonly group: Group;
  readonly proposals: Pick<Proposals, 'appliedAt' | 'find' | 'answer' | 'skippedTo'>;
  readonly clock: Clock;
  readonly boot: number;
  readonly patience: Pick<Patience, 'begin' | 'end'>;
  /** What a throw of the state machine means: the command's result, or this member's end. */
  readonly applyErrors: 'result' | 'stop';
  /** Remembers what commands come to, if states are compared. */
  readonly hashes?: StateHashes<Result> | undefined;
  readonly warn: (text: string) => void;
  /** More features are open. */
  readonly onFeatures: () => void;
  /** Carries out a committed membership change. */
  readonly applyConfChange: (entry: Entry) => CarriedOut;
  /** The membership has changed, by an entry or by a snapshot. */
  readonly onMembership: (confState: ConfState) => void;
  /** The work of a MsgStorageApply is done. */
  readonly onApplied: (message: Message) => void;
  /** A snapshot has taken the place of everything up to here. */
  readonly onRestored: (at: Position) => void;
  /** So many entries, of so many bytes, were applied; nothing is being applied now. */
  readonly onProgress: (entries: number, bytes: number) => void;
  /** The state machine failed: this member may not go on. */
  readonly onFatal: (error: unknown) => void;
}

/** What a committed membership change came to. */
export interface CarriedOut {
  readonly confState: ConfState;
  /** `undefined` if no member can carry it out: it then changes nothing anywhere. */
  readonly change: AnyConfChange | undefined;
}

type Task =
  | { readonly kind: 'entries'; readonly message: Message }
  | { readonly kind: 'call'; readonly run: () => Promise<void>; readonly reject: (error: unknown) => void };

/** Where a command came from. */
interface Origin {
  /** Whoever asked for it, on this member. */
  readonly asked: Pending | undefined;
  readonly place: SessionPlace | undefined;
}

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
  /** The membership at `applied`. */
  confState: ConfState;
  /** Commands up to here are in the state already. */
  private readonly durableIndex: number;
  private readonly answers: SessionAnswers<Result>;
  /** Commands wait for this, if there is something to wait for. */
  private room: (() => Promise<void> | undefined) | undefined = undefined;

  constructor(
    options: ApplierOptions<Command, Result>,
    from: { readonly applied: Position; readonly confState: ConfState },
  ) {
    this.options = options;
    this.index = from.applied.index;
    this.term = from.applied.term;
    this.confState = from.confState;
    this.durableIndex = options.stateMachine.appliedIndex ?? 0;
    const failed = (error: unknown, index: number): { readonly thrown: unknown } => this.failed(error, index);
    options.hashes?.restart(Math.max(this.index, this.durableIndex));
    this.answers = new SessionAnswers({ sessions: options.group.sessions, results: options.results, failed });
  }

  /** The last entry that was applied. */
  get applied(): Position {
    return { index: this.index, term: this.term };
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
    for (const entry of entries) {
      bytes += entry.data?.length ?? 0;
      for (let room = this.room?.(); room !== undefined && !this.stopped; room = this.room?.()) await room;
      if (this.stopped) return;
      const pending = this.apply(entry);
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

  private apply(entry: Entry): Promise<void> | undefined {
    const { proposals } = this.options;
    const { index, term, data } = entry;
    const own = proposals.appliedAt(index, term);
    if (isConfChangeEntry(entry)) {
      this.changeMembership(entry);
      return undefined;
    }
    if (data === undefined || data.length === 0) {
      if (own !== undefined) proposals.answer(own, { value: { index, term } });
      return undefined;
    }
    const decoded = this.decode(entry, data);
    if (decoded === undefined) {
      const why = 'no member can read it: do all use the same format and codec?';
      if (own !== undefined) proposals.answer(own, { error: new CommandFailed(entry, why) });
      return undefined;
    }
    const asked = own ?? this.forwarded(decoded);
    return this.carryOut(decoded.content, entry, asked);
  }

  /** Bytes that no member could have written must not stop the cluster: every member skips them alike. */
  private decode({ index, type }: Entry, data: Uint8Array): DecodedEntry<Command> | undefined {
    let why = 'it is not of this format';
    if (type === undefined || type === EntryType.EntryNormal) {
      try {
        const decoded = this.options.format.decode(data);
        if (decoded !== undefined) return decoded;
      } catch (error) {
        why = describe(error);
      }
    }
    this.options.warn(
      `skipped the entry at index ${index}, on every member alike: ${why}. Do all members use the same format and codec?`,
    );
    return undefined;
  }

  private forwarded({ request }: DecodedEntry<Command>): Pending | undefined {
    if (request?.boot !== this.options.boot) return undefined;
    return this.options.proposals.find(request.sequence);
  }

  private carryOut(content: EntryContent<Command>, at: Entry, asked: Pending | undefined): Promise<void> | undefined {
    const { group, format } = this.options;
    if (content.kind === 'open-session' && format.sessionsNeedFeatures === true && group.features === 0) {
      if (asked !== undefined) this.options.proposals.answer(asked, { error: new ProposalDropped('features') });
      return undefined;
    }
    if (content.kind !== 'command') {
      const result = this.changeGroup(content, at);
      if (asked !== undefined) {
        this.options.proposals.answer(asked, { value: { index: at.index, term: at.term, result } });
      }
      return undefined;
    }
    const { command, place } = content;
    if (place !== undefined && !this.isDue(place, at, asked)) return undefined;
    return this.run(command, at, { asked, place });
  }

  private changeGroup(
    content: Exclude<EntryContent<Command>, { kind: 'command' }>,
    { index, term }: Position,
  ): unknown {
    const { group } = this.options;
    switch (content.kind) {
      case 'open-session':
        group.sessions.open(index);
        return index;
      case 'reserve-id':
        return group.reserveId();
      case 'promise':
        group.promising.add(content.member);
        return undefined;
      case 'features':
        if (group.openFeatures(content, term)) this.options.onFeatures();
        return undefined;
      case 'state-hashes':
        this.options.hashes?.check(content, index);
        return undefined;
    }
  }

  /** Is this command of a session to be applied? If not, whoever asked is told what is known of it. */
  private isDue(place: SessionPlace, at: Position, asked: Pending | undefined): boolean {
    const { group, proposals } = this.options;
    const verdict = group.sessions.judge(place, at.index);
    if (verdict === 'apply') return true;
    if (asked !== undefined) proposals.answer(asked, this.answers.remembered(verdict, place));
    return false;
  }

  /** Tells whoever asked what came of a command, and a session, if it is of one. */
  private done(came: Came<Result>, at: Entry, { asked, place }: Origin): void {
    if (at.data !== undefined) this.options.hashes?.note(at, at.data, came);
    const kept = place === undefined ? came : this.answers.keep(place, came, at);
    if (asked === undefined) return;
    const { index, term } = at;
    const applied: Applied =
      'result' in kept
        ? { value: { index, term, result: kept.result } }
        : { error: new CommandFailed(at, describe(kept.thrown), kept.thrown) };
    this.options.proposals.answer(asked, applied);
  }

  /** Hands a command to the state machine. */
  private run(command: Command, at: Entry, origin: Origin): Promise<void> | undefined {
    const { stateMachine, group, hashes } = this.options;
    const { index, term } = at;
    if (index <= this.durableIndex) {
      this.passOver(at, origin);
      return undefined;
    }
    let result: Result | Promise<Result>;
    try {
      result = stateMachine.apply(command, { index, term, features: group.features });
    } catch (error) {
      this.done(this.failed(error, index), at, origin);
      return undefined;
    }
    if (isPromise(result)) return this.awaitResult(result, at, origin);
    // On most members nobody asked: they need nothing of what would make an answer.
    if (origin.asked !== undefined || origin.place !== undefined || hashes !== undefined)
      this.done({ result }, at, origin);
    return undefined;
  }

  /** The state holds this command already, and what came of it is not known any more. */
  private passOver({ index, term }: Position, { asked, place }: Origin): void {
    if (place !== undefined) this.answers.passOver(place, { index, term });
    if (asked === undefined) return;
    const detail = `at index ${index}, before this member started`;
    this.options.proposals.answer(asked, { error: new ProposalUnknown('result-forgotten', detail) });
  }

  private async awaitResult(promise: Promise<Result>, at: Entry, origin: Origin): Promise<void> {
    const { patience } = this.options;
    let result: Result;
    patience.begin('apply', at.index);
    try {
      result = await promise;
    } catch (error) {
      this.done(this.failed(error, at.index), at, origin);
      return;
    } finally {
      patience.end();
    }
    this.done({ result }, at, origin);
  }

  /** What a throw of the state machine comes to. @throws what ends this member, if that is what it means */
  private failed(thrown: unknown, index: number): { readonly thrown: unknown } {
    if (this.options.applyErrors === 'stop') {
      throw new RaftError(
        ERR_STATE_MACHINE,
        `the state machine threw at index ${index}, and this member ends, since it cannot know whether the others threw too: ${describe(thrown)}. Mend apply(), or pass applyErrors: 'result' if it throws for what a command asks, and the same on every member`,
        { reason: 'apply', cause: thrown },
      );
    }
    return { thrown };
  }

  private changeMembership(entry: Entry): void {
    const { confState, change } = this.options.applyConfChange(entry);
    if (change === undefined) return;
    this.options.group.applyChange(change, confState);
    this.confState = confState;
    this.options.onMembership(confState);
  }

  /** Replaces everything by a snapshot of the leader's. To be called within `exclusive`. */
  async restore({ metadata }: Snapshot, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { format, group, hashes, stateMachine, patience, proposals, onMembership, onRestored } = this.options;
    const { index, term, confState } = metadata;
    const { state, head } = await format.unwrap(chunks);
    if (index > this.durableIndex) {
      patience.begin('restore', index);
      try {
        await stateMachine.restore(state, { index, term });
      } catch (error) {
        throw await this.failedRestore(error, index, head);
      } finally {
        patience.end();
      }
    }
    group.restore(await head());
    this.index = index;
    this.term = term;
    this.confState = confState;
    hashes?.restart(Math.max(index, this.durableIndex));
    proposals.skippedTo({ index, term });
    onRestored({ index, term });
    onMembership(confState);
  }

  /** What is wrong with the snapshot keeps its code, or gets one; anything else is the state machine's. */
  private async failedRestore(error: unknown, index: number, check: () => Promise<unknown>): Promise<unknown> {
    if (isCoded(error)) return error;
    try {
      // A state machine may stumble over damaged bytes before whoever sums them up is at their end.
      await check();
    } catch (damage) {
      if (isCoded(damage)) return damage;
    }
    return new RaftError(
      ERR_STATE_MACHINE,
      `restore() of the state machine failed for the snapshot at index ${index}: ${describe(error)}. Mend it, and start again`,
      { reason: 'restore', cause: error },
    );
  }
}

/** Does this have to be waited for? */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
