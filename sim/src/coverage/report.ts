import { MARKS } from './marks.js';
import { CELLS, nameOf, whyNever } from './matrix.js';

/** The sum of what many runs have met. */
export class Met {
  readonly marks: Float64Array = new Float64Array(MARKS.length);
  readonly cells: Float64Array = new Float64Array(CELLS);
  runs = 0;

  add({ marks, cells }: { readonly marks: Uint32Array; readonly cells: Uint32Array }): void {
    this.runs++;
    for (let i = 0; i < marks.length; i++) this.marks[i] = (this.marks[i] as number) + (marks[i] as number);
    for (let i = 0; i < cells.length; i++) this.cells[i] = (this.cells[i] as number) + (cells[i] as number);
  }

  /** The marks that no run has met. */
  get missedMarks(): readonly string[] {
    return MARKS.filter((_, i) => this.marks[i] === 0);
  }

  /** The cells that some run may lead to and none has. */
  get missedCells(): readonly number[] {
    return [...this.cells.keys()].filter((cell) => this.cells[cell] === 0 && whyNever(cell) === undefined);
  }

  /** The cells that no run should lead to, and one has. */
  get wrongCells(): readonly number[] {
    return [...this.cells.keys()].filter((cell) => this.cells[cell] !== 0 && whyNever(cell) !== undefined);
  }
}

/** One line for a cell. */
export function describeCell(cell: number): string {
  const { role, type, relation, configuration } = nameOf(cell);
  return `${role}, ${type} of a ${relation === 'same' ? 'the same' : relation} term, ${configuration}`.replace(
    'a the',
    'the',
  );
}

/** What was met, for people: rarest first. */
export function describeMet(met: Met): string {
  const byCount = MARKS.map((name, i) => ({ name, count: met.marks[i] as number })).sort((a, b) => a.count - b.count);
  const reachable = CELLS - [...met.cells.keys()].filter((cell) => whyNever(cell) !== undefined).length;
  const hit = reachable - met.missedCells.length;
  const lines = byCount.map(({ name, count }) => `${String(count).padStart(12)}  ${name}`);
  const missed = met.missedCells.map((cell) => `              ${describeCell(cell)}`);
  return [
    `Rare states, with how often each was met in ${met.runs} runs:`,
    ...lines,
    `${MARKS.length - met.missedMarks.length} of ${MARKS.length} rare states were met.`,
    `Role x message x relation of terms x configuration: ${hit} of the ${reachable} cells that can be reached were; ${CELLS - reachable} others cannot.`,
    ...(missed.length === 0 ? [] : ['Not reached:', ...missed]),
  ].join('\n');
}
