import { badArgument } from '@raft-ts/proto/internal';
import { timeoutFault } from '../base/arguments.js';
import type { Clock } from '../base/clock.js';
import type { CallOptions } from '../base/contracts.js';
import { CommandFailed, ProposalDropped, ProposalUnknown, type UnknownReason } from '../base/errors.js';
import type { Done, ProposeOptions } from './types.js';

/** What a session needs of the member through which it proposes. */
export interface SessionHost<Command, Result> {
  readonly propose: (command: Command, options: ProposeOptions) => Promise<Done<Result>>;
  readonly clock: Clock;
  /** How long a call waits unless it says otherwise, in milliseconds. */
  readonly timeoutMs: number;
  /** How long one attempt waits for its answer: about two election timeouts. */
  readonly attemptMs: number;
  /** Pause before an attempt after one that was refused at once. */
  readonly pauseMs: number;
}

/** Where a session stands, for `resumeSession` on this or another member. It can be kept as JSON. */
export interface SessionState {
  /** Index of the entry that opened it. */
  readonly id: number;
  /** The number of the next command. */
  readonly next: number;
  /** Numbers below `next` whose commands are not answered yet, ascending. Default: none. */
  readonly open?: readonly number[];
}

/** Numbers in entries have 48 bits. */
const NUMBERS = 2 ** 48;

/**
 * A client's session. A command proposed in it is applied once, however often it is sent: what would be *unknown*
 * outside is asked for again, under the same number, until it is known or the call's deadline has passed.
 *
 * A session has one user at a time: two that give out numbers at once get each other's answers.
 */
export class Session<Command, Result> {
  /** The index of the entry that opened it. */
  readonly id: number;
  private readonly host: SessionHost<Command, Result>;
  private next: number;
  /** Numbers that are not answered yet. */
  private readonly open: Set<number>;

  /** @throws RaftError ERR_RAFT_ARGUMENT for numbers that no session can have */
  constructor(host: SessionHost<Command, Result>, { id, next, open = [] }: SessionState) {
    checkNumber('id', id);
    checkNumber('next', next);
    for (const sequence of open) checkNumber('open', sequence);
    this.host = host;
    this.id = id;
    this.next = next;
    this.open = new Set(open);
  }

  /** Where it stands now. Keep it before a command is sent, if the session is to outlive this process. */
  get state(): Required<SessionState> {
    return { id: this.id, next: this.next, open: [...this.open].sort((a, b) => a - b) };
  }

  /**
   * Proposes a command until its answer is known.
   * @throws ProposalDropped: it was certainly not applied; ProposalUnknown if the deadline passes first: then `retry`
   * it by its `sequence`, here or on any member, or `giveUp` its answer; CommandFailed
   */
  propose(command: Command, options: CallOptions = {}): Promise<Done<Result>> {
    return this.run(this.next++, command, options, undefined);
  }

  /**
   * Proposes the command of this number again. It must be the same command.
   * @throws as `propose`; never ProposalDropped, since an earlier attempt may have been applied
   */
  async retry(sequence: number, command: Command, options: CallOptions = {}): Promise<Done<Result>> {
    checkNumber('sequence', sequence);
    this.next = Math.max(this.next, sequence + 1);
    return this.run(sequence, command, options, 'deadline');
  }

  /** Gives up the answer to this number: the cluster may forget it. */
  giveUp(sequence: number): void {
    this.open.delete(sequence);
  }

  /** @param earlier why it is not known what came of an earlier attempt; `undefined` if there was none */
  private async run(
    sequence: number,
    command: Command,
    { signal, timeoutMs = this.host.timeoutMs }: CallOptions,
    earlier: UnknownReason | undefined,
  ): Promise<Done<Result>> {
    const { clock, attemptMs, pauseMs, propose } = this.host;
    const fault = timeoutFault(timeoutMs);
    if (fault !== undefined) throw fault;
    const deadline = clock.monotonic() + timeoutMs;
    let unknown = earlier;
    this.open.add(sequence);
    for (;;) {
      const left = deadline - clock.monotonic();
      try {
        const place = { session: this.id, sequence, acknowledged: this.acknowledged };
        const done = await propose(command, {
          place,
          timeoutMs: Math.max(0, Math.min(left, attemptMs)),
          ...(signal && { signal }),
        });
        this.open.delete(sequence);
        return done;
      } catch (error) {
        if (error instanceof ProposalUnknown) unknown = error.reason;
        const verdict = verdictOn(error, unknown !== undefined);
        const out = clock.monotonic() >= deadline;
        if (verdict === 'give-up' || out) throw this.outcome(error, sequence, unknown);
        if (verdict === 'pause') await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
      }
    }
  }

  /** The client has the answers to all commands below this number. */
  private get acknowledged(): number {
    let lowest = this.next;
    for (const sequence of this.open) lowest = Math.min(lowest, sequence);
    return lowest;
  }

  /** What the caller hears. A number stays open for as long as its command may still be applied. */
  private outcome(error: unknown, sequence: number, unknown: UnknownReason | undefined): unknown {
    const failed = error instanceof CommandFailed;
    if (failed || unknown === undefined) {
      this.open.delete(sequence);
      return error;
    }
    if (!(error instanceof ProposalDropped || error instanceof ProposalUnknown)) return error;
    // A refusal of this attempt says nothing of an earlier one.
    const reason = sharedReason(error) ?? unknown;
    if (reason === 'result-forgotten' || reason === 'session-expired') this.open.delete(sequence);
    return new ProposalUnknown(reason, `session ${this.id}, command ${sequence}`, error, sequence);
  }
}

/** Does another attempt make sense, and at once? */
function verdictOn(error: unknown, uncertain: boolean): 'again' | 'pause' | 'give-up' {
  if (!(error instanceof ProposalUnknown || error instanceof ProposalDropped)) return 'give-up';
  switch (error.reason) {
    case 'deadline':
    case 'leadership-lost':
    case 'snapshot-skipped':
    case 'replaced':
    case 'no-leader':
    case 'transferring':
      return 'again';
    case 'not-leading':
      return 'pause';
    case 'busy':
    case 'quota':
      // Who asks for too much is told so, unless what it asked for may have been applied already.
      return uncertain ? 'pause' : 'give-up';
    case 'too-large':
    case 'removed':
    case 'aborted':
    case 'stopped':
    case 'session-expired':
    case 'result-forgotten':
    case 'features':
      return 'give-up';
  }
}

/** Why it is not known what came of the command, if this error says so. */
function sharedReason(error: ProposalDropped | ProposalUnknown): UnknownReason | undefined {
  if (error.outcome === 'unknown') return error.reason;
  const { reason } = error;
  return reason === 'aborted' || reason === 'stopped' || reason === 'session-expired' ? reason : undefined;
}

function checkNumber(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value < NUMBERS) return;
  throw badArgument(name, { path: '', value, allowed: 'a whole number from 1 to 2^48 - 1' });
}
