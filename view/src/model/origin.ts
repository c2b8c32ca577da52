import type { Case, Fault } from '@raft-ts/sim';
import type { Act } from './act.js';

/** How the members of a cluster are built, and what the network does to their messages. */
export interface Knobs {
  readonly seed: number;
  readonly members: number;
  /** In ticks of 100 ms: a follower waits between this many and twice as many. */
  readonly electionTick: number;
  readonly heartbeatTick: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly leaseReads: boolean;
  /** In milliseconds. */
  readonly minDelay: number;
  readonly maxDelay: number;
  /** How many of a hundred messages are lost. */
  readonly loss: number;
  /** Writes per second of virtual time that clients send to the leader. */
  readonly load: number;
  /** Most entries of a message: 0 for one. In bytes. */
  readonly maxSizePerMsg: number;
}

export const KNOBS: Knobs = {
  seed: 1,
  members: 5,
  electionTick: 10,
  heartbeatTick: 3,
  preVote: true,
  checkQuorum: true,
  leaseReads: false,
  minDelay: 80,
  maxDelay: 160,
  loss: 0,
  load: 0,
  maxSizePerMsg: 4096,
};

/** What whoever reads along is shown next. */
export interface Chapter {
  /** What is about to happen, and what to look at. */
  readonly say: string;
  /** What is done when it begins. */
  readonly acts?: (cast: Cast) => readonly Act[];
  /** Is it over? Asked after each event. */
  readonly until: (cast: Cast) => boolean;
}

/** What a scene may ask of the cluster. Members are named by their slots. */
export interface Cast {
  /** Milliseconds since the chapter began. */
  readonly elapsed: number;
  /** What earlier chapters wanted to keep in mind. */
  readonly memory: Map<string, number>;
  /** Slots of all members that are still there. */
  readonly slots: readonly number[];
  /** The running member that leads in the highest term; -1 if there is none. */
  readonly leader: number;
  role(slot: number): Role;
  term(slot: number): number;
  /** Last, committed and applied index of a member; 0 if it is down. */
  last(slot: number): number;
  commit(slot: number): number;
  applied(slot: number): number;
  /** First index that is still in its log. */
  first(slot: number): number;
  /** The term of its entry; 0 if it has none there. */
  termAt(slot: number, index: number): number;
  /** Do all these follow one leader, with equal logs, all applied? */
  isSettled(slots: readonly number[]): boolean;
  /** Is this member's configuration joint, in its own view? */
  isJoint(slot: number): boolean;
  /** What the client was told in answer to its newest request. */
  readonly answer: string;
  /** The rule that was broken, if one was. */
  readonly broken: string | undefined;
  /** The keys of messages under way, by name. */
  underWay(name: string, from: number, to: number): readonly number[];
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader' | 'down' | 'gone';

/** One of several ways in which a scene can go. */
export interface Variant {
  readonly id: string;
  readonly label: string;
}

/** A scene: a cluster, and what happens to it. */
export interface Scene {
  readonly id: string;
  readonly title: string;
  /** What it shows, in one sentence. */
  readonly summary: string;
  /** The first one is played unless another one is asked for. */
  readonly variants?: readonly Variant[];
  /** How the cluster is built. */
  readonly knobs: (variant: string) => Partial<Knobs>;
  /** The terms of the entries that each member begins with, after the first entry. */
  readonly logs?: readonly (readonly number[])[];
  readonly chapters: (variant: string) => readonly Chapter[];
  /** What there was to see. */
  readonly end: (variant: string) => string;
}

/** Where a run begins: everything in it follows from this, and from what is done by hand. */
export type Origin =
  | { readonly kind: 'free'; readonly knobs: Knobs }
  | { readonly kind: 'scene'; readonly scene: Scene; readonly variant: string }
  /** A case of the simulator: drawn from its seed, or read from a file. */
  | { readonly kind: 'case'; readonly case: Case; readonly drawn?: Drawn };

/** What a case was drawn with. */
export interface Drawn {
  readonly seed: number;
  readonly members?: number;
  readonly safetyMs?: number;
  readonly faults?: readonly Fault[];
}

/** The knobs that a run begins with; undefined for a case of the simulator, whose settings are its own. */
export function knobsOf(origin: Origin): Knobs | undefined {
  if (origin.kind === 'free') return origin.knobs;
  if (origin.kind === 'scene') return { ...KNOBS, ...origin.scene.knobs(origin.variant) };
  return undefined;
}
