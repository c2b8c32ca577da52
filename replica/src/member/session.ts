import type { CallOptions } from '../base/contracts.js';
import { ProposalUnknown } from '../base/errors.js';
import type { Done, Replica } from './replica.js';

/**
 * A client's session. A command proposed in it is applied once, however often it is sent: what would be *unknown*
 * outside is asked for again, under the same number, until it is known or the call's deadline has passed.
 */
export class Session<Command, Result> {
  /** The index of the entry that opened it. */
  readonly id: number;
  private readonly replica: Replica<Command, Result>;
  private next = 1;
  /** Numbers that are not answered yet. */
  private readonly open = new Set<number>();

  constructor(replica: Replica<Command, Result>, id: number) {
    this.replica = replica;
    this.id = id;
  }

  /**
   * Proposes a command until its answer is known.
   * @throws ProposalDropped; ProposalUnknown if the deadline passes: then `retry` it, here or by its number on any
   * member; CommandFailed
   */
  propose(command: Command, options: CallOptions = {}): Promise<Done<Result>> {
    const sequence = this.next++;
    this.open.add(sequence);
    return this.retry(sequence, command, options);
  }

  /** Proposes the command of this number again. It must be the same command. */
  async retry(sequence: number, command: Command, options: CallOptions = {}): Promise<Done<Result>> {
    const acknowledged = Math.min(...this.open, this.next);
    const place = { session: this.id, sequence, acknowledged };
    try {
      const done = await this.replica.propose(command, { ...options, place });
      this.open.delete(sequence);
      return done;
    } catch (error) {
      if (!(error instanceof ProposalUnknown)) this.open.delete(sequence);
      throw error;
    }
  }
}
