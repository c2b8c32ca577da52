import {
  isLocalMessage,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type NodeId,
} from '@raft-ts/proto';
import type { SnapshotStatus, TransportReceiver } from '@raft-ts/raft/memory-transport';
import { formatId } from './headers.js';
import { MAX_PROCESSING, MAX_PROCESSING_PROPOSALS, MAX_SNAPSHOT_MEMBERS } from './limits.js';
import type { TransportLogger } from './options.js';
import type { TransportMetrics } from './stats/metrics.js';
import type { ServerStats } from './stats/server-stats.js';

/**
 * The one place where this package calls its receiver. What the receiver throws ends here: neither a peer's message nor
 * a report may take the process down.
 */
export class Gateway {
  private readonly id: NodeId;
  private readonly receiver: TransportReceiver;
  private readonly logger: TransportLogger;
  private readonly stats: ServerStats | undefined;

  constructor(id: NodeId, receiver: TransportReceiver, logger: TransportLogger, stats?: ServerStats) {
    this.id = id;
    this.receiver = receiver;
    this.logger = logger;
    this.stats = stats;
  }

  /**
   * Why this message must not be processed; undefined where it may be. A receiver relies on it that what arrives was
   * sent to this member, by somebody else, and is of a kind that travels.
   *
   * @param sender the member that it came from; undefined where that is not known
   */
  refusal(message: Message, sender: NodeId | undefined): string | undefined {
    if (!known.has(message.type) || isLocalMessage(message.type)) return 'wrong raft message type';
    if (message.to !== this.id) return 'to field mismatch';
    if (isNobody(message.from)) return 'from field mismatch';
    if (memberCount(message) > MAX_SNAPSHOT_MEMBERS) return 'snapshot of too many members';
    // A proposal, a read or a transfer keeps its author when a follower passes it on, and may come back to the author.
    if (isForwarded(message.type)) return undefined;
    if (message.from === this.id || (sender !== undefined && message.from !== sender)) return 'from field mismatch';
    return undefined;
  }

  /** Hand the message over. Throws, or returns a promise that rejects, as the receiver does. */
  process(message: Message): void | Promise<void> {
    if (message.type === MessageType.MsgApp) this.stats?.appendReceived(message);
    return this.receiver.process(message);
  }

  isIdRemoved(id: NodeId): boolean {
    try {
      return this.receiver.isIdRemoved(id);
    } catch (error) {
      this.failed('isIdRemoved', error);
      return false;
    }
  }

  reportUnreachable(id: NodeId): void {
    try {
      this.receiver.reportUnreachable(id);
    } catch (error) {
      this.failed('reportUnreachable', error);
    }
  }

  /** A message will not reach its target; says so of a snapshot, once for each. */
  reportLost(message: Message): void {
    if (message.type === MessageType.MsgSnap) this.reportSnapshot(message.to, 'failure');
  }

  reportSnapshot(id: NodeId, status: SnapshotStatus): void {
    try {
      this.receiver.reportSnapshot(id, status);
    } catch (error) {
      this.failed('reportSnapshot', error);
    }
  }

  private failed(call: string, error: unknown): void {
    this.logger.error('the receiver of a transport threw', { call, error: String(error) });
  }
}

/** Kinds that this version has. */
const known: ReadonlySet<number> = new Set(Object.values(MessageType));

/** How many ids the configuration of a message's snapshot lists. */
function memberCount({ snapshot }: Message): number {
  if (snapshot === undefined) return 0;
  const { voters, learners, votersOutgoing, learnersNext } = snapshot.metadata.confState;
  return voters.length + learners.length + votersOutgoing.length + learnersNext.length;
}

/** Ids that no member has: those of no one, and of the threads that members have of their own. */
function isNobody(id: NodeId): boolean {
  return id === NONE || id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

/** Is this what a receiver throws at a message that no correct member sends? */
export function isInvalidMessage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_RAFT_MESSAGE_INVALID';
}

function isForwarded(type: MessageType): boolean {
  return type === MessageType.MsgProp || type === MessageType.MsgReadIndex || type === MessageType.MsgTransferLeader;
}

/**
 * What came from one peer's streams and is being processed. Messages are handed over in the order of their arrival,
 * each without waiting for the one before; how many may be unsettled is bounded, apart for proposals, which can wait
 * for a leader. Above the bound they are dropped, as a network would.
 */
export class Inbox {
  private readonly from: NodeId;
  private readonly gateway: Gateway;
  private readonly logger: TransportLogger;
  private readonly metrics: TransportMetrics | undefined;
  private messages = 0;
  private proposals = 0;
  private dropping = false;

  constructor(from: NodeId, gateway: Gateway, logger: TransportLogger, metrics?: TransportMetrics) {
    this.from = from;
    this.gateway = gateway;
    this.logger = logger;
    this.metrics = metrics;
  }

  deliver(message: Message): void {
    const isProposal = message.type === MessageType.MsgProp;
    if (isProposal ? this.proposals >= MAX_PROCESSING_PROPOSALS : this.messages >= MAX_PROCESSING) {
      if (!this.dropping)
        this.logger.warn('dropped internal Raft message since receiving buffer is full', this.fields());
      this.dropping = true;
      this.metrics?.receiveFailed(formatId(this.from));
      return;
    }
    this.dropping = false;
    try {
      const done = this.gateway.process(message);
      if (done !== undefined) void this.settle(done, isProposal);
    } catch (error) {
      this.refused(error);
    }
  }

  private async settle(done: Promise<void>, isProposal: boolean): Promise<void> {
    if (isProposal) this.proposals++;
    else this.messages++;
    try {
      await done;
    } catch (error) {
      this.refused(error);
    } finally {
      if (isProposal) this.proposals--;
      else this.messages--;
    }
  }

  private refused(error: unknown): void {
    this.logger.debug('failed to process Raft message', { ...this.fields(), error: String(error) });
  }

  private fields(): Record<string, string> {
    return { 'remote-peer-id': formatId(this.from) };
  }
}
