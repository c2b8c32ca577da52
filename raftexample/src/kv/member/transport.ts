import { join } from 'node:path';
import { HttpTransport, prometheusMetrics, type Removal, SnapshotFolder } from '@raft-ts/rafthttp';
import type { DurableStorage } from '@raft-ts/raftwal';
import type { ReplicaReceiver } from '@raft-ts/replica';
import type { Registry } from 'prom-client';
import type { Logger } from 'winston';
import { transportLogger } from '../../common/log.js';
import { type Address, formatAddress } from '../../common/peers.js';
import { UsageError } from '../../common/usage.js';
import { FEATURES } from '../machine/features.js';
import type { KvOptions } from './options.js';
import { connectionsOfPorts } from './ports.js';

export interface TransportParts {
  readonly storage: DurableStorage;
  readonly receiver: ReplicaReceiver;
  readonly log: Logger;
  readonly registry: Registry;
  readonly onRemoved: (removal: Removal) => void;
}

/**
 * Builds what a member speaks to the others with, and listens for them. @throws UsageError if it cannot listen there
 */
export async function openTransport(options: KvOptions, at: Address, parts: TransportParts): Promise<HttpTransport> {
  const { id, clusterId, peers, clientUrl, peerTls, data, snapshotRate } = options;
  const { storage, receiver, log, registry, onRemoved } = parts;
  const transport = new HttpTransport({
    id,
    clusterId,
    receiver,
    urls: [peers.get(id) as string],
    incarnation: storage.incarnation,
    newLog: storage.isNew,
    features: FEATURES,
    ...(clientUrl === undefined ? {} : { announcement: clientUrl }),
    snapshots: new SnapshotFolder(join(data, 'snap')),
    ...(snapshotRate === undefined ? {} : { maxSnapshotBytesPerSecond: snapshotRate }),
    logger: transportLogger(log),
    metrics: prometheusMetrics(registry, id),
    maxConnections: connectionsOfPorts(),
    ...(peerTls === undefined ? {} : { tls: peerTls }),
    onRemoved: (removal) => {
      onRemoved(removal);
      receiver.onRemoved(removal);
    },
  });
  try {
    await transport.serve(at);
  } catch (error) {
    throw new UsageError(`cannot listen at ${formatAddress(at)}: ${(error as Error).message}`);
  }
  return transport;
}
