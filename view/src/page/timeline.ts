import { clock, counted, nameOf, sentence } from '../model/names.js';
import { BUCKET_MS, type Span, type Timeline } from '../model/timeline.js';
import { html, say, set, svg } from './dom.js';
import { Layer } from './layer.js';
import { TERM_COLOURS } from './shapes.js';

const WIDTH = 1000;
const LEFT = 44;
const LANE = 15;
const RATE = 34;
/** From the lanes down to the line that says that messages are slow: below the burnt terms, above the commits. */
const LATE = 16;
/** About how wide a letter of a label is, and how wide the label of a moment with what is left free beside it. */
const LETTER = 6;
const TICK = 46;
const STEPS = [1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000];

/** What of the course is shown, and where. */
interface Scope {
  readonly from: number;
  readonly end: number;
  /** Up to here something is known. */
  readonly until: number;
  readonly wide: number;
  readonly x: (at: number) => number;
}

/**
 * Says what the marks of the timeline mean.
 * @param tellsSlow is it marked when messages are slow?
 */
export function timelineLegend(list: HTMLElement, tellsSlow = false): void {
  const marks = [
    'thick: leads',
    'thin: asks for votes',
    'pale: follows',
    'dashed: down',
    'shaded: links are cut',
    ...(tellsSlow ? ['dotted line: messages are slow'] : []),
    '✕: a term that found no leader (burnt)',
    'bars below: entries committed',
  ];
  list.append(...marks.map((text) => html('li', {}, text)));
}

/** How strongly what a member was is drawn; nothing but a line for what is not there. */
const OPACITIES: Readonly<Record<Span['role'], string>> = {
  leader: '1',
  candidate: '0.75',
  'pre-candidate': '0.5',
  follower: '0.22',
  frozen: '0.1',
  down: '0',
  gone: '0',
};
/** The ends of what is shown are whole seconds, so that most of it stays where it is from one look to the next. */
const SECOND = 1000;

/** The course of the run: a lane for each member, and below what was committed. */
export class TimelinePicture {
  private readonly root: SVGSVGElement = svg('svg', { role: 'img', preserveAspectRatio: 'none' });
  /** Behind everything else: these say of what lies before them that the network was parted then. */
  private readonly partings = new Layer('rect');
  private readonly edges = new Layer('line');
  private readonly spans = new Layer('rect');
  private readonly bars = new Layer('rect');
  private readonly marks = new Layer('path');
  private readonly lines = new Layer('line');
  private readonly words = new Layer('text');
  private readonly layers = [
    this.partings,
    this.edges,
    this.spans,
    this.bars,
    this.marks,
    this.lines,
    this.words,
  ] as const;
  private readonly text: HTMLElement;
  private shownAt = '';
  /** Asked for when it changes, and not in each frame: asking makes the browser lay out the page. */
  private width = WIDTH;

  constructor(parent: HTMLElement, text: HTMLElement) {
    this.text = text;
    this.root.append(...this.layers.map(({ root }) => root));
    parent.append(this.root);
    new ResizeObserver(() => {
      this.width = this.root.clientWidth || WIDTH;
    }).observe(parent);
  }

  /** @param first the first moment that is shown */
  show(lanes: number, timeline: Timeline, now: number, furthest: number, first = 0): void {
    // Little changes from one frame to the next.
    const key = `${Math.floor(now / 50)}/${Math.floor(furthest / 50)}/${timeline.spans.length}/${timeline.parts.length}/${timeline.delays.length}/${this.width}`;
    if (key === this.shownAt) return;
    this.shownAt = key;
    const from = Math.floor(first / SECOND) * SECOND;
    const end = Math.ceil(Math.max(from + 2 * SECOND, furthest, now) / SECOND) * SECOND;
    const wide = Math.max(240, this.width);
    const scale = (wide - LEFT - 6) / (end - from);
    const scope: Scope = { from, end, until: Math.max(now, furthest), wide, x: (at) => LEFT + (at - from) * scale };
    const height = lanes * LANE + RATE + 26;
    set(this.root, 'viewBox', `0 0 ${wide} ${height}`);
    set(this.root, 'height', height);
    for (let slot = 0; slot < lanes; slot++) this.word('axis-text', 4, slot * LANE + 12, nameOf(slot));
    this.parts(timeline, scope, lanes * LANE);
    for (const span of timeline.spans) this.span(span, scope);
    this.burnt(timeline, scope, lanes * LANE);
    this.delays(timeline, scope, lanes * LANE + LATE);
    this.rate(timeline, scope, height);
    this.axis(scope, height);
    this.line('cursor', scope.x(now), scope.x(now), 0, height - 14);
    for (const layer of this.layers) layer.end();
    this.describe(timeline, now);
  }

  private word(kind: string, x: number, y: number, text: string, anchor = 'start'): void {
    this.words.draw({ class: kind, x, y, 'text-anchor': anchor }, text);
  }

  private line(kind: string, x1: number, x2: number, y1: number, y2: number): void {
    this.lines.draw({ class: kind, x1, x2, y1, y2 });
  }

  private parts({ parts }: Timeline, { from, until, x }: Scope, height: number): void {
    for (const part of parts) {
      const to = part.to ?? Math.max(until, part.from);
      if (to < from) continue;
      const [x1, x2] = [x(Math.max(part.from, from)), x(to)];
      this.partings.draw({ class: 'part', x: x1, y: 0, width: Math.max(1, x2 - x1), height });
      if (part.from >= from) this.edges.draw({ class: 'part-edge', x1, x2: x1, y1: 0, y2: height });
    }
  }

  /** A dotted line, and what it means where there is room. */
  private delays({ delays }: Timeline, { from, until, x }: Scope, y: number): void {
    for (const delay of delays) {
      const to = delay.to ?? Math.max(until, delay.from);
      if (to < from) continue;
      const [x1, x2] = [x(Math.max(delay.from, from)), x(to)];
      const text = 'slow';
      const words = LETTER * text.length + 6;
      const isLabelled = x2 - x1 > 2 * words;
      if (isLabelled) this.word('span-text', x1, y + 4, text);
      const begin = isLabelled ? x1 + words : x1;
      this.line('delay', begin, Math.max(x2, begin + 1), y, y);
    }
  }

  private span(span: Span, { from, until, x }: Scope): void {
    const { slot, role, term } = span;
    const to = span.to ?? until;
    if (to < from) return;
    const [x1, x2] = [x(Math.max(span.from, from)), x(to)];
    const width = x2 - x1;
    if (width < 0.3 && role === 'follower') return;
    const y = slot * LANE + 2;
    const opacity = OPACITIES[role];
    if (opacity === '0') {
      this.line('part-edge', x1, x2, y + 6, y + 6);
    } else {
      const tall = role === 'leader' ? { y, height: 11 } : { y: y + 3, height: 5 };
      const kinds = `span ${role} t${term % TERM_COLOURS}`;
      this.spans.draw({ class: kinds, x: x1, width: Math.max(1, width), ...tall, opacity });
    }
    const label = [`leads, term ${term}`, `term ${term}`].find((text) => width > LETTER * text.length + 8);
    if (role === 'leader' && label !== undefined) {
      this.word('span-text in', x1 + 4, y + 9.5, label);
    } else if (role === 'frozen' && width > 20) {
      this.word('span-text', x1 + 2, y + 10, '❄');
    }
  }

  private burnt({ elections }: Timeline, { from, x }: Scope, y: number): void {
    for (const [i, { at, leader }] of elections.entries()) {
      if (leader !== undefined || i === elections.length - 1 || at < from) continue;
      this.marks.draw({ class: 'burnt', d: `M${(x(at) - 4).toFixed(1)} ${y + 2}l8 8m0-8l-8 8` });
    }
  }

  private rate({ commits }: Timeline, { from, until, x }: Scope, height: number): void {
    const bottom = height - 15;
    const first = Math.ceil(from / BUCKET_MS);
    let most = 4;
    for (let i = first; i < commits.length; i++) most = Math.max(most, commits[i] ?? 0);
    for (let i = first; i < commits.length; i++) {
      const count = commits[i] ?? 0;
      if (count === 0) continue;
      const tall = Math.max(2, (count / most) * (RATE - 14));
      const [x1, x2] = [x(i * BUCKET_MS), x(Math.min(until, (i + 1) * BUCKET_MS))];
      this.bars.draw({ class: 'rate', x: x1, y: bottom - tall, width: Math.max(1.5, x2 - x1 - 1), height: tall });
    }
    this.line('axis', LEFT, x(until) + 10_000, bottom, bottom);
  }

  private axis({ from, end, wide, x }: Scope, height: number): void {
    const most = (wide - LEFT) / TICK;
    const step = STEPS.find((each) => (end - from) / each <= most) ?? 3_600_000;
    for (let at = Math.ceil(from / step) * step; at <= end; at += step) {
      const isLast = x(at) + TICK / 2 > wide;
      this.word('axis-text', isLast ? wide - 1 : x(at), height - 2, `${at / 1000} s`, isLast ? 'end' : 'middle');
    }
  }

  private describe(timeline: Timeline, now: number): void {
    const led = timeline.elections.filter(({ leader }) => leader !== undefined).length;
    const apart = timeline.parts.at(-1);
    const network =
      apart !== undefined && apart.to === undefined
        ? `The network is not whole: ${apart.text}.`
        : 'All links are open.';
    const slow = timeline.delays.at(-1);
    const late = slow === undefined || slow.to !== undefined ? '' : ` ${sentence(slow.text)}`;
    const committed = counted(timeline.rate(now), 'entry', 'entries');
    const text = `${counted(led, 'leader')} elected; ${counted(timeline.burnt, 'term')} burnt; ${committed} committed in the last second. ${network}${late}`;
    say(this.text, text);
    set(this.root, 'aria-label', `Up to ${clock(now)}: ${text}`);
  }
}
