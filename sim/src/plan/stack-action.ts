import type { Action, NetworkAction, Pick } from './action.js';

/**
 * What is on a member's disk when it starts again: all that it wrote, nothing that it had not synced, some of that by
 * sectors, or the same with sectors torn in the middle.
 */
export type Loss = 'nothing' | 'unsynced' | 'some' | 'torn';

/**
 * What is started again when a member has ended because of its disk: the process alone, or the machine under it too.
 */
export type Restarts = 'process' | 'machine';

/** Something that is done to a cluster of replicas. Plain data, as `Action` is. */
export type StackAction =
  | NetworkAction
  | Extract<Action, { kind: 'freeze' | 'clock' | 'disk' | 'unreachable' }>
  /** Clients call a member at the same time; `choice` draws what they ask for. */
  | { readonly kind: 'propose'; readonly via: Pick; readonly count: number; readonly choice: number }
  | { readonly kind: 'read'; readonly via: Pick; readonly choice: number }
  /** A member ends at once, and starts again after a while on what is left of its disk. */
  | { readonly kind: 'crash'; readonly who: Pick; readonly loss: Loss; readonly forMs: number }
  /** A member's disk has room for so many bytes more, for a while. */
  | {
      readonly kind: 'full-disk';
      readonly who: Pick;
      readonly room: number;
      readonly forMs: number;
      readonly restarts: Restarts;
    }
  /** The next sync of a member's disk fails, and what it was to write is lost although it can be read. */
  | { readonly kind: 'failing-sync'; readonly who: Pick; readonly forMs: number; readonly restarts: Restarts }
  /** A bit changes on a member's disk, in what was synced, if enough other disks stay. */
  | { readonly kind: 'bit-rot'; readonly who: Pick; readonly choice: number }
  /** Of the next sync of a member's disk one sector goes to another place, if enough other disks stay. */
  | { readonly kind: 'misdirected-write'; readonly who: Pick; readonly forMs: number }
  | { readonly kind: 'transfer'; readonly via: Pick; readonly to: number }
  /** A member runs a task while it leads. */
  | { readonly kind: 'lead'; readonly who: Pick; readonly forMs: number }
  /** Whoever runs the cluster adds a member. */
  | { readonly kind: 'add'; readonly via: Pick; readonly learner: boolean }
  | { readonly kind: 'remove'; readonly via: Pick; readonly who: number }
  /** A voter loses its disk for ever, and is replaced by a new member with a new id. */
  | { readonly kind: 'replace'; readonly via: Pick; readonly who: number };

export type StackActionKind = StackAction['kind'];

export interface StackPlanned {
  readonly at: number;
  readonly action: StackAction;
}
