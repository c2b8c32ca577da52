/**
 * The `node` workload of test/reference/README.md: members behind their Node doors in one process. A message goes to
 * the receiver's queue, and a task per member steps what arrives.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  isConfChangeEntry,
  MemoryStorage,
  type Message,
  type Node,
  type NodeId,
  restartNode,
  startNode,
} from '@raft-ts/raft';
import { collectGarbage, perSecond, print, workloadFlags } from './workload.js';

const COMPACT_EVERY = 10_000;
const COMPACT_KEEP = 1_000;

const settled = Promise.resolve();

interface Scenario {
  readonly name: string;
  readonly members: number;
  /** Milliseconds slept for each Ready, in place of a disk. */
  readonly diskMs?: number;
  /** Milliseconds between ticks; none if not given. */
  readonly tickMs?: number;
  /** A message arrives after a whole number of milliseconds below this; at once and in order if not given. */
  readonly maxSendMs?: number;
  /** More messages than this in a receiver's queue are lost. */
  readonly maxInbox: number;
  readonly bootstrap?: boolean;
  readonly compact?: boolean;
}

class Member {
  readonly storage = new MemoryStorage();
  readonly node: Node;
  applied = 0;
  onApply: () => void = () => {};
  private compacted = 0;
  private inbox: Message[] = [];
  private receiving = false;
  private readonly ticker: NodeJS.Timeout | undefined;
  private readonly scenario: Scenario;
  private readonly cluster: readonly Member[];

  constructor(id: NodeId, ids: readonly NodeId[], scenario: Scenario, cluster: readonly Member[]) {
    this.scenario = scenario;
    this.cluster = cluster;
    const config = {
      id,
      electionTick: 10,
      heartbeatTick: 1,
      storage: this.storage,
      maxSizePerMsg: 1 << 20,
      maxInflightMsgs: 256,
      maxUncommittedEntriesSize: 1 << 30,
    };
    if (scenario.bootstrap === true) {
      this.node = startNode(
        config,
        ids.map((peer) => ({ id: peer })),
      );
    } else {
      const confState = { voters: ids, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
      this.storage.applySnapshot({ data: undefined, metadata: { index: 1, term: 1, confState } });
      this.node = restartNode(config);
    }
    if (scenario.tickMs !== undefined) this.ticker = setInterval(() => this.node.tick(), scenario.tickMs);
    void this.loop();
  }

  private async loop(): Promise<void> {
    const { storage, scenario } = this;
    for await (const rd of this.node.ready()) {
      if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
      storage.append(rd.entries);
      if (scenario.diskMs !== undefined) await sleep(scenario.diskMs);
      for (const m of rd.messages) this.send(m);
      for (const entry of rd.committedEntries) {
        if (isConfChangeEntry(entry) || entry.data === undefined || entry.data.length === 0) continue;
        this.applied++;
        this.onApply();
      }
      const last = rd.committedEntries.at(-1);
      if (scenario.compact === true && last !== undefined && this.applied - this.compacted >= COMPACT_EVERY) {
        this.compacted = this.applied;
        // The membership is the one it began with.
        storage.createSnapshot(last.index - COMPACT_KEEP, storage.initialState().confState, undefined);
        storage.compact(last.index - COMPACT_KEEP);
      }
      this.node.advance();
    }
  }

  private send(m: Message): void {
    const to = this.cluster[Number(m.to) - 1] as Member;
    const { maxSendMs } = this.scenario;
    if (maxSendMs === undefined) to.receive(m);
    else setTimeout(() => to.receive(m), Math.floor(Math.random() * maxSendMs));
  }

  private receive(m: Message): void {
    if (this.inbox.length >= this.scenario.maxInbox) return;
    this.inbox.push(m);
    if (this.receiving) return;
    this.receiving = true;
    void settled.then(this.stepInbox);
  }

  private readonly stepInbox = (): void => {
    this.receiving = false;
    const { inbox } = this;
    this.inbox = [];
    // What arrives after the end of the run is refused.
    for (const message of inbox) this.node.step(message).catch(() => {});
  };

  async stop(): Promise<void> {
    clearInterval(this.ticker);
    await this.node.stop();
  }
}

async function start(scenario: Scenario): Promise<Member[]> {
  const ids = Array.from({ length: scenario.members }, (_, i) => BigInt(i + 1));
  const cluster: Member[] = [];
  for (const id of ids) cluster.push(new Member(id, ids, scenario, cluster));
  const [first] = cluster as [Member];
  while (first.node.status().softState.raftState !== 'StateLeader') {
    await first.node.campaign();
    await sleep(100);
  }
  return cluster;
}

function slowest(cluster: readonly Member[]): number {
  return Math.min(...cluster.map(({ applied }) => applied));
}

/**
 * Proposes one after the other at member 1, each waiting only until the core took it, then waits for the last commit
 * everywhere.
 */
async function accepted(scenario: Scenario, n: number, size: number): Promise<object> {
  const cluster = await start(scenario);
  const { node } = cluster[0] as Member;
  const data = new Uint8Array(size).fill(0x78);
  collectGarbage();
  const began = performance.now();
  for (let i = 0; i < n; i++) await node.propose(data);
  const took = (performance.now() - began) / 1000;
  // Entries that never arrive show as a smaller count.
  let last = -1;
  let finished = performance.now();
  while (last < n && performance.now() - finished < 3000) {
    const now = slowest(cluster);
    if (now !== last) {
      last = now;
      finished = performance.now();
    }
    if (last < n) await sleep(1);
  }
  for (const member of cluster) await member.stop();
  const seconds = (finished - began) / 1000;
  return {
    scenario: scenario.name,
    members: scenario.members,
    entries: last,
    size_bytes: size,
    accepted_per_s: perSecond(n, took),
    commits_per_s: perSecond(last, seconds),
    seconds,
  };
}

/** Keeps a fixed number of proposals between propose and application on every member. */
async function pipelined(scenario: Scenario, k: number, n: number, size: number): Promise<object> {
  const cluster = await start(scenario);
  const { node } = cluster[0] as Member;
  const data = new Uint8Array(size).fill(0x78);
  const warm = Math.floor(n / 10);
  let wake: (() => void) | undefined;
  for (const member of cluster) {
    member.onApply = () => {
      wake?.();
      wake = undefined;
    };
  }
  let proposed = 0;
  const bring = async (target: number): Promise<void> => {
    while (slowest(cluster) < target) {
      while (proposed < target && proposed - slowest(cluster) < k) {
        proposed++;
        await node.propose(data);
      }
      if (slowest(cluster) < target && (proposed === target || proposed - slowest(cluster) >= k)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  };
  await bring(warm);
  collectGarbage();
  const began = performance.now();
  await bring(warm + n);
  const seconds = (performance.now() - began) / 1000;
  for (const member of cluster) await member.stop();
  return {
    scenario: scenario.name,
    members: scenario.members,
    entries: n,
    size_bytes: size,
    in_flight: k,
    commits_per_s: perSecond(n, seconds),
    seconds,
  };
}

const flags = workloadFlags();
const n = flags.n ?? 100_000;
const wanted = (name: string): boolean => flags.only === undefined || flags.only === name;
const results: object[] = [];
if (wanted('one-node-disk-1ms')) {
  results.push(await accepted({ name: 'one-node-disk-1ms', members: 1, diskMs: 1, maxInbox: 1024 }, n, 3));
}
if (wanted('proposal-3-nodes')) {
  const scenario = { name: 'proposal-3-nodes', members: 3, tickMs: 5, diskMs: 1, maxSendMs: 10, maxInbox: 1024 };
  results.push(await accepted({ ...scenario, bootstrap: true }, n, 8));
}
for (const [name, members] of [
  ['one-node', 1],
  ['three-nodes', 3],
] as const) {
  if (!wanted(name)) continue;
  for (const k of flags.inFlight) {
    results.push(await pipelined({ name, members, maxInbox: 1 << 16, compact: true }, k, n, flags.size));
  }
}
print('node', results);
