import type { Message } from '@raft-ts/proto';
import type { Config, RawNode } from '@raft-ts/raft';
import type { Member } from '../member/member.js';

/**
 * Whoever writes down every call on the cores, and what becomes of disks and messages, so that the same calls can be
 * made again without the world that led to them.
 */
export interface Tracer {
  /** A member starts: makes its core. */
  build(member: Member, config: Config): RawNode;
  /** A member ends at once. @param kept so many of its unsynced writes are on the disk, the oldest ones */
  crashed(member: Member, kept: number): void;
  /** The append thread begins to write what it has in hand. */
  writes(member: Member): void;
  /** The append thread has written that, and is about to answer. */
  wrote(member: Member): void;
  /** The apply thread is about to carry out its oldest message. */
  applies(member: Member): void;
  /** The application has made a snapshot. @param compacted the log goes up to this index; 0 if it stays */
  madeSnapshot(member: Member, compacted: number): void;
  /** A message is handed to the network. */
  sent(m: Message): void;
  /** A message, or one copy of it, does not arrive. */
  lost(m: Message): void;
}
