/**
 * Who something happens to: the leader, or the member in this place, counted round and round; another one if it cannot
 * happen to that one at the moment.
 */
export type Pick = number | 'leader';

/** How the members are connected; `heal` connects all. */
export type Shape =
  /** Two groups that do not hear each other. */
  | 'split'
  /** Two groups that only one member connects. */
  | 'bridge'
  /** Each member hears its neighbours only, so that each has a majority in sight, and no two the same. */
  | 'ring'
  /** As `ring`, but it is not closed. */
  | 'chain'
  /** All hear one member, and nobody else. */
  | 'star'
  /** One member hears nobody, and nobody hears it. */
  | 'isolated'
  /** One member hears nobody; what it sends arrives. */
  | 'deaf'
  /** One member is heard by nobody; it hears the others. */
  | 'mute'
  /** One direction between two members is cut. */
  | 'one-way'
  /** Each direction between each two members is cut or not, by chance. */
  | 'random';

/** What the weather of the network does to each message. Chances are numbers of [0, 1], times milliseconds. */
export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  /** The delay is drawn evenly from [minDelay, maxDelay]. */
  readonly minDelay: number;
  readonly maxDelay: number;
  /** Messages from one member to another keep their order; otherwise a short delay overtakes a long one. */
  readonly ordered: boolean;
  /** This share of the messages is delayed by up to `lateDelay`. */
  readonly late: number;
  readonly lateDelay: number;
  /**
   * This share of the answers is overtaken by much that is sent later: delayed by 200 ms and a number drawn from
   * [0, n], n itself being drawn from [0, 2000]. With two thirds it is the long reordering of the MIT 6.5840 labs.
   */
  readonly lateAnswers: number;
}

/** Something that is done to the cluster. Plain data: a schedule of actions is written to a file and played again. */
export type Action =
  | { readonly kind: 'propose'; readonly via: Pick; readonly count: number; readonly size: number }
  | { readonly kind: 'read'; readonly via: Pick }
  /** Whoever leads proposes a change of the membership that the two numbers choose, or to remove or demote itself. */
  | {
      readonly kind: 'change';
      readonly via: Pick;
      readonly shape: number;
      readonly choice: number;
      readonly whom?: 'leader';
    }
  /** A member ends at once, and starts again after a while. It loses its newest unsynced writes: all but `kept`. */
  | { readonly kind: 'crash'; readonly who: Pick; readonly kept: number; readonly forMs: number }
  /** A member does nothing for a while, as if its process was stopped. */
  | { readonly kind: 'freeze'; readonly who: Pick; readonly forMs: number }
  | {
      readonly kind: 'connect';
      readonly shape: Shape;
      readonly choice: number;
      readonly forMs: number;
      /** The member in the first place of the shape, which is cut off or stands in the middle; drawn by default. */
      readonly around?: 'leader';
    }
  /**
   * Members for whose place a bit is set in this number hear each other only, and so do the others, unless these are to
   * hear everybody.
   */
  | { readonly kind: 'apart'; readonly group: number; readonly forMs: number; readonly deaf?: true }
  | { readonly kind: 'heal' }
  | { readonly kind: 'weather'; readonly weather: Weather }
  /** Messages of one kind are lost, by its number on the wire. */
  | { readonly kind: 'lose-kind'; readonly type: number; readonly forMs: number }
  /** A member's clock runs at this rate. */
  | { readonly kind: 'clock'; readonly who: Pick; readonly rate: number }
  /** A member's writes, what it applies with asynchronous storage, and its hearing of either, take up to this long. */
  | {
      readonly kind: 'disk';
      readonly who: Pick;
      readonly writeMs: number;
      readonly applyMs: number;
      readonly answerMs?: number;
    }
  | { readonly kind: 'transfer'; readonly via: Pick; readonly to: number }
  | { readonly kind: 'campaign'; readonly who: Pick }
  | { readonly kind: 'forget-leader'; readonly who: Pick }
  /** A member makes a snapshot of what it has applied, and drops its log but for the last `keep` entries. */
  | { readonly kind: 'snapshot'; readonly who: Pick; readonly keep: number }
  /** A transport reports, rightly or not, that it could not reach a member. */
  | { readonly kind: 'unreachable'; readonly who: Pick; readonly about: number }
  /** A voter loses its disk for ever, and is replaced by a new member with a new id. */
  | { readonly kind: 'replace'; readonly choice: number };

/** What is done to the network alone. */
export type NetworkAction = Extract<Action, { kind: 'connect' | 'heal' | 'weather' | 'lose-kind' }>;

/** The kind of an action. */
export type ActionKind = Action['kind'];

/** An action and the moment when it is done, in milliseconds of virtual time. */
export interface Planned {
  readonly at: number;
  readonly action: Action;
}
