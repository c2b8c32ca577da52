import { ConfChangeTransition, type ConfState, messageName, type Snapshot } from '@raft-ts/proto';
import { confChangesToString } from '@raft-ts/raft';
import { asV2, isV2 } from '@raft-ts/raft/internal';
import { numberOf } from '../base/bytes.js';
import { describeBuild } from './options.js';
import type { ScriptCluster, Selection } from './script-cluster.js';
import type { Step } from './step.js';

/** A command of a script, and what it prints. */
export interface Said {
  readonly command: string;
  /** Further lines of the command; mostly there are none. */
  readonly input?: string;
  readonly output: string;
}

/** Longest line of a command: what is longer goes on in the next one. */
const WIDTH = 118;

/** Carries a step out. Returns undefined if the script has come to another state than the run, and it cannot be. */
export function say(cluster: ScriptCluster, step: Step): Said[] | undefined {
  const { kind, id } = step;
  switch (kind) {
    case 'add':
      return [{ command: addition(step), output: cluster.add(step.count, step.build, step.founding) }];
    case 'restart': {
      const kept = { nothing: '', state: ' state=kept', 'state and membership': ' state=kept membership=kept' };
      return [{ command: `restart ${id}${kept[step.kept]}`, output: cluster.restart(id, step.kept) }];
    }
    case 'crash':
      return [{ command: crash(step), output: cluster.crash(id, step.kept) }];
    case 'bootstrap': {
      const { voters } = step;
      return [{ command: `bootstrap ${id} voters=${list(voters)}`, output: cluster.bootstrap(id, voters) }];
    }
    case 'tick':
      return tick(cluster, step);
    case 'deliver': {
      const selection = cluster.select(id, step.key);
      if (selection === undefined) return undefined;
      const command = `deliver-msgs ${id}${narrowed(selection)}${step.keeps ? ' keep=true' : ''}`;
      return [{ command, output: cluster.deliver(selection, step.keeps) }];
    }
    case 'process-ready':
      return [{ command: `process-ready ${id}`, output: cluster.processReady(id, 'all') }];
    case 'begin-ready':
      return [{ command: `begin-ready ${id}`, output: cluster.processReady(id, 'begin') }];
    case 'finish-ready':
      return [{ command: `finish-ready ${id}`, output: cluster.finishReady(id) }];
    case 'process-append':
      return Array.from({ length: step.count }, () => ({
        command: `process-append-thread ${id}`,
        output: cluster.processAppend(id),
      }));
    case 'begin-append': {
      const count = step.count === 1 ? '' : ` count=${step.count}`;
      return [{ command: `begin-append-thread ${id}${count}`, output: cluster.beginAppend(id, step.count) }];
    }
    case 'finish-append':
      return [{ command: `finish-append-thread ${id}`, output: cluster.finishAppend(id) }];
    case 'applies':
      return [{ command: `process-apply-thread ${id}`, output: cluster.processApply(id) }];
    case 'snapshot':
      return snapshot(cluster, step);
    default:
      return request(cluster, step);
  }
}

/** Loses the message with this key; undefined if it is not under way yet. */
export function sayLost(cluster: ScriptCluster, key: string): Said | undefined {
  for (const { id } of cluster.members) {
    const selection = cluster.select(id, key);
    if (selection !== undefined) {
      return { command: `deliver-msgs drop=${id}${narrowed(selection)}`, output: cluster.drop(selection) };
    }
  }
  return undefined;
}

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

function request(cluster: ScriptCluster, step: Step): Said[] {
  const { id } = step;
  switch (step.kind) {
    case 'campaign':
      return [{ command: `campaign ${id}`, output: cluster.campaign(id) }];
    case 'forget-leader':
      return [{ command: `forget-leader ${id}`, output: cluster.forgetLeader(id) }];
    case 'propose':
      return [{ command: `propose ${id} ${payloads(step.payloads)}`, output: cluster.propose(id, step.payloads) }];
    case 'change':
      return [{ ...change(step), output: cluster.proposeChange(id, step.change) }];
    case 'read': {
      const command = `read-index ${id} #${numberOf(step.context)}`;
      return [{ command, output: cluster.read(id, step.context) }];
    }
    case 'transfer': {
      const { about } = step;
      return [{ command: `transfer-leadership from=${id} to=${about}`, output: cluster.transferLeadership(id, about) }];
    }
    case 'unreachable': {
      const { about } = step;
      return [{ command: `report-unreachable ${id} ${about}`, output: cluster.reportUnreachable(id, about) }];
    }
    case 'snapshot-status': {
      const { about, isGood } = step;
      const status = isGood ? 'finish' : 'failure';
      return [
        { command: `report-snapshot ${id} ${about} ${status}`, output: cluster.reportSnapshot(id, about, isGood) },
      ];
    }
    default:
      throw new Error(`no command says ${step.kind}`);
  }
}

function list(ids: readonly bigint[]): string {
  return `(${ids.join(',')})`;
}

function addition({ count, build, founding }: Of<'add'>): string {
  const words = [`add-nodes ${count}`, ...founders(founding), ...describeBuild(build)];
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length < WIDTH) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join(' \\\n  ');
}

function founders(founding: Snapshot | undefined): string[] {
  if (founding === undefined) return [];
  const { confState, index } = founding.metadata;
  const lists: readonly [string, keyof ConfState & ('voters' | 'learners' | 'votersOutgoing' | 'learnersNext')][] = [
    ['voters', 'voters'],
    ['voters-outgoing', 'votersOutgoing'],
    ['learners', 'learners'],
    ['learners-next', 'learnersNext'],
  ];
  const words = lists.flatMap(([name, key]) =>
    confState[key].length === 0 ? [] : [`${name}=${list(confState[key])}`],
  );
  return [...words, `index=${index}`];
}

function crash({ id, kept }: Of<'crash'>): string {
  return `crash ${id}${kept === 0 ? '' : ` kept=${kept}`}`;
}

function tick(cluster: ScriptCluster, { id, timeout, count }: Of<'tick'>): Said[] {
  const said: Said[] = [];
  const { node, build } = cluster.member(id);
  if (node?.raft.randomizedElectionTimeout !== timeout) {
    const command = `set-randomized-election-timeout ${id} timeout=${timeout}`;
    said.push({ command, output: cluster.setElectionTimeout(id, timeout) });
  }
  const whole = count === build.heartbeatTick ? 'heartbeat' : count === build.electionTick ? 'election' : undefined;
  const command = whole === undefined ? `tick ${id} count=${count}` : `tick-${whole} ${id}`;
  return [...said, { command, output: cluster.tick(id, count) }];
}

/** What a selection says beyond the receiver. */
function narrowed({ from, type, nth }: Selection): string {
  const sender = from === undefined ? '' : ` from=${senderName(from)}`;
  return `${sender}${type === undefined ? '' : ` type=${messageName(type)}`}${nth === undefined ? '' : ` nth=${nth}`}`;
}

function senderName(from: bigint): string {
  return from === 2n ** 64n - 1n ? 'append-thread' : from === 2n ** 64n - 2n ? 'apply-thread' : String(from);
}

function payloads(all: readonly Uint8Array[]): string {
  const [first] = all;
  const size = first?.length ?? 0;
  const number = first === undefined ? 0 : numberOf(first);
  return `#${number}${size === 4 ? '' : ` size=${size}`}${all.length === 1 ? '' : ` count=${all.length}`}`;
}

const transitions = new Map<number, string>([
  [ConfChangeTransition.ConfChangeTransitionJointImplicit, ' transition=implicit'],
  [ConfChangeTransition.ConfChangeTransitionJointExplicit, ' transition=explicit'],
]);

function change({ id, change: wanted }: Of<'change'>): Pick<Said, 'command' | 'input'> {
  const { changes, transition } = asV2(wanted);
  const how = isV2(wanted) ? (transitions.get(transition) ?? '') : ' v1=true';
  return { command: `propose-conf-change ${id}${how}`, input: confChangesToString(changes) };
}

function snapshot(cluster: ScriptCluster, { id, compacted }: Of<'snapshot'>): Said[] {
  const made = { command: `make-snapshot ${id}`, output: cluster.makeSnapshot(id) };
  if (compacted === 0) return [made];
  return [made, { command: `compact ${id} ${compacted}`, output: cluster.compact(id, compacted) }];
}
