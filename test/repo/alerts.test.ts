/** The alerts fire when they should and say what they should: told to Prometheus's own tool, if this machine has it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { expect } from 'chai';
import { parse } from 'yaml';
import { root, run } from './repository.js';

const RULES = join(root, 'deploy/prometheus/rules.yaml');
const CASES = join(root, 'test/repo/alerts.yaml');
/** Its path, or a name that is looked for. */
const PROMTOOL = process.env['PROMTOOL'] ?? 'promtool';

interface Rule {
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Case {
  readonly alert: string;
  readonly step?: string;
  readonly series: Readonly<Record<string, string>>;
  readonly quiet: string;
  readonly fires: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
}

describe('the alerts', function alerts() {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as { readonly groups: readonly { readonly rules: Rule[] }[] };
  const rules = groups.flatMap((group) => group.rules).filter(({ alert }) => alert !== undefined);
  const cases = parse(readFileSync(CASES, 'utf8')) as readonly Case[];
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'raft-ts-alerts-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('have a case each, of series that their expressions read', () => {
    expect(cases.map(({ alert }) => alert)).to.deep.equal(rules.map(({ alert }) => alert));
    for (const [i, { expr }] of rules.entries()) {
      const { alert, series } = cases[i] as Case;
      for (const name of Object.keys(series).map((one) => one.split('{')[0] as string))
        expect(expr.replaceAll('raft_store:up', 'up'), alert).to.include(name);
    }
  });

  /** What the tool is asked: the alert and what it says at the one time, nothing at the other. */
  const testOf = ({ alert, step = '15s', series, quiet, fires, labels, summary }: Case, rule: Rule): object => ({
    interval: step,
    name: alert,
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      { eval_time: quiet, alertname: alert, exp_alerts: [] },
      {
        eval_time: fires,
        alertname: alert,
        exp_alerts: [
          {
            exp_labels: { ...rule.labels, ...labels },
            exp_annotations: { ...filledIn(rule.annotations ?? {}, labels), summary },
          },
        ],
      },
    ],
  });

  /** Annotations with the labels that they name. */
  const filledIn = (annotations: Readonly<Record<string, string>>, labels: Case['labels']): object =>
    Object.fromEntries(
      Object.entries(annotations).map(([name, text]) => [
        name,
        text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/gu, (_, label: string) => labels[label] ?? ''),
      ]),
    );

  const isHere = async (): Promise<boolean> => {
    const { code } = await run(PROMTOOL, ['--version'], { cwd: root, timeoutMs: 10_000 });
    return code === 0;
  };

  it('fire when they should, and say what they should', async function fire() {
    if (!(await isHere())) {
      console.log(
        '      skipped: there is no promtool (go build github.com/prometheus/prometheus/cmd/promtool; PROMTOOL)',
      );
      this.skip();
    }
    const checked = await run(PROMTOOL, ['check', 'rules', RULES], { cwd: root, timeoutMs: 30_000 });
    expect(checked.code, checked.stderr + checked.stdout).to.equal(0);
    const file = join(folder, 'alerts.json');
    const tests = cases.map((one, i) => testOf(one, rules[i] as Rule));
    writeFileSync(file, JSON.stringify({ rule_files: [RULES], evaluation_interval: '15s', tests }));
    const { code, stdout, stderr } = await run(PROMTOOL, ['test', 'rules', file], { cwd: root, timeoutMs: 50_000 });
    expect(code, stderr + stdout).to.equal(0);
  });
});
