import { type NodeId } from '@raft-ts/raft';
import { whyAborted } from '@raft-ts/raft/internal';
import { timeoutFault } from '../base/arguments.js';
import type { Clock } from '../base/clock.js';
import type { CallOptions } from '../base/contracts.js';
import { describe, MembershipError, type MembershipRefusal } from '../base/errors.js';
import type { Wait } from './conditions.js';

/** One call of the membership's functions: how long it may take, and what has stood in its way so far. */
export class Call implements Wait {
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  readonly deadline: number;
  /** The member in question, once that is known. */
  id: NodeId | undefined;
  /** Something was handed over that has not been seen to be carried out. */
  handedOver = false;
  /** One of two voters is to go: it takes both to confirm that. */
  needsBoth = false;
  private readonly clock: Clock;
  private readonly began: number;
  private reason: MembershipRefusal = 'no-leader';
  private obstacle = 'no leader is known';

  /** @throws what `signal` aborted for, as a MembershipError; ERR_RAFT_ARGUMENT if it, or `timeoutMs`, is none */
  constructor(name: string, { signal, timeoutMs }: CallOptions, clock: Clock, defaultMs: number) {
    const fault = timeoutFault(timeoutMs);
    if (fault !== undefined) throw fault;
    this.name = name;
    this.signal = signal;
    this.clock = clock;
    this.began = clock.monotonic();
    this.deadline = this.began + (timeoutMs ?? defaultMs);
    const aborted = whyAborted(signal);
    if (aborted === undefined) return;
    throw signal?.aborted === true ? this.fail('aborted', aborted.reason) : aborted.reason;
  }

  /** Milliseconds that are left, or so many if that is less. */
  remaining(most: number): number {
    return Math.max(0, Math.min(most, this.deadline - this.clock.monotonic()));
  }

  /** Takes note of what stands in the way now. */
  heldUp(reason: MembershipRefusal, obstacle: string): void {
    this.reason = reason;
    this.obstacle = obstacle;
  }

  /** Makes the error for what makes no sense. */
  refuse(reason: MembershipRefusal, why: string): MembershipError {
    return new MembershipError(reason, `${this.name}: ${why}`, { id: this.id });
  }

  fail(why: 'deadline' | 'aborted' | 'stopped', cause?: unknown): MembershipError {
    const { name, id, handedOver, obstacle } = this;
    const later = handedOver ? '. It may still be carried out' : '';
    const options = { id, mayStillHappen: handedOver, cause };
    if (why !== 'deadline') {
      const text = why === 'aborted' ? 'its signal aborted' : `this member ends: ${describe(cause)}`;
      return new MembershipError(why, `${name}: ${text}${later}`, options);
    }
    const { reason, text } =
      this.needsBoth && (this.reason === 'no-leader' || this.reason === 'unseen')
        ? {
            reason: 'needs-both' as const,
            text: `one of two voters can be removed only while both answer, because both must confirm it; ${obstacle}. Bring the other one back first`,
          }
        : { reason: this.reason, text: obstacle };
    const ms = Math.round(this.clock.monotonic() - this.began);
    return new MembershipError(reason, `${name}: given up after ${ms} ms: ${text}${later}`, options);
  }
}
