import type { Message } from '@raft-ts/proto';
import { describeMessage, type StateType } from '@raft-ts/raft';
import type { Event } from '../cluster/event.js';
import type { Recorder, World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import type { Action } from '../plan/action.js';

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

/** Keeps the last part of what happens in a run, for people to look at. */
export class Recording implements Recorder {
  arrows: Arrow[] = [];
  phases: Phase[] = [];
  marks: Mark[] = [];
  /** Number of members, and the moment of the last event. */
  members = 0;
  end = 0;
  private world: World | undefined;
  private readonly limit: number;
  private readonly underWay = new Map<Message, Arrow>();
  private readonly now: Phase[] = [];

  /** @param limit keeps about so many messages */
  constructor(limit = 400) {
    this.limit = limit;
  }

  note(world: World, what: Event): void {
    this.world = world;
    this.end = world.now;
    this.members = world.members.length;
    for (const member of world.members) this.look(world, member);
    if (what.kind === 'deliver' && what.message !== undefined) {
      const arrow = this.underWay.get(what.message);
      if (arrow !== undefined) {
        this.underWay.delete(what.message);
        arrow.arrivedAt = world.now;
      }
    } else if (what.action !== undefined) {
      this.marks.push({ at: world.now, event: world.events, text: describeAction(what.action) });
    } else if (what.kind === 'heal' || what.kind === 'restart' || what.kind === 'thaw') {
      const who = what.member === undefined ? '' : ` ${what.member.id}`;
      this.marks.push({ at: world.now, event: world.events, text: `${what.kind}${who}` });
    }
  }

  sent(world: World, { slot }: Member, m: Message, arrives: boolean): void {
    const arrow: Arrow = {
      from: slot,
      to: Number(m.to) - 1,
      sentAt: world.now,
      sentEvent: world.events,
      text: describeMessage(m).slice(0, SHOWN),
      arrivedAt: undefined,
      isLost: !arrives,
    };
    this.arrows.push(arrow);
    if (arrives) this.underWay.set(m, arrow);
    if (this.arrows.length > 2 * this.limit) this.arrows = this.arrows.slice(-this.limit);
  }

  private look(world: World, { slot, node, isGone }: Member): void {
    const known = this.now[slot];
    const role: Phase['role'] = node?.raft.state ?? (isGone ? 'gone' : 'down');
    const term = node?.raft.term ?? 0;
    if (known !== undefined && known.role === role && known.term === term) return;
    const phase = { slot, at: world.now, role, term, event: world.events };
    this.now[slot] = phase;
    this.phases.push(phase);
  }

  /** Looks at the members once more, at the end of the run. */
  finish(): void {
    const { world } = this;
    if (world === undefined) return;
    this.end = world.now;
    for (const member of world.members) this.look(world, member);
  }

  /** The moment from which everything is kept. */
  get begin(): number {
    return this.arrows[0]?.sentAt ?? 0;
  }
}

/** Returns an action in one line: `crash who=leader kept=0 forMs=1000`. */
function describeAction(action: Action): string {
  const words = Object.entries(action)
    .filter(([name]) => name !== 'kind')
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`);
  return [action.kind, ...words].join(' ');
}
