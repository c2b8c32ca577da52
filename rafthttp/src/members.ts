import { NONE, type NodeId } from '@raft-ts/proto';
import { formatId } from './base/headers.js';
import { LearnedMembers } from './learned/learned.js';
import type { TransportContext } from './member/context.js';
import { Peer, Remote } from './peer/peer.js';
import { UrlPicker } from './peer/url-picker.js';

/**
 * The members that this one sends to: the peers of its configuration, those that the application named before it knew
 * the configuration, and those that introduced themselves to it while it joined.
 */
export class Members {
  private readonly ctx: TransportContext;
  private readonly configured = new Map<NodeId, Peer>();
  private readonly remotes = new Map<NodeId, Remote>();
  readonly learned: LearnedMembers;
  /** Removed peers that have not released everything yet. */
  private readonly leaving = new Set<Promise<void>>();
  private isStopped = false;

  /** @param ownUrls where this member listens now */
  constructor(ctx: TransportContext, ownUrls: () => readonly string[]) {
    this.ctx = ctx;
    this.learned = new LearnedMembers({
      ctx,
      // While we know no peer we are joining, and must answer those who know us; afterwards only the configuration
      // decides who belongs to the cluster, not whoever reaches the port.
      isWanted: (id) => id !== NONE && id !== ctx.id && this.configured.size === 0 && !this.remotes.has(id),
      ownUrls,
    });
  }

  get peers(): ReadonlyMap<NodeId, Peer> {
    return this.configured;
  }

  find(id: NodeId): Remote | undefined {
    return this.configured.get(id) ?? this.remotes.get(id) ?? this.learned.find(id);
  }

  addPeer(id: NodeId, urls: readonly string[]): void {
    if (this.isStopped || id === this.ctx.id || this.configured.has(id)) return;
    this.configured.set(id, new Peer(this.ctx, id, urls));
    this.learned.forget(id);
    this.ctx.logger.info('added remote peer', this.fields(id));
  }

  addRemote(id: NodeId, urls: readonly string[]): void {
    if (this.isStopped || id === this.ctx.id || this.configured.has(id) || this.remotes.has(id)) return;
    this.remotes.set(
      id,
      new Remote(this.ctx, id, { picker: new UrlPicker(urls, this.ctx.tls !== undefined), configured: true }),
    );
    this.learned.forget(id);
    this.ctx.logger.info('added remote member', this.fields(id));
  }

  updatePeer(id: NodeId, urls: readonly string[]): void {
    const peer = this.configured.get(id);
    if (peer === undefined) return;
    peer.update(urls);
    this.ctx.logger.info('updated remote peer', this.fields(id));
  }

  removePeer(id: NodeId): void {
    const peer = this.configured.get(id);
    if (peer === undefined) return;
    this.configured.delete(id);
    this.ctx.leaderStats.remove(id);
    this.ctx.standing.forget(id);
    const left = peer.stop();
    this.leaving.add(left);
    void left.finally(() => {
      this.leaving.delete(left);
      if (this.find(id) === undefined) this.ctx.metrics?.forget(formatId(id));
    });
    this.ctx.logger.info('removed remote peer', this.fields(id));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    const members = [...this.configured.values(), ...this.remotes.values()];
    this.configured.clear();
    this.remotes.clear();
    await Promise.all([...members.map((member) => member.stop()), this.learned.stop(), ...this.leaving]);
  }

  private fields(id: NodeId): Record<string, string> {
    return { 'local-member-id': formatId(this.ctx.id), 'remote-peer-id': formatId(id) };
  }
}
