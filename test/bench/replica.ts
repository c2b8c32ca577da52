/**
 * The `replica` workload: three replicas in one process, with so many commands or reads under way at a time. With logs
 * in memory it is set beside the bare core, which proposes one by one (`raw-cluster.ts`), with a window in which every
 * proposal has a message of its own; with logs on disk beside bare writes of the same bytes into three files at once.
 * All sides take turns, so that they meet the same machine.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type NodeId, silentLogger } from '@raft-ts/raft';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import { DurableStorage, Wal } from '@raft-ts/raftwal';
import { bytesCodec, Replica, type ReplicaLog, type StateMachine } from '@raft-ts/replica';
import { MemoryLog } from '@raft-ts/replica/memory';
import { RawCluster } from './raw-cluster.js';
import { bytesOf, entriesFrom, RawFile, stateAt } from './raw-file.js';
import { collectGarbage, perSecond, print } from './workload.js';

const ids: readonly NodeId[] = [1n, 2n, 3n];
/** Blocks of each side. */
const BLOCKS = 5;
/** Blocks that are not counted: compilers need some time. */
const WARM_UP = 3;

/** Counts commands. */
class Count implements StateMachine<Uint8Array, number> {
  value = 0;

  apply(): number {
    return ++this.value;
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(String(this.value));
  }

  async restore(): Promise<void> {
    throw new Error('nobody falls behind here');
  }
}

interface Group {
  readonly leader: Replica<Uint8Array, number>;
  readonly follower: Replica<Uint8Array, number>;
  readonly stop: () => Promise<void>;
}

async function start(logOf: (id: NodeId) => Promise<ReplicaLog>): Promise<Group> {
  const network = new MemoryNetwork();
  const peers = ids.map((id) => ({ id, url: `memory:${id}` }));
  const replicas = await Promise.all(
    ids.map(async (id) =>
      Replica.start<Uint8Array, number>({
        id,
        log: await logOf(id),
        transport: (receiver) => network.connect(id, receiver),
        stateMachine: new Count(),
        codec: bytesCodec,
        bootstrap: { peers },
        logger: silentLogger,
      }),
    ),
  );
  const leader = await Promise.race(
    replicas.map(
      (replica) =>
        new Promise<Replica<Uint8Array, number>>((resolve) => {
          replica.watch('leadership', ({ leading }) => {
            if (leading) resolve(replica);
          });
        }),
    ),
  );
  const follower = replicas.find((replica) => replica !== leader) as Replica<Uint8Array, number>;
  await leader.propose(new Uint8Array(1));
  const stop = async (): Promise<void> => {
    await Promise.all(replicas.map((replica) => replica.stop()));
  };
  return { leader, follower, stop };
}

/** Makes `count` calls, `inFlight` at a time. @returns seconds */
async function timed(count: number, inFlight: number, call: () => Promise<unknown>): Promise<number> {
  let left = count;
  const client = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  collectGarbage();
  const began = performance.now();
  await Promise.all(Array.from({ length: inFlight }, client));
  return (performance.now() - began) / 1000;
}

/** @param window messages that may be under way to a follower, at least 256 */
function bareCore(window = 0): RawCluster {
  const core = new RawCluster('plain', ids.length, Math.max(window, 256));
  core.elect();
  return core;
}

/** Commits up to `target`. @returns seconds */
function timedCore(
  core: RawCluster,
  { target, inFlight, data }: { readonly target: number; readonly inFlight: number; readonly data: Uint8Array },
): number {
  collectGarbage();
  const began = performance.now();
  core.propose(target, inFlight, data);
  return (performance.now() - began) / 1000;
}

const best = (seconds: readonly number[]): number => Math.min(...seconds);

interface Case {
  readonly inFlight: number;
  readonly n: number;
  readonly data: Uint8Array;
}

const inMemory = (): Promise<ReplicaLog> => Promise.resolve(new MemoryLog());

async function memoryCase({ inFlight, n, data }: Case): Promise<object> {
  const group = await start(inMemory);
  // Acknowledgements come later than the proposals that they make room for.
  const core = bareCore(4 * inFlight);
  const gathering = bareCore();
  const propose = (): Promise<unknown> => group.leader.propose(data);
  const read = (replica: Replica<Uint8Array, number>) => () => replica.read(() => 0);
  const took = {
    core: [] as number[],
    gathering: [] as number[],
    replica: [] as number[],
    reads: [] as number[],
    elsewhere: [] as number[],
  };
  let target = 0;
  let heap = 0;
  for (let block = -WARM_UP; block < BLOCKS; block++) {
    const replica = await timed(n, inFlight, propose);
    const reads = await timed(n, inFlight, read(group.leader));
    const elsewhere = await timed(n, inFlight, read(group.follower));
    target += n;
    const bare = timedCore(core, { target, inFlight, data });
    const gathered = timedCore(gathering, { target, inFlight, data });
    if (block < 0) {
      collectGarbage();
      heap = process.memoryUsage().heapUsed + process.memoryUsage().external;
      continue;
    }
    took.core.push(bare);
    took.gathering.push(gathered);
    took.replica.push(replica);
    took.reads.push(reads);
    took.elsewhere.push(elsewhere);
  }
  collectGarbage();
  const growth = process.memoryUsage().heapUsed + process.memoryUsage().external - heap;
  await group.stop();
  return {
    log: 'memory',
    in_flight: inFlight,
    size_bytes: data.length,
    calls: n * BLOCKS,
    proposals_per_s: perSecond(n, best(took.replica)),
    core_one_by_one_per_s: perSecond(n, best(took.core)),
    core_one_by_one_messages: round(core.messages / target),
    core_gathering_per_s: perSecond(n, best(took.gathering)),
    core_gathering_messages: round(gathering.messages / target),
    times_the_core: round(best(took.core) / best(took.replica)),
    times_the_core_gathering: round(best(took.gathering) / best(took.replica)),
    reads_per_s: perSecond(n, best(took.reads)),
    reads_on_a_follower_per_s: perSecond(n, best(took.elsewhere)),
    heap_growth_mib: round(growth / 2 ** 20),
  };
}

async function durableCase(dir: string, { inFlight, n, data }: Case): Promise<object> {
  const group = await start(async (id) => {
    const place = join(dir, String(id));
    mkdirSync(place);
    return DurableStorage.open(place, { nodeId: id, clusterId: 1n });
  });
  const files = await Promise.all(ids.map((id) => RawFile.make(join(dir, `raw-${id}`))));
  // As the default format writes them.
  const batch = new Uint8Array(bytesOf(entriesFrom(1000, inFlight, new Uint8Array(data.length + 13)))).fill(7);
  const rounds = Math.ceil(n / inFlight);
  const logs = await bareLogs(dir);
  const took = { raw: [] as number[], logs: [] as number[], replica: [] as number[] };
  for (let block = -WARM_UP; block < BLOCKS; block++) {
    const replica = await timed(n, inFlight, () => group.leader.propose(data));
    const bare = await timed(rounds, 1, () => logs.save(inFlight, data));
    const raw = await timed(rounds, 1, () => Promise.all(files.map((file) => file.append(batch))));
    if (block < 0) continue;
    took.replica.push(replica);
    took.logs.push(bare);
    took.raw.push(raw);
  }
  const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
  const calls = n * BLOCKS;
  await group.stop();
  await logs.close();
  await Promise.all(files.map((file) => file.end()));
  return {
    log: 'disk',
    in_flight: inFlight,
    size_bytes: data.length,
    calls,
    proposals_per_s: perSecond(calls, sum(took.replica)),
    raw_group_commit_per_s: perSecond(calls, sum(took.raw)),
    over_raw_percent: Math.round((sum(took.replica) / sum(took.raw) - 1) * 100),
    logs_alone_per_s: perSecond(calls, sum(took.logs)),
    over_logs_percent: Math.round((sum(took.replica) / sum(took.logs) - 1) * 100),
  };
}

/** Three logs without raft, which save the same entries at once: what remains is the cost of raft and of the loop. */
async function bareLogs(
  dir: string,
): Promise<{ save: (count: number, data: Uint8Array) => Promise<unknown>; close: () => Promise<unknown> }> {
  const logs = await Promise.all(ids.map((id) => Wal.create(join(dir, `log-${id}`))));
  let next = 1;
  return {
    save: (count, data) => {
      const entries = entriesFrom(next, count, data);
      next += count;
      return Promise.all(logs.map((log) => log.save(stateAt(next - count - 1), entries)));
    },
    close: () => Promise.all(logs.map((log) => log.close())),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: tmpdir() },
    k: { type: 'string', default: '1,64,1024' },
    size: { type: 'string', default: '256' },
    only: { type: 'string' },
  },
});

const results: object[] = [];
const data = new Uint8Array(Number(values.size)).fill(0x78);
for (const inFlight of values.k.split(',').map(Number)) {
  if (values.only !== 'disk') {
    results.push(await memoryCase({ inFlight, n: inFlight === 1 ? 10_000 : 200_000, data }));
  }
  if (values.only === 'memory') continue;
  const dir = mkdtempSync(join(values.dir, 'bench-replica-'));
  try {
    results.push(await durableCase(dir, { inFlight, n: Math.max(300, inFlight * 200), data }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
print('replica', results);
