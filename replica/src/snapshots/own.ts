import { storageError } from '@raft-ts/proto/internal';
import { type ConfState, ERR_COMPACTED, ERR_SNAP_OUT_OF_DATE, RaftError, type Snapshot } from '@raft-ts/raft';
import type { Position, ReplicaLog, ReplicaTransport, SnapshotData, StateMachine } from '../base/contracts.js';
import { describe, ERR_STATE_MACHINE } from '../base/errors.js';
import { chunksOf } from '../format/chunks.js';
import type { Format } from '../format/format.js';
import type { Group } from '../group/group.js';
import { Interrupt } from './interrupt.js';
import { type KeptState, keepState } from './keep.js';
import { counting, turning } from './passing.js';
import { AppliedBytes, type SnapshotEvent, type SnapshotPolicy } from './policy.js';
import { RetryPause } from './retry-pause.js';

export interface OwnSnapshotsHost {
  readonly log: ReplicaLog;
  readonly transport: Pick<ReplicaTransport, 'sendSnapshot'>;
  readonly format: Pick<Format<unknown>, 'wrap'>;
  readonly stateMachine: Pick<StateMachine<unknown, unknown>, 'snapshot'>;
  readonly group: Pick<Group, 'head'>;
  readonly policy: SnapshotPolicy;
  readonly interrupt: Interrupt;
  /** What is applied, and the membership there. */
  readonly position: () => { readonly applied: Position; readonly confState: ConfState };
  /** The lowest index that a member which answers still needs. */
  readonly neededFrom: () => number;
  /** Calls this when no command is being applied. */
  readonly betweenCommands: (run: () => void) => void;
  /** Commands ask this before they are applied, and wait for its promise if there is one. */
  readonly holdUp: (room: (() => Promise<void> | undefined) | undefined) => void;
  /** Has an empty entry committed, if this member leads. Rejects if it was not. */
  readonly commitEmpty: () => Promise<unknown>;
  /** The first pause after a failure, in ticks. */
  readonly retryTicks: number;
  /** Lets the event loop turn. */
  readonly turn: () => Promise<void>;
  readonly onEvent: (event: SnapshotEvent) => void;
  readonly warn: (text: string) => void;
  readonly onFatal: (error: unknown) => void;
}

/** So many snapshots in a row may fail: without one the log grows. */
const MOST_FAILURES = 5;
/** After a failure the next attempt comes after this share of what a snapshot is usually taken after, or a pause. */
const RETRY_SHARE = 0.1;

/** One that is being taken, and what it is taken for. */
interface Attempt {
  readonly index: number;
  readonly confState: ConfState;
  /** Something but the growth of the log asks for it. */
  readonly due: boolean;
  /** The log has grown enough to ask for it. */
  readonly grown: boolean;
  /** What was applied since the last attempt that growth had asked for. */
  readonly entries: number;
  readonly bytes: number;
}

/** Takes snapshots of the own state, and drops what they cover from the log. */
export class OwnSnapshots {
  private readonly host: OwnSnapshotsHost;
  private readonly applied = new AppliedBytes();
  private entries = 0;
  private bytes = 0;
  private due = false;
  /** Failures in a row: the first, and those of attempts that the growth of the log had asked for. */
  private failures = 0;
  private readonly pause: RetryPause;
  /** Between two that are taken because the newest one is damaged. */
  private readonly damagePause: RetryPause;
  private committing = false;
  private running: Promise<void> | undefined = undefined;
  /** Bytes of the last one that was taken. */
  private lastSize: number | undefined = undefined;
  /** The one that is being taken. */
  private present: { readonly interrupt: Interrupt; readonly source: AsyncIterator<Uint8Array, unknown> } | undefined =
    undefined;
  /** Index of the newest one. */
  index: number;

  constructor(host: OwnSnapshotsHost) {
    this.host = host;
    this.pause = new RetryPause(host.retryTicks);
    this.damagePause = new RetryPause(host.retryTicks);
    this.index = host.log.snapshot().metadata.index;
  }

  /** A new member can use only a snapshot whose membership names it, so one is taken after each change. */
  membershipChanged(): void {
    this.due = true;
  }

  /**
   * What the newest one kept on disk cannot be read: the state itself is sound, and gives another one. A disk that
   * damages that one too must not have one written for each message: the next are taken after pauses that double.
   */
  damaged(): void {
    if (this.damagePause.isOn) return;
    this.damagePause.begin();
    this.due = true;
    this.takeIfDue();
  }

  /** A member has got the newest one: it was read whole. */
  sound(): void {
    this.damagePause.reset();
  }

  /** Entries were applied, and nothing is being applied now: takes a snapshot if one is due. */
  progress(entries: number, bytes: number): void {
    this.entries += entries;
    this.bytes += bytes;
    this.applied.add(this.host.position().applied.index, bytes);
    if (this.isDue()) this.take();
  }

  /** A tick has passed: where nothing is written, one that has failed is tried again all the same. */
  tick(): void {
    this.damagePause.tick();
    if (this.running === undefined && this.pause.tick()) this.host.betweenCommands(() => this.take());
  }

  private isDue(): boolean {
    return this.hasGrown() || (this.due && this.failures === 0);
  }

  private hasGrown(): boolean {
    const { everyEntries, everyBytes } = this.host.policy;
    const share = this.failures > 0 ? RETRY_SHARE : 1;
    return this.entries >= everyEntries * share || this.bytes >= everyBytes * share;
  }

  /** Takes one now, unless one is being taken. To be called between two commands. */
  private take(): void {
    const { host } = this;
    if (this.running !== undefined || host.interrupt.stopped) return;
    const { applied, confState } = host.position();
    if (applied.index <= this.index) {
      this.makeRoom();
      return;
    }
    const { due, entries, bytes } = this;
    const attempt = { index: applied.index, confState, due, grown: this.hasGrown(), entries, bytes };
    this.due = false;
    this.entries = 0;
    this.bytes = 0;
    this.running = this.run(attempt);
  }

  /**
   * The newest one is of what is applied: if another is due, since that one is damaged, it can only be of a later
   * index. A leader that waited for the next command would send nothing to a member that needs a snapshot.
   */
  private makeRoom(): void {
    if (!this.due || this.committing) return;
    this.committing = true;
    const ended = (): void => {
      this.committing = false;
    };
    // One that failed is asked for again by the next send that finds the damage.
    this.host.commitEmpty().then(ended, ended);
  }

  private async run(attempt: Attempt): Promise<void> {
    try {
      await this.attempt(attempt.index, attempt.confState);
      this.failures = 0;
      this.pause.reset();
    } catch (error) {
      // What the log throws may hide that this one had to give way.
      if (this.present?.interrupt.stopped !== true) this.failed(error, attempt);
    }
    this.present = undefined;
    this.running = undefined;
    this.takeIfDue();
  }

  /** What has become due does not wait for another command. */
  private takeIfDue(): void {
    if (this.isDue()) this.host.betweenCommands(() => this.take());
  }

  private attempt(index: number, confState: ConfState): Promise<void> {
    const { host } = this;
    let data: SnapshotData;
    let head: ReturnType<Group['head']>;
    try {
      data = host.stateMachine.snapshot();
      checkData(data);
      head = host.group.head();
    } catch (error) {
      return Promise.reject(failedStream('snapshot() of the state machine failed', error));
    }
    if (!(data instanceof Uint8Array) && 'room' in data) {
      const view = data;
      host.holdUp(() => view.room());
    }
    return this.save(index, confState, head, chunksOf(data)[Symbol.asyncIterator]());
  }

  private async save(
    index: number,
    confState: ConfState,
    head: ReturnType<Group['head']>,
    source: AsyncIterator<Uint8Array, unknown>,
  ): Promise<void> {
    const { log, format, holdUp, onEvent } = this.host;
    const interrupt = new Interrupt();
    this.present = { interrupt, source };
    onEvent({ phase: 'saving', index, bytes: 0 });
    try {
      const state = this.checked(interrupt.read(source), interrupt);
      const turn = async (): Promise<void> => {
        await this.host.turn();
        interrupt.check();
      };
      const told = counting(format.wrap(head, state), (bytes) => onEvent({ phase: 'saving', index, bytes }));
      const chunks = turning(told, turn);
      const { data, size } = await this.keep(chunks, index, interrupt);
      interrupt.check();
      await log.createSnapshot(index, confState, data);
      this.index = Math.max(this.index, index);
      this.compact(index);
      onEvent({ phase: 'saved', index, bytes: size, size });
    } finally {
      holdUp(undefined);
      await interrupt.letGo(source);
    }
  }

  /** The leader's takes the place of the state: what is being taken is of no use any more, and lets go of the state. */
  giveWay(): void {
    if (this.present === undefined) return;
    const { interrupt, source } = this.present;
    interrupt.stop(storageError(ERR_SNAP_OUT_OF_DATE));
    void interrupt.letGo(source);
  }

  /** What the state machine gives, and throws, is told apart from what the log throws. */
  private async *checked(chunks: AsyncIterable<Uint8Array>, interrupt: Interrupt): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const chunk of chunks) {
        if (!(chunk instanceof Uint8Array)) throw new TypeError(`it gave ${typeof chunk}, not a Uint8Array`);
        yield chunk;
      }
    } catch (error) {
      interrupt.check();
      throw failedStream('the stream of snapshot() of the state machine failed', error);
    }
  }

  private async keep(
    chunks: AsyncGenerator<Uint8Array, void>,
    index: number,
    interrupt: Interrupt,
  ): Promise<KeptState> {
    const { log, transport, policy } = this.host;
    const streams = transport.sendSnapshot === undefined ? undefined : log.snapshots;
    // What was large will be large again: none of it is held to find that out.
    const inlineBytes = this.wasStreamed() ? 0 : policy.inlineBytes;
    try {
      const kept = await keepState(chunks, { streams, inlineBytes, index });
      this.lastSize = kept.size;
      return kept;
    } finally {
      await interrupt.letGo(chunks);
    }
  }

  private wasStreamed(): boolean {
    const { lastSize, host } = this;
    if (lastSize !== undefined) return lastSize > host.policy.inlineBytes;
    const { data, metadata } = host.log.snapshot();
    return metadata.index > 0 && (data === undefined || data.length === 0);
  }

  private failed(error: unknown, { index, due, grown, entries, bytes }: Attempt): void {
    const { interrupt, warn, onEvent, onFatal } = this.host;
    // A snapshot of the leader's has overtaken this one.
    if (interrupt.stopped || isOutOfDate(error)) return;
    this.due ||= due;
    this.pause.begin();
    onEvent({ phase: 'save-failed', index, bytes: 0, error });
    if (!grown && this.failures > 0) {
      this.entries += entries;
      this.bytes += bytes;
      warn(`the snapshot at index ${index} failed again: ${describe(error)}. The next pause is twice as long`);
      return;
    }
    this.failures++;
    const what = `the snapshot at index ${index} failed, ${this.failures} in a row: ${describe(error)}`;
    if (this.failures < MOST_FAILURES) {
      warn(
        `${what}. The log grows until one succeeds; after ${MOST_FAILURES} failures in a row, while it grows, this member ends`,
      );
      return;
    }
    onFatal(
      new RaftError(ERR_STATE_MACHINE, `${what}. Mend its cause, and start again`, {
        reason: 'snapshot',
        cause: error,
      }),
    );
  }

  /** Drops entries that a snapshot covers and that nobody is likely to need. */
  private compact(index: number): void {
    const { log, policy, neededFrom, warn } = this.host;
    const needed = neededFrom();
    const wanted = Math.min(index - policy.keepEntries, needed - 1);
    const most = Math.max(index - policy.keepEntriesForSlow, Math.min(index, this.applied.excess(policy.keepBytes)));
    const upTo = Math.max(wanted, most);
    if (upTo < log.firstIndex()) return;
    if (upTo >= needed && log.firstIndex() <= needed) {
      warn(
        `entries from ${needed} on were dropped up to ${upTo}, although a member still needs them: it gets a snapshot. If it never catches up, raise snapshots.keepEntriesForSlow or keepBytes`,
      );
    }
    try {
      log.compact(upTo);
    } catch (error) {
      if ((error as Partial<RaftError>).code !== ERR_COMPACTED) throw error;
    }
  }

  /** The leader's snapshot is in the place of the state. */
  installed({ metadata: { index } }: Snapshot): void {
    this.index = Math.max(this.index, index);
    this.restored();
  }

  /** The state is that of the newest snapshot, which names the members that it brought: nothing is due. */
  restored(): void {
    this.entries = 0;
    this.bytes = 0;
    this.due = false;
    this.failures = 0;
    this.pause.reset();
  }

  /** Resolves when none is being taken any more. */
  async stop(): Promise<void> {
    this.present?.interrupt.stop();
    await this.running;
  }
}

export function isOutOfDate(error: unknown): boolean {
  return (error as Partial<RaftError>).code === ERR_SNAP_OUT_OF_DATE;
}

function checkData(data: SnapshotData | Promise<unknown>): void {
  if (data instanceof Uint8Array || Symbol.asyncIterator in data || Symbol.iterator in data) return;
  const hint = 'then' in data ? ': it must fix its view, and return, before the next command is applied' : '';
  throw new TypeError(`it returned neither bytes nor an iterable of them${hint}`);
}

function failedStream(what: string, cause: unknown): RaftError {
  return new RaftError(ERR_STATE_MACHINE, `${what}: ${describe(cause)}`, { reason: 'snapshot', cause });
}
