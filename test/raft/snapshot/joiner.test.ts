import { emptyConfState, MessageType, type NodeId } from '@raft-ts/proto';
import { MemoryStorage, type Message, RawNode } from '@raft-ts/raft';
import { expect } from 'chai';
import { addNode, bytes, newTestConfig, newTestMemoryStorage, withPeers } from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';

/** Leader 1, alone, with a snapshot from before 2 was added, and nothing of the log before it. */
class Cluster {
  readonly logger = new RecordingLogger();
  readonly storages = new Map<NodeId, MemoryStorage>();
  readonly nodes = new Map<NodeId, RawNode>();
  snapshots = 0;

  constructor() {
    for (const [id, storage] of [
      [1n, newTestMemoryStorage(withPeers(1n))],
      [2n, new MemoryStorage()],
    ] as const) {
      this.storages.set(id, storage);
      const logger = id === 1n ? { logger: this.logger } : {};
      this.nodes.set(id, new RawNode(newTestConfig(id, storage, { electionTick: 1000, ...logger })));
    }
    this.leader.campaign();
    this.settle();
    for (let i = 0; i < 5; i++) this.leader.propose(bytes('x'));
    this.settle();
    this.snapshot([1n]);
    this.leader.proposeConfChange(addNode(2n));
    this.settle();
  }

  get leader(): RawNode {
    return this.nodes.get(1n) as RawNode;
  }

  get joiner(): RawNode {
    return this.nodes.get(2n) as RawNode;
  }

  snapshot(voters: NodeId[]): void {
    const storage = this.storages.get(1n) as MemoryStorage;
    const { applied } = this.leader.raft.raftLog;
    storage.createSnapshot(applied, { ...emptyConfState(), voters }, undefined);
    storage.compact(applied);
  }

  /** Delivers until nothing moves, or so many messages passed that it never would. */
  settle(): void {
    for (let moves = 0; ; moves++) {
      expect(moves, 'messages without an end').to.be.below(1000);
      const ready = [...this.nodes].find(([, node]) => node.hasReady());
      if (ready === undefined) return;
      const [id, node] = ready;
      const storage = this.storages.get(id) as MemoryStorage;
      const rd = node.ready();
      if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
      if (rd.snapshot !== undefined) storage.applySnapshot(rd.snapshot);
      storage.append(rd.entries);
      for (const entry of rd.committedEntries) if (entry.type !== undefined) node.applyConfChangeEntry(entry);
      node.advance();
      for (const m of rd.messages) this.deliver(m);
    }
  }

  private deliver(m: Message): void {
    this.nodes.get(m.to)?.step(m);
    if (m.type !== MessageType.MsgSnap) return;
    this.snapshots++;
    // The transport has brought it, whatever the receiver made of it.
    this.nodes.get(m.from)?.reportSnapshot(m.to, 'finish');
  }

  get warnings(): string[] {
    return this.logger.lines.filter((line) => line.startsWith('warn '));
  }
}

describe('a member that is added after the snapshot which it needs', () => {
  it('is sent that snapshot once a heartbeat at most, and the leader says once what to do', () => {
    const cluster = new Cluster();
    expect(cluster.snapshots).to.equal(1);
    for (let heartbeat = 1; heartbeat <= 50; heartbeat++) {
      cluster.leader.tick();
      cluster.settle();
      expect(cluster.snapshots).to.be.within(heartbeat / 2, heartbeat + 1);
    }
    expect(cluster.joiner.raft.raftLog.lastIndex()).to.equal(0);
    expect(cluster.warnings).to.have.length(1);
    expect(cluster.warnings[0]).to.match(
      /1 has only a snapshot at index \d+ for 2, and its membership does not name 2.*make a new snapshot/,
    );
  });

  it('joins with the next heartbeat once there is a snapshot that names it', () => {
    const cluster = new Cluster();
    for (let i = 0; i < 5; i++) {
      cluster.leader.tick();
      cluster.settle();
    }
    cluster.snapshot([1n, 2n]);
    const before = cluster.snapshots;
    for (let i = 0; i < 2; i++) {
      cluster.leader.tick();
      cluster.settle();
    }
    expect(cluster.snapshots).to.equal(before + 1);
    expect(cluster.joiner.raft.raftLog.lastIndex()).to.equal(cluster.leader.raft.raftLog.lastIndex());
    cluster.leader.propose(bytes('together'));
    cluster.settle();
    expect(cluster.joiner.raft.raftLog.committed).to.equal(cluster.leader.raft.raftLog.lastIndex());
  });
});
