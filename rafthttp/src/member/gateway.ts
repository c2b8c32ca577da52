import {
  isLocalMessage,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type NodeId,
} from '@raft-ts/proto';
import { type MessageHead } from '@raft-ts/proto/internal';
import type { ProcessOptions, SnapshotStatus, TransportReceiver } from '@raft-ts/raft/transport';
import { describeError } from '../base/errors.js';
import {
  MAX_METADATA_BYTES,
  MAX_PROPOSAL_ENTRIES,
  MAX_SMALL_MESSAGE_BYTES,
  MAX_SNAPSHOT_MEMBERS,
  MAX_UNKNOWN_BYTES,
  MIN_APPENDED_BYTES,
} from '../base/limits.js';
import type { TransportLogger } from '../base/logger.js';
import type { ServerStats } from '../stats/server-stats.js';

/**
 * The only place where this package calls its receiver. What the receiver throws in a report is caught here: a report
 * must not take the process down.
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
   * Returns why this message must not even be decoded; undefined if it may be.
   *
   * @param sender the member that it came from; undefined if unknown
   */
  headRefusal(head: MessageHead, sender: NodeId | undefined): string | undefined {
    return this.misdirected(head, sender) ?? excess(head);
  }

  /**
   * Returns why this message must not be processed; undefined if it may be. Receivers rely on this: whatever they get
   * was sent to this member by another one, and is of a kind that travels.
   *
   * @param sender the member that it came from; undefined if unknown
   */
  refusal(message: Message, sender: NodeId | undefined): string | undefined {
    const refusal = this.misdirected(message, sender);
    if (refusal !== undefined) return refusal;
    return memberCount(message) > MAX_SNAPSHOT_MEMBERS ? TOO_MANY_MEMBERS : undefined;
  }

  private misdirected(message: Pick<Message, 'type' | 'to' | 'from'>, sender: NodeId | undefined): string | undefined {
    if (!known.has(message.type) || isLocalMessage(message.type)) return 'wrong raft message type';
    if (message.to !== this.id) return 'to field mismatch';
    if (isNobody(message.from)) return 'from field mismatch';
    // A proposal, read or transfer keeps its author when a follower forwards it, and may come back to the author.
    if (isForwarded(message.type)) return undefined;
    if (message.from === this.id || (sender !== undefined && message.from !== sender)) return 'from field mismatch';
    return undefined;
  }

  /** Passes the message to the receiver. Throws, or returns a promise that rejects, as the receiver does. */
  process(message: Message, options?: ProcessOptions): void | Promise<void> {
    if (message.type === MessageType.MsgApp) this.stats?.appendReceived(message);
    return this.receiver.process(message, options);
  }

  /** Passes on a snapshot's body as the receiver does. Throws, or has the reader throw, what the receiver does. */
  inspectSnapshot(message: Message, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return this.receiver.inspectSnapshot?.(message, chunks) ?? chunks;
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

  /** A message will not reach its target: reports it if it is a snapshot, once for each. */
  reportLost(message: Message, error?: unknown): void {
    if (message.type === MessageType.MsgSnap) this.reportSnapshot(message.to, 'failure', error);
  }

  reportSnapshot(id: NodeId, status: SnapshotStatus, why?: unknown): void {
    try {
      this.receiver.reportSnapshot(id, status, why);
    } catch (error) {
      this.failed('reportSnapshot', error);
    }
  }

  /** @returns false if the receiver does not want to know */
  reportFounders(id: NodeId, founders: readonly NodeId[]): boolean {
    if (this.receiver.reportFounders === undefined) return false;
    try {
      this.receiver.reportFounders(id, founders);
    } catch (error) {
      this.failed('reportFounders', error);
    }
    return true;
  }

  private failed(call: string, error: unknown): void {
    this.logger.error('the receiver of the transport threw: fix it, what it was told is lost', {
      call,
      error: describeError(error),
    });
  }
}

/** The kinds of messages that this version knows. */
const known: ReadonlySet<number> = new Set(Object.values(MessageType));

const TOO_MANY_MEMBERS = 'snapshot of too many members';

/** Kinds that carry log entries or a snapshot: the only ones that may be long. */
const long: ReadonlySet<MessageType> = new Set([MessageType.MsgProp, MessageType.MsgApp, MessageType.MsgSnap]);

/** Returns what exceeds its limit in a message, judging by its head. */
function excess({ type, entries, responses, metadataBytes, unknownBytes, bytes }: MessageHead): string | undefined {
  if (bytes > MAX_SMALL_MESSAGE_BYTES && !long.has(type)) return 'message too long for its type';
  if (type === MessageType.MsgProp && entries > MAX_PROPOSAL_ENTRIES) return 'proposal of too many entries';
  if (type === MessageType.MsgApp && bytes < entries * MIN_APPENDED_BYTES) return 'entries without term or index';
  if (responses > 0) return 'responses in a message that travels';
  if (metadataBytes > MAX_METADATA_BYTES) return TOO_MANY_MEMBERS;
  if (unknownBytes > MAX_UNKNOWN_BYTES) return 'too many unknown fields';
  return undefined;
}

/** Number of ids in the configuration of a message's snapshot. */
function memberCount({ snapshot }: Message): number {
  if (snapshot === undefined) return 0;
  const { voters, learners, votersOutgoing, learnersNext } = snapshot.metadata.confState;
  return voters.length + learners.length + votersOutgoing.length + learnersNext.length;
}

/** Is this an id that no member has: 0, or that of a local thread? */
function isNobody(id: NodeId): boolean {
  return id === NONE || id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

function isForwarded(type: MessageType): boolean {
  return type === MessageType.MsgProp || type === MessageType.MsgReadIndex || type === MessageType.MsgTransferLeader;
}
