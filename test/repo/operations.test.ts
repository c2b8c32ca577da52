/** What operators are given holds: commands are those of the program, metrics are those of a member. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CtlIo,
  commands,
  ctlMain,
  parseKvFlags,
  parseRecoverFlags,
  parseRestoreFlags,
} from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { parse } from 'yaml';
import { Programs } from '../raftexample/processes.js';
import { StoreProcesses } from '../raftexample/store-processes.js';
import { Exposition, parsePromql } from './promql.js';
import { root } from './repository.js';

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const guide = read('docs/operations.md');
/** Prometheus gives these to every series. */
const TARGET_LABELS = ['job', 'instance'];

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly panels: readonly Panel[];
}

describe('what operators are given', function operators() {
  const programs = new Programs();
  let exposition: Exposition;
  const rules = (parse(read('deploy/prometheus/rules.yaml')) as { groups: { name: string; rules: Rule[] }[] }).groups;
  const recorded = rules.flatMap((group) => group.rules.flatMap(({ record }) => record ?? []));

  before(async () => {
    const members = await StoreProcesses.start(programs, { founders: 2, flags: ['--tick', '50ms'] });
    await members.command('ctl', 'put', 'k', 'v', '--endpoints', members.endpoint(1));
    const pages = [1, 2].map(async (id) => (await fetch(`${members.endpoint(id)}/metrics`)).text());
    exposition = new Exposition(await Promise.all(pages));
  });
  after(() => programs.endAll());

  /** Holds an expression, and the labels that its text names, against what members show. */
  const check = (what: string, text: string, shown: readonly string[]): void => {
    const { metrics, groupings, grouped } = parsePromql(text);
    const known = new Set(TARGET_LABELS);
    for (const { name, labels } of metrics) {
      if (name !== 'up' && !recorded.includes(name)) expect(exposition.has(name), `${what}: ${name}`).to.equal(true);
      const own = exposition.labelsOf(name);
      for (const label of own ?? [...labels, ...groupings, ...shown]) known.add(label);
      for (const label of labels) expect([...known], `${what}: a label of ${name}`).to.include(label);
    }
    for (const label of groupings) expect([...known], what).to.include(label);
    for (const label of shown) expect([...(grouped ? groupings : known)], what).to.include(label);
  };
  const labelsIn = (text: string): string[] =>
    [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/gu)].map(([, label]) => label as string);

  it('is told apart from what is none', () => {
    expect(() => parsePromql('sum by (job (up)')).to.throw(/<HERE>/u);
    expect(() => parsePromql('rate(up)[5m')).to.throw();
    expect(() => check('none', 'raft_store_no_such_thing == 1', [])).to.throw(/no_such_thing/u);
    expect(() => check('none', 'raft_store_request_duration_seconds > 1', [])).to.throw();
    expect(() => check('none', 'raft_store_alarm{sort="disk"} == 1', [])).to.throw(/sort/u);
    expect(() => check('none', 'sum by (job) (raft_store_alarm)', ['kind'])).to.throw(/kind/u);
    check('one', 'sum by (job, le) (rate(raft_store_request_duration_seconds_bucket[5m]))', ['le']);
  });

  it('alerts on what there is, and says what to do', () => {
    const names = new Set<string>();
    const anchors = [...guide.matchAll(/^#+ (.*)$/gmu)].map(([, title]) =>
      (title as string).toLowerCase().replaceAll(' ', '-'),
    );
    for (const rule of rules.flatMap((group) => group.rules)) {
      const { alert, record, expr, labels = {}, annotations = {} } = rule;
      const what = alert ?? record ?? expr;
      check(what, expr, labelsIn(Object.values(annotations).join(' ')));
      if (record !== undefined) continue;
      expect(what).to.match(/^Store[A-Z][A-Za-z]+$/u);
      expect(names.has(what), `${what} twice`).to.equal(false);
      names.add(what);
      expect(labels['severity'], what).to.be.oneOf(['warning', 'critical']);
      if (rule.for !== undefined) expect(rule.for, what).to.match(/^\d+[smhd]$/u);
      expect(annotations['summary'], what).to.be.a('string');
      expect(annotations['description'], what).to.match(/\.$/u);
      const [page, anchor] = (annotations['runbook_url'] ?? '').split('#');
      expect(page, what).to.equal('docs/operations.md');
      expect(anchors, what).to.include(anchor);
    }
    expect(names.size).to.be.above(15);
  });

  it('shows a dashboard of what there is', () => {
    const { panels, templating } = JSON.parse(read('deploy/grafana/store.json')) as Dashboard;
    const variables = templating.list.map(({ name }) => name);
    const ids = new Set(panels.map(({ id }) => id));
    expect(ids.size).to.equal(panels.length);
    const taken = new Map<string, string>();
    for (const { title, type, gridPos, targets = [] } of panels) {
      const { x, y, w, h } = gridPos;
      expect(x + w, title).to.be.most(24);
      for (let i = x; i < x + w; i++)
        for (let j = y; j < y + h; j++) {
          expect(taken.get(`${i} ${j}`), title).to.equal(undefined);
          taken.set(`${i} ${j}`, title);
        }
      if (type === 'row') continue;
      expect(targets, title).not.to.be.empty;
      for (const { expr, legendFormat } of targets) {
        for (const [, name] of expr.matchAll(/\$(\w+)/gu))
          expect(['__rate_interval', ...variables], `${title}: ${expr}`).to.include(name);
        check(title, expr.replaceAll('$__rate_interval', '5m'), labelsIn(legendFormat));
      }
    }
    for (const { definition = '' } of templating.list) {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/u.exec(definition) ?? [];
      if (metric !== undefined) check(definition, metric, [label as string]);
    }
    expect(read('deploy/grafana/store.json')).to.include('"uid": "${datasource}"');
  });

  it('explains every metric, and no other', () => {
    const section = /^### Metrics$(.*?)^### /msu.exec(guide)?.[1] ?? '';
    const rows = section.split('\n').filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`(\w+)`/gu)].map(([, name]) => name));
    expect(named).to.have.members([...exposition.names]);
    expect(named).to.have.length(exposition.names.length);
  });

  it('names commands that the program has', async () => {
    const blocks = [...guide.matchAll(/^```sh$(.*?)^```$/gmsu)].flatMap(([, lines]) => (lines as string).split('\n'));
    const calls = blocks.filter((line) => line.includes('raftexample'));
    const sink = { write: (_: unknown, done?: () => void) => done?.() };
    let said = '';
    const io: CtlIo = {
      stdin: (async function* none() {})(),
      stdout: sink,
      stderr: { write: (text, done) => ((said += String(text)), done?.()) },
      env: {},
    };
    const met = new Set<string>();
    for (const call of calls) {
      if (call.startsWith('export ')) continue;
      const [, line] = /^npx --no -- raftexample (.*)$/u.exec(call) ?? [];
      expect(line, call).to.be.a('string');
      const [name, ...words] = (line as string).split(' ') as [string, ...string[]];
      met.add(name === 'ctl' ? `ctl ${words[0]}` : name);
      if (name === 'ctl') {
        said = '';
        expect(await ctlMain([...words, '--help'], new AbortController().signal, io), `${call}: ${said}`).to.equal(0);
        const flags = words.findIndex((word) => word.startsWith('--'));
        const given = words.slice(1, flags < 0 ? undefined : flags).length;
        expect(given, call).to.be.within(...(commands[words[0] as string]?.words ?? [0, 0]));
      } else {
        const parsers = { kv: parseKvFlags, restore: parseRestoreFlags, recover: parseRecoverFlags };
        expect(parsers, call).to.have.property(name);
        const command = parsers[name as keyof typeof parsers](words);
        expect(command.kind === 'refuse' ? command.reason : command.kind, call).to.equal('run');
      }
    }
    const used = ['kv', 'restore', 'recover', ...['add', 'remove', 'replace', 'transfer', 'snapshot', 'status']];
    expect([...met].map((one) => one.replace('ctl ', ''))).to.include.members(used);
  });
});
