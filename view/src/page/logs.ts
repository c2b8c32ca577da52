import { nameOf } from '../model/names.js';
import type { Cell, MemberPicture, Scenery } from '../model/picture.js';
import type { Choice } from './choice.js';
import { html, say, set } from './dom.js';
import { TERM_COLOURS } from './shapes.js';

/** Indexes that are shown at once. */
const SHOWN = 24;

/** What draws an entry. */
interface CellParts {
  readonly td: HTMLTableCellElement;
  /** Its term, and above it what it holds, or that it conflicts. */
  readonly text: Element;
  /** What is drawn, and of what the name is that screen readers are told. */
  drawn: Cell | undefined;
  named: Cell | undefined;
}

/** The logs of all members, entry under entry. One stop of the tabulator key; the arrow keys go from entry to entry. */
export class Logs {
  private readonly table: HTMLTableElement = html('table', {
    role: 'grid',
    'aria-label': 'Logs, a row for each member',
  });
  private readonly head: HTMLTableRowElement = html('tr');
  private readonly body: HTMLTableSectionElement = html('tbody');
  /** By row, then by column. */
  private cells: CellParts[][] = [];
  private columns = 0;
  private first = 1;
  /** The column of the newest entry. */
  private newest = 0;
  private readonly parent: HTMLElement;
  /** Where the arrow keys are. */
  private row = 0;
  private column = 0;
  private readonly pointed: (choice: Choice | undefined) => void;

  constructor(parent: HTMLElement, pointed: (choice: Choice | undefined) => void) {
    this.pointed = pointed;
    this.parent = parent;
    this.table.append(html('thead', {}, this.head), this.body);
    parent.append(this.table);
    this.table.addEventListener('keydown', (event) => this.key(event));
    this.table.addEventListener('pointerover', (event) => this.over(event.target));
    this.table.addEventListener('pointerleave', () => this.pointed(undefined));
    this.table.addEventListener('focusin', (event) => this.over(event.target));
    this.table.addEventListener('focusout', () => this.pointed(undefined));
    this.table.addEventListener('click', (event) => {
      const td = (event.target as Element).closest('td');
      if (td !== null) this.focus(Number(td.dataset['row']), Number(td.dataset['column']));
    });
  }

  private over(target: EventTarget | null): void {
    const td = (target as Element | null)?.closest?.('td');
    const cell = this.cells[Number(td?.dataset['row'])]?.[Number(td?.dataset['column'])]?.drawn;
    this.pointed(cell === undefined ? undefined : { kind: 'entry', slot: cell.slot, index: cell.index });
  }

  private key(event: KeyboardEvent): void {
    const [down, right] =
      { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
    if (down === undefined || right === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const clamp = (value: number, end: number): number => Math.max(0, Math.min(end - 1, value));
    this.focus(clamp(this.row + down, this.cells.length), clamp(this.column + right, this.columns));
  }

  private focus(row: number, column: number): void {
    this.cellAt(this.row, this.column)?.setAttribute('tabindex', '-1');
    this.row = row;
    this.column = column;
    const td = this.cellAt(row, column);
    td?.setAttribute('tabindex', '0');
    td?.focus();
  }

  private cellAt(row: number, column: number): HTMLTableCellElement | undefined {
    return this.cells[row]?.[column]?.td;
  }

  private build(rows: number, columns: number): void {
    this.columns = columns;
    this.newest = -1;
    this.row = Math.min(this.row, rows - 1);
    this.column = Math.min(this.column, columns - 1);
    this.head.replaceChildren(
      html('th', { scope: 'col' }, html('span', { class: 'sr' }, 'Member')),
      ...Array.from({ length: columns }, () => html('th', { scope: 'col' })),
    );
    this.cells = Array.from({ length: rows }, (_, row) =>
      Array.from({ length: columns }, (__, column) => this.emptyCell(row, column)),
    );
    this.body.replaceChildren(
      ...this.cells.map((cells, row) =>
        html('tr', {}, html('th', { scope: 'row' }, nameOf(row)), ...cells.map(({ td }) => td)),
      ),
    );
  }

  /** What is drawn in it is hidden from screen readers, which would read that in place of its name. */
  private emptyCell(row: number, column: number): CellParts {
    const attributes = {
      class: 'entry',
      role: 'gridcell',
      'aria-label': nameOfCell(undefined),
      tabindex: row === this.row && column === this.column ? '0' : '-1',
      'data-row': String(row),
      'data-column': String(column),
    };
    const text = html('span', { 'aria-hidden': 'true' });
    return { td: html('td', attributes, text), text, drawn: undefined, named: undefined };
  }

  /** Draws everything. The names of the entries are left to `name`, since they cost as much again. */
  show({ members: pictures, cells: cellsOf }: Scenery): void {
    const last = pictures.reduce((most, picture) => Math.max(most, picture.last), 1);
    const columns = Math.min(SHOWN, Math.max(12, last));
    if (this.cells.length !== pictures.length || columns !== this.columns) this.build(pictures.length, columns);
    const first = Math.max(1, last - columns + 1);
    if (first !== this.first || this.newest < 0) {
      this.first = first;
      for (let column = 0; column < columns; column++) {
        say(this.head.cells[column + 1] as Element, String(first + column));
      }
    }
    for (const [row, picture] of pictures.entries()) {
      const byColumn: (Cell | undefined)[] = Array.from({ length: columns }, () => undefined);
      for (const cell of cellsOf(picture, first, first + columns - 1)) byColumn[cell.index - first] = cell;
      for (const [column, parts] of (this.cells[row] ?? []).entries()) draw(parts, byColumn[column]);
      say(this.body.rows[row]?.cells[0] as Element, `${nameOf(row)}${signOf(picture)}`);
    }
    this.reveal(last - first);
  }

  /** Names the entries that are drawn, for screen readers. */
  name(): void {
    for (const row of this.cells) {
      for (const parts of row) {
        const { drawn, named } = parts;
        parts.named = drawn;
        if (!isNamedAs(drawn, named)) set(parts.td, 'aria-label', nameOfCell(drawn));
      }
    }
  }

  /** Scrolls so far that the newest entry can be seen, and no further: asking for places makes the browser lay out. */
  private reveal(newest: number): void {
    if (newest === this.newest || this.table.contains(document.activeElement)) return;
    this.newest = newest;
    const td = this.cellAt(0, newest);
    if (td !== undefined) this.parent.scrollLeft = td.offsetLeft + td.offsetWidth + 4 - this.parent.clientWidth;
  }
}

/** Most entries look like the one that was drawn in their place before: then only what stands in them is written. */
function draw(parts: CellParts, cell: Cell | undefined): void {
  const before = parts.drawn;
  parts.drawn = cell;
  const state = cell && stateOf(cell);
  const isAlike = before !== undefined && cell?.term === before.term && cell.kind === before.kind;
  if (!isAlike || state !== stateOf(before)) {
    set(parts.td, 'class', cell === undefined ? 'entry' : `entry t${cell.term % TERM_COLOURS}`);
    set(parts.td, 'data-kind', cell?.kind);
    set(parts.td, 'data-state', state);
    say(parts.text, cell === undefined ? '' : cell.kind === 'compacted' ? '·' : String(cell.term));
  }
  set(parts.text, 'data-mark', cell?.isConflicting === true ? '≠' : cell?.text);
}

function signOf({ isFrozen, role }: MemberPicture): string {
  if (isFrozen) return ' ❄';
  if (role === 'leader') return ' ★';
  return role === 'down' || role === 'gone' ? ' ✕' : '';
}

type State = 'gone' | 'conflict' | 'applied' | 'committed' | 'open';

const spoken: Readonly<Record<State, string>> = {
  gone: 'in a snapshot',
  conflict: 'conflicting',
  applied: 'committed and applied',
  committed: 'committed',
  open: 'not committed',
};

function nameOfCell(cell: Cell | undefined): string {
  if (cell === undefined) return 'no entry';
  const { index, term, text } = cell;
  return `entry ${index}, term ${term}${text === '' ? '' : `, ${text}`}, ${spoken[stateOf(cell)]}`;
}

/** Have two entries the same name? */
function isNamedAs(a: Cell | undefined, b: Cell | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.index === b.index && a.term === b.term && a.text === b.text && stateOf(a) === stateOf(b);
}

function stateOf(cell: Cell): State {
  if (cell.kind === 'compacted') return 'gone';
  if (cell.isConflicting) return 'conflict';
  if (cell.isApplied) return 'applied';
  return cell.isCommitted ? 'committed' : 'open';
}

/**
 * Says what the marks in the logs mean.
 * @param areNamed are writes named, and changes of the members marked?
 */
export function logLegend(list: HTMLElement, areNamed = true): void {
  const mark = (state: State, text: string, kind = 'empty', number = '3'): HTMLElement => {
    const sign = state === 'conflict' ? { 'data-mark': '≠' } : {};
    const attributes = { class: 'entry t3', 'aria-hidden': 'true', 'data-kind': kind, 'data-state': state, ...sign };
    return html('li', {}, html('span', attributes, number), text);
  };
  list.append(
    mark('open', 'not committed'),
    mark('committed', 'committed'),
    mark('applied', 'committed and applied'),
    mark('conflict', 'conflicts, and will be replaced'),
    mark('gone', 'in a snapshot', 'compacted', ''),
    html(
      'li',
      {},
      `The number is the term${areNamed ? '. w1: a write; m: a change of the members; neither: a leader’s first entry' : ''}`,
    ),
  );
}
