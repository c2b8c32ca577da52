// Holds docs/log-lines.md against the sources: every line that is logged, every code and reason of an error, and a
// meaning for each. What the sources say is written by this script, the rest by hand.
//
// Usage: node scripts/check-log-lines.mjs [--write]

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { codesOf, entriesOf, logLinesOf, reasonsOf } from './log-lines.mjs';
import { root, workspaces } from './workspaces.mjs';

const DOCUMENT = join(root, 'docs/log-lines.md');
const GRAVEST = ['error', 'warn', 'info'];

const code = (text) => `\`${text}\``;
const cell = (text) => text.replaceAll('|', '\\|');

/** Lines are found by their words, so those of one level stand in the order of their words. */
const wordsOf = (line) =>
  line
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
    .toLowerCase();
const byWords = (one, other) => (wordsOf(one) < wordsOf(other) ? -1 : 1);

/** The lines of a package, the gravest first: their level, or the levels that they may have. */
async function logged(folder, isTold) {
  const levels = new Map();
  for (const { level, line } of await logLinesOf(folder)) levels.set(line, [...(levels.get(line) ?? []), level]);
  const gravest = (all) => Math.min(...all.map((level) => GRAVEST.indexOf(level)));
  return [...levels]
    .filter(([, all]) => isTold(all))
    .toSorted(([a, one], [b, other]) => gravest(one) - gravest(other) || byWords(a, b))
    .map(([line, all]) => [GRAVEST.filter((level) => all.includes(level)).join(' or '), line]);
}

const isInfo = (levels) => levels.every((level) => level === 'info');

/** What each table shows: the cells that the sources give, and the titles of all columns. */
const tables = {
  lines: async (folder) => ({
    head: ['level', 'line', 'what it means', 'what to do'],
    key: 1,
    rows: (await logged(folder, (levels) => !isInfo(levels))).map(([level, line]) => [level, code(line)]),
  }),
  info: async (folder) => ({
    head: ['line', 'what it means'],
    key: 0,
    rows: (await logged(folder, isInfo)).map(([, line]) => [code(line)]),
  }),
  codes: async (folder, prefix) => {
    const { codes, used } = await codesOf(folder);
    const rows = [...codes].filter(([name]) => name.startsWith(prefix)).toSorted(([a], [b]) => byWords(a, b));
    const missing = [...used].filter((name) => name.startsWith(prefix) && !known.has(name));
    if (missing.length > 0) throw new Error(`${folder} has codes without a docstring: ${missing.join(', ')}`);
    return {
      head: ['code', 'what it means', 'what to do'],
      key: 0,
      rows: rows.map(([name, text]) => [code(name), text]),
    };
  },
  problems: async (file, name) => {
    const { codes } = await codesOf(file.split('/')[0]);
    const rows = await entriesOf(file, name);
    return {
      head: ['code', 'status', '`retry`', 'what it means', 'what to do'],
      key: 0,
      rows: rows.map(([one, status, retry]) => [code(one), String(status), code(retry), codes.get(one) ?? '']),
    };
  },
  reasons: async (file, type) => ({
    head: ['reason', 'what it means', 'what to do'],
    key: 0,
    rows: (await reasonsOf(file, type)).map(([name, text]) => (text === undefined ? [code(name)] : [code(name), text])),
  }),
  rules: async (file, name) => ({
    head: ['rule', 'what to do'],
    key: 0,
    rows: (await entriesOf(file, name)).map(([rule, advice]) => [code(rule), advice]),
  }),
};

/** Every code that some package declares, with its docstring. */
const known = new Set();
for (const { folder } of workspaces) {
  if (!existsSync(join(root, folder, 'src'))) continue;
  for (const name of (await codesOf(folder)).codes.keys()) known.add(name);
}

/** A row of a table as it stands in the document. */
function cellsOf(line) {
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((text) => text.trim());
}

const REGION = /<!-- (\w+) (\S+) ?(\S*) -->\n([\s\S]*?)<!-- end -->/g;

const text = await readFile(DOCUMENT, 'utf8');
const problems = [];
let current = text;
for (const [whole, kind, where, name, body] of text.matchAll(REGION)) {
  const { head, key, rows } = await tables[kind](where, name);
  const written = new Map();
  for (const line of body.split('\n').filter((one) => one.startsWith('| '))) {
    const cells = cellsOf(line);
    written.set(cells[key], cells);
  }
  const lines = rows.map((given) => {
    const cells = given.map(cell);
    const before = written.get(cells[key]) ?? [];
    for (let i = cells.length; i < head.length; i++) cells.push(before[i] ?? '');
    if (cells.includes('')) problems.push(`${cells[key]} has no ${head[cells.indexOf('')]}`);
    return `| ${cells.join(' | ')} |`;
  });
  const table = [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...lines].join('\n');
  const title = [kind, where, name].join(' ').trim();
  current = current.replace(whole, () => `<!-- ${title} -->\n\n${table}\n\n<!-- end -->`);
}

if (process.argv.includes('--write')) await writeFile(DOCUMENT, current);
else if (current !== text)
  problems.push(
    'it is not what the sources say: run node scripts/check-log-lines.mjs --write, and say in the file what is new',
  );
for (const problem of problems) console.error(`docs/log-lines.md: ${problem}`);
console.log(
  `log lines and error codes: ${[...current.matchAll(/^\| (?!---)/gm)].length} rows, ${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
