import type { Entry, Message, Snapshot } from '@raft-ts/proto';
import type { Event } from '../cluster/event.js';
import { SLOTS } from '../cluster/network.js';
import type { Recorder, World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import type { Shape } from '../plan/action.js';
import { arrives, sends } from './arriving.js';
import { crashes, starts } from './lives.js';
import { MARKS, type MarkName } from './marks.js';
import { CELLS, cellOf } from './matrix.js';
import { acts, connected } from './operating.js';
import { look, type Sight } from './sight.js';
import { applies, changes } from './turning.js';

/** What is known of a message that is under way. */
interface Posted {
  readonly at: number;
  readonly sender: number;
  readonly receiver: number;
  /** Its number among those of its direction. */
  readonly number: number;
}

const places = new Map<MarkName, number>(MARKS.map((name, i) => [name, i]));

/** Counts rare states, and the combinations of role, message, term and configuration, while a simulation runs. */
export class Coverage implements Recorder {
  readonly marks: Uint32Array = new Uint32Array(MARKS.length);
  readonly cells: Uint32Array = new Uint32Array(CELLS);
  private readonly sights: Sight[] = [];
  private readonly posted = new WeakMap<Message, Posted>();
  private readonly sentOf = new Float64Array(SLOTS * SLOTS);
  private readonly cameOf = new Float64Array(SLOTS * SLOTS);
  /** The event that has just happened, and to whom; everybody if undefined. */
  private last: { readonly what: Event; readonly member: Member | undefined } | undefined;

  /** The last term in which somebody was elected, and who. */
  ledTerm = 0;
  ledBy = -1;
  /** How the members were last cut off from each other; looked at once that is done. */
  cutShape: Shape | undefined;
  private readsAnswered = 0;
  private readonly votes = new Map<Member, number>();
  private readonly ends = new Map<Member, { readonly at: number; readonly last: number }>();

  /** The last term in which a member has voted. */
  votedIn(member: Member): number {
    return this.votes.get(member) ?? 0;
  }

  voted(member: Member, term: number): void {
    this.votes.set(member, term);
  }

  /** When a member crashed last; never is long ago. */
  crashOf(member: Member): number {
    return this.ends.get(member)?.at ?? Number.NEGATIVE_INFINITY;
  }

  lastOf(member: Member): number {
    return this.ends.get(member)?.last ?? 0;
  }

  crashed(member: Member, end: { readonly at: number; readonly last: number }): void {
    this.ends.set(member, end);
  }

  hit(name: MarkName): void {
    const place = places.get(name) as number;
    this.marks[place] = (this.marks[place] as number) + 1;
  }

  /** Counts it if it is so. */
  when(isSo: boolean, name: MarkName): void {
    if (isSo) this.hit(name);
  }

  /** What a member was like before the event that is happening. */
  before(member: Member): Sight {
    return this.sights[member.slot] ?? look(undefined);
  }

  note(world: World, what: Event): void {
    this.settle(world);
    const { readsAnswered } = world.rules.history;
    if (readsAnswered > this.readsAnswered) this.hit('a read is answered');
    this.readsAnswered = readsAnswered;
    const { message } = what;
    const target = message === undefined ? what.member : world.members[Number(message.to) - 1];
    this.last = { what, member: target };
    if (what.kind === 'deliver' && message !== undefined && target !== undefined) {
      this.delivered(world, target, message, what.value);
      return;
    }
    if (what.member !== undefined && what.life !== what.member.life) return;
    acts(this, world, what);
  }

  private delivered(world: World, to: Member, m: Message, from: number): void {
    const sender = world.members[from] as Member;
    if (to.node === undefined || !world.network.isOpen(from, to.slot)) return;
    if (to.isFrozen) {
      this.when(m.entries.length > 0, 'an append comes to a frozen member, and waits');
      return;
    }
    this.arrived(world, to, m, sender);
    const cell = cellOf(to.node, m);
    if (cell !== undefined) this.cells[cell] = (this.cells[cell] as number) + 1;
    arrives(this, { world, to, m, sender, raft: to.node.raft });
  }

  private arrived(world: World, to: Member, m: Message, sender: Member): void {
    const posted = this.posted.get(m);
    if (posted === undefined) {
      this.hit('a message comes twice');
      return;
    }
    const age = world.now - posted.at;
    if (age >= 1000) {
      this.when(age >= 100 * world.settings.electionTick, 'a message is under way for an election timeout');
      this.when(age >= 5000, 'a message is under way for five seconds');
    }
    this.when(posted.receiver !== to.life, 'a message comes after its receiver has started again');
    this.when(posted.sender !== sender.life, 'a message comes after its sender has crashed');
    const direction = sender.slot * SLOTS + to.slot;
    const newest = this.cameOf[direction] as number;
    if (posted.number < newest) this.hit('a message is overtaken by a later one');
    else this.cameOf[direction] = posted.number;
  }

  sent(world: World, member: Member, m: Message, isUnderWay: boolean): void {
    const to = world.members[Number(m.to) - 1];
    const direction = member.slot * SLOTS + Number(m.to) - 1;
    const number = (this.sentOf[direction] as number) + 1;
    this.sentOf[direction] = number;
    this.posted.set(m, { at: world.now, sender: member.life, receiver: to?.life ?? 0, number });
    sends(this, { world, member, m, isUnderWay });
  }

  applied(member: Member, entry: Entry): void {
    applies(this, member, entry);
  }

  installed(member: Member, { metadata }: Snapshot): void {
    this.when(metadata.confState.votersOutgoing.length > 0, 'a snapshot arrives that brings a joint configuration');
    this.when(this.before(member).isLearner, 'a snapshot arrives at a learner');
  }

  /** Looks at what the last event has changed. Called once more at the end of a run. */
  settle(world: World): void {
    const { last } = this;
    if (last === undefined) return;
    this.last = undefined;
    if (this.cutShape !== undefined) connected(this, world, this.cutShape);
    this.cutShape = undefined;
    if (last.member !== undefined) this.compare(world, last.member, last.what);
    // An action chooses whom it befalls when it happens.
    else for (const member of world.members) this.compare(world, member, last.what);
  }

  private compare(world: World, member: Member, what: Event): void {
    const before = this.before(member);
    const after = look(member);
    this.sights[member.slot] = after;
    if (after.life !== before.life) {
      if (before.role !== 'down') crashes(this, world, member, before);
      if (after.role !== 'down') starts(this, member, after);
    } else if (before.role === 'down' && after.role !== 'down') {
      starts(this, member, after);
    } else if (after.role !== 'down') {
      changes(this, { world, member, before, after, what });
    }
  }
}
