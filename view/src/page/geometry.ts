/** Where things are in the picture: members on a circle, a lane for each direction between two of them. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The way from one member to another. */
export interface Lane {
  readonly start: Point;
  readonly end: Point;
}

/** Half the distance between the two lanes of a link. */
const APART = 5;

/** Sizes of the picture: on a phone it is shown smaller, so there is less of it, and its words can still be read. */
const FRAMES = {
  wide: { width: 620, height: 500, side: 80, top: 66, radii: [42, 36, 31], letter: 6.6 },
  narrow: { width: 390, height: 430, side: 62, top: 62, radii: [37, 31, 26], letter: 7.6 },
} as const;

/** Where so many members are drawn, and how large. */
export class Geometry {
  readonly width: number;
  readonly height: number;
  /** How large a member is. */
  readonly radius: number;
  private readonly count: number;
  private readonly frame: (typeof FRAMES)[keyof typeof FRAMES];
  /** By sender, then by receiver: each message under way asks for its own in every frame. */
  private readonly lanes: Lane[][] = [];

  constructor(count: number, isNarrow: boolean) {
    this.count = count;
    this.frame = isNarrow ? FRAMES.narrow : FRAMES.wide;
    const { width, height, radii } = this.frame;
    this.width = width;
    this.height = height;
    this.radius = count <= 5 ? radii[0] : count <= 7 ? radii[1] : radii[2];
  }

  placeOf(slot: number): Point {
    const { width, height, count } = this;
    if (count === 1) return { x: width / 2, y: height / 2 };
    const angle = (slot / count) * 2 * Math.PI - Math.PI / 2;
    const [rx, ry] = [width / 2 - this.frame.side, height / 2 - this.frame.top];
    return { x: width / 2 + rx * Math.cos(angle), y: height / 2 + ry * Math.sin(angle) - 4 };
  }

  /** How far a text about a member is moved sideways, so that it does not leave the picture. */
  shift(slot: number, text: string): number {
    const half = (text.length * this.frame.letter) / 2;
    const { x } = this.placeOf(slot);
    return Math.max(half - x, Math.min(0, this.width - half - x));
  }

  /** The lane from one member to another: it begins and ends at their edges, to the left of the line between them. */
  laneOf(from: number, to: number): Lane {
    this.lanes[from] ??= [];
    const lanes = this.lanes[from];
    lanes[to] ??= this.lane(from, to);
    return lanes[to];
  }

  private lane(from: number, to: number): Lane {
    const a = this.placeOf(from);
    const b = this.placeOf(to);
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
    const edge = this.radius + 8;
    const [ox, oy] = [uy * APART, -ux * APART];
    return {
      start: { x: a.x + ux * edge + ox, y: a.y + uy * edge + oy },
      end: { x: b.x - ux * edge + ox, y: b.y - uy * edge + oy },
    };
  }
}

export function along({ start, end }: Lane, share: number): Point {
  return { x: start.x + (end.x - start.x) * share, y: start.y + (end.y - start.y) * share };
}

/** The part of a circle from the top clockwise, for a share of [0, 1]. */
export function arc(r: number, share: number): string {
  if (share <= 0.001) return '';
  const angle = Math.min(share, 0.9999) * 2 * Math.PI;
  const [x, y] = [r * Math.sin(angle), -r * Math.cos(angle)];
  return `M0 ${-r}A${r} ${r} 0 ${angle > Math.PI ? 1 : 0} 1 ${x.toFixed(2)} ${y.toFixed(2)}`;
}

/** The outline of a member: a hexagon for the leader, a circle for everybody else. */
export function outline(isLeader: boolean, r: number): string {
  if (!isLeader) return `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  const corners = Array.from({ length: 6 }, (_, i) => {
    const angle = (i * Math.PI) / 3 + Math.PI / 6;
    return `${(1.08 * r * Math.cos(angle)).toFixed(1)} ${(1.08 * r * Math.sin(angle)).toFixed(1)}`;
  });
  return `M${corners.join('L')}z`;
}
