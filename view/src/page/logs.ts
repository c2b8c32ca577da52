import { nameOf } from '../model/names.js';
import type { Cell, Scenery } from '../model/picture.js';
import type { Choice } from './choice.js';
import { html, say, set } from './dom.js';
import { TERM_COLOURS } from './shapes.js';

/** Indexes that are shown at once. */
const SHOWN = 24;

/** The logs of all members, entry under entry. One stop of the tabulator key; the arrow keys go from entry to entry. */
export class Logs {
  private readonly table: HTMLTableElement = html('table', {
    role: 'grid',
    'aria-label': 'Logs, a row for each member',
  });
  private readonly head: HTMLTableRowElement = html('tr');
  private readonly body: HTMLTableSectionElement = html('tbody');
  private cells: (Cell | undefined)[][] = [];
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
    const cell =
      td === null || td === undefined
        ? undefined
        : this.cells[Number(td.dataset['row'])]?.[Number(td.dataset['column'])];
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
    return this.body.rows[row]?.cells[column + 1];
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
    this.body.replaceChildren(
      ...Array.from({ length: rows }, (_, row) =>
        html(
          'tr',
          {},
          html('th', { scope: 'row' }, nameOf(row)),
          ...Array.from({ length: columns }, (__, column) => this.emptyCell(row, column)),
        ),
      ),
    );
  }

  /** What is drawn in it is hidden from screen readers, which would read that in place of its name. */
  private emptyCell(row: number, column: number): HTMLTableCellElement {
    const attributes = {
      role: 'gridcell',
      tabindex: row === this.row && column === this.column ? '0' : '-1',
      'data-row': String(row),
      'data-column': String(column),
    };
    return html('td', attributes, html('span', { 'aria-hidden': 'true' }));
  }

  show({ members: pictures, cells: cellsOf }: Scenery): void {
    const last = pictures.reduce((most, picture) => Math.max(most, picture.last), 1);
    const columns = Math.min(SHOWN, Math.max(12, last));
    if (this.cells.length !== pictures.length || columns !== this.columns) this.build(pictures.length, columns);
    this.first = Math.max(1, last - columns + 1);
    for (let column = 0; column < columns; column++) {
      say(this.head.cells[column + 1] as Element, String(this.first + column));
    }
    this.cells = pictures.map((picture, row) => {
      const cells = cellsOf(picture, this.first, this.first + columns - 1);
      const byColumn: (Cell | undefined)[] = Array.from({ length: columns }, () => undefined);
      for (const cell of cells) byColumn[cell.index - this.first] = cell;
      for (const [column, cell] of byColumn.entries())
        this.showCell(this.cellAt(row, column) as HTMLTableCellElement, cell);
      const role = picture.isFrozen
        ? ' ❄'
        : picture.role === 'leader'
          ? ' ★'
          : picture.role === 'down' || picture.role === 'gone'
            ? ' ✕'
            : '';
      say(this.body.rows[row]?.cells[0] as Element, `${nameOf(row)}${role}`);
      return byColumn;
    });
    this.reveal(last - this.first);
  }

  /** Scrolls so far that the newest entry can be seen, and no further: asking for places makes the browser lay out. */
  private reveal(newest: number): void {
    if (newest === this.newest || this.table.contains(document.activeElement)) return;
    this.newest = newest;
    const td = this.cellAt(0, newest);
    if (td !== undefined) this.parent.scrollLeft = td.offsetLeft + td.offsetWidth + 4 - this.parent.clientWidth;
  }

  private showCell(td: HTMLTableCellElement, cell: Cell | undefined): void {
    const state = cell === undefined ? undefined : stateOf(cell);
    set(td, 'class', cell === undefined ? 'entry' : `entry t${cell.term % TERM_COLOURS}`);
    set(td, 'data-kind', cell?.kind);
    set(td, 'data-state', state);
    set(
      td,
      'aria-label',
      cell === undefined
        ? 'no entry'
        : `entry ${cell.index}, term ${cell.term}${cell.text === '' ? '' : `, ${cell.text}`}, ${spoken[stateOf(cell)]}`,
    );
    const drawn = td.children[0] as Element;
    set(drawn, 'data-mark', cell?.isConflicting === true ? '≠' : cell?.text);
    say(drawn, cell === undefined ? '' : cell.kind === 'compacted' ? '·' : String(cell.term));
  }
}

type State = 'gone' | 'conflict' | 'applied' | 'committed' | 'open';

const spoken: Readonly<Record<State, string>> = {
  gone: 'in a snapshot',
  conflict: 'conflicting',
  applied: 'committed and applied',
  committed: 'committed',
  open: 'not committed',
};

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
