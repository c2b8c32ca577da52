import type { NodeId } from '@raft-ts/raft';
import type { Consistency } from '@raft-ts/replica';

/** What a client asked for, and was told. */
export interface Call<Command, Result> {
  readonly kind: 'write' | 'read';
  /** Of a write. */
  readonly command?: Command;
  /** Of a read. */
  readonly consistency?: Consistency;
  /** The member that was asked; in a session, the first one. */
  readonly member: NodeId;
  /** In a session, and so safe to be sent again. */
  readonly session: boolean;
  /** When it was called, on a clock that never shows the same twice. */
  readonly began: number;
  /** When it was answered; infinite while it is not, and for ever if the outcome is unknown. */
  ended: number;
  /** `failed`: it was applied, and the state machine threw. */
  outcome: 'open' | 'done' | 'failed' | 'dropped' | 'unknown';
  /** Of a write that is done: where it stands in the log. Of a read: what its member had applied. */
  index: number;
  /** Of a write: the state machine's answer. */
  result?: Result | undefined;
  /** Of a read: what it saw. */
  seen?: unknown;
  /** Why it was dropped, or is unknown. */
  reason?: string | undefined;
}
