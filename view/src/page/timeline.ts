import { clock, counted, nameOf } from '../model/names.js';
import { BUCKET_MS, type Span, type Timeline } from '../model/timeline.js';
import { say, set, svg } from './dom.js';
import { TERM_COLOURS } from './shapes.js';

const WIDTH = 1000;
const LEFT = 44;
const LANE = 15;
const RATE = 34;

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

  show(lanes: number, timeline: Timeline, now: number, furthest: number): void {
    // Little changes from one frame to the next.
    const key = `${Math.floor(now / 50)}/${Math.floor(furthest / 50)}/${timeline.spans.length}/${timeline.parts.length}/${this.width}`;
    if (key === this.shownAt) return;
    this.shownAt = key;
    const end = Math.max(2000, furthest, now);
    const wide = Math.max(280, this.width);
    const x = (at: number): number => LEFT + (at / end) * (wide - LEFT - 6);
    const height = lanes * LANE + RATE + 26;
    set(this.root, 'viewBox', `0 0 ${wide} ${height}`);
    set(this.root, 'height', height);
    const shapes: SVGElement[] = [];
    for (let slot = 0; slot < lanes; slot++) {
      shapes.push(svg('text', { class: 'axis-text', x: 4, y: slot * LANE + 12 }, nameOf(slot)));
    }
    const until = Math.max(now, furthest);
    for (const span of timeline.spans) this.span(shapes, span, x, until);
    for (const { from, to } of timeline.parts) {
      const [x1, x2] = [x(from), x(to ?? Math.max(until, from))];
      shapes.push(svg('rect', { class: 'part', x: x1, y: 0, width: Math.max(1, x2 - x1), height: lanes * LANE }));
      shapes.push(svg('line', { class: 'part-edge', x1, x2: x1, y1: 0, y2: lanes * LANE }));
    }
    this.burnt(shapes, timeline, x, lanes * LANE);
    this.rate(shapes, timeline, x, height);
    this.axis(shapes, x, end, height);
    const at = x(now);
    shapes.push(svg('line', { class: 'cursor', x1: at, x2: at, y1: 0, y2: height - 14 }));
    this.root.replaceChildren(...shapes);
    this.describe(timeline, now);
  }

  private span(
    shapes: SVGElement[],
    { slot, from, to, role, term }: Span,
    x: (at: number) => number,
    end: number,
  ): void {
    const [x1, x2] = [x(from), x(to ?? end)];
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
          class: `span t${term % TERM_COLOURS}`,
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
    if (role === 'leader' && width > 58) {
      shapes.push(svg('text', { class: 'span-text in', x: x1 + 4, y: y + 9.5 }, `leads, term ${term}`));
    } else if (role === 'frozen' && width > 20) {
      shapes.push(svg('text', { class: 'span-text', x: x1 + 2, y: y + 10 }, '❄'));
    }
  }

  private burnt(shapes: SVGElement[], { elections }: Timeline, x: (at: number) => number, y: number): void {
    for (const [i, { at, leader }] of elections.entries()) {
      if (leader !== undefined || i === elections.length - 1) continue;
      const place = x(at);
      shapes.push(svg('path', { class: 'burnt', d: `M${place - 4} ${y + 2}l8 8m0-8l-8 8` }));
    }
  }

  private rate(shapes: SVGElement[], { commits }: Timeline, x: (at: number) => number, height: number): void {
    const bottom = height - 15;
    let most = 4;
    for (const count of commits) if (count > most) most = count;
    for (const [bucket, count = 0] of commits.entries()) {
      if (count === 0) continue;
      const tall = Math.max(2, (count / most) * (RATE - 14));
      const width = Math.max(1.5, x(BUCKET_MS) - x(0) - 1);
      shapes.push(svg('rect', { class: 'rate', x: x(bucket * BUCKET_MS), y: bottom - tall, width, height: tall }));
    }
    shapes.push(svg('line', { class: 'axis', x1: LEFT, x2: x(0) + 10_000, y1: bottom, y2: bottom }));
  }

  private axis(shapes: SVGElement[], x: (at: number) => number, end: number, height: number): void {
    const step =
      [500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000].find((each) => end / each <= 12) ?? 3_600_000;
    for (let at = 0; at <= end; at += step) {
      shapes.push(
        svg('text', { class: 'axis-text', x: x(at), y: height - 2 }, at % 1000 === 0 ? `${at / 1000} s` : ''),
      );
    }
  }

  private describe(timeline: Timeline, now: number): void {
    const led = timeline.elections.filter(({ leader }) => leader !== undefined).length;
    const apart = timeline.parts.at(-1);
    const network =
      apart !== undefined && apart.to === undefined
        ? `The network is not whole: ${apart.text}.`
        : 'All links are open.';
    const text = `${counted(led, 'leader')} elected; ${counted(timeline.burnt, 'term')} burnt (✕: somebody asked for votes, and nobody won); ${timeline.rate(now)} entries committed in the last second (bars). ${network}`;
    say(this.text, text);
    set(this.root, 'aria-label', `Up to ${clock(now)}: ${text}`);
  }
}
