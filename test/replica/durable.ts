import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Message, type NodeId, silentLogger } from '@raft-ts/raft';
import { type BodyPart, HttpTransport, SnapshotFolder, type SnapshotSink } from '@raft-ts/rafthttp';
import { DurableStorage } from '@raft-ts/raftwal';
import { Replica, type ReplicaEvents, type ReplicaOptions, type StateMachine } from '@raft-ts/replica';

const clusterId = 0x7a1fn;

export interface DurableOptions<Command, Result> extends Partial<ReplicaOptions<Command, Result>> {
  /** Where a member puts the bodies of snapshots that come, within its folder. Default: beside the log's own. */
  readonly bodies?: string;
}

/** Tells which bodies have arrived whole. */
class WatchedFolder extends SnapshotFolder {
  private readonly whole: number[];

  constructor(folder: string, whole: number[]) {
    super(folder);
    this.whole = whole;
  }

  override async create(message: Message): Promise<SnapshotSink> {
    return this.watched(message, await super.create(message));
  }

  override async resume(message: Message, part: BodyPart): Promise<SnapshotSink | undefined> {
    const sink = await super.resume(message, part);
    return sink && this.watched(message, sink);
  }

  private watched({ snapshot }: Message, sink: SnapshotSink): SnapshotSink {
    const commit = sink.commit.bind(sink);
    return Object.assign(sink, {
      commit: async () => {
        await commit();
        this.whole.push(snapshot?.metadata.index ?? 0);
      },
    });
  }
}

/** Replicas with logs on disk that speak HTTP, over sockets of the file system. Ids count from 1. */
export class DurableCluster<Command, Result> {
  readonly folder = mkdtempSync(join(tmpdir(), 'replica-'));
  readonly replicas = new Map<NodeId, Replica<Command, Result>>();
  readonly machines = new Map<NodeId, StateMachine<Command, Result>>();
  /** The indexes of snapshots whose bodies arrived whole, at any member. */
  readonly whole: number[] = [];
  private readonly founders: readonly { id: NodeId; url: string }[];
  private readonly create: (id: NodeId) => StateMachine<Command, Result>;
  private readonly options: DurableOptions<Command, Result>;

  constructor(
    size: number,
    create: (id: NodeId) => StateMachine<Command, Result>,
    options: DurableOptions<Command, Result> = {},
  ) {
    this.founders = Array.from({ length: size }, (_, i) => {
      const id = BigInt(i + 1);
      return { id, url: `unix://${this.socket(id)}` };
    });
    this.create = create;
    this.options = options;
  }

  private socket(id: NodeId): string {
    return join(this.folder, `${id}.sock`);
  }

  dir(id: NodeId): string {
    return join(this.folder, String(id));
  }

  async start(id: NodeId): Promise<Replica<Command, Result>> {
    const { bodies = 'snap', ...options } = this.options;
    const dir = this.dir(id);
    const stateMachine = this.create(id);
    this.machines.set(id, stateMachine);
    const log = await DurableStorage.open(dir, { nodeId: id, clusterId });
    const replica = await Replica.start<Command, Result>({
      id,
      log,
      transport: async (receiver) => {
        const { incarnation } = log;
        const snapshots = new WatchedFolder(join(dir, bodies), this.whole);
        const transport = new HttpTransport({ id, clusterId, receiver, incarnation, snapshots });
        await transport.serve({ path: this.socket(id) });
        return transport;
      },
      stateMachine,
      bootstrap: { peers: this.founders },
      tickMs: 20,
      logger: silentLogger,
      ...options,
    });
    this.replicas.set(id, replica);
    return replica;
  }

  /** Resolves with the first event of this kind that the condition holds for. */
  event<Kind extends keyof ReplicaEvents>(
    id: NodeId,
    kind: Kind,
    holds: (event: ReplicaEvents[Kind]) => boolean,
  ): Promise<ReplicaEvents[Kind]> {
    return new Promise((resolve) => {
      const ends: (() => void)[] = [];
      const end = this.replicas.get(id)?.watch(kind, (event) => {
        if (!holds(event)) return;
        resolve(event);
        for (const one of ends) one();
      });
      if (end !== undefined) ends.push(end);
    });
  }

  async stop(id: NodeId): Promise<void> {
    const replica = this.replicas.get(id);
    this.replicas.delete(id);
    await replica?.stop();
  }

  async end(): Promise<void> {
    await Promise.all([...this.replicas.keys()].map((id) => this.stop(id)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
