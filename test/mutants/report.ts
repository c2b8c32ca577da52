import type { Mutant } from './mutant.js';
import type { Verdict } from './verdict.js';

const intro = `# Broken rules

A suite is as good as the mistakes it notices. Each line below is one rule of the core, broken in one place: the patches
stand in [\`test/mutants/\`](../test/mutants). \`npm run mutants\` applies each to a copy, runs the tests of the core
(\`test/raft\`, etcd's scripts where they are at hand, and our own scripts) until the first one fails, and writes this page.
\`npm run mutants -- --jobs 2 NAME…\` runs those whose name or area contains a word and updates their lines.

The last column names the test that notices. *equivalent*: the change makes no difference, for the reason given, and
no test may notice. *no counterpart*: there is no such rule here.
`;

/** A cell of a table stays on its line, whatever it contains. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[|<]/g, '\\$&').trim();
}

function verdictCell(verdict: Verdict | undefined): string {
  switch (verdict?.kind) {
    case undefined:
      return '**not run**';
    case 'killed': {
      const how = verdict.how === 'fails' ? '' : ` (${verdict.how})`;
      return `\`${verdict.source.replace(/^test\//, '')}\` ${cell(verdict.title)}${how}`;
    }
    case 'equivalent':
    case 'no counterpart':
      return `*${verdict.kind}*: ${cell(verdict.reason)}`;
    case 'survived':
      return '**survived**';
    case 'red':
      return `**red**: ${cell(verdict.reason)}`;
  }
}

/** The page, with one table for each area. */
export function renderReport(mutants: readonly Mutant[], verdicts: ReadonlyMap<string, Verdict>): string {
  const count = (kind: Verdict['kind'] | undefined): number =>
    mutants.filter(({ name }) => verdicts.get(name)?.kind === kind).length;
  const listed = mutants.filter(({ origin }) => origin === 'listed').length;
  const counts = [
    [
      'broken rules',
      `${mutants.length} (${listed} that were listed for any implementation of etcd's raft, ${mutants.length - listed} of our own)`,
    ],
    ['killed', count('killed')],
    ['equivalent', count('equivalent')],
    ['no counterpart', count('no counterpart')],
    ['survived, red or not run', count('survived') + count('red') + count(undefined)],
  ];
  let text = `${intro}\n| | |\n|---|---|\n${counts.map(([what, n]) => `| ${what} | ${n} |\n`).join('')}`;
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
    const killed = /^`(.+?)` (.*?)(?: \((hangs|crashes)\))?$/.exec(last);
    if (killed !== null) {
      const [, source = '', title = '', how = 'fails'] = killed;
      verdicts.set(name, {
        kind: 'killed',
        source: `test/${source}`,
        title: title.replace(/\\([|<])/g, '$1'),
        how: how as 'fails' | 'hangs' | 'crashes',
      });
    } else if (last.startsWith('*equivalent*') && equivalent !== undefined) {
      verdicts.set(name, { kind: 'equivalent', reason: equivalent });
    } else if (last.startsWith('*no counterpart*') && noCounterpart !== undefined) {
      verdicts.set(name, { kind: 'no counterpart', reason: noCounterpart });
    }
  }
  return verdicts;
}
