/** Where things are in the picture: members on a circle, a lane for each direction between two of them. */

export const WIDTH = 620;
export const HEIGHT = 500;

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How large a member is drawn. */
export function radius(count: number): number {
  return count <= 5 ? 42 : count <= 7 ? 36 : 31;
}

export function placeOf(slot: number, count: number): Point {
  if (count === 1) return { x: WIDTH / 2, y: HEIGHT / 2 };
  const angle = (slot / count) * 2 * Math.PI - Math.PI / 2;
  const [rx, ry] = [WIDTH / 2 - 80, HEIGHT / 2 - 66];
  return { x: WIDTH / 2 + rx * Math.cos(angle), y: HEIGHT / 2 + ry * Math.sin(angle) - 4 };
}

/** Half the distance between the two lanes of a link. */
const APART = 5;

/** The lane from one member to another: it begins and ends at their edges, to the left of the line between them. */
export function laneOf(from: number, to: number, count: number): { readonly start: Point; readonly end: Point } {
  const a = placeOf(from, count);
  const b = placeOf(to, count);
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  const edge = radius(count) + 8;
  const [ox, oy] = [uy * APART, -ux * APART];
  return {
    start: { x: a.x + ux * edge + ox, y: a.y + uy * edge + oy },
    end: { x: b.x - ux * edge + ox, y: b.y - uy * edge + oy },
  };
}

export function along({ start, end }: { readonly start: Point; readonly end: Point }, share: number): Point {
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
