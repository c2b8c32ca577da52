import type { ServerResponse } from 'node:http';
import { type Message, MessageType, messageName, type NodeId } from '@raft-ts/proto';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import { formatId } from '../base/headers.js';
import type { TransportContext } from '../member/context.js';
import type { SnapshotBody } from '../snapshot/store.js';
import type { FollowerStats } from '../stats/leader-stats.js';
import { Inbox } from './inbox.js';
import { type LinkOptions, PeerLinks } from './links.js';
import { closeBody } from './outgoing-body.js';
import { Pipeline, type PipelineContext } from './pipeline.js';
import { Presence, type PresenceContext } from './presence.js';
import { Prober, type ProberContext } from './prober.js';
import { SnapshotSender, type SnapshotSenderContext } from './snapshot-sender.js';
import { PeerStatus } from './status.js';
import { type StreamKind, streams } from './stream-kind.js';
import { type ReaderContext, type ReaderOwner, StreamReader } from './stream-reader.js';
import { StreamWriter, type WriterContext } from './stream-writer.js';
import { UrlPicker } from './url-picker.js';

/** What sending to a member needs of what the transport's parts share. */
export type RemoteContext = PipelineContext & SnapshotSenderContext & LinkOptions;

/** What exchanging messages with a peer needs in addition. */
export type PeerContext = RemoteContext &
  ReaderContext &
  WriterContext &
  PresenceContext &
  ProberContext &
  Pick<TransportContext, 'leaderStats' | 'serverStats'>;

/** How a member is reached. */
interface Whereabouts {
  readonly picker: UrlPicker;
  /** Did the application say where the member is? Otherwise its addresses were learned from requests. */
  readonly configured: boolean;
  readonly stats?: FollowerStats;
}

/**
 * A member that is not, or not yet, in our configuration. It gets answers because it wrote to us or the application
 * named it, and gets them by POST alone.
 */
export class Remote {
  readonly id: NodeId;
  readonly status: PeerStatus;
  readonly picker: UrlPicker;
  paused = false;
  protected readonly ctx: RemoteContext;
  readonly links: PeerLinks;
  protected readonly pipeline: Pipeline;
  private readonly snapshots: SnapshotSender;
  private dropping = false;

  constructor(ctx: RemoteContext, id: NodeId, { picker, configured, stats }: Whereabouts) {
    this.ctx = ctx;
    this.id = id;
    this.picker = picker;
    this.status = new PeerStatus(id, ctx.logger, ctx.metrics);
    this.links = new PeerLinks(id, ctx, configured);
    this.pipeline = new Pipeline(ctx, { links: this.links, picker, status: this.status, stats });
    this.snapshots = new SnapshotSender(ctx, this.links, picker, this.status);
  }

  send(message: Message): void {
    if (this.paused) {
      this.ctx.gateway.reportLost(message);
    } else if (this.channelFor(message).offer(message)) {
      this.dropping = false;
    } else {
      this.drop(message);
    }
  }

  /** Sends a snapshot whose body travels beside it; tells raft how it ended, and resolves with that. */
  async sendSnapshot(message: Message, body: SnapshotBody): Promise<SnapshotStatus> {
    if (!this.paused) return this.snapshots.send(message, body);
    closeBody(body);
    this.ctx.gateway.reportLost(message);
    return 'failure';
  }

  async stop(): Promise<void> {
    await Promise.all([this.pipeline.stop(), this.snapshots.stop()]);
    this.links.close();
  }

  protected channelFor(_message: Message): Pipeline | StreamWriter {
    return this.pipeline;
  }

  /** The channel is full. The message does not take another one, which would only fill up too. */
  private drop(message: Message): void {
    if (!this.dropping) {
      const fields = { 'message-type': messageName(message.type), 'remote-peer-id': formatId(this.id) };
      this.ctx.logger.warn('dropped internal Raft message since sending buffer is full', fields);
    }
    this.dropping = true;
    this.ctx.metrics?.sendFailed(formatId(this.id));
    this.ctx.gateway.reportUnreachable(message.to);
    this.ctx.gateway.reportLost(message);
  }
}

/** A member of our configuration: two streams in each direction, and a pipeline for what they cannot carry. */
export class Peer extends Remote implements ReaderOwner {
  readonly inbox: Inbox;
  declare protected readonly ctx: PeerContext;
  private readonly writers: Readonly<Record<StreamKind, StreamWriter>>;
  private readonly readers: readonly StreamReader[];
  readonly presence: Presence;
  private prober: Prober;

  constructor(ctx: PeerContext, id: NodeId, urls: readonly string[]) {
    const stats = ctx.leaderStats.add(id);
    super(ctx, id, { picker: new UrlPicker(urls, ctx.tls !== undefined), configured: true, stats });
    this.inbox = new Inbox(id, ctx.gateway, ctx.logger, ctx.metrics);
    this.writers = {
      msgapp: new StreamWriter(ctx, id, streams.msgapp, this.status, stats),
      message: new StreamWriter(ctx, id, streams.message, this.status),
    };
    this.readers = [new StreamReader(ctx, this, streams.msgapp), new StreamReader(ctx, this, streams.message)];
    this.presence = new Presence(ctx, this.links, this.picker);
    this.prober = new Prober(ctx, this.links, urls);
    this.status.settleFor(ctx.timings.settleMs);
  }

  /** By how much this member's clock is ahead of the peer's, in milliseconds; undefined if that is not known. */
  get clockDiffMs(): number | undefined {
    return this.prober.clockDiffMs;
  }

  override send(message: Message): void {
    if (message.type === MessageType.MsgApp) this.ctx.serverStats.appendSent(message);
    super.send(message);
  }

  /** Uses these URLs from the next connection on. Throws `ERR_RAFT_PEER_URL`. */
  update(urls: readonly string[]): void {
    this.picker.update(urls);
    this.links.backoff.forget();
    this.prober.stop();
    this.prober = new Prober(this.ctx, this.links, urls);
  }

  /** The peer has opened a stream: messages of this kind go there. */
  attach(kind: StreamKind, response: ServerResponse, features: number): void {
    this.links.backoff.forget();
    this.writers[kind].attach(response, features);
  }

  /** Lets what waits for the end of the turn leave now. */
  flush(): void {
    this.writers.msgapp.flush();
    this.writers.message.flush();
  }

  /** The features that the peer shows on the streams which are open from it; 0 if none is. */
  get features(): number {
    const shown = this.readers.flatMap(({ features }) => features ?? []);
    return shown.length === 0 ? 0 : Math.min(...shown);
  }

  /** What the peer announced when it last answered. */
  get announcement(): string | undefined {
    return this.links.announcement;
  }

  /** More is asked of the peer now: ends the streams of a process that does not show it. */
  recheck(): void {
    const { required } = this.ctx.features;
    for (const stream of [...Object.values(this.writers), ...this.readers]) stream.recheck();
    if (this.links.features !== undefined && this.links.features < required) this.ctx.features.tell(this.id);
  }

  override async stop(): Promise<void> {
    this.status.stop();
    this.prober.stop();
    this.presence.stop();
    for (const writer of Object.values(this.writers)) writer.stop();
    await Promise.all([super.stop(), ...this.readers.map((reader) => reader.stop())]);
  }

  protected override channelFor(message: Message): Pipeline | StreamWriter {
    if (message.type === MessageType.MsgSnap) return this.pipeline;
    const { msgapp, message: general } = this.writers;
    if (message.type === MessageType.MsgApp && msgapp.working) return msgapp;
    return general.working ? general : this.pipeline;
  }
}
