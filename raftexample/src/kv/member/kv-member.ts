import type { SecureContextOptions } from 'node:tls';
import type { HttpTransport, Removal } from '@raft-ts/rafthttp';
import { DurableStorage, WalHistograms, type WalMetrics } from '@raft-ts/raftwal';
import { type Ended, Replica, type ReplicaReceiver, systemClock } from '@raft-ts/replica';
import { Registry } from 'prom-client';
import type { Logger } from 'winston';
import { cannotOpen } from '../../common/bad-log.js';
import { ExitCode } from '../../common/exit-codes.js';
import { describeRemoval, raftLogger } from '../../common/log.js';
import { Telling } from '../../page/telling.js';
import { FEATURES } from '../machine/features.js';
import { kvFormat } from '../machine/kv-format.js';
import { type KvCommand, KvMachine, type KvResult } from '../machine/kv-machine.js';
import { Watches } from '../watch/watches.js';
import { closeFace, faceOf, openFace } from './face.js';
import { collectGarbage } from './garbage.js';
import { askToJoin, joinTls } from './join-via.js';
import { LeaseClock } from './lease-clock.js';
import { type KvOptions, snapshotPolicy } from './options.js';
import { preparePorts } from './ports.js';
import { SnapshotAge } from './snapshot-age.js';
import { readToken } from './token-file.js';
import { openTransport } from './transport.js';
import { seeToVote } from './vote.js';

/** Runs one member of the store until `stopping` aborts, or it may not go on. Resolves to the exit code. */
export async function runKvMember(options: KvOptions, stopping: AbortSignal, log: Logger): Promise<number> {
  const { id, data, clusterId, peerTls } = options;
  // Before anything is written: a member that is refused leaves nothing in its folder.
  const ports = await preparePorts(options, log);
  const tls = await joinTls(options);
  const token = options.tokenFile === undefined ? undefined : await readToken(options.tokenFile);
  const disk = new WalHistograms();
  const registry = new Registry();
  const watches = new Watches({
    limits: options.warn,
    data,
    tls: [peerTls, options.clientTls],
    log: { info: (text) => void log.info(text), warn: (text) => void log.warn(text) },
    registry,
  });
  const storage = await openLog(data, { id, clusterId, metrics: watches.watching(disk) }, log);
  await joinVia(options, { storage, token, tls, stopping, log });
  if (stopping.aborted) {
    await storage.close();
    return ExitCode.Done;
  }
  const machine = new KvMachine({}, {}, collectGarbage);
  let removal: Removal | undefined;
  let transport: HttpTransport | undefined;
  const replica = await startReplica(options, {
    storage,
    machine,
    log,
    registry,
    createTransport: async (receiver) => {
      const onRemoved = (first: Removal): void => void (removal ??= first);
      transport = await openTransport(options, ports.peers, { storage, receiver, log, registry, onRemoved });
      return transport;
    },
  });
  const telling = new Telling({
    status: () => replica.status(),
    applied: () => replica.applied.index,
    storage,
    transport,
  });
  telling.start();
  const snapshotAge = await SnapshotAge.ofFolder(data, storage);
  replica.watch('snapshot', (event) => snapshotAge.hear(event));
  const leaseClock = new LeaseClock({ replica, leases: machine.leases, clock: systemClock() });
  const face = faceOf(options, {
    ...{ replica, machine, storage, transport: () => transport },
    ...{ ports, token, registry, disk, watches, snapshotAge, log },
  });
  try {
    await openFace(face, ports, log);
    await watches.start();
    const url = options.peers.get(id) as string;
    if (options.joinVia !== undefined) void seeToVote(replica, { id, url }, { stopping, log });
    const ended = await untilEnded(replica, stopping);
    if (ended !== undefined) return verdict(options, ended, removal, log);
  } finally {
    await Promise.all([replica.stop(), closeFace(face)]);
    leaseClock.stop();
    watches.stop();
    telling.stop();
  }
  return ExitCode.Done;
}

/** A member that has a log was added before, and only has to be contacted. */
async function joinVia(
  { id, peers, joinVia: via, timeoutMs }: KvOptions,
  {
    storage,
    token,
    tls,
    stopping,
    log,
  }: {
    readonly storage: DurableStorage;
    readonly token: string | undefined;
    readonly tls: SecureContextOptions | undefined;
    readonly stopping: AbortSignal;
    readonly log: Logger;
  },
): Promise<void> {
  if (via === undefined || !storage.isNew) return;
  try {
    // The member that is asked takes as long for its answer; it is waited for a little longer.
    await askToJoin({ id, url: peers.get(id) as string, via, token, tls, timeoutMs: 2 * timeoutMs }, stopping, log);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

interface Parts {
  readonly storage: DurableStorage;
  readonly machine: KvMachine;
  readonly log: Logger;
  readonly registry: Registry;
  readonly createTransport: (receiver: ReplicaReceiver) => Promise<HttpTransport>;
}

async function startReplica(options: KvOptions, parts: Parts): Promise<Replica<KvCommand, KvResult>> {
  const { id, peers, dial, join: joins } = options;
  const { storage, machine, log, registry, createTransport: build } = parts;
  const started = Replica.start<KvCommand, KvResult>({
    id,
    log: storage,
    transport: build,
    stateMachine: machine,
    format: kvFormat,
    features: FEATURES,
    ...(joins ? { join: true } : { bootstrap: { peers: [...peers].map(([peer, url]) => ({ id: peer, url })) } }),
    tickMs: options.tickMs,
    electionTicks: options.electionTicks,
    preVote: options.preVote,
    checkQuorum: options.checkQuorum,
    timeoutMs: options.timeoutMs,
    metrics: registry,
    snapshots: snapshotPolicy(options),
    dial: (member) => [dial.get(member.id) ?? member.url],
    // What raft does from tick to tick is for who asks for it; who leads is said below.
    logger: { ...raftLogger(log), info: (message) => void log.verbose(`raft: ${message}`) },
  });
  const replica = await started.catch((error: unknown) => {
    // The first that is written to the log, and the reading of its snapshot, fail here.
    throw cannotOpen(options.data, error);
  });
  replica.watch('leadership', ({ leader, term }) => {
    log.info(leader === 0n ? `no leader in term ${term}` : `member ${leader} leads in term ${term}`);
  });
  return replica;
}

async function openLog(
  data: string,
  owner: { readonly id: bigint; readonly clusterId: bigint; readonly metrics: WalMetrics },
  log: Logger,
): Promise<DurableStorage> {
  try {
    return await DurableStorage.open(data, {
      nodeId: owner.id,
      clusterId: owner.clusterId,
      metrics: owner.metrics,
      logger: {
        info: (message) => void log.info(`wal: ${message}`),
        warn: (message) => void log.warn(`wal: ${message}`),
      },
    });
  } catch (error) {
    throw cannotOpen(data, error);
  }
}

/** Resolves with why the replica ended by itself; `undefined` if it is asked to stop. */
async function untilEnded(replica: Replica<KvCommand, KvResult>, stopping: AbortSignal): Promise<Ended | undefined> {
  const stopped = new Promise<undefined>((resolve) => {
    if (stopping.aborted) resolve(undefined);
    stopping.addEventListener('abort', () => resolve(undefined));
  });
  return Promise.race([replica.ended, stopped]);
}

function verdict({ id, data }: KvOptions, { reason, error }: Ended, removal: Removal | undefined, log: Logger): number {
  if (removal !== undefined && removal.reason !== 'removed') {
    log.error(describeRemoval(id, removal));
    return removal.reason === 'twin' ? ExitCode.Twin : ExitCode.Refused;
  }
  if (reason === 'failed') throw cannotOpen(data, error);
  log.info(`member ${id} was removed from the cluster, so this one ends`);
  return ExitCode.Done;
}
