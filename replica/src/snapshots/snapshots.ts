import type { Message, NodeId, Snapshot } from '@raft-ts/raft';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import type { ReplicaLog, ReplicaTransport } from '../base/contracts.js';
import type { Format } from '../format/format.js';
import { Interrupt } from './interrupt.js';
import { OwnSnapshots, type OwnSnapshotsHost } from './own.js';
import { SnapshotTransfer, type SnapshotTransferHost } from './transfer.js';

export interface SnapshotsHost
  extends Omit<OwnSnapshotsHost, 'interrupt'>,
    Pick<SnapshotTransferHost, 'id' | 'restore' | 'reportSnapshot' | 'isBusy' | 'now' | 'pause'> {
  readonly log: ReplicaLog;
  readonly transport: ReplicaTransport;
  readonly format: Pick<Format<unknown>, 'wrap' | 'unwrap'>;
}

/** The snapshots of a member: those that it takes, sends, and gets from the leader. */
export class Snapshots {
  private readonly interrupt = new Interrupt();
  private readonly own: OwnSnapshots;
  private readonly transfer: SnapshotTransfer;

  constructor(host: SnapshotsHost) {
    const { interrupt } = this;
    this.own = new OwnSnapshots({ ...host, interrupt });
    this.transfer = new SnapshotTransfer({
      ...host,
      interrupt,
      onInstalling: () => this.own.giveWay(),
      onInstalled: (snapshot) => this.own.installed(snapshot),
      onDamaged: () => this.own.damaged(),
    });
  }

  /** Index of the newest one. */
  get index(): number {
    return this.own.index;
  }

  /** A new member can use only a snapshot whose membership names it, so one is taken after each change. */
  membershipChanged(): void {
    this.own.membershipChanged();
  }

  /** Entries were applied, and nothing is being applied now: takes a snapshot if one is due. */
  progress(entries: number, bytes: number): void {
    this.own.progress(entries, bytes);
  }

  /** A tick has passed. */
  tick(): void {
    this.own.tick();
    this.transfer.tick();
  }

  /** Restores the state from the log's newest snapshot, if there is one: at the start. */
  async restoreNewest(): Promise<void> {
    await this.transfer.restoreNewest();
    // The log has it already.
    this.own.restored();
  }

  /** Looks at a snapshot that came, before raft takes it. @throws why it cannot be used */
  admit(snapshot: Snapshot): Promise<void> {
    return this.transfer.admit(snapshot);
  }

  /** As `SnapshotTransfer.inspect` does. */
  inspect(
    snapshot: Snapshot,
    chunks: AsyncIterable<Uint8Array>,
    onUnsound: (error: unknown) => void,
  ): AsyncIterable<Uint8Array> {
    return this.transfer.inspect(snapshot, chunks, onUnsound);
  }

  /** As `SnapshotTransfer.takeBody` does. */
  takeBody(snapshot: Snapshot): Promise<Snapshot> {
    return this.transfer.takeBody(snapshot);
  }

  /** Puts a snapshot of the leader's, which is saved, in the place of the state. */
  install(snapshot: Snapshot): Promise<void> {
    return this.transfer.install(snapshot);
  }

  /** Sends a MsgSnap; the state travels beside it if it is not within it. */
  send(message: Message): void {
    this.transfer.send(message);
  }

  /** The transport has told raft how a snapshot that was sent has ended. */
  sent(to: NodeId, status: SnapshotStatus, error: unknown): void {
    if (status === 'finish') this.own.sound();
    this.transfer.sent(to, status, error);
  }

  /** Breaks off what is under way; resolves when the log is not written any more. */
  async stop(): Promise<void> {
    this.interrupt.stop();
    await Promise.all([this.own.stop(), this.transfer.stop()]);
  }
}
