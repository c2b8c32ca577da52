import type { Family } from '../model/names.js';
import type { Dot } from '../model/picture.js';
import { html, svg } from './dom.js';

/** The shape of each family of messages, about 0, 0: nobody has to tell them apart by colour. */
export const SHAPES: Readonly<Record<Family, string>> = {
  vote: 'M0-7.5 7 5.5H-7z',
  append: 'M-5.5-5.5H5.5V5.5H-5.5z',
  heartbeat: 'M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z',
  snapshot: 'M-9-9H9V9H-9z',
  read: 'M0-7.5 7 0 0 7.5-7 0z',
  proposal: 'M0-7 6.7-2.2 4.1 5.7H-4.1L-6.7-2.2z',
  other: 'M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0z',
};

/** The shape of a message: an append that carries nothing is drawn as a heartbeat. */
export function outlineOf({ family, isAnswer, message }: Pick<Dot, 'family' | 'isAnswer' | 'message'>): string {
  const isEmpty = family === 'append' && !isAnswer && message.entries.length === 0;
  return SHAPES[isEmpty ? 'heartbeat' : family];
}

/** Terms are told apart by as many colours, again and again, and by their numbers. */
export const TERM_COLOURS = 8;

/** The cross on a message that refuses. */
export const REFUSAL = 'M-8-8 8 8M8-8-8 8';

const NAMES: readonly (readonly [Family, string])[] = [
  ['vote', 'vote'],
  ['append', 'entries'],
  ['heartbeat', 'heartbeat'],
  ['proposal', 'a write, handed on'],
  ['read', 'read index'],
  ['snapshot', 'snapshot'],
];

/** A message as the picture shows it, to stand in a line of text. */
export function shape(family: Family, isAnswer: boolean, isRefusal = false, d: string = SHAPES[family]): SVGElement {
  const classes = `dot f-${family}${isAnswer ? ' answer' : ''}${isRefusal ? ' refusal' : ''}`;
  const parts = [svg('path', { class: 'shape', d }), svg('path', { class: 'no', d: REFUSAL })];
  return svg('svg', { viewBox: '-11 -11 22 22', 'aria-hidden': 'true' }, svg('g', { class: classes }, ...parts));
}

/** Says what the shapes of messages mean. */
export function messageLegend(list: HTMLElement): void {
  list.append(
    ...NAMES.map(([family, name]) => html('li', {}, shape(family, false), name)),
    html('li', {}, shape('append', true), 'hollow: an answer'),
    html('li', {}, shape('append', true, true), 'crossed: refused'),
  );
}
