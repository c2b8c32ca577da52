import { once } from 'node:events';
import type { HttpTransport } from '@raft-ts/rafthttp';
import type { DurableStorage, WalHistograms } from '@raft-ts/raftwal';
import type { Replica } from '@raft-ts/replica';
import type { Registry } from 'prom-client';
import type { Logger } from 'winston';
import { transportLogger } from '../../common/log.js';
import { formatAddress, schemeOf } from '../../common/peers.js';
import { UsageError } from '../../common/usage.js';
import { createFace, type FaceServer } from '../face/server.js';
import type { KvCommand, KvMachine, KvResult } from '../machine/kv-machine.js';
import type { Watches } from '../watch/watches.js';
import { adminOf } from './admin.js';
import type { KvOptions } from './options.js';
import { connectionsOfPorts, type Ports } from './ports.js';
import type { SnapshotAge } from './snapshot-age.js';
import { clientsOf, statusOf } from './status.js';

/** Running requests may take so long to end. */
const FAREWELL_MS = 1000;
/** A member that has not shown by then that it is ready is not, in milliseconds. */
const READY_MS = 1000;

export interface FaceParts {
  readonly replica: Replica<KvCommand, KvResult>;
  readonly machine: KvMachine;
  readonly storage: DurableStorage;
  readonly transport: () => HttpTransport | undefined;
  readonly ports: Ports;
  readonly token: string | undefined;
  readonly registry: Registry;
  readonly disk: WalHistograms;
  readonly watches: Watches;
  readonly snapshotAge: SnapshotAge;
  readonly log: Logger;
}

/** Builds what a member answers clients with; it does not listen yet. */
export function faceOf(options: KvOptions, parts: FaceParts): FaceServer {
  const { clusterId, clientUrl, peerTls, timeoutMs, maxValue } = options;
  const { replica, machine, storage, transport, ports, token, registry, disk, watches, snapshotAge, log } = parts;
  return createFace({
    replica,
    machine,
    maxValue,
    status: () =>
      statusOf(replica, storage, {
        ...{ clusterId, watches, snapshotAge },
        clockDifferenceTo: (member) => transport()?.clockDifferenceTo(member),
      }),
    clients: () => clientsOf(replica, clientUrl, (member) => transport()?.announcementOf(member)),
    admin: adminOf(replica, timeoutMs, (text) => void log.info(text), schemeOf(peerTls)),
    token,
    registry,
    moreMetrics: () => disk.text(),
    readyMs: Math.min(timeoutMs, READY_MS),
    tell: (text) => void log.error(text),
    logger: transportLogger(log),
    limits: { maxConnections: connectionsOfPorts() },
    createServer: ports.createServer,
  });
}

/** Listens for clients, and says so. @throws UsageError if it cannot listen there */
export async function openFace(face: FaceServer, ports: Ports, log: Logger): Promise<void> {
  const { clients } = ports;
  face.listen(clients.port, clients.host);
  try {
    await once(face, 'listening');
  } catch (error) {
    throw new UsageError(`cannot listen at ${formatAddress(clients)}: ${(error as Error).message}`);
  }
  for (const warning of ports.warnings) log.warn(warning);
  log.info(ports.said);
}

/** Lets running requests end, and then closes what is left. */
export async function closeFace(face: FaceServer): Promise<void> {
  if (!face.listening) return;
  face.endStreams();
  const closed = once(face, 'close');
  face.close();
  face.closeIdleConnections();
  const timer = setTimeout(() => face.closeAllConnections(), FAREWELL_MS);
  await closed;
  clearTimeout(timer);
}
