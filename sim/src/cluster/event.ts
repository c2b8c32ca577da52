import type { Message } from '@raft-ts/proto';
import type { Ready } from '@raft-ts/raft';
import type { Member } from '../member/member.js';
import type { Action } from '../plan/action.js';

/** A Ready whose writes are under way. */
export interface Written {
  readonly ready: Ready;
  /** What is to be sent once they are done. */
  readonly messages: readonly Message[];
  /** The number of writes that are then on stable storage. */
  readonly upTo: number;
}

/** Something that happens at a moment. One record for all kinds, so that the loop that takes them stays fast. */
export interface Event {
  readonly kind:
    | 'tick'
    | 'deliver'
    /** A Ready, or the messages that the append thread has in hand, are on stable storage. */
    | 'written'
    /** The oldest message to the apply thread is carried out. */
    | 'applied'
    /** The member hears the oldest answer of its threads. */
    | 'answered'
    | 'restart'
    | 'thaw'
    /** The transport reports what became of a snapshot. */
    | 'snapshot-status'
    /** The transport reports that it could not reach a member. */
    | 'unreachable'
    /** The application makes a snapshot, and keeps `value` entries before its end. */
    | 'snapshot'
    | 'heal'
    /** No kind of message is lost any more. */
    | 'all-kinds'
    /** Whoever runs the cluster looks after a replacement. */
    | 'operate'
    | 'action';
  readonly member: Member | undefined;
  /** Which of the member's lives it belongs to: what belongs to an earlier one does not happen. */
  readonly life: number;
  readonly message: Message | undefined;
  readonly ready: Ready | undefined;
  readonly messages: readonly Message[];
  readonly action: Action | undefined;
  /** By kind: a number of writes, a slot. */
  readonly value: number;
  readonly isGood: boolean;
}

const none: readonly Message[] = [];
const blank: Event = {
  kind: 'tick',
  member: undefined,
  life: 0,
  message: undefined,
  ready: undefined,
  messages: none,
  action: undefined,
  value: 0,
  isGood: false,
};

/** An event of a member, or of the whole cluster. `value` and `isGood` mean what the kind says. */
export function event(kind: Event['kind'], member?: Member, value = 0, isGood = false): Event {
  return { ...blank, kind, member, life: member?.life ?? 0, value, isGood };
}

/** A message from the member in this slot. Written out, because there are many of them. */
export function deliverEvent(message: Message, from: number): Event {
  return {
    kind: 'deliver',
    member: undefined,
    life: 0,
    message,
    ready: undefined,
    messages: none,
    action: undefined,
    value: from,
    isGood: false,
  };
}

export function actionEvent(action: Action): Event {
  return { ...blank, kind: 'action', action };
}

export function writtenEvent(member: Member, { ready, messages, upTo }: Written): Event {
  return { ...blank, kind: 'written', member, life: member.life, ready, messages, value: upTo };
}
