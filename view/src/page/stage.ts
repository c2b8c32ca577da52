import type { Message } from '@raft-ts/proto';
import { nameOf } from '../model/names.js';
import type { Dot, MemberPicture, Scenery } from '../model/picture.js';
import type { Choice } from './choice.js';
import { say, set, svg } from './dom.js';
import { Dots } from './dots.js';
import { along, arc, Geometry, type Lane, outline } from './geometry.js';
import { TERM_COLOURS } from './shapes.js';

/** Messages that are drawn at once; of more, these are a sample. */
export const MOST_DOTS = 60;

interface MemberParts {
  readonly place: SVGGElement;
  readonly group: SVGGElement;
  readonly words: SVGGElement;
  readonly body: SVGPathElement;
  readonly core: SVGPathElement;
  readonly track: SVGPathElement;
  readonly arc: SVGPathElement;
  readonly ring: SVGPathElement;
  readonly term: SVGTextElement;
  readonly role: SVGTextElement;
  readonly badge: SVGTextElement;
  /** What it shows; undefined while that is nothing. */
  shown: MemberPicture | undefined;
  isChosen: boolean;
}

interface LinkParts {
  readonly group: SVGGElement;
  readonly lanes: readonly [SVGLineElement, SVGLineElement];
  readonly crosses: readonly [SVGPathElement, SVGPathElement];
  readonly from: number;
  readonly to: number;
  /** What it shows, as one number. */
  shown: number;
}

/** What the picture tells whoever looks after it. */
export interface StageEvents {
  chosen(choice: Choice): void;
  pointed(choice: Choice | undefined): void;
}

/** The picture of the members, the links between them, and the messages under way. */
export class Stage {
  private readonly root: SVGSVGElement;
  private readonly links: SVGGElement = svg('g');
  private readonly dots: Dots;
  private readonly members: SVGGElement = svg('g', {
    // In a group, screen readers would keep the arrow keys for themselves.
    role: 'toolbar',
    'aria-label': 'Members; arrow keys go from one to the next, Enter chooses one',
  });
  private memberParts: MemberParts[] = [];
  private linkParts: LinkParts[] = [];
  private count = 0;
  private geometry: Geometry = new Geometry(0, false);
  private readonly narrowness = matchMedia('(max-width: 520px)');
  /** The member that the tabulator key leads to. */
  private current = 0;
  private readonly events: StageEvents;
  private readonly isStill: () => boolean;

  /** @param isStill are messages to stand where they are? */
  constructor(parent: HTMLElement, events: StageEvents, isStill: () => boolean) {
    this.events = events;
    this.isStill = isStill;
    this.dots = new Dots(events);
    // Without a role it would be a document of its own, and screen readers are silent where the focus goes to another.
    this.root = svg('svg', { role: 'none', preserveAspectRatio: 'xMidYMid meet' });
    this.root.append(this.links, this.dots.root, this.members);
    parent.append(this.root);
    this.members.addEventListener('keydown', (event) => this.key(event));
    this.narrowness.addEventListener('change', () => {
      if (this.count > 0) this.build(this.count);
    });
  }

  private key(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      this.focus((this.current + step + this.count) % this.count);
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      event.stopPropagation();
      this.events.chosen({ kind: 'member', slot: this.current });
    }
  }

  private focus(slot: number): void {
    this.current = slot;
    for (const [i, { group }] of this.memberParts.entries()) set(group, 'tabindex', i === slot ? 0 : -1);
    this.memberParts[slot]?.group.focus();
  }

  private build(count: number): void {
    this.count = count;
    this.geometry = new Geometry(count, this.narrowness.matches);
    set(this.root, 'viewBox', `0 0 ${this.geometry.width} ${this.geometry.height}`);
    this.current = Math.min(this.current, count - 1);
    this.memberParts = Array.from({ length: count }, (_, slot) => this.member(slot));
    this.members.replaceChildren(...this.memberParts.map(({ place }) => place));
    this.linkParts = [];
    for (let to = 1; to < count; to++) for (let from = 0; from < to; from++) this.linkParts.push(this.link(from, to));
    this.links.replaceChildren(...this.linkParts.map(({ group }) => group));
  }

  private member(slot: number): MemberParts {
    const { x, y } = this.geometry.placeOf(slot);
    const r = this.geometry.radius;
    // In a smaller one, sign, name and term stand closer together.
    const isLarge = r > 40;
    const parts = {
      body: svg('path', { class: 'body' }),
      core: svg('path', { class: 'core' }),
      track: svg('path', { class: 'track', d: outline(false, r + 7) }),
      arc: svg('path', { class: 'arc' }),
      ring: svg('path', { class: 'ring', d: outline(false, r + 13) }),
      term: svg('text', { class: 'term', y: isLarge ? 15 : 18 }),
      role: svg('text', { class: 'role', y: r + 25 }),
      badge: svg('text', { class: 'badge', y: isLarge ? 21 - r : -9, 'font-size': isLarge ? 17 : 13 }),
    };
    const name = svg('text', { class: 'name', y: isLarge ? 0 : 5 }, nameOf(slot));
    const { body, core, track, arc: timer, ring, term, role, badge } = parts;
    const group = svg('g', { class: 'member', role: 'button' }, track, timer, body, core, ring);
    // Beside the button, whose name says all of this in words.
    const words = svg('g', { class: 'words', 'aria-hidden': 'true' }, name, term, role, badge);
    const place = svg('g', { class: 'place', transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }, group, words);
    set(group, 'tabindex', slot === this.current ? 0 : -1);
    const choice: Choice = { kind: 'member', slot };
    group.addEventListener('click', () => {
      this.focus(slot);
      this.events.chosen(choice);
    });
    group.addEventListener('focus', () => this.events.pointed(choice));
    group.addEventListener('blur', () => this.events.pointed(undefined));
    this.point(group, choice);
    return { place, group, words, ...parts, shown: undefined, isChosen: false };
  }

  private link(from: number, to: number): LinkParts {
    const { geometry } = this;
    const lanes = [geometry.laneOf(from, to), geometry.laneOf(to, from)] as const;
    const line = ({ start, end }: Lane, name: string): SVGLineElement =>
      svg('line', { class: name, x1: start.x, y1: start.y, x2: end.x, y2: end.y });
    const cross = (lane: Lane): SVGPathElement => {
      const { x, y } = along(lane, 0.38);
      return svg('path', { class: 'cross', d: 'M-6-6 6 6M6-6-6 6', transform: `translate(${x} ${y})` });
    };
    const drawn = [line(lanes[0], 'lane'), line(lanes[1], 'lane')] as const;
    const crosses = [cross(lanes[0]), cross(lanes[1])] as const;
    const a = geometry.placeOf(from);
    const b = geometry.placeOf(to);
    const hit = svg('line', { class: 'hit', x1: a.x, y1: a.y, x2: b.x, y2: b.y });
    const group = svg('g', { class: 'link', 'data-link': `${from}-${to}` }, ...drawn, ...crosses, hit);
    const choice: Choice = { kind: 'link', from, to };
    group.addEventListener('click', () => this.events.chosen(choice));
    this.point(group, choice);
    return { group, lanes: drawn, crosses, from, to, shown: -1 };
  }

  private point(element: Element, choice: Choice): void {
    element.addEventListener('pointerenter', () => this.events.pointed(choice));
    element.addEventListener('pointerleave', () => this.events.pointed(undefined));
  }

  /** The element that draws a message; undefined if none does. */
  elementOf(message: Message): Element | undefined {
    return this.dots.elementOf(message);
  }

  show(scenery: Scenery, dots: readonly Dot[], chosen: Choice | undefined): void {
    const { members } = scenery;
    if (members.length !== this.count) this.build(members.length);
    for (const member of members) this.showMember(member, chosen);
    for (const parts of this.linkParts) this.showLink(scenery, parts, chosen);
    this.dots.show(dots, this.geometry, chosen, this.isStill());
  }

  /** Most of a member is as it was in the frame before: only its timer and the ends of its log change all the time. */
  private showMember(member: MemberPicture, chosen: Choice | undefined): void {
    const { slot, elapsed, timeout, last, commit } = member;
    const parts = this.memberParts[slot];
    if (parts === undefined) return;
    const before = parts.shown;
    parts.shown = member;
    const isChosen = chosen?.kind === 'member' && chosen.slot === slot;
    const isSame = before !== undefined && isChosen === parts.isChosen && looksSame(before, member);
    parts.isChosen = isChosen;
    if (!isSame) this.showLook(parts, member);
    if (!isSame || before.elapsed !== elapsed || before.timeout !== timeout) {
      const isTimed = member.role !== 'leader' && timeout !== 0;
      set(parts.arc, 'd', isTimed ? arc(this.geometry.radius + 7, elapsed / timeout) : '');
    }
    if (isSame && before.last === last && before.commit === commit) return;
    const words = `${nameOf(slot)}, ${roleText(member)}, term ${member.term}`;
    set(parts.group, 'aria-label', `${words}, log up to ${last}, committed up to ${commit}`);
  }

  private showLook(parts: MemberParts, member: MemberPicture): void {
    const { slot, role, isFrozen, term, voters, granted, refused } = member;
    const r = this.geometry.radius;
    const isLeader = role === 'leader';
    const kinds = `${role}${isFrozen ? ' frozen' : ''} t${term % TERM_COLOURS}`;
    set(parts.group, 'class', `member ${kinds}`);
    set(parts.words, 'class', `words ${kinds}`);
    set(parts.body, 'd', outline(isLeader, r));
    set(parts.core, 'd', outline(isLeader, r - 2));
    set(parts.track, 'visibility', isLeader ? 'hidden' : 'visible');
    say(parts.term, `term ${term}`);
    const asks = role === 'candidate' || role === 'pre-candidate';
    const votes = `${role}: ${granted} of ${voters}${refused > 0 ? `, ${refused} no` : ''}`;
    const label = asks ? votes : roleText(member);
    say(parts.role, label);
    set(parts.role, 'x', this.geometry.shift(slot, label).toFixed(1));
    say(parts.badge, isFrozen ? '❄' : BADGES[role]);
    set(parts.group, 'aria-pressed', String(parts.isChosen));
  }

  private showLink({ members, isOpen, delayOf }: Scenery, parts: LinkParts, chosen: Choice | undefined): void {
    const { from, to, group, lanes, crosses } = parts;
    const isOver = members[from]?.role === 'gone' || members[to]?.role === 'gone';
    const isChosen = chosen?.kind === 'link' && chosen.from === from && chosen.to === to;
    const open = [isOpen(from, to), isOpen(to, from)] as const;
    const late = [(delayOf?.(from, to) ?? 0) > 0, (delayOf?.(to, from) ?? 0) > 0] as const;
    const shown = [isOver, isChosen, ...open, ...late].reduce((bits, bit) => 2 * bits + Number(bit), 0);
    if (shown === parts.shown) return;
    parts.shown = shown;
    set(group, 'visibility', isOver ? 'hidden' : 'visible');
    for (const i of [0, 1] as const) {
      set(lanes[i], 'class', open[i] ? (late[i] ? 'lane late' : 'lane') : 'lane cut');
      set(crosses[i], 'visibility', open[i] ? 'hidden' : 'inherit');
    }
    set(group, 'class', isChosen ? 'link chosen' : 'link');
  }
}

/** The sign of each role. */
const BADGES: Readonly<Record<MemberPicture['role'], string>> = {
  leader: '★',
  candidate: '?',
  'pre-candidate': '?',
  down: '✕',
  gone: '✕',
  follower: '',
};

function roleText({ role, isFrozen, isLearner, isOutside }: MemberPicture): string {
  const own = isFrozen ? 'frozen' : isLearner ? 'learner' : role;
  return isOutside ? `${own}, no member` : own;
}

/** What of a member is drawn besides its timer and the ends of its log. */
const LOOK = ['role', 'term', 'isFrozen', 'isLearner', 'isOutside', 'granted', 'refused', 'voters'] as const;

function looksSame(a: MemberPicture, b: MemberPicture): boolean {
  return LOOK.every((field) => a[field] === b[field]);
}
