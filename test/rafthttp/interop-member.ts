import type { ConfState, Entry, Message, NodeId } from '@raft-ts/proto';
import { decodeConfChange, EntryType, MessageType } from '@raft-ts/proto';
import { isEmptySnap, MemoryStorage, RawNode } from '@raft-ts/raft';
import type { TransportReceiver } from '@raft-ts/raft/transport';
import { HttpTransport, type Listener, SnapshotFolder } from '@raft-ts/rafthttp';
import { CLUSTER, chunksOf } from './members.js';

const TICK_MS = 100;

/** A value, and the index of the entry that wrote it. */
type Stored = readonly [value: string, index: number];

interface Command {
  readonly op: string;
  readonly key: string;
  readonly value?: string;
}

export interface InteropOptions {
  readonly id: NodeId;
  /** URLs of all members, this one among them. */
  readonly peers: ReadonlyMap<NodeId, string>;
  readonly folder: string;
  /** A snapshot is taken after so many entries, and so few are kept before it. */
  readonly snapshotEvery: number;
  readonly keep: number;
}

/**
 * A member of the cluster of test/reference (`cmd/member`) as far as replication goes: its keys and values, its
 * snapshots, beside the message or streamed. It starts empty, and keeps its log in memory.
 */
export class InteropMember implements TransportReceiver {
  readonly store = new Map<string, Stored>();
  readonly streamedIn: number[] = [];
  readonly streamedOut: string[] = [];
  /** Kinds of messages that arrived. */
  readonly arrived = new Set<MessageType>();
  applied = 0;
  private readonly options: InteropOptions;
  private readonly transport: HttpTransport;
  private readonly bodies: SnapshotFolder;
  private readonly storage = new MemoryStorage();
  private readonly raw: RawNode;
  private confState: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  private snapshotIndex = 0;
  private ticker: NodeJS.Timeout | undefined;
  private listener: Listener | undefined;

  constructor(options: InteropOptions) {
    this.options = options;
    this.bodies = new SnapshotFolder(options.folder);
    this.transport = new HttpTransport({
      id: options.id,
      clusterId: CLUSTER,
      receiver: this,
      snapshots: this.bodies,
      urls: [options.peers.get(options.id) as string],
      incarnation: false,
    });
    this.raw = new RawNode({
      id: options.id,
      electionTick: 10,
      heartbeatTick: 1,
      storage: this.storage,
      maxSizePerMsg: 1 << 20,
      maxInflightMsgs: 256,
      checkQuorum: true,
      preVote: true,
    });
  }

  get leads(): boolean {
    return this.raw.basicStatus().softState.raftState === 'StateLeader';
  }

  async start(): Promise<void> {
    const { id, peers } = this.options;
    const { hostname, port } = new URL(peers.get(id) as string);
    this.listener = await this.transport.serve({ host: hostname, port: Number(port) });
    for (const [peer, url] of peers) if (peer !== id) this.transport.addPeer(peer, [url]);
    this.ticker = setInterval(() => {
      this.raw.tick();
      this.drive();
    }, TICK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.ticker);
    await this.listener?.close();
    await this.transport.stop();
  }

  propose(key: string, value: string): void {
    const command = { op: 'put', key, value, id: `${this.options.id}-interop-${key}` };
    this.raw.propose(new TextEncoder().encode(JSON.stringify(command)));
    this.drive();
  }

  async process(message: Message): Promise<void> {
    this.arrived.add(message.type);
    this.raw.step(await this.withBody(message));
    this.drive();
  }

  /** A snapshot whose message has no data was streamed: its body is the data. */
  private async withBody(message: Message): Promise<Message> {
    const { type, snapshot } = message;
    if (type !== MessageType.MsgSnap || snapshot === undefined || (snapshot.data?.length ?? 0) > 0) return message;
    const { metadata } = snapshot;
    this.streamedIn.push(metadata.index);
    const data = await readAll((await this.bodies.open(snapshot)).chunks);
    return { ...message, snapshot: { data, metadata } };
  }

  isIdRemoved(): boolean {
    return false;
  }

  reportUnreachable(id: NodeId): void {
    this.raw.reportUnreachable(id);
  }

  reportSnapshot(id: NodeId, status: 'finish' | 'failure'): void {
    this.raw.reportSnapshot(id, status);
    this.drive();
  }

  private drive(): void {
    while (this.raw.hasReady()) {
      const rd = this.raw.ready();
      if (rd.hardState !== undefined) this.storage.setHardState(rd.hardState);
      if (rd.snapshot !== undefined && !isEmptySnap(rd.snapshot)) {
        this.storage.applySnapshot(rd.snapshot);
        this.load(rd.snapshot.data ?? new Uint8Array(0));
        this.confState = rd.snapshot.metadata.confState;
        this.applied = rd.snapshot.metadata.index;
        this.snapshotIndex = this.applied;
      }
      this.storage.append(rd.entries);
      for (const message of rd.messages) this.send(message);
      for (const entry of rd.committedEntries) this.apply(entry);
      this.raw.advance();
      this.compact();
    }
  }

  private send(message: Message): void {
    if (message.type !== MessageType.MsgSnap || message.snapshot === undefined) {
      this.transport.send([message]);
      return;
    }
    const { data = new Uint8Array(0), metadata } = message.snapshot;
    const envelope: Message = { ...message, snapshot: { data: undefined, metadata } };
    void this.transport
      .sendSnapshot(envelope, { size: data.length, chunks: chunksOf(data) })
      .then((status) => this.streamedOut.push(status));
  }

  private apply(entry: Entry): void {
    this.applied = entry.index;
    if (entry.type === EntryType.EntryConfChange) {
      this.confState = this.raw.applyConfChange(decodeConfChange(entry.data ?? new Uint8Array(0)));
      return;
    }
    if (entry.data === undefined || entry.data.length === 0) return;
    const { op, key, value = '' } = JSON.parse(new TextDecoder().decode(entry.data)) as Command;
    if (op === 'put') this.store.set(key, [value, entry.index]);
    if (op === 'delete') this.store.delete(key);
  }

  private compact(): void {
    const { snapshotEvery, keep, peers } = this.options;
    if (this.applied - this.snapshotIndex < snapshotEvery) return;
    this.snapshotIndex = this.applied;
    const members = Object.fromEntries([...peers].map(([id, url]) => [String(id), url]));
    const state = JSON.stringify({ kv: Object.fromEntries(this.store), members, removed: [] });
    this.storage.createSnapshot(this.applied, this.confState, new TextEncoder().encode(state));
    if (this.applied > keep) this.storage.compact(this.applied - keep);
  }

  private load(data: Uint8Array): void {
    const { kv } = JSON.parse(new TextDecoder().decode(data)) as { kv: Record<string, Stored> };
    this.store.clear();
    for (const [key, stored] of Object.entries(kv)) this.store.set(key, stored);
  }
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
