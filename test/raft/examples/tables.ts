import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The rows of a table in a comment of raft's sources, each by the names of its columns.
 * @param firstColumns the table's head begins with these
 */
export function tableOf(source: string, firstColumns: string): readonly Readonly<Record<string, string>>[] {
  const file = fileURLToPath(import.meta.resolve(`@raft-ts/raft/package.json`)).replace(
    'package.json',
    `src/${source}`,
  );
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim().replace(/^\* ?/, ''));
  const heads = lines.flatMap((line, i) => (line.startsWith(`| ${firstColumns} |`) ? [i] : []));
  const [head] = heads;
  if (head === undefined || heads.length > 1)
    throw new Error(`${source} has ${heads.length} tables of ${firstColumns}`);
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const names = cells(lines[head] as string);
  const rows = [];
  for (let i = head + 2; lines[i]?.startsWith('|') === true; i++) {
    const row = cells(lines[i] as string);
    if (row.length !== names.length) throw new Error(`${source}: a row of ${row.length} cells under ${names.length}`);
    rows.push(Object.fromEntries(names.map((name, at) => [name, row[at] as string])));
  }
  return rows;
}

/** `1:9 2:7`: pairs that a cell lists. */
export function pairsOf(cell: string): [string, string][] {
  return cell.split(' ').flatMap((pair) => {
    const [key, value] = pair.split(':');
    return key === undefined || value === undefined ? [] : [[key, value] satisfies [string, string]];
  });
}
