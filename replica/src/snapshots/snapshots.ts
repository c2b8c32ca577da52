import {
  type ConfState,
  ERR_COMPACTED,
  ERR_SNAP_OUT_OF_DATE,
  type Message,
  RaftError,
  type Snapshot,
} from '@raft-ts/raft';
import type {
  Position,
  ReplicaLog,
  ReplicaTransport,
  SnapshotBody,
  SnapshotData,
  StateMachine,
} from '../base/contracts.js';
import { describe, ERR_STATE_MACHINE } from '../base/errors.js';
import { chunksOf, collect } from '../format/chunks.js';
import type { Format } from '../format/format.js';
import type { Group } from '../group/group.js';

/** When a snapshot is taken, and what stays in the log after it. */
export interface SnapshotPolicy {
  /** After so many entries since the last one. */
  readonly everyEntries: number;
  /** After so many bytes of entries since the last one. */
  readonly everyBytes: number;
  /** Entries that stay in the log below a snapshot, for members that are a little behind. */
  readonly keepEntries: number;
  /** Entries that stay at most for a member that is further behind, while it answers. */
  readonly keepEntriesForSlow: number;
  /** A state of up to so many bytes travels within its message; a larger one is streamed if log and transport can. */
  readonly inlineBytes: number;
}

/** What a snapshot is doing. */
export interface SnapshotEvent {
  /**
   * `saving` and `saved`: of the own state; `sending`, `sent` and `send-failed`: to another member; `installing` and
   * `installed`: the leader's, in the place of the own state.
   */
  readonly phase: 'saving' | 'saved' | 'sending' | 'sent' | 'send-failed' | 'installing' | 'installed';
  readonly index: number;
  /** So far. */
  readonly bytes: number;
  /** To whom, if it is sent. */
  readonly to?: bigint;
}

export interface SnapshotsHost {
  readonly log: ReplicaLog;
  readonly transport: ReplicaTransport;
  readonly format: Pick<Format<unknown>, 'wrap'>;
  readonly stateMachine: Pick<StateMachine<unknown, unknown>, 'snapshot'>;
  readonly group: Group;
  readonly policy: SnapshotPolicy;
  /** What is applied, and the membership there. */
  readonly position: () => { readonly applied: Position; readonly confState: ConfState };
  /** The lowest index that a member which answers still needs. */
  readonly neededFrom: () => number;
  readonly onEvent: (event: SnapshotEvent) => void;
  readonly onFatal: (error: unknown) => void;
  readonly reportSnapshot: (to: bigint, status: 'finish' | 'failure') => void;
}

/** Progress is told after so many bytes. */
const BYTES_PER_EVENT = 16 * 2 ** 20;

/** Takes snapshots, sends them, and takes over the leader's. */
export class Snapshots {
  private readonly host: SnapshotsHost;
  private entries = 0;
  private bytes = 0;
  private due = false;
  private running: Promise<void> | undefined = undefined;
  private stopped = false;
  /** Index of the newest one. */
  index: number;

  constructor(host: SnapshotsHost) {
    this.host = host;
    this.index = host.log.snapshot().metadata.index;
  }

  /** A new member can use only a snapshot whose membership names it, so one is taken after each change. */
  membershipChanged(): void {
    this.due = true;
  }

  /** Entries were applied, and nothing is being applied now: takes a snapshot if one is due. */
  progress(entries: number, bytes: number): void {
    this.entries += entries;
    this.bytes += bytes;
    const { everyEntries, everyBytes } = this.host.policy;
    if (this.due || this.entries >= everyEntries || this.bytes >= everyBytes) this.take();
  }

  /** Takes one now, unless one is being taken. To be called between two commands. */
  private take(): void {
    if (this.running !== undefined || this.stopped) return;
    const { applied, confState } = this.host.position();
    if (applied.index <= this.index) return;
    this.due = false;
    this.entries = 0;
    this.bytes = 0;
    let data: SnapshotData;
    try {
      data = this.host.stateMachine.snapshot();
    } catch (error) {
      this.host.onFatal(failedSnapshot(error));
      return;
    }
    const chunks = this.host.format.wrap(this.host.group.head(), chunksOf(data));
    this.running = this.save(applied.index, confState, chunks)
      .catch((error: unknown) => {
        if (!this.stopped && !isOutOfDate(error)) this.host.onFatal(error);
      })
      .finally(() => {
        this.running = undefined;
      });
  }

  private async save(index: number, confState: ConfState, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { log, onEvent } = this.host;
    const counted = this.counting(chunks, (bytes) => onEvent({ phase: 'saving', index, bytes }));
    const { data, size } = await this.keep(counted, index);
    await log.createSnapshot(index, confState, data);
    this.index = Math.max(this.index, index);
    this.compact(index);
    onEvent({ phase: 'saved', index, bytes: size });
  }

  /** Keeps a state beside the log if it is large, and otherwise gives it back whole. */
  private async keep(
    chunks: AsyncIterable<Uint8Array>,
    index: number,
  ): Promise<{ readonly data: Uint8Array | undefined; readonly size: number }> {
    const { log, transport, policy } = this.host;
    if (log.snapshots === undefined || transport.sendSnapshot === undefined) {
      const data = await collect(chunks);
      return { data, size: data.length };
    }
    const source = chunks[Symbol.asyncIterator]();
    const head: Uint8Array[] = [];
    let size = 0;
    while (size <= policy.inlineBytes) {
      const { done, value } = await source.next();
      if (done === true) {
        const data = await collect(chunksOf(head));
        return { data, size };
      }
      head.push(value);
      size += value.length;
    }
    const whole = async function* (): AsyncGenerator<Uint8Array, void> {
      yield* head.splice(0);
      for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
    };
    return { data: undefined, size: await log.snapshots.saveStream(whole(), index) };
  }

  private async *counting(
    chunks: AsyncIterable<Uint8Array>,
    tell: (bytes: number) => void,
  ): AsyncGenerator<Uint8Array, void> {
    let bytes = 0;
    let told = 0;
    for await (const chunk of chunks) {
      if (this.stopped) throw new RaftError(ERR_STATE_MACHINE, 'the replica was stopped', { reason: 'stopped' });
      bytes += chunk.length;
      if (bytes - told >= BYTES_PER_EVENT) {
        told = bytes;
        tell(bytes);
      }
      yield chunk;
    }
  }

  /** Drops entries that a snapshot covers and that nobody is likely to need. */
  private compact(index: number): void {
    const { log, policy, neededFrom } = this.host;
    const keepFrom = Math.min(index - policy.keepEntries, neededFrom() - 1);
    const upTo = Math.max(keepFrom, index - policy.keepEntriesForSlow);
    if (upTo < log.firstIndex()) return;
    try {
      log.compact(upTo);
    } catch (error) {
      if ((error as Partial<RaftError>).code !== ERR_COMPACTED) throw error;
    }
  }

  /** The state of the log's newest snapshot, or of one that the leader sent; `undefined` if there is none. */
  stateOf({ data, metadata }: Snapshot): AsyncIterable<Uint8Array> | undefined {
    if (metadata.index === 0) return undefined;
    const { snapshots } = this.host.log;
    if (snapshots === undefined || (data !== undefined && data.length > 0)) return chunksOf(data ?? new Uint8Array(0));
    return snapshots.loadStream(metadata.index);
  }

  /** A leader's snapshot is about to be saved: its body, if it came beside its message, must be kept first. */
  async takeBody(snapshot: Snapshot): Promise<void> {
    const { log, transport, onEvent } = this.host;
    const { index } = snapshot.metadata;
    onEvent({ phase: 'installing', index, bytes: snapshot.data?.length ?? 0 });
    if (snapshot.data !== undefined && snapshot.data.length > 0) return;
    if (log.snapshots === undefined || transport.openSnapshot === undefined) return;
    const body = await transport.openSnapshot(snapshot);
    await log.snapshots.saveStream(body.chunks, index);
  }

  /** A leader's snapshot is in the place of the state. */
  installed({ metadata: { index }, data }: Snapshot): void {
    this.index = Math.max(this.index, index);
    this.entries = 0;
    this.bytes = 0;
    this.host.onEvent({ phase: 'installed', index, bytes: data?.length ?? 0 });
  }

  /** Sends a MsgSnap; the state travels beside it if it is not within it. */
  send(message: Message): void {
    const { log, transport, onEvent } = this.host;
    const { snapshot, to } = message;
    if (snapshot === undefined) return;
    const { index } = snapshot.metadata;
    onEvent({ phase: 'sending', index, bytes: snapshot.data?.length ?? 0, to });
    if (
      (snapshot.data !== undefined && snapshot.data.length > 0) ||
      log.snapshots === undefined ||
      transport.sendSnapshot === undefined
    ) {
      transport.send([message]);
      return;
    }
    this.sendBody(message, index).then(
      (status) => onEvent({ phase: status === 'finish' ? 'sent' : 'send-failed', index, bytes: 0, to }),
      (error: unknown) => {
        if (this.stopped) return;
        // The body could not even be opened, so the transport has told raft nothing.
        this.host.reportSnapshot(to, 'failure');
        onEvent({ phase: 'send-failed', index, bytes: 0, to });
        if (!isOutOfDate(error)) this.host.onFatal(error);
      },
    );
  }

  private async sendBody(message: Message, index: number): Promise<'finish' | 'failure'> {
    const { log, transport } = this.host;
    const streams = log.snapshots as NonNullable<ReplicaLog['snapshots']>;
    const body: SnapshotBody = { size: await streams.streamSize(index), chunks: streams.loadStream(index) };
    return (transport.sendSnapshot as NonNullable<ReplicaTransport['sendSnapshot']>).call(transport, message, body);
  }

  /** Resolves when none is being taken any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }
}

function isOutOfDate(error: unknown): boolean {
  return (error as Partial<RaftError>).code === ERR_SNAP_OUT_OF_DATE;
}

function failedSnapshot(cause: unknown): RaftError {
  return new RaftError(ERR_STATE_MACHINE, `snapshot() of the state machine threw: ${describe(cause)}`, {
    reason: 'snapshot',
    cause,
  });
}
