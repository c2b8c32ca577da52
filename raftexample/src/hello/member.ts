import { setImmediate } from 'node:timers/promises';
import {
  type ConfState,
  ERR_CONF_CHANGE_LIMIT,
  isConfChangeEntry,
  isEmptySnap,
  type Node,
  type NodeId,
  restartNode,
  type Status,
  startNode,
} from '@raft-ts/raft';
import type { Transport } from '@raft-ts/raft/transport';
import { ERR_LISTEN, HttpTransport, type Removal, type TlsOptions } from '@raft-ts/rafthttp';
import type { Logger } from 'winston';
import { ExitCode } from '../common/exit-codes.js';
import { dangerOfPeers, listenAddress } from '../common/listen.js';
import { describeInsecure, describeRemoval, raftLogger, transportLogger } from '../common/log.js';
import { openTls } from '../common/open-tls.js';
import { type Address, formatAddress, schemeOf } from '../common/peers.js';
import { asCoded } from '../common/raft-code.js';
import { CommandError, UsageError } from '../common/usage.js';
import { Telling } from '../page/telling.js';
import { raftConfig } from './config.js';
import { describeCommitted, describeLog, describeOtherPeers, describeSnapshot } from './describe.js';
import type { MemberOptions } from './flags.js';
import { sayHello } from './hello.js';
import { Membership } from './membership.js';
import { type MemberStorage, openStorage } from './storage.js';

/** The same for all members of a cluster; a transport refuses messages from others. */
const CLUSTER_ID = 0x1000n;
/** Entries applied in one turn of the event loop: each prints a line, which takes a few microseconds. */
const ENTRIES_PER_TURN = 1024;

/**
 * Runs one member until `stopping` aborts, or it must not go on. Resolves to the exit code.
 * @throws UsageError if it cannot, or must not, listen on the address; CommandError if the log holds a membership
 * change that this implementation cannot carry out; what `openStorage` throws
 */
export async function runMember(options: MemberOptions, stopping: AbortSignal, log: Logger): Promise<number> {
  const { id, peers, dial, tls, tickMs, hello, snapshotEvery } = options;
  // Before anything is written, so that a refused member leaves nothing in its folder.
  const danger = dangerOfPeers(tls);
  const listen = await listenAddress(options.listen, options.insecure ? undefined : danger);
  if (tls !== undefined) openTls('--peer-cert-file', tls, log);
  const flagged = peers.map((peer) => peer.id);
  const storage = await openStorage(options.data, { id, clusterId: CLUSTER_ID, founders: flagged }, log);
  log.info(describeLog(storage));
  const { founders } = storage.identity;
  const otherPeers = founders === undefined ? undefined : describeOtherPeers(founders, flagged);
  if (otherPeers !== undefined) log.warn(otherPeers);
  const membership = new Membership({
    self: id,
    peers,
    dial,
    scheme: schemeOf(tls),
    founders,
    confState: storage.raft.snapshot().metadata.confState,
  });
  const node = start(options, storage, log);
  const ending = new AbortController();
  stopping.addEventListener('abort', () => ending.abort());
  ending.signal.addEventListener('abort', () => void node.stop());
  if (stopping.aborted) ending.abort();
  let removal: Removal | undefined;
  const onRemoved = (first: Removal): void => {
    removal ??= first;
    ending.abort();
  };
  const transport = createTransport({ id, tls, storage, node, membership, onRemoved, log });
  const onMembers = (members: ConfState): void => {
    membership.apply(members, transport);
    if (membership.isRemoved(id)) ending.abort();
  };
  const status = (): Status => node.status();
  const telling = new Telling({ status, applied: () => status().applied, storage: storage.raft, transport });
  const ticker = setInterval(() => node.tick(), tickMs);
  let failed = false;
  try {
    await serve(transport, listen);
    if (options.insecure && danger !== undefined) log.warn(describeInsecure(listen, danger));
    membership.connect(transport);
    telling.start();
    log.info(`member ${id} of ${flagged.join(', ')} listens on ${formatAddress(listen)}`);
    const greeting = hello === undefined ? undefined : sayHello(node, hello, ending.signal, log);
    await handleReadys(node, storage, transport, { snapshotEvery, ending: ending.signal, log, onMembers });
    await greeting;
  } catch (error) {
    failed = true;
    throw cannotGoOn(error);
  } finally {
    clearInterval(ticker);
    telling.stop();
    ending.abort();
    await Promise.all([transport.stop(), node.stop()]);
    // The user must be told what went wrong first.
    await storage.close().catch((error: unknown) => {
      if (!failed) throw error;
    });
  }
  return verdict(id, removal, membership, log);
}

interface TransportParts {
  readonly id: NodeId;
  readonly tls: TlsOptions | undefined;
  readonly storage: MemberStorage;
  readonly node: Node;
  readonly membership: Membership;
  readonly onRemoved: (removal: Removal) => void;
  readonly log: Logger;
}

function createTransport({ id, tls, storage, node, membership, onRemoved, log }: TransportParts): HttpTransport {
  const { incarnation, founders } = storage.identity;
  return new HttpTransport({
    id,
    clusterId: CLUSTER_ID,
    receiver: {
      process: (message, wait) => node.step(message, wait),
      isIdRemoved: (peer) => membership.isRemoved(peer),
      reportUnreachable: (peer) => node.reportUnreachable(peer),
      reportSnapshot: (peer, status) => node.reportSnapshot(peer, status),
    },
    incarnation,
    newLog: storage.isNew,
    ...(founders === undefined ? {} : { founders }),
    ...(tls === undefined ? {} : { tls }),
    onRemoved,
    logger: transportLogger(log),
  });
}

/** Returns the exit code of a member that has stopped. Logs why, if it stopped by itself. */
function verdict(id: NodeId, removal: Removal | undefined, membership: Membership, log: Logger): number {
  if (removal !== undefined) {
    log.error(describeRemoval(id, removal));
    return removal.reason === 'twin' ? ExitCode.Twin : ExitCode.Refused;
  }
  if (!membership.isRemoved(id)) return ExitCode.Done;
  log.error(`member ${id} was removed from the cluster, as its own log says, so this one ends`);
  return ExitCode.Refused;
}

/** A member without a log starts with the cluster; one with a log continues from there, whatever its flags say. */
function start({ id, peers, preVote, checkQuorum }: MemberOptions, storage: MemberStorage, log: Logger): Node {
  const config = raftConfig({ id, storage: storage.raft, logger: raftLogger(log), preVote, checkQuorum });
  return storage.isNew
    ? startNode(
        config,
        peers.map((peer) => ({ id: peer.id })),
      )
    : restartNode(config);
}

interface ReadyOptions {
  readonly snapshotEvery: number;
  readonly ending: AbortSignal;
  readonly log: Pick<Logger, 'info'>;
  /** Called after applied entries or a snapshot have changed the membership. */
  readonly onMembers: (members: ConfState) => void;
}

/** Carries out the duties of each Ready, in the order that raft relies on. Ends when the node is stopped. */
export async function handleReadys(
  node: Pick<Node, 'ready' | 'applyConfChangeEntry' | 'advance'>,
  storage: Pick<MemberStorage, 'raft' | 'save' | 'snapshot'>,
  transport: Pick<Transport, 'send'>,
  { snapshotEvery, ending, log, onMembers }: ReadyOptions,
): Promise<void> {
  const { metadata: newest } = storage.raft.snapshot();
  let { confState, index: snapshotAt } = newest;
  let told = confState;
  for await (const rd of node.ready()) {
    // What a message promises must be saved before it is sent.
    await storage.save(rd);
    // If the node was stopped in the meantime it accepts nothing more. What is saved is applied after the next start.
    if (ending.aborted) return;
    transport.send(rd.messages);
    if (!isEmptySnap(rd.snapshot)) {
      // The leader no longer has the entries up to here. Their effect would be in the snapshot, if hello had any.
      log.info(describeSnapshot(rd.snapshot));
      ({ confState, index: snapshotAt } = rd.snapshot.metadata);
    }
    for (const [at, entry] of rd.committedEntries.entries()) {
      // An entry takes two bytes on the wire but prints a line here: many of them must not block ticks and peers.
      if (at > 0 && at % ENTRIES_PER_TURN === 0) {
        await setImmediate();
        if (ending.aborted) return;
      }
      log.info(describeCommitted(entry));
      // hello changes nothing here; a membership change takes effect when it is passed to the node.
      if (isConfChangeEntry(entry)) confState = node.applyConfChangeEntry(entry);
    }
    const applied = rd.committedEntries.at(-1)?.index ?? snapshotAt;
    node.advance();
    if (confState !== told) {
      told = confState;
      onMembers(confState);
    }
    if (applied - snapshotAt < snapshotEvery) continue;
    // Half of what the snapshot covers is kept, so that members that lag a little need no snapshot.
    await storage.snapshot(applied, confState, applied - Math.floor(snapshotEvery / 2));
    snapshotAt = applied;
  }
}

/** Gives its exit code to a membership change in the log that exceeds this implementation: no restart helps. */
function cannotGoOn(error: unknown): unknown {
  const coded = asCoded(error);
  return coded?.code === ERR_CONF_CHANGE_LIMIT ? new CommandError(coded.message, ExitCode.BadLog) : error;
}

async function serve(transport: HttpTransport, listen: Address): Promise<void> {
  try {
    await transport.serve(listen);
  } catch (error) {
    const coded = asCoded(error);
    if (coded?.code !== ERR_LISTEN) throw error;
    throw new UsageError(
      coded.reason === 'EADDRINUSE' ? `cannot listen at ${formatAddress(listen)}: the port is in use` : coded.message,
    );
  }
}
