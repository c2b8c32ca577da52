import { type Message, type NodeId, RaftError, type Snapshot } from '@raft-ts/raft';
import type { ReceivedBody, ReplicaReceiver, ReplicaTransport, SnapshotBody, SnapshotStreams } from '@raft-ts/replica';
import { MemoryLog } from '@raft-ts/replica/memory';
import type { VirtualNetwork, VirtualTime } from './virtual.js';

/** A log in memory that keeps streams beside it, each piece of which takes time. */
export class StreamLog extends MemoryLog {
  /** Milliseconds that it takes to write or read a piece. */
  pieceMs = 0;
  /** Streams whose writing begins while this is set are not kept before it resolves. */
  gate: Promise<void> | undefined = undefined;
  /** What the next stream fails with, after its first piece. */
  failure: Error | undefined = undefined;
  readonly streams = new Map<number, Uint8Array>();
  /** Streams that are being written. */
  writing = 0;
  private readonly time: VirtualTime;

  constructor(time: VirtualTime) {
    super();
    this.time = time;
  }

  readonly snapshots: SnapshotStreams = {
    saveStream: async (source, index) => {
      this.writing++;
      const { gate } = this;
      try {
        const parts: Uint8Array[] = [];
        for await (const piece of source) {
          parts.push(piece);
          await this.piece();
          if (this.failure !== undefined) throw this.failure;
        }
        await gate;
        const bytes = Buffer.concat(parts);
        this.streams.set(index, bytes);
        return bytes.length;
      } finally {
        this.writing--;
      }
    },
    loadStream: (index) => this.load(index),
    streamSize: async (index) => this.stream(index).length,
  };

  private stream(index: number): Uint8Array {
    const bytes = this.streams.get(index);
    if (bytes === undefined) throw new RaftError('ERR_RAFT_SNAP_NONE', `there is no stream of index ${index}`);
    return bytes;
  }

  private async *load(index: number): AsyncGenerator<Uint8Array, void> {
    const bytes = this.stream(index);
    for (let at = 0; at < bytes.length; at += 1000) {
      await this.piece();
      yield bytes.subarray(at, at + 1000);
    }
  }

  private async piece(): Promise<void> {
    if (this.pieceMs > 0) await new Promise<void>((resolve) => void this.time.after(this.pieceMs, resolve));
  }
}

/** Carries the bodies of snapshots beside the messages of a virtual network. */
export class VirtualBodies {
  /** What has become of a body on its way. */
  change: (body: Uint8Array) => Uint8Array | undefined = (body) => body;
  /** Bodies that were opened give their first piece, and then nothing any more. */
  stuck = false;
  /** Snapshots that were sent with a body: their indexes, and to whom. */
  readonly sent: { readonly to: NodeId; readonly index: number }[] = [];
  /** The indexes of those whose body came to its end. */
  readonly whole: number[] = [];
  private readonly network: VirtualNetwork;
  private readonly bodies = new Map<Snapshot, Uint8Array>();

  constructor(network: VirtualNetwork) {
    this.network = network;
  }

  connect(id: NodeId, receiver: ReplicaReceiver): ReplicaTransport {
    const inner = this.network.connect(id, receiver);
    return {
      ...inner,
      sendSnapshot: async (message, body) => {
        const { snapshot } = message;
        if (snapshot === undefined) throw new Error('only a MsgSnap has a body');
        this.sent.push({ to: message.to, index: snapshot.metadata.index });
        const bytes = await this.read(body, message, receiver);
        if (bytes === undefined) return 'failure';
        this.whole.push(snapshot.metadata.index);
        const arrived = this.change(bytes);
        if (arrived !== undefined) this.bodies.set(snapshot, arrived);
        inner.send([message]);
        return 'finish';
      },
      peekSnapshot: async (snapshot) => this.bodyOf(snapshot),
      openSnapshot: async (snapshot) => {
        const body = this.bodyOf(snapshot);
        if (body === undefined) throw new RaftError('ERR_RAFT_SNAPSHOT_BODY', 'it has no body', { reason: 'missing' });
        return body;
      },
    };
  }

  private async read(body: SnapshotBody, message: Message, sender: ReplicaReceiver): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    try {
      for await (const chunk of body.chunks) parts.push(chunk);
    } catch {
      sender.reportSnapshot(message.to, 'failure');
      return undefined;
    }
    return Buffer.concat(parts);
  }

  private bodyOf(snapshot: Snapshot): ReceivedBody | undefined {
    const bytes = this.bodies.get(snapshot);
    if (bytes === undefined) return undefined;
    const isStuck = (): boolean => this.stuck;
    return {
      size: bytes.length,
      chunks: (async function* () {
        yield bytes;
        if (isStuck()) await new Promise<never>(() => {});
      })(),
    };
  }
}
