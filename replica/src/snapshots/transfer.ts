import { type Message, type NodeId, RaftError, type Snapshot } from '@raft-ts/raft';
import { names } from '@raft-ts/raft/internal';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import type { ReceivedBody, ReplicaLog, ReplicaTransport, SnapshotBody, SnapshotStreams } from '../base/contracts.js';
import { describe, ERR_SNAPSHOT_FORMAT } from '../base/errors.js';
import { chunksOf, collect } from '../format/chunks.js';
import type { Format } from '../format/format.js';
import type { Interrupt } from './interrupt.js';
import { atLeisure } from './leisure.js';
import { BYTES_PER_TURN, counting, turning } from './passing.js';
import type { SnapshotEvent, SnapshotPolicy } from './policy.js';
import { RetryPause } from './retry-pause.js';
import { vouched } from './vouched.js';

export interface SnapshotTransferHost {
  /** This member. */
  readonly id: NodeId;
  readonly log: Pick<ReplicaLog, 'snapshots' | 'snapshot'>;
  readonly transport: ReplicaTransport;
  readonly format: Pick<Format<unknown>, 'unwrap'>;
  readonly policy: Pick<SnapshotPolicy, 'inlineBytes'>;
  readonly interrupt: Interrupt;
  /** Puts a snapshot in the place of the state, unless a newer one is about to. Resolves with whether it did. */
  readonly restore: (snapshot: Snapshot, chunks: AsyncIterable<Uint8Array>) => Promise<boolean>;
  /** The state is about to be replaced by a snapshot of the leader's. */
  readonly onInstalling: () => void;
  readonly onInstalled: (snapshot: Snapshot) => void;
  /** The newest snapshot on disk is damaged: another one is due. */
  readonly onDamaged: () => void;
  /** The first pause after one that could not be read, in ticks. */
  readonly retryTicks: number;
  /** Lets the event loop turn. */
  readonly turn: () => Promise<void>;
  /** Does a command or a read wait for this member? */
  readonly isBusy: () => boolean;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** Resolves after so many milliseconds. */
  readonly pause: (ms: number) => Promise<void>;
  readonly onEvent: (event: SnapshotEvent) => void;
  readonly warn: (text: string) => void;
  readonly reportSnapshot: (to: NodeId, status: SnapshotStatus, error: unknown) => void;
}

/** Sends snapshots to other members, and takes over those of the leader. */
export class SnapshotTransfer {
  private readonly host: SnapshotTransferHost;
  /** The last body that was taken over; the driver takes one at a time. */
  private keeping: Promise<unknown> = Promise.resolve();
  /** The last one that could not be read, and why. */
  private unreadable: { readonly index: number; readonly error: unknown } | undefined = undefined;
  /** Snapshots whose bodies were found sound while they came, and how long they were. */
  private readonly inspected = new WeakMap<Snapshot, number>();
  /** Until that one is read again: raft asks for it at each heartbeat, and a large one takes long to read. */
  private readonly pause: RetryPause;

  constructor(host: SnapshotTransferHost) {
    this.host = host;
    this.pause = new RetryPause(host.retryTicks);
  }

  /** A tick has passed. */
  tick(): void {
    this.pause.tick();
  }

  /**
   * Looks at a snapshot that came, before raft takes it: what raft has taken cannot be refused any more.
   * @throws RaftError ERR_RAFT_SNAPSHOT_FORMAT if its membership does not name this member, or its body is missing or
   * is not of this format; what reading it throws
   */
  async admit(snapshot: Snapshot): Promise<void> {
    const { id, log, transport, interrupt } = this.host;
    // Raft would ignore it, and its body would keep the place of the next one.
    if (!names(snapshot.metadata.confState, id))
      throw refuse(snapshot, `it was taken before member ${id} was added`, 'membership');
    let chunks: AsyncIterable<Uint8Array>;
    if (isInline(snapshot)) {
      chunks = inPieces(snapshot.data);
    } else {
      if (transport.openSnapshot === undefined || log.snapshots === undefined)
        throw refuse(snapshot, 'it came without its state, and this member keeps no streams');
      if (transport.peekSnapshot === undefined) return;
      const body = await interrupt.race(transport.peekSnapshot(snapshot));
      if (body === undefined) throw refuse(snapshot, 'it came without its state');
      // All of it was looked at already. That the file holds the very same is for `restore` to see.
      if (this.inspected.get(snapshot) === body.size) return;
      ({ chunks } = body);
    }
    await this.check(chunks);
  }

  /**
   * The same chunks, of a body that is being stored: they are looked at while they come, so that `admit` need not read
   * them again. @throws why it is not sound, before the last one; `onUnsound` is told then
   */
  async *inspect(
    snapshot: Snapshot,
    chunks: AsyncIterable<Uint8Array>,
    onUnsound: (error: unknown) => void,
  ): AsyncGenerator<Uint8Array, void> {
    const { interrupt } = this.host;
    let bytes = 0;
    const counted = counting(
      chunks,
      () => {},
      (n) => {
        bytes = n;
      },
    );
    yield* vouched(counted, async (copy) => {
      try {
        await this.check(copy);
      } catch (error) {
        // A member that stops says nothing of the body, and admits none: what has come may be gone on with later.
        if (interrupt.stopped) return;
        onUnsound(error);
        throw error;
      }
    });
    this.inspected.set(snapshot, bytes);
  }

  /** Reads as much of a snapshot as its format has to, to know that it is sound. @throws why it is not */
  private async check(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { format, interrupt, turn } = this.host;
    const reader = turning(interrupt.read(chunks[Symbol.asyncIterator]()), turn);
    try {
      const { head } = await format.unwrap(reader);
      await head();
    } finally {
      await interrupt.letGo(reader);
    }
  }

  /**
   * A leader's snapshot is about to be saved: its body, if it came beside its message, must be kept first. So is one
   * that came within it and is larger than this member would send, or it would be held for as long as it is the newest.
   * @returns the snapshot as it is to be saved
   */
  takeBody(snapshot: Snapshot): Promise<Snapshot> {
    const { log, transport, policy } = this.host;
    const streams = log.snapshots;
    if (streams === undefined) return Promise.resolve(snapshot);
    let kept: Promise<Snapshot>;
    if (isInline(snapshot)) {
      const fits = transport.sendSnapshot === undefined || snapshot.data.length <= policy.inlineBytes;
      if (fits) return Promise.resolve(snapshot);
      kept = this.moveOut(snapshot, streams);
    } else {
      if (transport.openSnapshot === undefined) return Promise.resolve(snapshot);
      kept = this.keepBody(snapshot, streams, transport.openSnapshot(snapshot)).then(() => snapshot);
    }
    this.keeping = kept;
    return kept;
  }

  private async moveOut({ data, metadata }: InlineSnapshot, streams: SnapshotStreams): Promise<Snapshot> {
    await streams.saveStream(inPieces(data), metadata.index);
    return { data: undefined, metadata };
  }

  private async keepBody(
    { metadata: { index } }: Snapshot,
    streams: SnapshotStreams,
    opening: Promise<ReceivedBody>,
  ): Promise<void> {
    const { interrupt, onEvent } = this.host;
    const body = await interrupt.race(opening);
    const { file, size } = body;
    if (file !== undefined && streams.adoptStream !== undefined) {
      if (await streams.adoptStream(file, index)) return;
    }
    const chunks = interrupt.read(body.chunks[Symbol.asyncIterator]());
    const counted = counting(chunks, (bytes) => onEvent({ phase: 'installing', index, bytes, size }));
    const saved = await streams.saveStream(counted, index);
    if (saved !== size) {
      throw new RaftError(
        ERR_SNAPSHOT_FORMAT,
        `the body of the leader's snapshot at index ${index} has ${saved} bytes in place of ${size}`,
        { reason: 'size' },
      );
    }
    // A log that cannot take files over may keep them in the same place.
    if (file === undefined || streams.adoptStream !== undefined) await body.release?.();
  }

  /** Restores the state from the log's newest snapshot, if there is one: at the start. */
  async restoreNewest(): Promise<void> {
    const snapshot = this.host.log.snapshot();
    if (snapshot.metadata.index > 0) await this.restoreFrom(snapshot);
  }

  /** Puts a snapshot of the leader's, which is saved, in the place of the state. */
  async install(snapshot: Snapshot): Promise<void> {
    const { onEvent, onInstalling, onInstalled } = this.host;
    const { index } = snapshot.metadata;
    onInstalling();
    const bytes = await this.restoreFrom(snapshot);
    // What was handed out after it is the newer one: raft hands out nothing else before a snapshot is done.
    if (bytes === undefined) return;
    onInstalled(snapshot);
    onEvent({ phase: 'installed', index, bytes, size: bytes });
  }

  /** @returns how many bytes were read; undefined if a newer snapshot has made this one useless */
  private async restoreFrom(snapshot: Snapshot): Promise<number | undefined> {
    const { log, interrupt, restore, turn, onEvent } = this.host;
    const { index } = snapshot.metadata;
    const chunks = stateOf(snapshot, log.snapshots);
    onEvent({ phase: 'installing', index, bytes: 0 });
    let bytes = 0;
    const reader = counting(
      turning(interrupt.read(chunks[Symbol.asyncIterator]()), turn),
      (told) => onEvent({ phase: 'installing', index, bytes: told }),
      (n) => {
        bytes = n;
      },
    );
    try {
      return (await restore(snapshot, reader)) ? bytes : undefined;
    } finally {
      await interrupt.letGo(reader);
    }
  }

  /** Sends a MsgSnap; the state travels beside it if it is not within it. */
  send(message: Message): void {
    const { transport, interrupt, reportSnapshot, onEvent } = this.host;
    const { snapshot, to } = message;
    if (snapshot === undefined) return;
    const { index } = snapshot.metadata;
    if (this.pause.isOn && this.unreadable?.index === index) {
      reportSnapshot(to, 'failure', this.unreadable.error);
      return;
    }
    onEvent({ phase: 'sending', index, bytes: 0, to });
    if (isInline(snapshot)) {
      transport.send([message]);
      return;
    }
    this.sendBody(message, snapshot).catch((error: unknown) => {
      if (interrupt.stopped) return;
      // The body could not even be opened, so the transport has told raft nothing. Raft sends the newest one later.
      reportSnapshot(to, 'failure', error);
      this.failed(index, to, error);
    });
  }

  private failed(index: number, to: NodeId, error: unknown): void {
    const { onDamaged, warn } = this.host;
    this.unreadable = { index, error };
    if (!this.pause.isOn) this.pause.begin();
    const damaged = (error as Partial<RaftError>).code === ERR_SNAPSHOT_FORMAT;
    if (damaged) onDamaged();
    const next = damaged ? 'A new one is taken' : 'It is read again after a pause, unless there is a newer one by then';
    warn(`the snapshot at index ${index} could not be sent to member ${to}: ${describe(error)}. ${next}`);
  }

  /** The transport has told raft how a snapshot that was sent has ended. */
  sent(to: NodeId, status: SnapshotStatus, error: unknown): void {
    const outcome = status === 'finish' ? ({ phase: 'sent' } as const) : ({ phase: 'send-failed', error } as const);
    this.host.onEvent({ ...outcome, index: this.host.log.snapshot().metadata.index, bytes: 0, to });
  }

  private async sendBody(message: Message, snapshot: Snapshot): Promise<void> {
    const { transport, log, interrupt, onEvent } = this.host;
    const { index } = snapshot.metadata;
    const streams = log.snapshots;
    if (streams === undefined) throw refuse(snapshot, 'its state is gone: the log keeps no streams');
    const size = await streams.streamSize(index);
    let unsound: { readonly error: unknown } | undefined;
    const chunks = this.sound(streams.loadStream(index), (error) => {
      unsound = { error };
    });
    if (transport.sendSnapshot === undefined) {
      transport.send([{ ...message, snapshot: { ...snapshot, data: await collect(chunks) } }]);
      return;
    }
    const tell = (bytes: number): void => onEvent({ phase: 'sending', index, bytes, size, to: message.to });
    const body: SnapshotBody = { size, chunks: counting(chunks, tell) };
    await transport.sendSnapshot(message, body);
    // The transport has told raft that it failed, and its receiver why.
    if (unsound !== undefined && !interrupt.stopped) this.failed(index, message.to, unsound.error);
  }

  /** A body that is read to be sent: it does not come to its end if it is damaged. */
  private async *sound(
    chunks: AsyncIterable<Uint8Array>,
    onUnsound: (error: unknown) => void,
  ): AsyncGenerator<Uint8Array, void> {
    const { interrupt, isBusy, turn, now, pause } = this.host;
    const read = interrupt.read(chunks[Symbol.asyncIterator]());
    const pieces = atLeisure(read, { isBusy, turn, now, pause: (ms) => interrupt.race(pause(ms)) });
    try {
      yield* vouched(pieces, (copy) => this.check(copy));
      this.pause.reset();
    } catch (error) {
      onUnsound(error);
      throw error;
    }
  }

  /** Resolves when the log is not written any more. The interrupt must have stopped. */
  async stop(): Promise<void> {
    await this.keeping.catch(() => {});
  }
}

/** What came in one piece is read in several, so that the event loop can turn in between. */
/** The state of a snapshot that a log keeps: within it, or in the stream beside it. */
export function stateOf(
  snapshot: Snapshot,
  streams: Pick<SnapshotStreams, 'loadStream'> | undefined,
): AsyncIterable<Uint8Array> {
  if (isInline(snapshot) || streams === undefined) return inPieces(snapshot.data ?? new Uint8Array(0));
  return streams.loadStream(snapshot.metadata.index);
}

function inPieces(data: Uint8Array): AsyncIterable<Uint8Array> {
  function* pieces(): Generator<Uint8Array, void> {
    for (let at = 0; at < data.length; at += BYTES_PER_TURN) yield data.subarray(at, at + BYTES_PER_TURN);
  }
  return chunksOf(pieces());
}

type InlineSnapshot = Snapshot & { readonly data: Uint8Array };

function isInline(snapshot: Snapshot): snapshot is InlineSnapshot {
  return snapshot.data !== undefined && snapshot.data.length > 0;
}

function refuse({ metadata: { index } }: Snapshot, why: string, reason = 'body'): RaftError {
  return new RaftError(ERR_SNAPSHOT_FORMAT, `the snapshot at index ${index} cannot be used: ${why}`, { reason });
}
