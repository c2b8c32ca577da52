import type { Config } from '@raft-ts/raft';
import type { Build } from './step.js';

/** An argument of `add-nodes`: its name in a script, what it sets, and what is so without it. */
export interface ScriptOption {
  readonly argument: string;
  readonly name: keyof Build;
  readonly otherwise: number | boolean;
}

/**
 * The arguments of `add-nodes` that say how members are built: etcd's where it has one. What they are without them is
 * what etcd's tests build.
 */
export const SCRIPT_OPTIONS: readonly ScriptOption[] = [
  { argument: 'election-tick', name: 'electionTick', otherwise: 3 },
  { argument: 'heartbeat-tick', name: 'heartbeatTick', otherwise: 1 },
  { argument: 'prevote', name: 'preVote', otherwise: false },
  { argument: 'checkquorum', name: 'checkQuorum', otherwise: false },
  { argument: 'async-storage-writes', name: 'asyncStorageWrites', otherwise: false },
  { argument: 'inflight', name: 'maxInflightMsgs', otherwise: 2 ** 31 - 1 },
  { argument: 'max-inflight-bytes', name: 'maxInflightBytes', otherwise: 0 },
  { argument: 'max-size-per-msg', name: 'maxSizePerMsg', otherwise: Number.POSITIVE_INFINITY },
  { argument: 'max-committed-size-per-ready', name: 'maxCommittedSizePerReady', otherwise: 0 },
  { argument: 'max-uncommitted-size', name: 'maxUncommittedEntriesSize', otherwise: 0 },
  { argument: 'step-down-on-removal', name: 'stepDownOnRemoval', otherwise: false },
  { argument: 'disable-proposal-forwarding', name: 'disableProposalForwarding', otherwise: false },
];

/** How members are built if no argument says anything. */
export function plainBuild(): Build {
  const entries = SCRIPT_OPTIONS.map(({ name, otherwise }) => [name, otherwise] as const);
  return { ...(Object.fromEntries(entries) as unknown as Build), readOnlyOption: 'ReadOnlySafe' };
}

/** What a configuration says of how its member is built. */
export function buildOf(config: Config): Build {
  const names: readonly (keyof Build)[] = [...SCRIPT_OPTIONS.map(({ name }) => name), 'readOnlyOption'];
  return Object.fromEntries(names.map((name) => [name, config[name]])) as unknown as Build;
}

/** The arguments of `add-nodes` that lead to this. */
export function describeBuild(build: Build): string[] {
  const words = SCRIPT_OPTIONS.flatMap(({ argument, name, otherwise }) => {
    const value = build[name];
    return value === undefined || value === otherwise ? [] : [`${argument}=${String(value)}`];
  });
  return build.readOnlyOption === 'ReadOnlyLeaseBased' ? [...words, 'read-only=lease-based'] : words;
}
