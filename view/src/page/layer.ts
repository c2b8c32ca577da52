import { say, set, svg } from './dom.js';

/**
 * Shapes of one kind that are drawn anew at each look. They are those of the look before, in which only what is
 * different now is written: to make all of them again would leave much for the browser to collect.
 */
export class Layer<K extends 'text' | 'rect' | 'line' | 'path'> {
  readonly root: SVGGElement = svg('g');
  private readonly tag: K;
  private readonly shapes: SVGElementTagNameMap[K][] = [];
  private used = 0;

  constructor(tag: K) {
    this.tag = tag;
  }

  /** Draws a shape over those before. All shapes of a layer have the same attributes. */
  draw(attributes: Readonly<Record<string, string | number>>, text = ''): void {
    const known = this.shapes[this.used];
    const shape = known ?? svg(this.tag);
    this.used++;
    for (const [name, value] of Object.entries(attributes))
      set(shape, name, typeof value === 'number' ? Math.round(value * 10) / 10 : value);
    say(shape, text);
    if (known !== undefined) return;
    this.shapes.push(shape);
    this.root.append(shape);
  }

  /** Ends a look: what was not drawn in it vanishes. */
  end(): void {
    for (const shape of this.shapes.splice(this.used)) shape.remove();
    this.used = 0;
  }
}
