import { RULES } from '../base/violation.js';
import type { World } from '../cluster/world.js';
import { describeFinding } from '../report/summary.js';
import { type Case, type Finding, Run } from '../run/run.js';
import { arrange, TELLINGS } from './arrange.js';
import { type Said, say, sayLost } from './commands.js';
import { ScriptCluster } from './script-cluster.js';
import type { Step } from './step.js';
import { describeDurable, stateOf } from './texts.js';
import { Trace } from './trace.js';

/** A run with more calls than this is not told: nobody would read it. */
const MOST_STEPS = 20_000;

/** What leads to a broken rule as a script, or why there is none. */
export type Script = { readonly commands: readonly Said[]; readonly finding: Finding } | { readonly why: string };

/**
 * Runs a case that breaks a rule, and tells the calls on its cores as commands of etcd's interaction tests. The
 * commands were carried out, on cores of their own: they lead to the same state of every member.
 * @param mostSteps a longer run is not told
 */
export function scriptOf(of: Case, mostSteps: number = MOST_STEPS): Script {
  const trace = new Trace();
  let run: Run;
  try {
    run = new Run(of, undefined, trace);
  } catch {
    return { why: 'the rule is broken while the cluster is founded' };
  }
  const founded = trace.steps.length;
  while (run.step());
  const { finding, world } = run;
  if (finding === undefined) return { why: 'no rule is broken' };
  const { length } = trace.steps;
  if (length > mostSteps) return { why: `it would take ${length} steps, more than ${mostSteps}` };
  const tries: Told[] = [];
  for (const telling of TELLINGS) {
    const told = tell(arrange(trace.steps, founded, telling), world);
    if ('commands' in told && told.disksToo) return { commands: told.commands, finding };
    tries.push(told);
  }
  // What broke the rule may have come between a sync and what follows it, which no command does alone.
  const best = tries.find((told) => 'commands' in told) ?? (tries[0] as Told);
  return 'commands' in best ? { commands: best.commands, finding } : best;
}

type Told = { readonly commands: readonly Said[]; readonly disksToo: boolean } | { readonly why: string };

/**
 * Carries the steps out. Returns the commands if they lead to the state that the cores of the world are in, and whether
 * the same is on all disks too.
 */
function tell(steps: readonly Step[], world: World): Told {
  const cluster = new ScriptCluster();
  const commands: Said[] = [];
  let lost: string[] = [];
  for (const step of steps) {
    if (step.kind === 'lost') {
      lost.push(step.key);
    } else {
      const said = say(cluster, step);
      if (said === undefined) return { why: strange(step) };
      commands.push(...said);
    }
    // What a Ready sends is lost before it is done with, but cannot be told before.
    lost = lost.filter((key) => {
      const said = sayLost(cluster, key);
      if (said !== undefined) commands.push(said);
      return said === undefined;
    });
  }
  let disksToo = true;
  for (const { id, node, disk } of world.members) {
    const member = cluster.members[Number(id) - 1];
    if (node === undefined && member?.node !== undefined) {
      // It never comes back: its disk is lost, or it is no member any more.
      commands.push({ command: `crash ${id}`, output: cluster.crash(id, 0) });
    }
    const [is, was] = [member?.node, node].map((core) => (core === undefined ? 'down' : stateOf(core)));
    if (is !== was) return { why: `member ${id} comes to another state by the same calls: ${is}, and not ${was}` };
    disksToo &&= member === undefined || describeDurable(member.disk) === describeDurable(disk);
  }
  return { commands: [...commands, ...outlook(cluster)], disksToo };
}

function strange(step: Step): string {
  const what = `member ${step.id} was given something that the same calls do not lead to`;
  return `${what}: the mistake is in what drives the cores`;
}

/** Shows what broke the rule: the state of all members, then what they hand out. */
function outlook(cluster: ScriptCluster): Said[] {
  const said: Said[] = [
    { command: 'raft-state', output: cluster.raftState() },
    { command: 'positions', output: cluster.positions() },
  ];
  for (const { id, node } of cluster.members) {
    if (node === undefined) continue;
    said.push({ command: `raft-log ${id}`, output: cluster.raftLog(id) });
    if (node.raft.state === 'StateLeader') said.push({ command: `status ${id}`, output: cluster.status(id) });
  }
  // What the last call led to may show only in what is handed out next.
  for (const { id } of cluster.members.filter((member) => member.hasWork)) {
    said.push({ command: `process-ready ${id}`, output: cluster.processReady(id, 'all') });
  }
  return said;
}

/** Returns the file of a script. @param path where it will lie */
export function writeScript({ commands, finding }: Extract<Script, { commands: unknown }>, path: string): string {
  const comments = [
    `A run of the simulator that breaks the rule ${finding.rule}, made as short as possible.`,
    `The rule: ${RULES[finding.rule]}`,
    describeFinding(finding),
    'Replay it, and compare with what the members did then:',
    `  npm run interact -- --check ${path}`,
  ];
  const head = comments.flatMap((comment) => comment.split('\n').map((line) => `# ${line}\n`)).join('');
  const body = [{ command: 'simulation', output: 'ok\n' }, ...commands].map(({ command, input, output }) => {
    const whole = output.endsWith('\n') ? output : `${output}\n`;
    return `${command}\n${input === undefined || input === '' ? '' : `${input}\n`}----\n${whole}\n`;
  });
  const shown = commands.findIndex(({ command }) => command === 'raft-state');
  body.splice(1 + shown, 0, `# What the rule forbids: ${finding.text.split('\n')[0]}\n`);
  return `${head}\n${body.join('')}`.replace(/\n\n$/, '\n');
}
