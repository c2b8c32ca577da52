import type { Message } from '@raft-ts/proto';
import type { Dot } from '../model/picture.js';
import type { Choice } from './choice.js';
import { set, svg } from './dom.js';
import { along, type Geometry } from './geometry.js';
import { outlineOf, REFUSAL } from './shapes.js';

/** What draws a message. */
interface DotParts {
  readonly group: SVGGElement;
  readonly shape: SVGPathElement;
  /** Where it is: set as numbers, since a text would be made, and read again, for each message in each frame. */
  readonly place: SVGTransform;
  /** Undefined while it draws none. */
  message: Message | undefined;
  kinds: string;
  outline: string;
  isChosen: boolean;
  /** The call of `show` in which it was drawn last. */
  drawnIn: number;
}

/** What the messages tell whoever looks after them. */
interface DotEvents {
  chosen(choice: Choice): void;
  pointed(choice: Choice | undefined): void;
}

/**
 * The messages under way. Each keeps its element until it has arrived, so that from one frame to the next nothing has
 * to be written but where it is.
 */
export class Dots {
  readonly root: SVGGElement = svg('g', { 'aria-hidden': 'true' });
  private readonly byMessage = new Map<Message, DotParts>();
  private readonly free: DotParts[] = [];
  private readonly events: DotEvents;
  private calls = 0;

  constructor(events: DotEvents) {
    this.events = events;
  }

  /** The element that draws a message; undefined if none does. */
  elementOf(message: Message): Element | undefined {
    return this.byMessage.get(message)?.group;
  }

  show(dots: readonly Dot[], geometry: Geometry, chosen: Choice | undefined, isStill: boolean): void {
    this.release(dots);
    const chosenMessage = chosen?.kind === 'message' ? chosen.message : undefined;
    for (const dot of dots) {
      const parts = this.byMessage.get(dot.message) ?? this.take(dot);
      // Those that stand still stand apart, each in its place from when it was sent.
      const share = isStill ? 0.25 + 0.5 * ((dot.sentAt * 0.37) % 1) : dot.progress;
      const { x, y } = along(geometry.laneOf(dot.from, dot.to), share);
      parts.place.setTranslate(x, y);
      const isChosen = dot.message === chosenMessage;
      if (isChosen !== parts.isChosen) mark(parts, parts.kinds, isChosen);
    }
    for (const { group } of this.free) set(group, 'display', 'none');
  }

  /** Those that draw what is no longer under way may draw something else. */
  private release(dots: readonly Dot[]): void {
    this.calls++;
    for (const { message } of dots) {
      const parts = this.byMessage.get(message);
      if (parts !== undefined) parts.drawnIn = this.calls;
    }
    for (const [message, parts] of this.byMessage) {
      if (parts.drawnIn === this.calls) continue;
      this.byMessage.delete(message);
      parts.message = undefined;
      this.free.push(parts);
    }
  }

  /** An element for a message that had none: if there is one, one that has drawn a message of its kind. */
  private take(dot: Dot): DotParts {
    const kinds = `dot f-${dot.family}${dot.isAnswer ? ' answer' : ''}${dot.isRefusal ? ' refusal' : ''}`;
    const outline = outlineOf(dot);
    const same = this.free.findIndex((each) => each.kinds === kinds && each.outline === outline);
    const [parts = this.make()] = this.free.splice(same, 1);
    this.byMessage.set(dot.message, parts);
    parts.message = dot.message;
    parts.drawnIn = this.calls;
    mark(parts, kinds, false);
    parts.outline = outline;
    set(parts.shape, 'd', outline);
    set(parts.group, 'display', undefined);
    return parts;
  }

  private make(): DotParts {
    const shape = svg('path', { class: 'shape' });
    const hit = svg('circle', { r: 13, fill: 'transparent' });
    const group = svg('g', { transform: 'translate(0 0)' }, hit, shape, svg('path', { class: 'no', d: REFUSAL }));
    const place = group.transform.baseVal.getItem(0);
    const unused = { message: undefined, kinds: '', outline: '', isChosen: false, drawnIn: 0 };
    const parts: DotParts = { group, shape, place, ...unused };
    const choice = (): Choice | undefined =>
      parts.message === undefined ? undefined : { kind: 'message', message: parts.message };
    group.addEventListener('pointerdown', () => {
      const chosen = choice();
      if (chosen !== undefined) this.events.chosen(chosen);
    });
    group.addEventListener('pointerenter', () => this.events.pointed(choice()));
    group.addEventListener('pointerleave', () => this.events.pointed(undefined));
    this.root.append(group);
    return parts;
  }
}

function mark(parts: DotParts, kinds: string, isChosen: boolean): void {
  parts.kinds = kinds;
  parts.isChosen = isChosen;
  set(parts.group, 'class', `${kinds}${isChosen ? ' chosen' : ''}`);
}
