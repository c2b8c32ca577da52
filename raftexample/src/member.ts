import { randomUUID } from 'node:crypto';
import { decodeConfChange, decodeConfChangeV2 } from '@raft-ts/proto';
import { type Entry, EntryType, isEmptySnap, MemoryStorage, type Node, RaftError, startNode } from '@raft-ts/raft';
import type { Transport } from '@raft-ts/raft/memory-transport';
import { HttpTransport, type Removal } from '@raft-ts/rafthttp';
import type { Logger } from 'winston';
import type { MemberOptions } from './flags.js';
import { sayHello } from './hello.js';
import { describeCommitted, describeRemoval, raftLogger, transportLogger } from './log.js';
import { type Address, formatAddress, peerUrl } from './peers.js';
import { UsageError } from './usage.js';

/** All members of a cluster carry the same; a transport refuses messages of another. */
const CLUSTER_ID = 0x1000n;
/** The exit code of a member that lost its log and was refused. */
const REFUSED = 3;

/**
 * Run one member until `stopping` aborts, or the others refuse it. Resolves to the exit code.
 * @throws UsageError where the address cannot be listened on
 */
export async function runMember(options: MemberOptions, stopping: AbortSignal, log: Logger): Promise<number> {
  const { id, peers, listen, tickMs, hello } = options;
  const storage = new MemoryStorage();
  const node = startNode(
    {
      id,
      electionTick: 10,
      heartbeatTick: 1,
      storage,
      maxSizePerMsg: 4096,
      maxInflightMsgs: 256,
      logger: raftLogger(log),
    },
    peers.map((peer) => ({ id: peer.id })),
  );
  const ending = new AbortController();
  stopping.addEventListener('abort', () => ending.abort());
  ending.signal.addEventListener('abort', () => void node.stop());
  let removal: Removal | undefined;
  const transport = new HttpTransport({
    id,
    clusterId: CLUSTER_ID,
    receiver: {
      process: (message) => node.step(message),
      isIdRemoved: () => false,
      reportUnreachable: (peer) => node.reportUnreachable(peer),
      reportSnapshot: (peer, status) => node.reportSnapshot(peer, status),
    },
    incarnation: randomUUID(),
    onRemoved: (first) => {
      removal ??= first;
      ending.abort();
    },
    logger: transportLogger(log),
  });
  const ticker = setInterval(() => node.tick(), tickMs);
  try {
    await serve(transport, listen);
    for (const peer of peers) if (peer.id !== id) transport.addPeer(peer.id, [peerUrl(peer)]);
    log.info(`member ${id} of ${peers.map((peer) => peer.id).join(', ')} listens on ${formatAddress(listen)}`);
    const greeting = hello === undefined ? undefined : sayHello(node, hello, ending.signal, log);
    await handleReadys(node, storage, transport, log);
    await greeting;
  } finally {
    clearInterval(ticker);
    ending.abort();
    await Promise.all([transport.stop(), node.stop()]);
  }
  if (removal === undefined) return 0;
  log.error(describeRemoval(id, removal));
  return REFUSED;
}

/** The duties of whoever drives a node, in the order that raft relies on. Ends when the node is stopped. */
async function handleReadys(node: Node, storage: MemoryStorage, transport: Transport, log: Logger): Promise<void> {
  for await (const rd of node.ready()) {
    // What a message promises must be saved before the message leaves.
    if (rd.hardState !== undefined) storage.setHardState(rd.hardState);
    if (!isEmptySnap(rd.snapshot)) storage.applySnapshot(rd.snapshot);
    storage.append(rd.entries);
    transport.send(rd.messages);
    for (const entry of rd.committedEntries) {
      log.info(describeCommitted(entry));
      apply(node, entry);
    }
    node.advance();
  }
}

/** hello changes nothing here; a change of the membership takes effect when the node is told so. */
function apply(node: Node, { type, data }: Entry): void {
  const bytes = data ?? new Uint8Array();
  if (type === EntryType.EntryConfChange) node.applyConfChange(decodeConfChange(bytes));
  if (type === EntryType.EntryConfChangeV2) node.applyConfChange(decodeConfChangeV2(bytes));
}

async function serve(transport: HttpTransport, listen: Address): Promise<void> {
  try {
    await transport.serve(listen);
  } catch (error) {
    if (!(error instanceof RaftError) || error.code !== 'ERR_RAFT_LISTEN') throw error;
    throw new UsageError(
      error.reason === 'EADDRINUSE' ? `cannot listen at ${formatAddress(listen)}: the port is in use` : error.message,
    );
  }
}
