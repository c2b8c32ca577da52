import { type Message, MessageType, type NodeId, type RawNode } from '@raft-ts/raft';
import { isTransferVote } from '@raft-ts/raft/internal';
import type { Clock } from '../base/clock.js';
import { OwnEntry } from './own-entry.js';

export interface VotePromiseHost {
  readonly raft: RawNode['raft'];
  readonly clock: Pick<Clock, 'monotonic'>;
  /** An election timeout, in milliseconds. */
  readonly windowMs: number;
  readonly info: (text: string) => void;
}

/**
 * The promise on which leases rest: for an election timeout after this member has heard of a leader, it helps nobody
 * else to lead. It gives no vote, and it does not campaign.
 *
 * Raft withholds votes too (`checkQuorum`), but its promise is too weak for a lease: it counts ticks, of which the
 * first may come at once; a restart forgets it; and a message of a later term, such as the answer to an append that
 * this member sent long ago, when it led, ends it. So this one is kept beside raft, on the monotonic clock:
 *
 * - It begins anew whenever a heartbeat was taken from the leader that raft follows, because leases are made of the
 *   answers to heartbeats, and the answer leaves afterwards.
 * - It also begins with each start of the member: what it answered before is not known any more. Even a member with a
 *   new log may have answered: the answer to a heartbeat does not wait for the log.
 *
 * A vote that the leader itself asks for, to hand over, is given all the same. The leader gives its lease up before it
 * sends a MsgTimeoutNow, but that message may arrive late, when the leader has gone on in the same term and has a lease
 * again. So it carries where the leader's log ended, and is refused by a member whose log has grown beyond that; one
 * whose log has not grown cannot win, because the leader has no lease again until a quorum has a longer log.
 */
export class VotePromise {
  private readonly host: VotePromiseHost;
  private until: number;

  constructor(host: VotePromiseHost) {
    this.host = host;
    this.until = host.clock.monotonic() + host.windowMs;
  }

  /** Must this member stay out of elections? */
  get isHeld(): boolean {
    return this.host.clock.monotonic() < this.until;
  }

  /** May raft see this message? */
  admits(message: Message): boolean {
    switch (message.type) {
      case MessageType.MsgVote:
      case MessageType.MsgPreVote:
        return !this.isHeld || isTransferVote(message) || this.withhold(message);
      case MessageType.MsgTimeoutNow:
        return !this.isOutdated(message);
      default:
        return true;
    }
  }

  /** Raft has taken this message. */
  taken({ type, from }: Message): void {
    if (type === MessageType.MsgHeartbeat && this.host.raft.lead === from) {
      this.until = this.host.clock.monotonic() + this.host.windowMs;
    }
  }

  private withhold({ from }: Message): false {
    const { clock, info } = this.host;
    const left = Math.ceil(this.until - clock.monotonic());
    info(`withheld its vote from member ${from}: for ${left} ms this member stands by the leader it has heard of`);
    return false;
  }

  private isOutdated({ index, from }: Message): boolean {
    const { raftLog } = this.host.raft;
    if (index === 0 || raftLog.lastIndex() <= index) return false;
    this.host.info(`ignored a MsgTimeoutNow of member ${from}, which has gone on leading since it was sent`);
    return true;
  }
}

export interface AnnouncerHost {
  readonly id: NodeId;
  readonly raft: RawNode['raft'];
  readonly group: { readonly members: ReadonlyMap<NodeId, string>; readonly promising: ReadonlySet<NodeId> };
  /** Proposes the entry. Rejects with what the format throws if it cannot write it. */
  readonly propose: () => Promise<unknown>;
  /** After an attempt that failed, the next one is made so much later. */
  readonly restTicks: number;
  readonly info: (text: string) => void;
}

/** Tells the cluster, once and for all, that this member keeps the promise: a leader counts on nobody who has not. */
export class Announcer {
  private readonly host: AnnouncerHost;
  private readonly entry: OwnEntry;

  constructor(host: AnnouncerHost) {
    this.host = host;
    const { restTicks, info } = host;
    this.entry = new OwnEntry(restTicks, (why) =>
      info(
        `this member's format does not write entries of the kind promise, so no leader has a lease while this member is a voter: ${why}`,
      ),
    );
  }

  /** Announces the promise if that is still to be done, and nothing speaks against it now. */
  tick(): void {
    const { id, raft, group } = this.host;
    if (!this.entry.tick() || raft.lead === 0n || !group.members.has(id) || group.promising.has(id)) return;
    this.entry.propose(() => this.announce());
  }

  private async announce(): Promise<void> {
    const { id, group, propose } = this.host;
    await propose();
    if (!group.promising.has(id)) this.entry.giveUp('it reads something else out of the entry that it wrote');
  }
}
