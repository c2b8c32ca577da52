/**
 * One of three members of the `embedded` workload, with the application in it: a map that is replicated, with its log
 * on disk and HTTP between the members, as the README of replica shows it.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HttpTransport, SnapshotFolder } from '@raft-ts/rafthttp';
import { DurableStorage } from '@raft-ts/raftwal';
import { collect, Replica, type StateMachine } from '@raft-ts/replica';
import { closedLoop } from './closed-loop.js';
import { allKeys, keyOf, report, serve, valueOf } from './embedded-run.js';

interface Put {
  readonly key: string;
  readonly value: string;
}

class Values implements StateMachine<Put, number> {
  values = new Map<string, string>();

  apply({ key, value }: Put): number {
    this.values.set(key, value);
    return this.values.size;
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify([...this.values]));
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const all = JSON.parse(new TextDecoder().decode(await collect(chunks))) as [string, string][];
    this.values = new Map(all);
  }
}

const { values: flags } = parseArgs({
  options: {
    id: { type: 'string', default: '1' },
    peers: { type: 'string', default: '' },
    dir: { type: 'string', default: '' },
  },
});
const id = BigInt(flags.id);
const clusterId = 0x1000n;
const peers = flags.peers.split(',').map((url, i) => ({ id: BigInt(i + 1), url }));
const own = new URL(peers[Number(id) - 1]?.url ?? '');
const machine = new Values();
const log = await DurableStorage.open(join(flags.dir, `member-${id}`), { nodeId: id, clusterId });
const replica = await Replica.start<Put, number>({
  id,
  log,
  stateMachine: machine,
  bootstrap: { peers },
  // On a machine that is busy with members that start, an election may take long.
  timeoutMs: 60_000,
  transport: async (receiver) => {
    const snapshots = new SnapshotFolder(join(log.dir, 'snap'));
    const { incarnation, isNew: newLog } = log;
    const transport = new HttpTransport({
      id,
      clusterId,
      receiver,
      incarnation,
      newLog,
      snapshots,
      urls: [own.origin],
    });
    await transport.serve({ host: own.hostname, port: Number(own.port) });
    return transport;
  },
});
void replica.ended.then(({ reason }) => process.exit(reason === 'failed' ? 1 : 0));

serve(async (order) => {
  const value = valueOf(order);
  if (order.op === 'put') return closedLoop(order, (i) => replica.propose({ key: keyOf(i), value }));
  await Promise.all(allKeys.map((key) => replica.propose({ key, value })));
  return closedLoop(order, async (i) => {
    const read = await replica.read(() => machine.values.get(keyOf(i)));
    if (read?.length !== value.length) throw new Error(`${keyOf(i)} is not there`);
  });
});
// It is answered once there is a leader.
await replica.read(() => undefined);
report({ kind: 'ready', leader: replica.leadership.leading });
