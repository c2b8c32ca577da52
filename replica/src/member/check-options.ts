import type { NodeId } from '@raft-ts/raft';
import { checkMemberId, refuseOption } from '../base/arguments.js';
import type { ReplicaLog } from '../base/contracts.js';
import { checkPeers } from '../base/peers.js';
import { checkNames } from './option-names.js';
import type { ReplicaOptions } from './options.js';

/** Every option there is, so that one that is misspelt is noticed. */
const names: Readonly<Record<keyof ReplicaOptions<unknown, unknown>, true>> = {
  id: true,
  log: true,
  transport: true,
  stateMachine: true,
  bootstrap: true,
  join: true,
  codec: true,
  results: true,
  format: true,
  applyErrors: true,
  features: true,
  compareStates: true,
  timeoutMs: true,
  tickMs: true,
  electionTicks: true,
  heartbeatTicks: true,
  limits: true,
  snapshots: true,
  preVote: true,
  checkQuorum: true,
  stepDownOnRemoval: true,
  dial: true,
  logger: true,
  metrics: true,
  metricLabels: true,
  clock: true,
  random: true,
};

/** Functions that what is passed must have, if it is passed. */
const functions = {
  codec: ['encode', 'decode'],
  results: ['encode', 'decode'],
  format: ['encode', 'decode', 'wrap', 'unwrap'],
  logger: ['debug', 'info', 'warn', 'error'],
  metrics: ['registerMetric'],
  clock: ['monotonic', 'wall', 'after', 'soon'],
} as const;

const logFunctions = ['save', 'createSnapshot', 'compact', 'close', 'initialState', 'snapshot', 'lastIndex'] as const;

/**
 * Checks what is passed by its form: programs in JavaScript, and options that were read from somewhere, have no types.
 *
 * @throws ERR_RAFT_REPLICA_OPTIONS
 */
export function checkOptions<Command, Result>(options: ReplicaOptions<Command, Result>): void {
  if (typeof options !== 'object' || options === null) refuseOption('options', 'an object must be passed');
  checkNames(options, Object.keys(names));
  checkMemberId(options.id);
  checkLog(options.log, options.id);
  if (typeof options.transport !== 'function') {
    refuseOption(
      'transport',
      'it must be a function that builds one: (receiver) => new HttpTransport({ …, receiver })',
    );
  }
  checkStateMachine(options);
  for (const [name, calls] of Object.entries(functions)) {
    const value: unknown = options[name as keyof typeof functions];
    if (value !== undefined) checkFunctions(name, value, calls);
  }
  for (const name of ['dial', 'random'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') refuseOption(name, 'it must be a function');
  }
  for (const name of ['join', 'preVote', 'checkQuorum', 'stepDownOnRemoval'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'boolean')
      refuseOption(name, `it must be true or false, not a ${typeof value}`);
  }
  if (options.format !== undefined && options.codec !== undefined)
    refuseOption('codec', 'a format of your own says how commands are written');
  checkCompareStates(options.compareStates);
  checkBeginning(options);
}

function checkCompareStates(given: unknown): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null) refuseOption('compareStates', 'it must be an object, such as {}');
  checkNames(given, ['everyCommands', 'digest'], 'compareStates.');
  const { everyCommands = 1, digest } = given as Readonly<Record<string, unknown>>;
  if (!Number.isSafeInteger(everyCommands) || (everyCommands as number) < 1)
    refuseOption('compareStates.everyCommands', `it must be a whole number above 0, not ${String(everyCommands)}`);
  if (digest !== undefined && typeof digest !== 'function')
    refuseOption('compareStates.digest', 'it must be a function');
}

function checkFunctions(name: string, value: unknown, calls: readonly string[]): void {
  const found = value as Readonly<Record<string, unknown>> | null;
  if (typeof (value as Partial<Promise<unknown>> | null)?.then === 'function') {
    refuseOption(name, 'it is a promise: is an await missing?');
  }
  for (const call of calls) if (typeof found?.[call] !== 'function') refuseOption(name, `it has no function ${call}`);
}

function checkLog(log: ReplicaLog, id: NodeId): void {
  checkFunctions('log', log, logFunctions);
  if (log.nodeId === undefined || log.nodeId === id) return;
  refuseOption('log', `it is the log of member ${log.nodeId}, and id is ${id}: nobody may write in the log of another`);
}

interface StateAndLog {
  readonly stateMachine: { readonly appliedIndex?: number };
  readonly log: ReplicaLog;
}

function checkStateMachine({ stateMachine, log }: StateAndLog): void {
  checkFunctions('stateMachine', stateMachine, ['apply', 'snapshot', 'restore']);
  const { appliedIndex = 0 } = stateMachine;
  if (!Number.isSafeInteger(appliedIndex) || appliedIndex < 0)
    refuseOption('stateMachine', `its appliedIndex is ${String(appliedIndex)}, which is no index`);
  if (appliedIndex <= log.lastIndex()) return;
  refuseOption(
    'stateMachine',
    `it holds commands up to index ${appliedIndex}, but the log ends at ${log.lastIndex()}: one of them is another member's, or the log was lost. Remove this member, and add it anew with an empty state`,
  );
}

/** A new log needs to be told how its member begins. */
function checkBeginning({
  id,
  log,
  bootstrap,
  join,
}: Pick<ReplicaOptions<unknown, unknown>, 'id' | 'log' | 'bootstrap' | 'join'>): void {
  if (bootstrap !== undefined) {
    if (!Array.isArray(bootstrap?.peers))
      refuseOption('bootstrap', 'it must be an object with a list: { peers: [{ id: 1n, url: … }, …] }');
    checkPeers('bootstrap', bootstrap.peers);
  }
  if (!log.isNew) return;
  if (bootstrap === undefined && join !== true) {
    refuseOption(
      'bootstrap',
      'the log is new: pass bootstrap with the founders to begin a cluster, or join: true to wait until a running cluster adds this member',
    );
  }
  if (bootstrap !== undefined && join === true)
    refuseOption('join', 'a founder does not join: pass bootstrap, or join: true');
  if (bootstrap !== undefined && !bootstrap.peers.some((peer) => peer.id === id)) {
    refuseOption('bootstrap', `its peers must contain this member, ${id}`);
  }
}
