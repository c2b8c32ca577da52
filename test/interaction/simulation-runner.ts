import { type ConfState, emptyConfState, MessageType, type NodeId, type Snapshot } from '@raft-ts/raft';
import { type Build, type Kept, numbered, plainBuild, SCRIPT_OPTIONS, ScriptCluster } from '@raft-ts/sim/internal';
import { type Directive, ScriptAbort } from '../datadriven/directive.js';
import type { Handler } from '../datadriven/runner.js';
import { parseBool, parseUint } from '../datadriven/scan.js';
import { encodeText } from '../datadriven/text.js';
import { argumentKey, parsePosition } from './arguments.js';
import { readConfChange } from './commands-client.js';
import { CommandError } from './errors.js';

type Command = (cluster: ScriptCluster, directive: Directive) => string;

/** The member that the first argument names. */
function first(directive: Directive): NodeId {
  return parseUint(argumentKey(directive, 0));
}

function second(directive: Directive): NodeId {
  return parseUint(argumentKey(directive, 1));
}

/** The values of an argument; undefined if it is not there. */
function valuesOf({ args }: Directive, name: string): readonly string[] | undefined {
  return args.find(({ key, values }) => key === name && values.length > 0)?.values;
}

function valueOf<T>(directive: Directive, name: string, convert: (text: string) => T): T | undefined {
  const text = valuesOf(directive, name)?.[0];
  return text === undefined ? undefined : convert(text);
}

/** The members that the arguments without a value name: the command is carried out on one after the other. */
function onEach(command: (cluster: ScriptCluster, id: NodeId) => string): Command {
  return (cluster, { args }) => {
    const ids = args.filter(({ values }) => values.length === 0).map(({ key }) => parseUint(key));
    return ids.map((id) => command(cluster, id)).join('');
  };
}

function addNodes(cluster: ScriptCluster, directive: Directive): string {
  const build: Record<string, unknown> = { ...plainBuild() };
  for (const { argument, name, otherwise } of SCRIPT_OPTIONS) {
    const convert = typeof otherwise === 'boolean' ? parseBool : parsePosition;
    build[name] = valueOf<boolean | number>(directive, argument, convert) ?? build[name];
  }
  const readOnly = valuesOf(directive, 'read-only')?.[0];
  if (readOnly === 'lease-based') build['readOnlyOption'] = 'ReadOnlyLeaseBased';
  return cluster.add(Number(first(directive)), build as unknown as Build, readFounding(directive));
}

/** The snapshot that the disks begin with; without voters they begin empty. */
function readFounding(directive: Directive): Snapshot | undefined {
  const ids = (name: string): NodeId[] => (valuesOf(directive, name) ?? []).map(parseUint);
  const confState: ConfState = {
    ...emptyConfState(),
    voters: ids('voters'),
    votersOutgoing: ids('voters-outgoing'),
    learners: ids('learners'),
    learnersNext: ids('learners-next'),
  };
  if (confState.voters.length === 0) return undefined;
  const index = valueOf(directive, 'index', parsePosition) ?? 1;
  return { data: numbered(1), metadata: { confState, index, term: 1 } };
}

/** `propose N #NUMBER [size=S] [count=C]`, or any text in the place of a number. */
function propose(cluster: ScriptCluster, directive: Directive): string {
  const size = valueOf(directive, 'size', parsePosition) ?? 4;
  const count = valueOf(directive, 'count', parsePosition) ?? 1;
  const text = argumentKey(directive, 1);
  const number = numberIn(text);
  const payloads = Array.from({ length: count }, (_, i) =>
    number === undefined ? encodeText(text) : numbered(number + i, size),
  );
  return cluster.propose(first(directive), payloads);
}

function readIndex(cluster: ScriptCluster, directive: Directive): string {
  const text = argumentKey(directive, 1);
  const number = numberIn(text);
  return cluster.read(first(directive), number === undefined ? encodeText(text) : numbered(number));
}

function numberIn(text: string): number | undefined {
  return text.startsWith('#') ? parsePosition(text.slice(1)) : undefined;
}

function parseType(name: string): MessageType {
  if (!Object.hasOwn(MessageType, name)) throw new ScriptAbort(`unknown message type ${name}`);
  return MessageType[name as keyof typeof MessageType];
}

/** A member, or one of the two threads of the receiver. */
function parseSender(name: string): NodeId {
  if (name === 'append-thread') return 2n ** 64n - 1n;
  return name === 'apply-thread' ? 2n ** 64n - 2n : parseUint(name);
}

/** `deliver-msgs ID… [drop=(ID, …)] [from=ID] [type=NAME] [nth=K] [keep=BOOL]` */
function deliverMessages(cluster: ScriptCluster, directive: Directive): string {
  const { args } = directive;
  const narrowed = {
    ...given('from', valueOf(directive, 'from', parseSender)),
    ...given('type', valueOf(directive, 'type', parseType)),
    ...given('nth', valueOf(directive, 'nth', parsePosition)),
  };
  const keeps = valueOf(directive, 'keep', parseBool) ?? false;
  const receivers = args.filter(({ values }) => values.length === 0).map(({ key }) => parseUint(key));
  const lost = (valuesOf(directive, 'drop') ?? []).map(parseUint);
  const printed = [
    ...receivers.map((to) => cluster.deliver({ ...narrowed, to }, keeps)),
    ...lost.map((to) => cluster.drop({ ...narrowed, to })),
  ];
  const told = printed.filter((text) => text !== 'no messages\n');
  return told.length === 0 ? 'no messages\n' : told.join('');
}

function given<T>(name: string, value: T | undefined): Record<string, T> {
  return value === undefined ? {} : { [name]: value };
}

/** `restart N [state=kept [membership=kept]]` */
function restart(cluster: ScriptCluster, directive: Directive): string {
  const keeps = (name: string): boolean => valuesOf(directive, name)?.[0] === 'kept';
  const kept: Kept = !keeps('state') ? 'nothing' : keeps('membership') ? 'state and membership' : 'state';
  return cluster.restart(first(directive), kept);
}

function countOf(directive: Directive): number {
  return valueOf(directive, 'count', parsePosition) ?? 1;
}

const commands = new Map<string, Command>([
  // As in etcd's tests.
  ['add-nodes', addNodes],
  ['campaign', onEach((cluster, id) => cluster.campaign(id))],
  ['compact', (cluster, directive) => cluster.compact(first(directive), Number(second(directive)))],
  ['deliver-msgs', deliverMessages],
  ['forget-leader', onEach((cluster, id) => cluster.forgetLeader(id))],
  ['process-append-thread', onEach((cluster, id) => cluster.processAppend(id))],
  ['process-apply-thread', onEach((cluster, id) => cluster.processApply(id))],
  ['process-ready', onEach((cluster, id) => cluster.processReady(id, 'all'))],
  ['propose', propose],
  ['propose-conf-change', (cluster, directive) => cluster.proposeChange(first(directive), readConfChange(directive))],
  ['raft-log', onEach((cluster, id) => cluster.raftLog(id))],
  ['raft-state', (cluster) => cluster.raftState()],
  ['report-unreachable', (cluster, directive) => cluster.reportUnreachable(first(directive), second(directive))],
  [
    'set-randomized-election-timeout',
    (cluster, directive) =>
      cluster.setElectionTimeout(first(directive), valueOf(directive, 'timeout', parsePosition) ?? 1),
  ],
  ['status', onEach((cluster, id) => cluster.status(id))],
  ['tick-election', onEach((cluster, id) => cluster.tick(id, cluster.member(id).build.electionTick))],
  ['tick-heartbeat', onEach((cluster, id) => cluster.tick(id, cluster.member(id).build.heartbeatTick))],
  [
    'transfer-leadership',
    (cluster, directive) =>
      cluster.transferLeadership(
        valueOf(directive, 'from', parseUint) ?? 0n,
        valueOf(directive, 'to', parseUint) ?? 0n,
      ),
  ],
  // Ours.
  ['begin-append-thread', (cluster, directive) => cluster.beginAppend(first(directive), countOf(directive))],
  ['begin-ready', onEach((cluster, id) => cluster.processReady(id, 'begin'))],
  [
    'bootstrap',
    (cluster, directive) => cluster.bootstrap(first(directive), (valuesOf(directive, 'voters') ?? []).map(parseUint)),
  ],
  ['crash', (cluster, directive) => cluster.crash(first(directive), valueOf(directive, 'kept', parsePosition) ?? 0)],
  ['finish-append-thread', onEach((cluster, id) => cluster.finishAppend(id))],
  ['finish-ready', onEach((cluster, id) => cluster.finishReady(id))],
  ['make-snapshot', onEach((cluster, id) => cluster.makeSnapshot(id))],
  ['positions', (cluster) => cluster.positions()],
  ['read-index', readIndex],
  [
    'report-snapshot',
    (cluster, directive) =>
      cluster.reportSnapshot(first(directive), second(directive), argumentKey(directive, 2) === 'finish'),
  ],
  ['restart', restart],
  ['simulation', () => 'ok\n'],
  ['tick', (cluster, directive) => cluster.tick(first(directive), countOf(directive))],
]);

/** The names of all commands of a simulation's script, in alphabetical order. */
export const simulationCommands: readonly string[] = [...commands.keys()].sort();

/**
 * The world of a script that the simulator wrote: members with disks that lose what is not synced, driven as the
 * simulator drives its own. What etcd's commands are called, they are called here too.
 */
export function simulationHandler(): Handler {
  const cluster = new ScriptCluster();
  return (directive) => {
    const command = commands.get(directive.command);
    if (command === undefined) return 'unknown command';
    try {
      return command(cluster, directive);
    } catch (error) {
      // A member that does not exist, or an argument that says nothing.
      if (error instanceof RangeError) throw new ScriptAbort(error.message, { cause: error });
      if (error instanceof CommandError) return error.message;
      throw error;
    }
  };
}
