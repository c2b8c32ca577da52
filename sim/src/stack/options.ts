import type { NodeId } from '@raft-ts/raft';
import type { ReplicaOptions, StateMachine } from '@raft-ts/replica';
import type { Call } from './call.js';

/** Draws a whole number evenly from [0, n). Everything random in a simulation must come from it. */
export type Random = (n: number) => number;

/** The member that a client asks. */
export interface Asked {
  readonly id: NodeId;
  /** The level of features that it has seen opened (`Replica.features`). */
  readonly features: number;
}

/** What clients do. */
export interface Workload<Command, Machine> {
  /** A command that a client proposes. Let it be unlike all others: then whatever is applied twice shows. */
  readonly command: (random: Random, member: Asked) => Command;
  /** What a client reads. Without it reads are made all the same, and judged by the index that they see. */
  readonly read?: (machine: Machine, random: Random) => unknown;
}

/** A run that has ended without a broken rule, for a check of one's own. */
export interface Ending<Command, Result, Machine> {
  /** Everything that clients asked for and were told, in the order in which it was asked for. */
  readonly calls: readonly Call<Command, Result>[];
  /** The state machines of the members that run, by their ids. All have applied the same. */
  readonly machines: ReadonlyMap<NodeId, Machine>;
}

/** What is simulated: a state machine, who uses it, and what must hold. */
export interface Subject<Command, Result, Machine extends StateMachine<Command, Result>> {
  /** Makes the state machine of a member, for each of its lives. */
  readonly stateMachine: (id: NodeId) => Machine;
  readonly workload: Workload<Command, Machine>;
  /** May clients keep their commands in sessions, and send them again? In some runs they do; default true. */
  readonly sessions?: boolean | undefined;
  /**
   * Called before each run: what the workload counts must begin anew, or the same seed does not do the same. A second
   * run with the same function is refused while one is under way (`SharedSubjectError`).
   */
  readonly reset?: (() => void) | undefined;
  /**
   * What stands for a state: it must be the same on members that have applied the same. Asked after each command.
   * Default: the bytes of `snapshot()`, every eighth index, if it gives them at once, and at the end in any case.
   */
  readonly digest?: ((machine: Machine) => unknown) | undefined;
  /** Whoever knows better what must hold says what is wrong, if anything. */
  readonly check?:
    | ((ending: Ending<Command, Result, Machine>) => string | undefined | Promise<string | undefined>)
    | undefined;
  /** How the replicas are built, where that is not drawn: how commands become bytes, what a throw means. */
  readonly replica?: SubjectOptions<Command, Result> | undefined;
}

/** What a simulation passes on to the replicas that it runs. */
export type SubjectOptions<Command, Result> = Pick<
  ReplicaOptions<Command, Result>,
  'codec' | 'results' | 'format' | 'applyErrors' | 'features' | 'logger'
>;
