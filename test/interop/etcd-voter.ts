/**
 * A voter in a cluster of etcd servers: it votes, keeps the log and is half of a majority, and has no keys and values.
 * Where it comes to lead it hands leadership back, because leases end and versions are agreed on under a leading etcd
 * alone.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConfChange,
  ConfChangeType,
  type ConfState,
  EntryType,
  type Message,
  NONE,
  type NodeId,
} from '@raft-ts/proto';
import {
  decodeConfChangeEntry,
  isConfChangeEntry,
  isEmptySnap,
  type Node,
  type Ready,
  restartNode,
} from '@raft-ts/raft';
import { HttpTransport, type SnapshotStore } from '@raft-ts/rafthttp';
import { DurableStorage } from '@raft-ts/raftwal';
import express, { type Express } from 'express';
import { clusterId, type EtcdMember, firstEntries } from './etcd-ids.js';
import { EtcdMembership } from './etcd-membership.js';

/** The etcd whose wire is spoken: the lowest that a member names becomes the version of the cluster. */
const ETCD_VERSION = '3.7.1';
const TICK_MS = 100;
/** Etcd asks again at once. */
const LEASE_ANSWER_MS = 100;
const HAND_OVER_AFTER_MS = 1500;

export interface EtcdVoterOptions {
  readonly self: EtcdMember;
  /** The members that the cluster was born with, this one among them. */
  readonly members: readonly EtcdMember[];
  readonly folder: string;
  /** Write the first entries, as etcd does, or begin with nothing and let the leader send them. */
  readonly start: 'boot' | 'empty';
  /** Leave leadership where it is, to look at it. Default: hand it over. */
  readonly keepLeadership?: boolean;
}

/** A store that keeps nothing: the body is a database of keys and values, which a pure voter has no use for. */
class Drain implements SnapshotStore {
  bytes = 0;

  removeRemains(): Promise<void> {
    return Promise.resolve();
  }

  create(): ReturnType<SnapshotStore['create']> {
    const done = (): Promise<void> => Promise.resolve();
    const write = (chunk: Uint8Array): Promise<void> => {
      this.bytes += chunk.length;
      return Promise.resolve();
    };
    return Promise.resolve({ write, commit: done, abort: done });
  }

  freeBytes(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

export class EtcdVoter {
  readonly snapshots = new Drain();
  readonly storage: DurableStorage;
  confState: ConfState;
  applied = 0;
  /** Paths below /leases that were asked for. */
  readonly leaseRequests: string[] = [];
  private readonly options: EtcdVoterOptions;
  private readonly node: Node;
  private readonly transport: HttpTransport;
  private readonly server: Server;
  private readonly membership = new EtcdMembership();
  private readonly loop: Promise<void>;
  private readonly ticker: NodeJS.Timeout;
  private ledSinceMs: number | undefined;

  private constructor(options: EtcdVoterOptions, storage: DurableStorage) {
    this.options = options;
    this.storage = storage;
    this.confState = storage.initialState().confState;
    this.membership.restore(this.confState);
    this.node = restartNode({
      id: options.self.id,
      electionTick: 10,
      heartbeatTick: 1,
      storage,
      maxSizePerMsg: 1 << 20,
      maxInflightMsgs: 512,
      checkQuorum: true,
      preVote: true,
    });
    this.transport = new HttpTransport({
      id: options.self.id,
      clusterId: clusterId(options.members.map(({ id }) => id)),
      urls: options.self.peerUrls,
      incarnation: false,
      snapshots: this.snapshots,
      receiver: {
        process: (message: Message) => this.node.step(message),
        isIdRemoved: (id) => this.membership.isRemoved(id),
        reportUnreachable: (id) => this.node.reportUnreachable(id),
        reportSnapshot: (id, status) => this.node.reportSnapshot(id, status),
      },
    });
    for (const { id, peerUrls } of options.members) if (id !== options.self.id) this.transport.addPeer(id, peerUrls);
    this.server = createServer({ requestTimeout: 0, keepAliveTimeout: 65_000 }, this.app());
    this.loop = this.run();
    this.ticker = setInterval(() => this.tick(), TICK_MS);
  }

  static async start(options: EtcdVoterOptions): Promise<EtcdVoter> {
    const { self, members, folder, start } = options;
    const storage = await DurableStorage.open(folder, {
      nodeId: self.id,
      clusterId: clusterId(members.map(({ id }) => id)),
    });
    if (storage.isNew && start === 'boot') {
      const entries = firstEntries(members);
      await storage.save({ hardState: { term: 1, vote: 0n, commit: entries.length }, entries });
    }
    const voter = new EtcdVoter(options, storage);
    const { hostname, port } = new URL(self.peerUrls[0] as string);
    voter.server.listen(Number(port), hostname);
    await once(voter.server, 'listening');
    return voter;
  }

  get leads(): boolean {
    return this.node.status().softState.raftState === 'StateLeader';
  }

  get term(): number {
    return this.node.status().hardState.term;
  }

  async stop(): Promise<void> {
    clearInterval(this.ticker);
    this.server.close();
    this.server.closeAllConnections();
    await Promise.all([this.transport.stop(), this.node.stop()]);
    await this.loop;
    await this.storage.close();
  }

  /** Gives leadership to the etcd whose log is furthest, among those that answer. */
  handOver(): NodeId | undefined {
    const { progress, config } = this.node.status();
    const able = [...progress.values()].filter(
      ({ id, recentActive }) => id !== this.options.self.id && recentActive && config.voters.has(id),
    );
    const [best] = able.sort((a, b) => b.match - a.match);
    if (best !== undefined) void this.node.transferLeadership(best.id);
    return best?.id;
  }

  private tick(): void {
    this.node.tick();
    this.ledSinceMs = this.leads ? (this.ledSinceMs ?? performance.now()) : undefined;
    const keep = this.options.keepLeadership === true;
    if (this.ledSinceMs === undefined || keep || performance.now() - this.ledSinceMs < HAND_OVER_AFTER_MS) return;
    this.ledSinceMs = performance.now();
    this.handOver();
  }

  private async run(): Promise<void> {
    for await (const rd of this.node.ready()) {
      await this.storage.save(rd);
      this.transport.send(rd.messages);
      if (!isEmptySnap(rd.snapshot)) {
        this.confState = rd.snapshot.metadata.confState;
        this.membership.restore(this.confState);
        this.applied = rd.snapshot.metadata.index;
      }
      // The log is kept from its first entry: without keys and values there is no snapshot that could stand for it.
      if (!this.apply(rd)) return;
      this.node.advance();
    }
  }

  /** Returns false if the node was stopped meanwhile. */
  private apply(rd: Ready): boolean {
    for (const entry of rd.committedEntries) {
      if (isConfChangeEntry(entry)) {
        const change = decodeConfChangeEntry(entry);
        if (entry.type !== EntryType.EntryConfChange || !('nodeId' in change))
          throw new Error('etcd makes V1 changes only');
        const decided = this.membership.decide(change);
        try {
          this.confState = this.node.applyConfChange(decided);
        } catch (error) {
          if ((error as { code?: string }).code === 'ERR_RAFT_STOPPED') return false;
          throw error;
        }
        this.connect(decided);
      }
      this.applied = entry.index;
    }
    return true;
  }

  private connect({ type, nodeId }: ConfChange): void {
    if (nodeId === NONE || nodeId === this.options.self.id) return;
    if (type === ConfChangeType.ConfChangeRemoveNode) this.transport.removePeer(nodeId);
    else if (type === ConfChangeType.ConfChangeUpdateNode)
      this.transport.updatePeer(nodeId, this.membership.urlsOf(nodeId));
    else this.transport.addPeer(nodeId, this.membership.urlsOf(nodeId));
  }

  /** What etcd servers ask of their peer besides raft's messages. */
  private app(): Express {
    const app = express();
    app.get('/version', (_req, res) => {
      res.json({ etcdserver: ETCD_VERSION, etcdcluster: '3.7.0', storage: '3.7.0' });
    });
    app.get('/downgrade/enabled', (_req, res) => void res.type('text').send('false'));
    app.all('/members/promote/:id', (_req, res) => void res.status(503).send('not an etcd server'));
    // 404 would tell clients that their leases are gone.
    app.use('/leases', (req, res) => {
      this.leaseRequests.push(req.path);
      void sleep(LEASE_ANSWER_MS).then(() => res.status(503).send('not an etcd server'));
    });
    app.use(this.transport.handler());
    return app;
  }
}
