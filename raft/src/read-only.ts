import { type Message, MessageType, NONE, type NodeId, newMessage } from '@raft-ts/proto';
import { SlidingList } from '@raft-ts/proto/internal';
import type { ReadOnlyOption } from './config.js';
import type { JointConfig } from './quorum/joint.js';
import type { AckedIndexer } from './quorum/majority.js';
import type { Raft } from './raft.js';
import { bcastHeartbeat } from './replication.js';
import { payloadsSize } from './sizes.js';

/** A read that may be served once the application has applied `index`. */
export interface ReadState {
  readonly index: number;
  /** What the application passed to `readIndex` to identify its request. */
  readonly requestCtx: Uint8Array | undefined;
}

/**
 * Most reads that may wait at a leader; further ones that members forward are dropped, as any message may be, and asked
 * again. A leader without a quorum would otherwise keep them for ever.
 */
export const MAX_WAITING_READS = 65_536;

/** Most bytes in the contexts of those reads; a read beyond that is dropped too. */
export const MAX_WAITING_READ_BYTES: number = 16 * 2 ** 20;

interface PendingRead {
  readonly request: Message;
  /** Commit index when the request arrived: a read at this index sees every write acknowledged before. */
  readonly index: number;
}

/**
 * Reads that wait for a quorum to confirm the leader (section 6.4 of the dissertation). Requests are numbered; a
 * heartbeat carries the number of the newest, and its answer confirms all up to that number, so one round serves any
 * number of reads. Numbers restart in every term.
 */
export class ReadOnly implements AckedIndexer {
  option: ReadOnlyOption;
  /** Number of confirmed reads, which is the number of the last of them. */
  confirmedReads = 0;
  /** Highest number that each member has confirmed. */
  private readonly acks = new Map<NodeId, number>();
  private readonly queue = new SlidingList<PendingRead>();
  /** Bytes in the contexts of the waiting reads. */
  waitingBytes = 0;

  constructor(option: ReadOnlyOption) {
    this.option = option;
  }

  /** The waiting reads, oldest first. */
  get unconfirmedReads(): readonly PendingRead[] {
    return this.queue.slice();
  }

  /** Number of waiting reads. */
  get waiting(): number {
    return this.queue.length;
  }

  /** The number of the newest read. */
  get lastRead(): number {
    return this.confirmedReads + this.waiting;
  }

  reset(): void {
    this.confirmedReads = 0;
    this.acks.clear();
    this.queue.clear();
    this.waitingBytes = 0;
  }

  /** The context of heartbeats while reads wait: the number of the newest one, eight bytes, little endian. */
  heartbeatCtx(): Uint8Array | undefined {
    if (this.waiting === 0) return undefined;
    const context = new Uint8Array(8);
    const view = new DataView(context.buffer);
    view.setUint32(0, this.lastRead % 2 ** 32, true);
    view.setUint32(4, Math.floor(this.lastRead / 2 ** 32), true);
    return context;
  }

  addRequest(index: number, request: Message): void {
    this.queue.push({ request, index });
    this.waitingBytes += payloadsSize(request.entries);
  }

  recvAck(id: NodeId, context: Uint8Array | undefined): void {
    if (context === undefined || context.length === 0) return;
    this.acks.set(id, Math.max(this.acks.get(id) ?? 0, readCounter(context)));
  }

  ackedIndex(id: NodeId): number | undefined {
    return this.acks.get(id);
  }

  /** Removes and returns the reads that a quorum has confirmed. */
  maybeAdvance(voters: JointConfig): readonly PendingRead[] {
    const confirmed = voters.committedIndex(this);
    if (confirmed <= this.confirmedReads) return [];
    const count = confirmed - this.confirmedReads;
    const reads = this.queue.slice(0, count);
    this.confirmedReads = confirmed;
    for (const { request } of reads) this.waitingBytes -= payloadsSize(request.entries);
    this.queue.dropFront(count);
    return reads;
  }
}

/** The number in a heartbeat's context, which has at least eight bytes; not exact beyond 2^53. */
export function readCounter(context: Uint8Array): number {
  const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
  return view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
}

type Reach = Pick<
  Raft,
  | 'id'
  | 'term'
  | 'raftLog'
  | 'trk'
  | 'readOnly'
  | 'readStates'
  | 'pendingReadIndexMessages'
  | 'pendingReadBytes'
  | 'guardsSoleReads'
  | 'send'
>;

/** The leader's rule for MsgReadIndex. */
export function leaderReadIndex(r: Reach, m: Message): void {
  if (decidesAlone(r)) {
    answer(r, m, r.raftLog.committed);
  } else if (!committedInCurrentTerm(r)) {
    // Until an entry of its own term is committed, a new leader does not know what its predecessors committed.
    r.pendingReadIndexMessages.push(m);
    r.pendingReadBytes += payloadsSize(m.entries);
  } else {
    serve(r, m);
  }
}

/**
 * Does this leader know alone what is committed? Only if it is the only voter itself: one that was demoted or removed
 * may lead on while the only voter that is left has elected itself. And only with an entry of its own term committed:
 * after a crash its stored commit index may be behind what it had acknowledged.
 */
function decidesAlone(r: Reach): boolean {
  if (!r.trk.isSingleton()) return false;
  return !r.guardsSoleReads || (r.trk.config.voters.has(r.id) && committedInCurrentTerm(r));
}

/** Handles the context of a heartbeat response: serves the reads that a quorum has now confirmed. */
export function confirmReads(r: Reach, m: Message): void {
  r.readOnly.recvAck(m.from, m.context);
  answerConfirmed(r);
}

/** An entry of this term was committed: serves the reads that came before the term's first commit. */
export function releasePendingReads(r: Reach): void {
  if (r.pendingReadIndexMessages.length === 0) return;
  r.pendingReadBytes = 0;
  for (const m of r.pendingReadIndexMessages.splice(0)) serve(r, m);
}

/** Returns which limit keeps a read with a context of this size from waiting at this leader; undefined if none. */
export function readsAreFull(
  r: Pick<Raft, 'state' | 'readOnly' | 'pendingReadIndexMessages' | 'pendingReadBytes'>,
  size: number,
): 'count' | 'bytes' | undefined {
  if (r.state !== 'StateLeader') return undefined;
  if (r.readOnly.waiting + r.pendingReadIndexMessages.length >= MAX_WAITING_READS) return 'count';
  const bytes = r.readOnly.waitingBytes + r.pendingReadBytes + size;
  return bytes > MAX_WAITING_READ_BYTES ? 'bytes' : undefined;
}

function committedInCurrentTerm(r: Reach): boolean {
  return r.raftLog.termOrZero(r.raftLog.committed) === r.term;
}

function serve(r: Reach, m: Message): void {
  if (r.readOnly.option === 'ReadOnlyLeaseBased') {
    answer(r, m, r.raftLog.committed);
    return;
  }
  r.readOnly.addRequest(r.raftLog.committed, m);
  r.readOnly.recvAck(r.id, r.readOnly.heartbeatCtx());
  // An only voter confirms itself: in a configuration of one that is joint, nobody else may be there to answer.
  if (r.guardsSoleReads) answerConfirmed(r);
  if (r.readOnly.waiting > 0) bcastHeartbeat(r);
}

/** Answers the reads that a quorum has confirmed. */
function answerConfirmed(r: Reach): void {
  for (const { request, index } of r.readOnly.maybeAdvance(r.trk.config.voters)) answer(r, request, index);
}

function answer(r: Reach, request: Message, index: number): void {
  if (request.from === NONE || request.from === r.id) {
    r.readStates.push({ index, requestCtx: request.entries[0]?.data });
    return;
  }
  const resp = newMessage(MessageType.MsgReadIndexResp, request.from);
  resp.index = index;
  resp.entries = request.entries;
  r.send(resp);
}
