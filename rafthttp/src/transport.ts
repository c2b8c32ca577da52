import { type Message, NONE, type NodeId, RaftError, type Snapshot } from '@raft-ts/proto';
import { checkId, checkList, checkMessages, checkRecord } from '@raft-ts/proto/internal';
import type { SnapshotStatus, Transport } from '@raft-ts/raft/transport';
import type { Router } from 'express';
import { BusyPoll } from './base/busy-poll.js';
import { describeError, ERR_SNAPSHOT_BODY } from './base/errors.js';
import { commonHeaders, formatId, parseId } from './base/headers.js';
import { defaultTimings, MAX_SNAPSHOT_BYTES } from './base/limits.js';
import { LogBudget } from './base/log-budget.js';
import type { TransportLogger } from './base/logger.js';
import { Pace } from './base/pace.js';
import { printableLogger } from './base/printable-logger.js';
import { Warnings } from './base/warnings.js';
import {
  busyPollOf,
  checkOptionId,
  connectionLimit,
  ownHeadersOf,
  ownIncarnation,
  snapshotRateOf,
} from './check-options.js';
import type { TransportContext } from './member/context.js';
import { Features } from './member/features.js';
import { Gateway } from './member/gateway.js';
import { Incarnations } from './member/incarnations.js';
import { Standing } from './member/standing.js';
import { Members } from './members.js';
import { nameService } from './names/resolvers.js';
import type { HttpTransportOptions } from './options.js';
import { closeBody } from './peer/outgoing-body.js';
import { checkBody, checkSnapshotMessage } from './peer/snapshot-sender.js';
import { parsePeerUrls } from './peer/url-picker.js';
import { Connections } from './serve/connections.js';
import type { Listener, ListenOptions } from './serve/listener.js';
import { Listeners } from './serve/listeners.js';
import { PostedMessages } from './serve/posted.js';
import { createRouter } from './serve/routes.js';
import { IncomingSnapshots } from './snapshot/incoming.js';
import type { ReceivedBody, SnapshotBody, SnapshotProgress, SnapshotStore } from './snapshot/store.js';
import { guardedMetrics } from './stats/guarded-metrics.js';
import { LeaderStats, type LeaderStatsJson } from './stats/leader-stats.js';
import { ServerStats, type ServerStatsJson } from './stats/server-stats.js';
import { Tls } from './tls/tls.js';

const silent: TransportLogger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Carries raft's messages over HTTP as etcd's rafthttp does, so that Go and TypeScript members understand each other.
 *
 * Messages flow over two long-lived GET streams per direction, one for appends and one for the rest, which the receiver
 * opens at the sender. Snapshots, and messages without an open stream, are POSTed. A message that cannot be sent is
 * dropped and reported; raft sends again what it needs.
 *
 * Without certificates, whoever can reach the port can speak as any member: keep it within a trusted network.
 */
export class HttpTransport implements Transport {
  private readonly ctx: TransportContext;
  private readonly log: LogBudget;
  private readonly router: Router;
  private readonly store: SnapshotStore | undefined;
  private readonly snapshots: IncomingSnapshots | undefined;
  private readonly members: Members;
  private readonly listeners: Listeners;
  private stopped: Promise<void> | undefined;

  /**
   * Opens no connection yet.
   *
   * @throws RaftError `ERR_RAFT_TRANSPORT_OPTIONS` for an invalid option, `ERR_RAFT_PEER_URL` for an invalid URL,
   * `ERR_RAFT_TLS` for certificates that cannot be used
   */
  constructor(options: HttpTransportOptions) {
    const { id, clusterId, receiver } = options;
    const isPeer = (text: string): boolean => this.members.peers.has(parseId(text) ?? NONE);
    const logger = new LogBudget(printableLogger(options.logger ?? silent), isPeer);
    checkOptionId('id', id, 1n);
    checkOptionId('clusterId', clusterId, 0n);
    const urls = options.urls === undefined ? undefined : parsePeerUrls(options.urls);
    const serverStats = new ServerStats(id, options.name ?? formatId(id));
    const own = ownIncarnation(options.incarnation);
    const gateway = new Gateway(id, receiver, logger, serverStats);
    const ownHeaders = ownHeadersOf(options, own);
    this.log = logger;
    const timings = { ...defaultTimings, ...options.timings };
    const built = performance.now();
    const warnings = new Warnings(logger, () => performance.now() - built >= timings.settleMs);
    const connections = new Connections(connectionLimit(options.maxConnections, logger), warnings);
    this.ctx = {
      id,
      clusterId,
      headers: commonHeaders(id, clusterId, urls, ownHeaders),
      ownHeaders,
      features: new Features(warnings),
      gateway,
      incarnations: new Incarnations(own, (member) => this.members.peers.has(member)),
      logger,
      warnings,
      busyPoll: new BusyPoll(busyPollOf(options.busyPollMs)),
      timings,
      lookup: options.lookup ?? nameService.lookup,
      standing: new Standing({
        newLog: options.newLog ?? options.incarnation === undefined,
        peers: () => this.members.peers.keys(),
        logger,
        now: () => performance.now(),
        reportFounders: (member, theirs) => gateway.reportFounders(member, theirs),
        onRemoved: (removal) => this.tell('onRemoved', () => options.onRemoved?.(removal)),
      }),
      pace: new Pace(snapshotRateOf(options.maxSnapshotBytesPerSecond)),
      onSnapshotProgress: (progress: SnapshotProgress) =>
        this.tell('onSnapshotProgress', () => options.onSnapshotProgress?.(progress)),
      tls: options.tls === undefined ? undefined : new Tls(options.tls, logger, warnings),
      serverStats,
      leaderStats: new LeaderStats(id),
      metrics: options.metrics && guardedMetrics(options.metrics, (call, error) => this.metricsFailed(call, error)),
    };
    this.members = new Members(this.ctx, () => [...(urls ?? []), ...this.listeners.urls]);
    this.store = options.snapshots;
    this.snapshots = this.receptionOf(options);
    this.router = createRouter({
      ctx: this.ctx,
      connections,
      posted: new PostedMessages(this.ctx.gateway, this.ctx.timings.readTimeoutMs),
      snapshots: this.snapshots,
      peer: (member) => this.members.peers.get(member),
      isPaused: (member) => this.members.find(member)?.paused === true,
      learn: (claim) => this.members.learned.claim(claim),
    });
    this.listeners = new Listeners({ ...this.ctx, connections }, this.router, () => this.snapshots?.prepare());
  }

  /** Identifies this log among those under the same id; undefined if that was disabled. */
  get incarnation(): string | undefined {
    return this.ctx.incarnations.own;
  }

  /** @throws RaftError `ERR_RAFT_ARGUMENT` if a message is malformed, before any is sent */
  send(messages: readonly Message[]): void {
    checkMessages(messages);
    for (const message of messages) {
      if (message.to === NONE) continue;
      const target = this.members.find(message.to);
      if (target === undefined) this.ctx.gateway.reportLost(message);
      else target.send(message);
    }
  }

  /**
   * Writes to the streams what was sent and waits for the end of the turn of the event loop. For whoever has gathered
   * messages himself: others then wait no longer, and cost a write each.
   */
  flush(): void {
    for (const peer of this.members.peers.values()) peer.flush();
  }

  /**
   * Sends a snapshot with a separate body, in constant memory: `message` is the MsgSnap, without data. The receiver
   * stores the body and then processes the message. Resolves when that has succeeded or failed, with what raft was
   * told: `reportSnapshot` is called exactly once. `body.chunks` is always closed.
   *
   * @throws RaftError `ERR_RAFT_SNAPSHOT_BODY` (reason `message`) if the message is not a MsgSnap; `ERR_RAFT_ARGUMENT`
   * if either argument is malformed
   */
  async sendSnapshot(message: Message, body: SnapshotBody): Promise<SnapshotStatus> {
    checkBody(body);
    try {
      checkSnapshotMessage(message);
    } catch (error) {
      closeBody(body);
      throw error;
    }
    const target = this.members.find(message.to);
    if (target !== undefined) return target.sendSnapshot(message, body);
    closeBody(body);
    this.ctx.gateway.reportLost(message);
    return 'failure';
  }

  /**
   * Returns the body that came with this snapshot, as long as raft has not taken it; undefined if none came.
   *
   * @throws RaftError `ERR_RAFT_SNAPSHOT_BODY` (reason `store`) if the option `snapshots` has no function `peek`
   */
  async peekSnapshot(snapshot: Snapshot): Promise<SnapshotBody | undefined> {
    if (this.store === undefined) return undefined;
    if (this.store.peek === undefined) throw storeCannot('peek');
    return this.store.peek(snapshot);
  }

  /**
   * Opens the body that came with this snapshot, once raft has taken it: before `rd.snapshot` is saved.
   *
   * @throws RaftError `ERR_RAFT_SNAPSHOT_BODY`: reason `store` if the option `snapshots` is missing or has no function
   * `open`; otherwise what that function throws
   */
  async openSnapshot(snapshot: Snapshot): Promise<ReceivedBody> {
    if (this.store?.open === undefined) throw storeCannot('open');
    return this.store.open(snapshot);
  }

  /**
   * Exchanges messages with this member: opens streams at once, and again and again for as long as it is a peer. Does
   * nothing if the member is already a peer, is this member itself, or the transport has stopped.
   *
   * @param urls where it listens: `http://HOST:PORT`, `https://HOST:PORT` or `unix://PATH`, tried in turn
   * @throws RaftError `ERR_RAFT_PEER_URL`
   */
  addPeer(id: NodeId, urls: readonly string[]): void {
    checkMember(id, urls);
    this.members.addPeer(id, urls);
  }

  /**
   * Checks addresses as `addPeer` would, and does nothing else.
   *
   * @throws RaftError `ERR_RAFT_PEER_URL`
   */
  checkPeer(urls: readonly string[]): void {
    checkList('urls', urls);
    parsePeerUrls(urls, this.ctx.tls !== undefined);
  }

  /**
   * Sends to this member by POST, without making it a peer: for members that this one must answer before its own
   * configuration names them. Does nothing if the member is already known or the transport has stopped.
   *
   * @throws RaftError `ERR_RAFT_PEER_URL`
   */
  addRemote(id: NodeId, urls: readonly string[]): void {
    checkMember(id, urls);
    this.members.addRemote(id, urls);
  }

  /** @throws RaftError `ERR_RAFT_PEER_URL` */
  updatePeer(id: NodeId, urls: readonly string[]): void {
    checkMember(id, urls);
    this.members.updatePeer(id, urls);
  }

  removePeer(id: NodeId): void {
    checkId('id', id);
    this.members.removePeer(id);
  }

  /** Returns since when this member has been answering; undefined if it does not, or is unknown. */
  activeSince(id: NodeId): Date | undefined {
    return this.members.find(id)?.status.activeSince;
  }

  /** Returns the number of peers that answer. */
  activePeers(): number {
    let count = 0;
    for (const peer of this.members.peers.values()) if (peer.status.activeSince !== undefined) count++;
    return count;
  }

  /**
   * Returns the features that this peer shows now, on the streams that are open from it: what it passed as its option
   * `features`. 0 if it shows none, as Go members do, or is not connected.
   */
  featuresOf(id: NodeId): number {
    return this.members.peers.get(id)?.features ?? 0;
  }

  /**
   * Returns what this peer passed as its option `announcement`, as of its last answer; `undefined` if it passed none,
   * as Go members do, or has not answered yet.
   */
  announcementOf(id: NodeId): string | undefined {
    return this.members.peers.get(id)?.announcement;
  }

  /**
   * Returns by how much this member's clock is ahead of this peer's, in milliseconds, as far as probes tell; negative
   * if it is behind. `undefined` if the peer does not answer them, or is unknown.
   */
  clockDifferenceTo(id: NodeId): number | undefined {
    return this.members.peers.get(id)?.clockDiffMs;
  }

  /**
   * Exchanges nothing from now on with members that do not show this level of features, or a higher one: ends their
   * streams, answers them 412, and sends them nothing. Which they are is logged, once for each. It cannot be taken
   * back.
   */
  requireFeatures(level: number): void {
    this.ctx.features.require(level);
    for (const peer of this.members.peers.values()) peer.recheck();
  }

  /** Returns what this member sends and receives, in the form of etcd's `/v2/stats/self`. */
  serverStats(): ServerStatsJson {
    return this.ctx.serverStats.toJSON();
  }

  /** Statistics of appends to each peer, in the form of etcd's `/v2/stats/leader`. */
  leaderStats(): LeaderStatsJson {
    return this.ctx.leaderStats.toJSON();
  }

  /** Drops, for tests, all messages from and to all peers, until `resume`. Streams stay open. */
  pause(): void {
    for (const peer of this.members.peers.values()) peer.paused = true;
  }

  /** Lets messages through again after `pause`. */
  resume(): void {
    for (const peer of this.members.peers.values()) peer.paused = false;
  }

  /** Drops, for tests, all messages from and to this member, until `mend`. */
  cut(id: NodeId): void {
    const member = this.members.find(id);
    if (member !== undefined) member.paused = true;
  }

  /** Lets messages from and to this member through again after `cut`. */
  mend(id: NodeId): void {
    const member = this.members.find(id);
    if (member !== undefined) member.paused = false;
  }

  /**
   * Returns a handler of the routes `/raft`, `/raft/stream/…`, `/raft/snapshot` and `/raft/probing`, to mount in an
   * express application, ahead of whatever reads bodies; a plain `node:http` listener cannot call them. Other paths
   * pass through. Peers request these paths, so a prefix is only possible behind a proxy that adds it. The server must
   * not limit the time of a request (`requestTimeout: 0`), because a stream is a request that never ends. Without such
   * an application, `serve` does all that is needed.
   */
  handler(): Router {
    return this.router;
  }

  /**
   * Listens for the other members. `stop` closes it if it is still open.
   *
   * @throws RaftError `ERR_RAFT_LISTEN` (`reason`: the system's code, `EADDRINUSE` for a port in use)
   */
  async serve(options: ListenOptions): Promise<Listener> {
    checkRecord('options', options);
    return this.listeners.listen(options);
  }

  stop(): Promise<void> {
    this.stopped ??= this.stopAll();
    return this.stopped;
  }

  private async stopAll(): Promise<void> {
    this.listeners.stop();
    await this.members.stop();
    await this.listeners.close();
    this.log.close();
  }

  private receptionOf({
    snapshots,
    maxSnapshotBytes = MAX_SNAPSHOT_BYTES,
  }: HttpTransportOptions): IncomingSnapshots | undefined {
    if (snapshots === undefined) return undefined;
    const { timings, logger, gateway, onSnapshotProgress } = this.ctx;
    return new IncomingSnapshots({
      store: snapshots,
      maxBytes: maxSnapshotBytes,
      idleMs: timings.readTimeoutMs,
      slowMs: timings.snapshotSlowMs,
      logger,
      onProgress: onSnapshotProgress,
      inspect: (message, chunks) => gateway.inspectSnapshot(message, chunks),
    });
  }

  /** Calls the application; what it throws must not end a transfer. */
  private tell(name: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.ctx.logger.error(`${name} threw`, { error: describeError(error) });
    }
  }

  private metricsFailed(call: string, error: unknown): void {
    const text = 'the option metrics threw: fix it, what it counts is incomplete';
    this.ctx.warnings.warn(text, { call, error: describeError(error) });
  }
}

/** @throws RaftError `ERR_RAFT_ARGUMENT`: a string instead of the list would count as a list of letters */
function checkMember(id: NodeId, urls: readonly string[]): void {
  checkId('id', id);
  checkList('urls', urls);
}

function storeCannot(call: 'open' | 'peek'): RaftError {
  const text = `the option snapshots has no function ${call}: pass a SnapshotFolder, or a store of your own that has it`;
  return new RaftError(ERR_SNAPSHOT_BODY, text, { reason: 'store' });
}
