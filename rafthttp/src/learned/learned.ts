import { setMaxListeners } from 'node:events';
import type { LookupFunction } from 'node:net';
import type { NodeId } from '@raft-ts/proto';
import { describeError } from '../base/errors.js';
import { formatId } from '../base/headers.js';
import {
  MAX_ADDRESSES,
  MAX_LEARNED_REMOTES,
  MAX_PROOFS,
  MAX_PROOFS_PER_SOURCE,
  PROOF_SPACING_MS,
} from '../base/limits.js';
import { byTimer, type Schedule } from '../base/schedule.js';
import { Remote, type RemoteContext } from '../peer/peer.js';
import { TakingTurns } from '../peer/url-picker.js';
import { isMemberAt, type ProofContext } from './proof.js';
import { Reach } from './reach.js';

/** What a request says about where its sender can be reached. */
export interface Claim {
  readonly id: NodeId;
  readonly urls: readonly string[];
  /** The address that the request came from; undefined if it came over a Unix socket. */
  readonly source: string | undefined;
}

/** What learned members, and the proofs of their addresses, need of what the transport's parts share. */
export type LearnedContext = RemoteContext & ProofContext;

export interface LearnedOptions {
  readonly ctx: LearnedContext;
  /** May the address of this member be learned now? */
  readonly isWanted: (id: NodeId) => boolean;
  /** This member's own URLs. */
  readonly ownUrls: () => readonly string[];
  readonly prove?: typeof isMemberAt;
  readonly now?: () => number;
  readonly schedule?: Schedule;
}

interface LearnedMember {
  readonly remote: Remote;
  readonly picker: TakingTurns;
  /** Its proven URLs; the latest last. */
  addresses: string[];
  /** The addresses that the names among them may resolve to: those within reach of whoever named them. */
  readonly reaches: Map<string, Reach>;
  /** When one of them was last named. */
  namedMs: number;
}

/**
 * Members whose addresses were learned from their requests, while this one is joining and knows no peer. Anybody can
 * name an address in a member's name, so an address counts only once the member has answered there. A later address
 * never replaces an earlier one: an impostor could otherwise receive everything that is meant for the member.
 */
export class LearnedMembers {
  private readonly options: Required<LearnedOptions>;
  private readonly members = new Map<NodeId, LearnedMember>();
  /** Addresses that are being proven, with the source that named them. */
  private readonly proofs = new Map<string, string>();
  private readonly stopping = new AbortController();
  private readonly leaving = new Set<Promise<void>>();

  constructor(options: LearnedOptions) {
    setMaxListeners(MAX_PROOFS, this.stopping.signal);
    this.options = { prove: isMemberAt, now: () => performance.now(), schedule: byTimer, ...options };
  }

  find(id: NodeId): Remote | undefined {
    return this.members.get(id)?.remote;
  }

  /** Handles a claim that a member can be reached at these URLs. */
  claim({ id, urls, source }: Claim): void {
    const { ctx, isWanted, ownUrls, now } = this.options;
    if (this.stopping.signal.aborted || !isWanted(id)) return;
    const reach = new Reach(source);
    const known = this.members.get(id);
    for (const url of reach.urlsAmong(urls.slice(0, MAX_ADDRESSES), ctx.tls !== undefined)) {
      if (known?.addresses.includes(url) === true) known.namedMs = now();
      else if (!ownUrls().includes(url)) this.beginProof({ id, urls: [url], source: source ?? '' }, reach);
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    for (const id of [...this.members.keys()]) this.forget(id);
    await Promise.all(this.leaving);
  }

  /** A proof takes a place for a while. No source can take all places; a member that is refused soon claims again. */
  private beginProof({ id, urls: [url = ''], source = '' }: Claim, reach: Reach): void {
    const key = `${formatId(id)} ${url}`;
    if (this.proofs.has(key) || this.proofs.size >= MAX_PROOFS) return;
    let ofSource = 0;
    for (const one of this.proofs.values()) if (one === source) ofSource++;
    if (ofSource >= MAX_PROOFS_PER_SOURCE) return;
    this.proofs.set(key, source);
    const began = this.options.now();
    void this.prove(id, url, reach).finally(() => {
      const rest = Math.max(0, began + PROOF_SPACING_MS - this.options.now());
      this.options.schedule(() => this.proofs.delete(key), rest);
    });
  }

  private async prove(id: NodeId, url: string, reach: Reach): Promise<void> {
    const { prove, isWanted } = this.options;
    const ctx = { ...this.options.ctx, lookup: reach.limit(this.options.ctx.lookup) };
    const stop = this.stopping.signal;
    const fields = { 'local-member-id': formatId(ctx.id), 'remote-peer-id': formatId(id), url };
    try {
      if (!(await prove(ctx, { id, url, stop }))) throw new Error('another server answers there');
    } catch (error) {
      ctx.logger.debug('a remote member is not where it was said to be', { ...fields, error: describeError(error) });
      return;
    }
    if (stop.aborted || !isWanted(id)) return;
    this.add(id, url, reach);
    ctx.logger.debug('added remote member', fields);
  }

  private add(id: NodeId, url: string, reach: Reach): void {
    const { ctx } = this.options;
    const { hostname } = new URL(url);
    const now = this.options.now();
    const known = this.members.get(id);
    if (known !== undefined) {
      // An address that answers is not replaced before those that do not.
      const leaving = known.addresses.length < MAX_ADDRESSES ? undefined : known.picker.leastAnswering(known.addresses);
      known.addresses = [...known.addresses.filter((one) => one !== leaving), url];
      known.namedMs = now;
      known.reaches.set(hostname, reach);
      known.picker.update(known.addresses);
      return;
    }
    if (this.members.size >= MAX_LEARNED_REMOTES) this.forget(this.leastNamed());
    const picker = new TakingTurns([url], ctx.tls !== undefined);
    const reaches = new Map([[hostname, reach]]);
    const lookup: LookupFunction = (name, options, callback) =>
      (reaches.get(name) ?? new Reach(undefined)).limit(ctx.lookup)(name, options, callback);
    const remote = new Remote({ ...ctx, lookup }, id, { picker, configured: false });
    this.members.set(id, { remote, picker, addresses: [url], reaches, namedMs: now });
  }

  /** Returns the member named longest ago: a live member names itself in each request. */
  private leastNamed(): NodeId {
    let [least] = this.members;
    for (const one of this.members) if (one[1].namedMs < (least?.[1].namedMs ?? Infinity)) least = one;
    return (least as [NodeId, LearnedMember])[0];
  }

  /** Forgets a member, for example because the application has said where it is. */
  forget(id: NodeId): void {
    const member = this.members.get(id);
    if (member === undefined) return;
    this.members.delete(id);
    const left = member.remote.stop();
    this.leaving.add(left);
    void left.finally(() => this.leaving.delete(left));
  }
}
