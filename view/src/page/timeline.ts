import { clock, counted, nameOf, sentence } from '../model/names.js';
import { BUCKET_MS, type Span, type Timeline } from '../model/timeline.js';
import { html, say, set, svg } from './dom.js';
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

/** The course of the run: a lane for each member, and below what was committed. */
export class TimelinePicture {
  private readonly root: SVGSVGElement = svg('svg', { role: 'img', preserveAspectRatio: 'none' });
  private readonly text: HTMLElement;
  private shownAt = '';
  /** Asked for when it changes, and not in each frame: asking makes the browser lay out the page. */
  private width = WIDTH;

  constructor(parent: HTMLElement, text: HTMLElement) {
    this.text = text;
    parent.append(this.root);
    new ResizeObserver(() => {
      this.width = this.root.clientWidth || WIDTH;
    }).observe(parent);
  }

  /** @param from the first moment that is shown */
  show(lanes: number, timeline: Timeline, now: number, furthest: number, from = 0): void {
    // Little changes from one frame to the next.
    const key = `${Math.floor(now / 50)}/${Math.floor(furthest / 50)}/${timeline.spans.length}/${timeline.parts.length}/${timeline.delays.length}/${this.width}`;
    if (key === this.shownAt) return;
    this.shownAt = key;
    const end = Math.max(from + 2000, furthest, now);
    const wide = Math.max(240, this.width);
    const scale = (wide - LEFT - 6) / (end - from);
    const scope: Scope = { from, end, until: Math.max(now, furthest), wide, x: (at) => LEFT + (at - from) * scale };
    const { x } = scope;
    const height = lanes * LANE + RATE + 26;
    set(this.root, 'viewBox', `0 0 ${wide} ${height}`);
    set(this.root, 'height', height);
    const shapes: SVGElement[] = [];
    for (let slot = 0; slot < lanes; slot++) {
      shapes.push(svg('text', { class: 'axis-text', x: 4, y: slot * LANE + 12 }, nameOf(slot)));
    }
    this.parts(shapes, timeline, scope, lanes * LANE);
    for (const span of timeline.spans) this.span(shapes, span, scope);
    this.burnt(shapes, timeline, scope, lanes * LANE);
    this.delays(shapes, timeline, scope, lanes * LANE + LATE);
    this.rate(shapes, timeline, scope, height);
    this.axis(shapes, scope, height);
    const at = x(now);
    shapes.push(svg('line', { class: 'cursor', x1: at, x2: at, y1: 0, y2: height - 14 }));
    this.root.replaceChildren(...shapes);
    this.describe(timeline, now);
  }

  /** Behind everything else: it says of what lies before it that the network was parted then. */
  private parts(shapes: SVGElement[], { parts }: Timeline, { from, until, x }: Scope, height: number): void {
    for (const part of parts) {
      const to = part.to ?? Math.max(until, part.from);
      if (to < from) continue;
      const [x1, x2] = [x(Math.max(part.from, from)), x(to)];
      shapes.push(svg('rect', { class: 'part', x: x1, y: 0, width: Math.max(1, x2 - x1), height }));
      if (part.from >= from) shapes.push(svg('line', { class: 'part-edge', x1, x2: x1, y1: 0, y2: height }));
    }
  }

  /** A dotted line, and what it means where there is room. */
  private delays(shapes: SVGElement[], { delays }: Timeline, { from, until, x }: Scope, y: number): void {
    for (const delay of delays) {
      const to = delay.to ?? Math.max(until, delay.from);
      if (to < from) continue;
      const [x1, x2] = [x(Math.max(delay.from, from)), x(to)];
      const text = 'slow';
      const words = LETTER * text.length + 6;
      const isLabelled = x2 - x1 > 2 * words;
      if (isLabelled) shapes.push(svg('text', { class: 'span-text', x: x1, y: y + 4 }, text));
      const begin = isLabelled ? x1 + words : x1;
      shapes.push(svg('line', { class: 'delay', x1: begin, x2: Math.max(x2, begin + 1), y1: y, y2: y }));
    }
  }

  private span(shapes: SVGElement[], span: Span, { from, until, x }: Scope): void {
    const { slot, role, term } = span;
    const to = span.to ?? until;
    if (to < from) return;
    const [x1, x2] = [x(Math.max(span.from, from)), x(to)];
    const width = x2 - x1;
    if (width < 0.3 && role === 'follower') return;
    const y = slot * LANE + 2;
    const isThin = role !== 'leader';
    const opacity = { leader: 1, candidate: 0.75, 'pre-candidate': 0.5, follower: 0.22, down: 0, gone: 0, frozen: 0.1 }[
      role
    ];
    if (opacity > 0) {
      shapes.push(
        svg('rect', {
          class: `span ${role} t${term % TERM_COLOURS}`,
          x: x1,
          y: isThin ? y + 3 : y,
          width: Math.max(1, width),
          height: isThin ? 5 : 11,
          opacity,
        }),
      );
    } else {
      shapes.push(svg('line', { class: 'part-edge', x1, x2, y1: y + 6, y2: y + 6 }));
    }
    const label = [`leads, term ${term}`, `term ${term}`].find((text) => width > LETTER * text.length + 8);
    if (role === 'leader' && label !== undefined) {
      shapes.push(svg('text', { class: 'span-text in', x: x1 + 4, y: y + 9.5 }, label));
    } else if (role === 'frozen' && width > 20) {
      shapes.push(svg('text', { class: 'span-text', x: x1 + 2, y: y + 10 }, '❄'));
    }
  }

  private burnt(shapes: SVGElement[], { elections }: Timeline, { from, x }: Scope, y: number): void {
    for (const [i, { at, leader }] of elections.entries()) {
      if (leader !== undefined || i === elections.length - 1 || at < from) continue;
      const place = x(at);
      shapes.push(svg('path', { class: 'burnt', d: `M${place - 4} ${y + 2}l8 8m0-8l-8 8` }));
    }
  }

  private rate(shapes: SVGElement[], { commits }: Timeline, { from, until, x }: Scope, height: number): void {
    const bottom = height - 15;
    const first = Math.ceil(from / BUCKET_MS);
    let most = 4;
    for (let i = first; i < commits.length; i++) most = Math.max(most, commits[i] ?? 0);
    for (let i = first; i < commits.length; i++) {
      const count = commits[i] ?? 0;
      if (count === 0) continue;
      const tall = Math.max(2, (count / most) * (RATE - 14));
      const [x1, x2] = [x(i * BUCKET_MS), x(Math.min(until, (i + 1) * BUCKET_MS))];
      shapes.push(
        svg('rect', { class: 'rate', x: x1, y: bottom - tall, width: Math.max(1.5, x2 - x1 - 1), height: tall }),
      );
    }
    shapes.push(svg('line', { class: 'axis', x1: LEFT, x2: x(until) + 10_000, y1: bottom, y2: bottom }));
  }

  private axis(shapes: SVGElement[], { from, end, wide, x }: Scope, height: number): void {
    const most = (wide - LEFT) / TICK;
    const step = STEPS.find((each) => (end - from) / each <= most) ?? 3_600_000;
    for (let at = Math.ceil(from / step) * step; at <= end; at += step) {
      const isLast = x(at) + TICK / 2 > wide;
      const place = { x: isLast ? wide - 1 : x(at), y: height - 2, 'text-anchor': isLast ? 'end' : 'middle' };
      shapes.push(svg('text', { class: 'axis-text', ...place }, `${at / 1000} s`));
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
