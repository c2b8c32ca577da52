import { printableLine } from '@raft-ts/proto';
import stringWidth from 'string-width';

/** Longest text in a column; what is cut off it is counted. */
const LONGEST_CELL = 96;

/** Lays rows out in columns as wide as their widest cell, under these headings. Nothing in a cell moves a cursor. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headings, ...rows.map((row) => row.map((text) => printableLine(text, LONGEST_CELL)))];
  const widths = headings.map((_, i) => Math.max(...cells.map((row) => stringWidth(row[i] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => `${text}${' '.repeat((widths[i] ?? 0) - stringWidth(text))}`)
      .join('  ')
      .trimEnd();
  return cells.map((row) => `${line(row)}\n`).join('');
}

/** JSON in which an id is a number, or a string if it is too long for one. */
export function toJson(value: unknown): string {
  const plain = (_: string, one: unknown): unknown => {
    if (typeof one === 'bigint') return Number.isSafeInteger(Number(one)) ? Number(one) : String(one);
    return one instanceof Map ? Object.fromEntries(one as Map<unknown, unknown>) : one;
  };
  return JSON.stringify(value, plain);
}

/** `1.5 MiB` */
export function bytes(count: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [size, unit] = [count, 0];
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
