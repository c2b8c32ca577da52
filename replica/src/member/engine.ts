import { consoleLogger, LimitedLogger, type NodeId, RaftError, RawNode, type SoftState } from '@raft-ts/raft';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import { refuseOption, timeoutFault } from '../base/arguments.js';
import type { CallOptions, MemberAddress, MemberInfo, Position, ReplicaTransport } from '../base/contracts.js';
import { describe, ERR_REPLICA_STARTING, ProposalDropped, replicaStopped } from '../base/errors.js';
import { Observable } from '../base/events.js';
import { hostRandom } from '../base/random.js';
import type { Applier } from '../drive/applier.js';
import type { Backlog } from '../drive/backlog.js';
import type { Driver } from '../drive/driver.js';
import type { Patience } from '../drive/patience.js';
import type { Proposals } from '../drive/proposals.js';
import type { Reads } from '../drive/reads.js';
import type { StateHashes } from '../drive/state-hashes.js';
import type { Ticker } from '../drive/ticker.js';
import { commandWriter } from '../format/default-format.js';
import type { EntryContent } from '../format/format.js';
import { Group } from '../group/group.js';
import { checkFeatures } from '../lead/feature-gate.js';
import type { Lead } from '../lead/lead.js';
import { Connections } from '../members/connections.js';
import type { Roster } from '../members/roster.js';
import { describeDivergence } from '../observe/divergence.js';
import { Observer } from '../observe/observer.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import { closeAll } from './closing.js';
import type { ResolvedOptions } from './options.js';
import {
  createApplier,
  createBacklog,
  createDriver,
  createLead,
  createPatience,
  createProposals,
  createReads,
  createRoster,
  createSnapshots,
  createStateHashes,
  createTicker,
  rawConfig,
} from './parts.js';
import { createReceiver } from './receiver.js';
import type { Divergence, Ended, Leadership, ProposeOptions, ReplicaEvents } from './types.js';

/** How long the end waits for a transport, and for a state machine that is giving its snapshot, in milliseconds. */
const CLOSE_MS = 5_000;

/**
 * What drives one member: raft, its log and its transport, and the parts that answer calls. `Replica` is its face;
 * `parts.ts` says how the parts are put together.
 */
export class Engine<Command, Result> {
  readonly id: NodeId;
  /** Resolves when this replica has ended, for whatever reason. */
  readonly ended: Promise<Ended>;
  readonly options: ResolvedOptions<Command, Result>;
  readonly logger: LimitedLogger;
  /** Tells this start of this member from every other one. */
  readonly boot: number;
  readonly group: Group = new Group();
  readonly raw: RawNode;
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly applier: Applier<Command, Result>;
  readonly patience: Patience;
  readonly hashes: StateHashes<Result> | undefined;
  readonly backlog: Backlog;
  readonly driver: Driver;
  readonly ticker: Ticker;
  readonly lead: Lead;
  /** Those of its cluster, if it knows them. */
  readonly founders: readonly NodeId[] | undefined;
  /** Messages that have arrived. */
  received = 0;
  readonly observer: Observer;
  readonly roster: Roster;
  transport!: ReplicaTransport;
  private connections!: Connections;
  snapshots!: Snapshots;
  readonly events: { readonly [Kind in keyof ReplicaEvents]: Observable<ReplicaEvents[Kind]> };
  private resolveEnded!: (ended: Ended) => void;
  /** It takes part: its state is that of its newest snapshot, and its transport is at hand. */
  private begun = false;
  stopping: Promise<void> | undefined;
  private ending: Promise<void> | undefined;

  /** One for all commands: each command would make its own otherwise. */
  private readonly encode: (content: EntryContent<Command>, sequence: number) => Uint8Array;
  /** As `encode`, for commands that belong to no session, if the format has a quicker way for them. */
  private readonly encodeCommand: ((command: Command, sequence: number) => Uint8Array) | undefined;

  constructor(options: ResolvedOptions<Command, Result>) {
    this.options = options;
    const { id, log, clock, electionTicks } = options;
    this.id = id;
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
    this.logger = new LimitedLogger(options.logger ?? consoleLogger, electionTicks);
    const draw = options.random ?? hostRandom;
    this.boot = draw(2 ** 16) * 2 ** 32 + draw(2 ** 32);
    this.encode = (content, sequence) => options.format.encode(content, { member: id, boot: this.boot, sequence });
    const write = commandWriter(options.format);
    this.encodeCommand = write && ((command, sequence) => write(command, this.boot, sequence));
    const observe = <T>(): Observable<T> =>
      new Observable<T>(undefined, (error) => this.logger.error(`an event listener threw: ${describe(error)}`));
    this.events = {
      leadership: observe(),
      membership: observe(),
      snapshot: observe(),
      stall: observe(),
      divergence: observe(),
      ended: observe(),
    };
    this.raw = new RawNode(rawConfig(options, this.logger));
    this.founders = log.founders;
    if (options.founders !== undefined) {
      const encoder = new TextEncoder();
      const peers = options.founders.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      this.founders = peers.map((peer) => peer.id);
      this.raw.bootstrap(peers.map((peer) => ({ id: peer.id, context: encoder.encode(peer.url) })));
    }
    const observer = new Observer(clock);
    this.observer = observer;
    this.proposals = createProposals(this);
    this.reads = createReads(this);
    this.patience = createPatience(this);
    this.hashes = createStateHashes(this);
    const { metadata } = log.snapshot();
    this.applier = createApplier(this, { applied: metadata, confState: metadata.confState });
    this.backlog = createBacklog(this);
    this.driver = createDriver(this);
    this.roster = createRoster(this);
    this.ticker = createTicker(this);
    this.lead = createLead(this);
  }

  async begin(): Promise<void> {
    const { options, group } = this;
    const { founders } = options;
    if (founders !== undefined) await options.log.keepFounders?.(this.founders ?? []);
    this.transport = await options.transport(createReceiver(this));
    if (typeof this.transport?.send !== 'function') {
      refuseOption('transport', 'what the function built has no function send');
    }
    for (const founder of founders ?? []) this.checkAddress(founder);
    this.connections = new Connections({
      self: this.id,
      transport: this.transport,
      clock: options.clock,
      dial: options.dial,
      farewellMs: options.tickMs * options.electionTicks,
      warn: (text) => this.logger.warn(text),
    });
    this.snapshots = createSnapshots(this);
    this.observe();
    await this.snapshots.restoreNewest();
    for (const { id, url } of founders ?? []) group.members.set(id, url);
    this.connections.update(group.members);
    this.begun = true;
    this.ticker.start();
    this.driver.start();
  }

  /**
   * The list of founders is in the log for good, and an address that is none would be noticed by nobody but a log line.
   */
  private checkAddress(founder: MemberAddress): void {
    const urls = this.options.dial(founder);
    try {
      if (urls.length > 0) this.transport.checkPeer?.(urls);
    } catch (error) {
      refuseOption('bootstrap', `member ${founder.id} has the address ${founder.url}: ${describe(error)}`);
    }
  }

  propose(command: Command, options: ProposeOptions): Promise<unknown> {
    const encode = options.place === undefined ? this.encodeCommand : undefined;
    if (encode === undefined) return this.submit({ kind: 'command', command, place: options.place }, options);
    return this.refusal(options) ?? this.proposals.submit(command, encode, options);
  }

  submit(content: EntryContent<Command>, options: CallOptions & { readonly leaderOnly?: boolean }): Promise<unknown> {
    return this.refusal(options) ?? this.proposals.submit(content, this.encode, options);
  }

  private refusal({ timeoutMs }: CallOptions): Promise<never> | undefined {
    if (this.stopping !== undefined) return Promise.reject(new ProposalDropped('stopped'));
    const fault = timeoutFault(timeoutMs);
    return fault && Promise.reject(fault);
  }

  /** Has an empty entry committed. @throws ProposalDropped if this member does not lead */
  commitEmpty(signal?: AbortSignal): Promise<Position> {
    return this.proposals.submit(undefined, () => undefined, { signal, leaderOnly: true }) as Promise<Position>;
  }

  get running(): boolean {
    return this.begun && this.ending === undefined;
  }

  /** Who leads, as far as this member knows. */
  get leadership(): Leadership {
    const { softState, hardState } = this.raw.basicStatus();
    const { lead, raftState } = softState;
    return { leader: lead, leading: raftState === 'StateLeader', role: raftState, term: hardState.term };
  }

  /** Who is in the cluster, ascending by id, as far as this member has applied. */
  members(): readonly MemberInfo[] {
    return this.roster.list();
  }

  /**
   * Stops taking part. Takes no calls any more, hands leadership over if this member leads, and lets the calls that
   * wait come to their ends, each for an election timeout at most; settles what still waits, and closes log and
   * transport. It waits for what is being written to the log, but not for a state machine that is busy. May be called
   * again.
   */
  stop(): Promise<void> {
    this.stopping ??= this.leave();
    return this.stopping;
  }

  private async leave(): Promise<void> {
    if (this.ending === undefined) {
      await this.lead.leave();
      await this.roster.leave(() => this.proposals.waiting === 0 && this.reads.waiting === 0);
    }
    await this.end({ reason: 'stopped' });
  }

  private observe(): void {
    const { id, raw, group, proposals, reads, options } = this;
    const { clock, metrics, metricLabels } = options;
    this.observer.begin({
      id,
      clock,
      tickMs: options.tickMs,
      raw,
      group,
      founders: this.founders,
      proposals,
      reads,
      writesUnderWay: () => this.driver.writesUnderWay,
      applied: () => this.applier.applied.index,
      stuck: () => this.patience.stuck,
      lease: this.lead.lease,
      snapshotIndex: () => this.snapshots.index,
      features: () => ({ level: options.features, open: group.features, missing: this.lead.gate.missing() }),
      metrics,
      metricLabels,
    });
  }

  /** @throws RaftError if this member takes no part in the cluster: not yet, or no more */
  checkTakesPart(): void {
    if (this.ending !== undefined) throw replicaStopped(undefined);
    if (!this.begun) throw new RaftError(ERR_REPLICA_STARTING, `member ${this.id} still starts`);
  }

  reportSnapshot(to: NodeId, status: SnapshotStatus, error: unknown): void {
    this.observer.contacts.sentSnapshot(to, status, error);
    this.feed(() => this.raw.reportSnapshot(to, status));
    this.snapshots?.sent(to, status, error);
  }

  tick(): void {
    this.feed(() => {
      if (this.lead.mayAct) this.raw.tick();
      else this.raw.tickQuiesced();
      this.logger.tick();
      this.proposals.expire();
      this.reads.expire();
      this.patience.tick();
      this.roster.tick();
      this.lead.tick();
      this.snapshots.tick();
    });
  }

  /** Tells raft of something. What that throws ends this member; it must not reach the caller, a timer or a socket. */
  feed(call: () => void): void {
    if (!this.begun || this.ending !== undefined) return;
    try {
      call();
    } catch (error) {
      this.fail(error);
    }
    this.driver.wake();
  }

  onStall(lateMs: number, again: boolean): void {
    const { stalls } = this.observer;
    stalls.count++;
    this.lead.voidLease();
    this.events.stall.set({ lateMs });
    const { tickMs, electionTicks } = this.options;
    const { leading } = this.leadership;
    // A follower that was away for less than half an election timeout has missed nothing that matters.
    if (again || (!leading && lateMs < (tickMs * electionTicks) / 2)) return;
    const howLong = stalls.describe(lateMs);
    if (howLong === undefined) return;
    const lease = leading ? 'gives up its lease, and ' : '';
    this.logger.warn(
      `member ${this.id} stood still for ${howLong}: it ${lease}reads what has arrived before it does anything else. If this goes on, look for what blocks the event loop, or give the process more of the machine`,
    );
  }

  onSoftState({ raftState }: SoftState): void {
    const before = this.events.leadership.value;
    if (before?.leading === true && raftState !== 'StateLeader') this.proposals.leadershipLost();
    const { leadership } = this;
    if (leadership.leader !== 0n && leadership.leader !== before?.leader) this.observer.leaderChanges++;
    this.events.leadership.set(leadership);
    this.lead.check();
    this.roster.leadershipChanged();
  }

  onMembership(): void {
    this.connections.update(this.group.members);
    this.observer.contacts.keep(this.group.members);
    this.snapshots.membershipChanged();
    this.lead.voidLease();
    this.events.membership.set(this.members());
    this.roster.membershipChanged();
  }

  /** Features were opened, or a snapshot says which are. @throws ERR_RAFT_REPLICA_OPTIONS */
  onFeatures(): void {
    const { features } = this.group;
    checkFeatures(features, this.options.features);
    if (features > 0) this.transport.requireFeatures?.(features);
  }

  /** What this member and another one came to at this index differs. It goes on: nobody here knows which is right. */
  onDivergence(divergence: Divergence): void {
    const { observer, events } = this;
    if (observer.divergence !== undefined && observer.divergence.index <= divergence.index) return;
    observer.divergence = divergence;
    events.divergence.set(divergence);
    this.logger.error(describeDivergence(this.id, divergence));
  }

  /** The lowest index that a member which answers may still ask for. */
  neededFrom(): number {
    let lowest = Number.POSITIVE_INFINITY;
    if (!this.leadership.leading) return lowest;
    this.raw.withProgress((id, _type, { match, pendingSnapshot, recentActive }) => {
      // Whoever takes over a snapshot needs what comes after it, or it needs the next snapshot too.
      if (id !== this.id && recentActive) lowest = Math.min(lowest, Math.max(match, pendingSnapshot) + 1);
    });
    return lowest;
  }

  /** This member may not go on. */
  fail(error: unknown): void {
    this.endBecause('failed', error);
  }

  endBecause(reason: 'removed' | 'failed', error: unknown): void {
    if (this.ending !== undefined) return;
    void this.end({ reason, error });
    const text = `member ${this.id} ends: ${describe(error)}`;
    if (reason === 'failed') this.logger.error(text);
    else this.logger.warn(text);
  }

  end(ended: Ended): Promise<void> {
    this.ending ??= this.shutDown(ended);
    return this.ending;
  }

  private async shutDown(ended: Ended): Promise<void> {
    this.ticker.stop();
    this.lead.end(ended.error);
    this.driver.stop();
    this.applier.stop();
    const cause = ended.reason === 'stopped' ? replicaStopped(undefined) : ended.error;
    this.proposals.end(cause);
    this.reads.end(cause);
    this.roster.end(cause);
    this.observer.end();
    this.connections?.stop();
    const parts = [
      { what: 'transport', close: () => this.transport?.stop(), limitMs: CLOSE_MS },
      { what: 'state machine’s snapshot', close: () => this.snapshots?.stop(), limitMs: CLOSE_MS },
      { what: 'log', close: () => this.options.log.close() },
    ];
    await closeAll(parts, this.options.clock, (what, error) => {
      // What ended the member is what its owner must hear of; a log that cannot be closed has told of its reason.
      if (ended.reason !== 'failed')
        this.logger.error(`member ${this.id} stopped, but could not close its ${what}: ${describe(error)}`);
    });
    this.events.ended.set(ended);
    this.resolveEnded(ended);
  }
}
