import type { Message } from '@raft-ts/proto';
import { describeMessage, type StateType } from '@raft-ts/raft';
import type { Event } from '../cluster/event.js';
import type { Recorder, World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import type { Action } from '../plan/action.js';
import type { StackAction } from '../plan/stack-action.js';

/** A message that was sent, and what became of it. */
export interface Arrow {
  readonly from: number;
  readonly to: number;
  readonly sentAt: number;
  readonly sentEvent: number;
  readonly text: string;
  /** When it was delivered; undefined if it was lost, or is still under way. */
  arrivedAt: number | undefined;
  isLost: boolean;
}

/** What a member was from a moment on. */
export interface Phase {
  readonly slot: number;
  readonly at: number;
  readonly role: StateType | 'down' | 'gone';
  readonly term: number;
  /** The number of the event before which it was so. */
  readonly event: number;
}

/** Something that was done to the cluster. */
export interface Mark {
  readonly at: number;
  readonly event: number;
  readonly text: string;
}

/** Longest text of a message that is kept. */
const SHOWN = 300;

/** What somebody is who takes part in a run. */
type Standing = Pick<Phase, 'role' | 'term'>;

/** The last part of what happens in a run, for people to look at: each member is a lane. */
export class Lanes {
  arrows: Arrow[] = [];
  phases: Phase[] = [];
  marks: Mark[] = [];
  /** Number of members, and the moment of the last event. */
  members = 0;
  end = 0;
  private event = 0;
  private readonly limit: number;
  private readonly underWay = new Map<Message, Arrow>();
  private readonly standings: Standing[] = [];

  /** @param limit keeps about so many messages */
  constructor(limit = 400) {
    this.limit = limit;
  }

  /** The moment from which everything is kept. */
  get begin(): number {
    return this.arrows[0]?.sentAt ?? 0;
  }

  /** It is this moment, and this event. */
  protected at(now: number, event: number): void {
    this.end = now;
    this.event = event;
  }

  protected mark(text: string): void {
    this.marks.push({ at: this.end, event: this.event, text });
  }

  protected leaves(from: number, m: Message, arrives: boolean): void {
    const arrow: Arrow = {
      from,
      to: Number(m.to) - 1,
      sentAt: this.end,
      sentEvent: this.event,
      text: describeMessage(m).slice(0, SHOWN),
      arrivedAt: undefined,
      isLost: !arrives,
    };
    this.arrows.push(arrow);
    if (arrives) this.underWay.set(m, arrow);
    if (this.arrows.length > 2 * this.limit) this.arrows = this.arrows.slice(-this.limit);
  }

  protected comes(m: Message): void {
    const arrow = this.underWay.get(m);
    if (arrow === undefined) return;
    this.underWay.delete(m);
    arrow.arrivedAt = this.end;
  }

  protected stands(slot: number, { role, term }: Standing): void {
    this.members = Math.max(this.members, slot + 1);
    const known = this.standings[slot];
    if (known !== undefined && known.role === role && known.term === term) return;
    const phase = { slot, at: this.end, role, term, event: this.event };
    this.standings[slot] = phase;
    this.phases.push(phase);
  }
}

/** Keeps the last part of what happens in a run of layer 1. */
export class Recording extends Lanes implements Recorder {
  private world: World | undefined;

  note(world: World, what: Event): void {
    this.world = world;
    this.at(world.now, world.events);
    for (const member of world.members) this.look(member);
    if (what.kind === 'deliver' && what.message !== undefined) {
      this.comes(what.message);
    } else if (what.action !== undefined) {
      this.mark(describeAction(what.action));
    } else if (what.kind === 'heal' || what.kind === 'restart' || what.kind === 'thaw') {
      this.mark(`${what.kind}${what.member === undefined ? '' : ` ${what.member.id}`}`);
    }
  }

  sent(world: World, { slot }: Member, m: Message, arrives: boolean): void {
    this.at(world.now, world.events);
    this.leaves(slot, m, arrives);
  }

  private look({ slot, node, isGone }: Member): void {
    this.stands(slot, { role: node?.raft.state ?? (isGone ? 'gone' : 'down'), term: node?.raft.term ?? 0 });
  }

  /** Looks at the members once more, at the end of the run. */
  finish(): void {
    const { world } = this;
    if (world === undefined) return;
    this.at(world.now, world.events);
    for (const member of world.members) this.look(member);
  }
}

/** Returns an action in one line: `crash who=leader kept=0 forMs=1000`. */
export function describeAction(action: Action | StackAction): string {
  const words = Object.entries(action)
    .filter(([name]) => name !== 'kind')
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`);
  return [action.kind, ...words].join(' ');
}
