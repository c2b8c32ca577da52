import type { Note } from '../model/chronicle.js';
import { describeCut, isWhole } from '../model/cut.js';
import { nameOf, roleIn } from '../model/names.js';
import type { Role } from '../model/origin.js';
import { Timeline } from '../model/timeline.js';
import type { ReplicaMember, ReplicaWorld } from './run.js';

/** Notes that are kept. */
const KEPT = 2000;

export function roleOf({ isGone, isUp, replica }: ReplicaMember): Role {
  if (!isUp) return isGone ? 'gone' : 'down';
  return replica === undefined ? 'follower' : roleIn(replica.leadership.role);
}

/** Writes down what happens to replicas: for the text log, and for the timeline. */
export class Chronicler {
  notes: Note[] = [];
  /** Number of notes so far, those included that are no longer kept. */
  count = 0;
  readonly timeline: Timeline = new Timeline();
  private readonly seen: { role: Role | 'frozen'; term: number }[] = [];
  /** What is cut, in words. */
  private cut = '';

  tell(at: number, text: string): void {
    this.notes.push({ at, text, isBig: true });
    this.count++;
    if (this.notes.length > 2 * KEPT) this.notes = this.notes.slice(-KEPT);
  }

  look({ time: { now }, members, wire, stateRules }: ReplicaWorld): void {
    for (const member of members) this.lookAt(member, now);
    this.timeline.reached(now, stateRules.last);
    const slots = members.map(({ slot }) => slot);
    const isOpen = (from: number, to: number): boolean => wire.network.isOpen(from, to);
    const cut = isWhole(slots, isOpen) ? '' : describeCut(slots, isOpen);
    if (cut === this.cut) return;
    this.cut = cut;
    if (cut === '') this.timeline.healed(now);
    else this.timeline.parted(now, cut);
  }

  private lookAt(member: ReplicaMember, now: number): void {
    const { slot, replica, process } = member;
    const own = roleOf(member);
    const role = process?.isFrozen === true ? 'frozen' : own;
    const before = this.seen[slot];
    const term = replica?.leadership.term ?? before?.term ?? 0;
    if (before?.role === role && before.term === term) return;
    this.seen[slot] = { role, term };
    this.timeline.state(slot, now, role, term);
    if (before?.role === role || before === undefined) return;
    const name = nameOf(slot);
    if (role === 'leader') this.tell(now, `${name} leads in term ${term}.`);
    else if (role === 'pre-candidate')
      this.tell(now, `${name} hears no leader, and asks whether it could win an election.`);
    else if (role === 'candidate') this.tell(now, `${name} asks for votes in term ${term}.`);
    else if (role === 'follower' && before.role === 'leader') this.tell(now, `${name} steps down.`);
  }
}
