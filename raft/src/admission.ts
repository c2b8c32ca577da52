import { isLocalMessage, isResponseMessage, type Message, RaftError } from '@raft-ts/proto';
import { ERR_MESSAGE_INVALID, ERR_STEP_LOCAL_MSG, ERR_STEP_PEER_NOT_FOUND } from './errors.js';
import type { Raft } from './raft.js';
import { messageHeldSize } from './sizes.js';
import { isStorageThread, validateIncoming } from './validate-incoming.js';

/**
 * Most bytes of other members' messages that a member accepts between two Readys; further ones are lost, as in a
 * network. Their effects wait for the next Ready, which the program takes only when its disk has finished the last one.
 */
export const MAX_BACKLOG: number = 64 * 2 ** 20;

/** What is known of the Readys, on which it depends what is let in. */
interface Outlet {
  readonly hasReady: () => boolean;
  readonly asyncStorageWrites: boolean;
}

/** Decides which messages of other members, and of the storage threads, reach the state machine. */
export class Admission {
  private readonly raft: Raft;
  private readonly outlet: Outlet;
  /** Bytes of the messages accepted since the last Ready, or since there was last nothing to do. */
  private backlog = 0;

  constructor(raft: Raft, outlet: Outlet) {
    this.raft = raft;
    this.outlet = outlet;
  }

  /** What has been accepted has had its effects: a Ready was taken. */
  readyTaken(): void {
    this.backlog = 0;
  }

  /**
   * Should this message be stepped? If not, it came too late, or is one too many, and is dropped.
   * @throws ERR_RAFT_STEP_LOCAL_MSG, ERR_RAFT_STEP_PEER_NOT_FOUND, ERR_RAFT_MESSAGE_INVALID as `RawNode.step`
   */
  admit(m: Message): boolean {
    const isFromStorage = isStorageThread(m.from);
    if (!isFromStorage && isLocalMessage(m.type)) {
      throw new RaftError(ERR_STEP_LOCAL_MSG, 'raft: cannot step raft local message');
    }
    if (!isFromStorage && isResponseMessage(m.type) && this.raft.trk.find(m.from) === undefined) {
      throw new RaftError(ERR_STEP_PEER_NOT_FOUND, 'raft: cannot step as peer not found');
    }
    const verdict = validateIncoming(this.raft, m, this.outlet.asyncStorageWrites);
    if (verdict === 'drop') return false;
    if (verdict === undefined) return isFromStorage || this.hasRoomFor(m);
    throw new RaftError(ERR_MESSAGE_INVALID, `raft: message refused: ${verdict}`, { reason: verdict });
  }

  private hasRoomFor(m: Message): boolean {
    const size = messageHeldSize(m);
    const { backlog } = this;
    if (backlog + size <= MAX_BACKLOG) {
      this.backlog = backlog + size;
      return true;
    }
    // A message larger than the bound is accepted if nothing else waits: it may hold an entry of that size.
    if (backlog === 0 || !this.outlet.hasReady()) {
      this.backlog = size;
      return true;
    }
    this.raft.warnings.warn(
      'backlog',
      () =>
        `${this.raft.id.toString(16)} dropped messages from other members: ${backlog} bytes of earlier ones wait for the next Ready. The disk may be slow, or ready() and advance() are not called`,
    );
    return false;
  }
}
