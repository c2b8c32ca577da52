import { listed, nameOf } from './names.js';

/** Is the direction from one slot to another open? */
type IsOpen = (from: number, to: number) => boolean;

/** Directions that are named one by one; of more, only their number is told. */
const NAMED = 3;

/** Are all links between these open? */
export function isWhole(slots: readonly number[], isOpen: IsOpen): boolean {
  return slots.every((slot) => slots.every((other) => slot === other || isOpen(slot, other)));
}

/** What is cut: the sides, `n1 n2 | n3`, if the network fell into such; otherwise the directions. */
export function describeCut(slots: readonly number[], isOpen: IsOpen): string {
  const sides = sidesOf(slots, isOpen);
  if (sides !== undefined) return sides.map((side) => side.map(nameOf).join(' ')).join(' | ');
  const cut = slots.flatMap((from) =>
    slots.filter((to) => from !== to && !isOpen(from, to)).map((to) => `${nameOf(from)} → ${nameOf(to)}`),
  );
  if (cut.length > NAMED) return `${cut.length} directions are cut`;
  return `${listed(cut)} ${cut.length === 1 ? 'is' : 'are'} cut`;
}

/** The groups that reach each other both ways, and nobody else; undefined if there are none such. */
function sidesOf(slots: readonly number[], isOpen: IsOpen): number[][] | undefined {
  const sides: number[][] = [];
  for (const slot of slots) {
    const own = sides.find((side) => side.every((other) => isOpen(slot, other) && isOpen(other, slot)));
    if (own === undefined) sides.push([slot]);
    else own.push(slot);
  }
  const isApart = (a: number, b: number): boolean => !isOpen(a, b) && !isOpen(b, a);
  const areApart = sides.every((side) =>
    sides.every((other) => side === other || side.every((a) => other.every((b) => isApart(a, b)))),
  );
  return areApart ? sides : undefined;
}
