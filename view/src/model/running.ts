import { type Message, type MessageType, newMessage } from '@raft-ts/proto';
import type { PageState, Told } from '@raft-ts/raftexample/internal';
import type { Note } from './chronicle.js';
import { describeCut } from './cut.js';
import { describeLate, type Late } from './late.js';
import { familyOf, isAnswer, nameOf, sentence } from './names.js';
import type { Role } from './origin.js';
import type { Cell, Dot, MemberPicture, Scenery } from './picture.js';
import { Timeline } from './timeline.js';

/** How long a message that has left is drawn: it takes less, but nobody would see it. */
const SHOWN_MS = 450;
/** How much longer one is drawn that arrives late. */
const LATE = 3;
/** Messages that are drawn at once. */
const MOST_DOTS = 60;

const roles: Readonly<Record<string, Role>> = {
  Follower: 'follower',
  PreCandidate: 'pre-candidate',
  Candidate: 'candidate',
  Leader: 'leader',
};

/** A message that has left; one that is lost comes half the way. */
interface LiveDot extends Dot {
  readonly isLost: boolean;
}

/** What is known of a running cluster, from what its members and their launcher tell. */
export class LiveCluster implements Scenery {
  members: MemberPicture[] = [];
  readonly timeline: Timeline = new Timeline();
  notes: Note[] = [];
  count = 0;
  /** What kind of cluster it is, once that is told. */
  title = '';
  asksClients = false;
  private processes: readonly PageState['processes'][number][] = [];
  /** By how much a direction is late. */
  private slow: ReadonlyMap<string, number> = new Map<string, number>();
  /** Which messages are late, in words; nothing where none are. */
  late = '';
  private cut: ReadonlySet<string> = new Set<string>();
  private readonly told = new Map<number, Told>();
  /** The end of each log as it was told last: the disk of a process that has ended still holds it. */
  private readonly ends = new Map<number, Pick<Told, 'last' | 'terms'>>();
  private dotsLeft: LiveDot[] = [];

  get isKnown(): boolean {
    return this.processes.length > 0;
  }

  processOf(slot: number): PageState['processes'][number] {
    return this.processes[slot] ?? 'ended';
  }

  readonly isOpen = (from: number, to: number): boolean => !this.cut.has(`${from + 1}-${to + 1}`);

  /** By how many milliseconds what one member sends to another is late. */
  readonly delayOf = (from: number, to: number): number => this.slow.get(`${from + 1}-${to + 1}`) ?? 0;

  /** By how much everything is late. */
  get slowMs(): number {
    return this.slow.size < this.directions || this.directions === 0 ? 0 : Math.min(...this.slow.values());
  }

  private get directions(): number {
    return this.processes.length * (this.processes.length - 1);
  }

  /** @param now milliseconds since the page was opened */
  state({ processes, cut, slow, title, asksClients }: PageState, now: number): void {
    this.title = title;
    this.asksClients = asksClients;
    for (const [slot, process] of processes.entries()) {
      const before = this.processes[slot];
      if (before === undefined || before === process) continue;
      if (process === 'ended') this.told.delete(slot);
      const texts = { ended: 'has ended', paused: 'is paused: its process stands still', running: 'runs' } as const;
      this.tell(now, `${nameOf(slot)} ${texts[process]}.`, true);
    }
    this.processes = processes;
    this.hearCut(new Set(cut.map(([from, to]) => `${from}-${to}`)), now);
    this.hearSlow(slow, now);
    this.picture(now);
  }

  private hearCut(cut: ReadonlySet<string>, now: number): void {
    const isSame = cut.size === this.cut.size && [...cut].every((way) => this.cut.has(way));
    this.cut = cut;
    if (isSame) return;
    if (cut.size === 0) {
      this.timeline.healed(now);
      this.tell(now, 'All links are open.', true);
      return;
    }
    const text = describeCut([...this.processes.keys()], this.isOpen);
    this.timeline.parted(now, text);
    this.tell(now, text.includes('|') ? `The network is split: ${text}.` : `${text}.`, true);
  }

  private hearSlow(told: PageState['slow'], now: number): void {
    const before = this.slow;
    this.slow = new Map(told.map(([from, to, ms]) => [`${from}-${to}`, ms]));
    const isSame = this.slow.size === before.size && [...this.slow].every(([way, ms]) => before.get(way) === ms);
    if (isSame) return;
    const late = told.map(([from, to, ms]): Late => [from - 1, to - 1, ms]);
    this.late = late.length === 0 ? '' : describeLate(late, this.directions);
    if (this.late === '') this.timeline.sped(now);
    else this.timeline.slowed(now, this.late);
    this.tell(now, sentence(this.late === '' ? 'nothing is slowed down any more' : this.late), true);
  }

  /** A member tells how it is. */
  hear(id: number, told: Told, now: number): void {
    const slot = id - 1;
    const before = this.told.get(slot);
    this.told.set(slot, told);
    this.ends.set(slot, told);
    if (told.role === 'Leader' && (before?.role !== 'Leader' || before.term !== told.term)) {
      this.tell(now, `${nameOf(slot)} leads in term ${told.term}.`, true);
    } else if (before !== undefined && before.role !== told.role) {
      this.tell(
        now,
        `${nameOf(slot)} is a ${roles[told.role] ?? 'member'} in term ${told.term} now.`,
        told.role !== 'Follower',
      );
    }
    if (told.role === 'Leader') this.timeline.reached(now, told.commit);
    for (const sent of told.sent) this.dot(slot, sent, now);
    this.picture(now);
  }

  private tell(at: number, text: string, isBig: boolean): void {
    this.notes.push({ at, text, isBig });
    this.count++;
    if (this.notes.length > 1000) this.notes = this.notes.slice(-500);
  }

  private dot(from: number, sent: Told['sent'][number], now: number): void {
    const { name, type, to, term, entries, reject, fate } = sent;
    if (fate !== undefined) {
      const what = fate === 'lost' ? 'is lost' : 'is held back';
      this.tell(now, `${name} of ${nameOf(from)} to ${nameOf(to - 1)} ${what}, as you asked.`, true);
    }
    if (to > this.processes.length || this.dotsLeft.length >= MOST_DOTS) return;
    const message: Message = newMessage(type as MessageType, BigInt(to));
    message.term = term;
    message.reject = reject;
    message.entries = Array.from({ length: entries }, () => ({ type: undefined, term, index: 0, data: undefined }));
    // Those that are told together left one after the other.
    const sentAt = now + 12 * (this.dotsLeft.length % 9);
    const [family, isBack] = [familyOf(message), isAnswer(message)];
    const dot = { key: 0, message, from, to: to - 1, name, family, isAnswer: isBack, isRefusal: reject, progress: 0 };
    const lasts = SHOWN_MS * (fate === 'late' ? LATE : 1);
    this.dotsLeft.push({ ...dot, sentAt, arrivesAt: sentAt + lasts, isLost: fate === 'lost' });
  }

  /** The messages that left a moment ago, on their way. */
  dots(now: number): Dot[] {
    this.dotsLeft = this.dotsLeft.filter(({ arrivesAt, sentAt, from, to, isLost }) => {
      const isHalfway = now - sentAt > (arrivesAt - sentAt) / 2;
      return arrivesAt > now && !(isHalfway && (isLost || !this.isOpen(from, to)));
    });
    return this.dotsLeft
      .filter(({ sentAt }) => sentAt <= now)
      .map((dot) => ({ ...dot, progress: (now - dot.sentAt) / (dot.arrivesAt - dot.sentAt) }));
  }

  private picture(now: number): void {
    this.members = this.processes.map((process, slot) => {
      const before = this.members[slot];
      const member = this.memberOf(slot, process);
      const role = member.isFrozen ? 'frozen' : member.role;
      const known = before === undefined ? undefined : before.isFrozen ? 'frozen' : before.role;
      if (role !== known || before?.term !== member.term) this.timeline.state(slot, now, role, member.term);
      return member;
    });
  }

  private memberOf(slot: number, process: PageState['processes'][number]): MemberPicture {
    const told = this.told.get(slot);
    const known = this.members[slot];
    const role: Role = process === 'ended' ? 'down' : (roles[told?.role ?? 'Follower'] ?? 'follower');
    return {
      slot,
      role,
      isFrozen: process === 'paused',
      isOutside: false,
      isLearner: told !== undefined && told.voters.length > 0 && !told.voters.includes(slot + 1),
      term: told?.term ?? known?.term ?? 0,
      vote: BigInt(told?.vote ?? 0),
      lead: BigInt(told?.leader ?? 0),
      granted: told?.granted ?? 0,
      refused: told?.refused ?? 0,
      voters: told?.voters.length ?? 0,
      elapsed: told?.elapsed ?? 0,
      timeout: told?.timeout ?? 0,
      commit: told?.commit ?? known?.commit ?? 0,
      applied: told?.applied ?? 0,
      first: told?.first ?? known?.first ?? 1,
      last: told?.last ?? known?.last ?? 0,
    };
  }

  readonly cells = ({ slot, commit, applied, first, last }: MemberPicture, from: number, to: number): Cell[] => {
    const terms = this.ends.get(slot)?.terms ?? [];
    const begin = last - terms.length + 1;
    const leader = this.leader();
    const cells: Cell[] = [];
    for (let index = Math.max(1, from); index <= Math.min(last, to); index++) {
      const isGone = index < first || index < begin;
      const term = terms[index - begin] ?? 0;
      const theirs = leader === undefined ? undefined : this.termAt(leader, index);
      cells.push({
        slot,
        index,
        term,
        kind: isGone ? 'compacted' : 'empty',
        text: '',
        isCommitted: index <= commit,
        isApplied: index <= applied,
        isConflicting: !isGone && index > commit && theirs !== undefined && theirs !== term,
      });
    }
    return cells;
  };

  /** The running leader of the highest term. */
  leader(): number | undefined {
    const leaders = this.members.filter(({ role, isFrozen }) => role === 'leader' && !isFrozen);
    return leaders.sort((a, b) => b.term - a.term)[0]?.slot;
  }

  /** The term of a leader's entry; undefined if it does not tell that one. */
  private termAt(slot: number, index: number): number | undefined {
    const told = this.told.get(slot);
    return told === undefined ? undefined : told.terms[index - (told.last - told.terms.length + 1)];
  }
}
