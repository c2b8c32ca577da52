import type { Mutant } from './mutant.js';
import { packageOf } from './plan.js';
import type { Verdict } from './verdict.js';

const intro = `# Broken rules

A suite is as good as the mistakes it notices. Each line below is one rule, broken in one place: of the core, the log, the
transport, the example or the codec. The patches stand in [\`test/mutants/\`](../test/mutants). \`npm run mutants\` applies
each to a copy, runs the tests of the package (those most likely to notice first; only the files that its \`tests:\` names,
if it has them) until an assertion fails, and writes this page. \`npm run mutants -- --jobs 2 NAME…\` runs those whose name
or area contains a word and updates their lines; with \`--unjudged\`, those that have no good verdict yet.

The last column names the test that notices. A test that only hangs, waits until its timeout, or dies has noticed nothing.
*equivalent*: the change makes no difference, for the reason given, and no test may notice. *no counterpart*: there is no
such rule here.
`;

/** A cell of a table stays on its line, whatever it contains. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[|<]/g, '\\$&').trim();
}

function verdictCell(verdict: Verdict | undefined): string {
  switch (verdict?.kind) {
    case undefined:
      return '**not run**';
    case 'killed':
      return `\`${verdict.source.replace(/^test\//, '')}\` ${cell(verdict.title)}`;
    case 'equivalent':
    case 'no counterpart':
      return `*${verdict.kind}*: ${cell(verdict.reason)}`;
    case 'survived':
      return '**survived**';
    case 'red':
      return `**red**: ${cell(verdict.reason)}`;
  }
}

function row(title: string, mutants: readonly Mutant[], verdicts: ReadonlyMap<string, Verdict>): string {
  const count = (...kinds: readonly (Verdict['kind'] | undefined)[]): number =>
    mutants.filter(({ name }) => kinds.includes(verdicts.get(name)?.kind)).length;
  const counts = [count('killed'), count('equivalent'), count('no counterpart'), count('survived', 'red', undefined)];
  return `| ${[title, mutants.length, ...counts].join(' | ')} |\n`;
}

/** The page, with one table for each area. */
export function renderReport(mutants: readonly Mutant[], verdicts: ReadonlyMap<string, Verdict>): string {
  const listed = mutants.filter(({ origin }) => origin === 'listed').length;
  const of = `${listed} that were listed for any implementation of etcd's raft, ${mutants.length - listed} of our own`;
  const heads = ['', 'broken rules', 'killed', 'equivalent', 'no counterpart', 'survived, red or not run'];
  const names = [...new Set(mutants.map(packageOf))].sort();
  const rows = names.map((name) =>
    row(
      name,
      mutants.filter((mutant) => packageOf(mutant) === name),
      verdicts,
    ),
  );
  if (names.length > 1) rows.push(row('all', mutants, verdicts));
  let text = `${intro}\n${mutants.length} broken rules: ${of}.\n\n`;
  text += `| ${heads.join(' | ')} |\n|${'---|'.repeat(heads.length)}\n${rows.join('')}`;
  for (const area of new Set(mutants.map((mutant) => mutant.area))) {
    text += `\n## ${area}\n\n| broken rule | what a user would see | noticed by |\n|---|---|---|\n`;
    for (const { name, seen } of mutants.filter((mutant) => mutant.area === area)) {
      text += `| ${cell(name)} | ${cell(seen)} | ${verdictCell(verdicts.get(name))} |\n`;
    }
  }
  return text;
}

/** The verdicts that a page tells, but for those that are not good. */
export function readReport(text: string, mutants: readonly Mutant[]): Map<string, Verdict> {
  const cells = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, , last] = line.split(/(?<!\\)\|/).map((part) => part.trim());
    if (name !== undefined && last !== undefined) cells.set(name, last);
  }
  const verdicts = new Map<string, Verdict>();
  for (const { name, equivalent, noCounterpart } of mutants) {
    const last = cells.get(cell(name)) ?? '';
    const killed = /^`(.+?)` (.*)$/.exec(last);
    if (killed !== null) {
      const [, source = '', title = ''] = killed;
      verdicts.set(name, {
        kind: 'killed',
        source: `test/${source}`,
        title: title.replace(/\\([|<])/g, '$1'),
      });
    } else if (last.startsWith('*equivalent*') && equivalent !== undefined) {
      verdicts.set(name, { kind: 'equivalent', reason: equivalent });
    } else if (last.startsWith('*no counterpart*') && noCounterpart !== undefined) {
      verdicts.set(name, { kind: 'no counterpart', reason: noCounterpart });
    }
  }
  return verdicts;
}
