import { setTimeout } from 'node:timers/promises';
import { HttpTransport } from '@raft-ts/rafthttp';
import { DurableStorage } from '@raft-ts/raftwal';
import { Replica, type StateMachine, silentLogger } from '@raft-ts/replica';
import type { Logger } from 'winston';
import { type Peer, peerUrl } from '../common/peers.js';

const CLUSTER_ID = 0x3000n;

/** One job that was run, by whoever led then. */
interface Run {
  readonly fence: number;
  readonly worker: string;
}

/** The resource that the workers share. It refuses a worker that was replaced without noticing: its fence is lower. */
class Journal implements StateMachine<Run, number | 'refused'> {
  private jobs = 0;
  private fence = 0;

  apply({ fence }: Run): number | 'refused' {
    if (fence < this.fence) return 'refused';
    this.fence = fence;
    return ++this.jobs;
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify([this.jobs, this.fence]));
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
    [this.jobs, this.fence] = JSON.parse(text) as [number, number];
  }
}

interface Worker {
  readonly self: Peer;
  readonly peers: readonly Peer[];
  /** The folder of its log. */
  readonly data: string;
}

/** Runs one worker until `stopping` aborts: of all of them, the one that leads runs a job every second. */
export async function runWorker({ self, peers, data }: Worker, stopping: AbortSignal, log: Logger): Promise<void> {
  const storage = await DurableStorage.open(data, { nodeId: self.id, clusterId: CLUSTER_ID });
  const { incarnation, isNew: newLog } = storage;
  await using replica = await Replica.start<Run, number | 'refused'>({
    id: self.id,
    log: storage,
    stateMachine: new Journal(),
    bootstrap: { peers: peers.map((peer) => ({ id: peer.id, url: peerUrl(peer) })) },
    logger: silentLogger,
    transport: async (receiver) => {
      const transport = new HttpTransport({ id: self.id, clusterId: CLUSTER_ID, receiver, incarnation, newLog });
      await transport.serve({ host: self.host, port: self.port });
      return transport;
    },
  });
  await replica.whileLeading(
    async ({ fence, signal }) => {
      log.info(`leads, with fence ${fence}`);
      while (!signal.aborted) {
        const { result } = await replica.propose({ fence, worker: String(self.id) }, { signal });
        log.info(result === 'refused' ? 'was replaced, and stops' : `ran job ${result}`);
        await setTimeout(1000, undefined, { signal });
      }
    },
    { signal: stopping },
  );
}
