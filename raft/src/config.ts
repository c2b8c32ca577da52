import { LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, NONE, type NodeId, RaftError } from '@raft-ts/proto';
import { consoleLogger } from './console-logger.js';
import { ERR_CONFIG } from './errors.js';
import type { Logger } from './logger.js';
import type { Storage } from './storage.js';

/**
 * How linearizable reads are served.
 * - ReadOnlySafe: a quorum confirms the leader for each round of reads.
 * - ReadOnlyLeaseBased: the leader trusts its lease, and therefore the clocks of all members. Needs `checkQuorum`.
 */
export type ReadOnlyOption = 'ReadOnlySafe' | 'ReadOnlyLeaseBased';

/** The parameters of a member. Sizes are in bytes, times in ticks. */
export interface Config {
  /** Its id, which no other member has or had. Neither 0 nor that of a local thread. */
  readonly id: NodeId;
  /**
   * Ticks without a leader before a follower campaigns; each time drawn from [electionTick, 2 * electionTick - 1]. Must
   * be greater than heartbeatTick; ten times as much is usual.
   */
  readonly electionTick: number;
  /** Ticks between two heartbeats of a leader. Must be greater than 0. */
  readonly heartbeatTick: number;
  /** What the member wrote before it last stopped. */
  readonly storage: Storage;
  /** Largest MsgApp, measured by `entrySize`. 0: one entry per message. Infinity: no limit. */
  readonly maxSizePerMsg: number;
  /** Most appends in flight to a follower. Must be greater than 0. */
  readonly maxInflightMsgs: number;
  /**
   * Last index that the application has applied, if it stores its own state and index: entries up to it are not handed
   * out again. It may be above the stored commit index (which is written lazily), but not outside the log. Membership
   * changes up to it are carried out from the log; an application that rejects changes stores the ConfState itself, and
   * its storage returns it with `confStateIndex`. By default everything after the last compacted entry is handed out:
   * an application that loads the snapshot of its storage, and keeps entries below it, passes the snapshot's index.
   */
  readonly applied?: number;
  /** Hand out writes as messages to storage threads, which answer when done, instead of waiting for `advance`. */
  readonly asyncStorageWrites?: boolean;
  /** Most encoded bytes that the application has been handed and not yet confirmed. Default, and 0: maxSizePerMsg. */
  readonly maxCommittedSizePerReady?: number;
  /**
   * Most payload bytes that a leader appends beyond what is applied; further proposals are dropped. Default 256 MiB, so
   * that a leader without a quorum does not accept proposals until it runs out of memory. 0: no limit.
   */
  readonly maxUncommittedEntriesSize?: number;
  /** Most payload bytes in flight to a follower. At least maxSizePerMsg. Default, and 0: no limit. */
  readonly maxInflightBytes?: number;
  /**
   * A leader that hears from no quorum for electionTick ticks steps down; votes are withheld while a leader is heard
   * from.
   */
  readonly checkQuorum?: boolean;
  /** Before an election, ask whether it can be won (section 9.6 of the dissertation). */
  readonly preVote?: boolean;
  /** Default ReadOnlySafe. */
  readonly readOnlyOption?: ReadOnlyOption;
  /** Default: warnings and errors on the console. `silentLogger` says nothing. */
  readonly logger?: Logger;
  /** Followers drop proposals instead of forwarding them to the leader. */
  readonly disableProposalForwarding?: boolean;
  /** The leader does not check that membership changes follow each other properly: the application does. */
  readonly disableConfChangeValidation?: boolean;
  /**
   * The leader appends no membership change that cannot be decoded or applied, or that leads to more than 256 members:
   * an empty entry takes its place, and its proposer is told why. Default true; etcd has no such guard, and such a
   * change ends its members. Off with `disableConfChangeValidation`.
   */
  readonly guardConfChanges?: boolean;
  /** A leader that is removed, or demoted to learner, steps down as soon as it has applied the change. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * Returns a whole number drawn uniformly from [0, n): the only source of randomness. Default: a generator seeded when
   * the member is built.
   */
  readonly random?: (n: number) => number;
}

const DEFAULT_UNCOMMITTED = 256 * 2 ** 20;

/** A checked configuration, with all defaults filled in. */
export type ResolvedConfig = Required<Config>;

function refuse(text: string): never {
  throw new RaftError(ERR_CONFIG, text);
}

function checkWhole(name: keyof Config, value: number): void {
  if (value !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(value) && value >= 0)) {
    refuse(`${name} must be a whole number, not ${String(value)}`);
  }
}

/** The boolean options. */
type Flag = { [Key in keyof Config]-?: boolean extends Config[Key] ? Key : never }[keyof Config];
// If one is missing here this does not compile: its type would go unchecked.
const flags = Object.keys({
  asyncStorageWrites: true,
  checkQuorum: true,
  preVote: true,
  disableProposalForwarding: true,
  disableConfChangeValidation: true,
  stepDownOnRemoval: true,
  guardConfChanges: true,
} satisfies Record<Flag, true>) as Flag[];
const storageCalls = ['initialState', 'entries', 'term', 'lastIndex', 'firstIndex', 'snapshot'] as const;
const loggerCalls = ['debug', 'info', 'warn', 'error'] as const;

/** @throws ERR_RAFT_CONFIG if a function is missing, which would otherwise show only when something goes wrong */
export function checkLogger(logger: Logger): void {
  for (const call of loggerCalls) {
    if (typeof logger?.[call] !== 'function') refuse(`logger has no function ${call}`);
  }
}

/** Checks what an untyped program could get wrong unnoticed: the flag 'false' would count as true. */
function checkKinds(config: Config): void {
  for (const name of flags) {
    if (config[name] !== undefined && typeof config[name] !== 'boolean') refuse(`${name} must be a boolean`);
  }
  for (const call of storageCalls) {
    if (typeof config.storage[call] !== 'function') refuse(`storage has no function ${call}`);
  }
  const { logger, random, readOnlyOption } = config;
  if (logger !== undefined) checkLogger(logger);
  if (random !== undefined && typeof random !== 'function') refuse('random must be a function');
  if (readOnlyOption !== undefined && !['ReadOnlySafe', 'ReadOnlyLeaseBased'].includes(readOnlyOption)) {
    refuse('readOnlyOption must be ReadOnlySafe or ReadOnlyLeaseBased');
  }
}

/** @throws ERR_RAFT_CONFIG with etcd's text for the first invalid field */
export function resolveConfig(config: Config): ResolvedConfig {
  const { id, heartbeatTick, electionTick, storage, maxInflightMsgs, maxSizePerMsg } = config;
  if (typeof id !== 'bigint' || id < 0n || id > LOCAL_APPEND_THREAD) {
    refuse(`id must be a bigint of 64 bits, not ${String(id)}`);
  }
  if (id === NONE) refuse('cannot use none as id');
  if (id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD) refuse('cannot use local target as id');
  if (!(heartbeatTick > 0)) refuse('heartbeat tick must be greater than 0');
  if (!(electionTick > heartbeatTick)) refuse('election tick must be greater than heartbeat tick');
  if (storage === undefined || storage === null) refuse('storage cannot be nil');
  if (!(maxInflightMsgs > 0)) refuse('max inflight messages must be greater than 0');
  const numbers = ['heartbeatTick', 'electionTick', 'maxInflightMsgs', 'maxSizePerMsg', 'applied'] as const;
  const limits = ['maxCommittedSizePerReady', 'maxUncommittedEntriesSize', 'maxInflightBytes'] as const;
  for (const name of [...numbers, ...limits]) {
    const value = config[name];
    if (value !== undefined || name === 'maxSizePerMsg') checkWhole(name, value as number);
  }
  checkKinds(config);
  const maxInflightBytes = config.maxInflightBytes || Number.POSITIVE_INFINITY;
  if (maxInflightBytes < maxSizePerMsg) refuse('max inflight bytes must be >= max message size');
  const readOnlyOption = config.readOnlyOption ?? 'ReadOnlySafe';
  if (readOnlyOption === 'ReadOnlyLeaseBased' && config.checkQuorum !== true) {
    refuse('CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased');
  }
  return {
    id,
    electionTick,
    heartbeatTick,
    storage,
    maxSizePerMsg,
    maxInflightMsgs,
    applied: config.applied ?? 0,
    asyncStorageWrites: config.asyncStorageWrites ?? false,
    // At least a byte: with a budget of nothing, which one entry per message would lead to, nothing is ever handed out.
    maxCommittedSizePerReady: config.maxCommittedSizePerReady || maxSizePerMsg || 1,
    maxUncommittedEntriesSize: (config.maxUncommittedEntriesSize ?? DEFAULT_UNCOMMITTED) || Number.POSITIVE_INFINITY,
    maxInflightBytes,
    checkQuorum: config.checkQuorum ?? false,
    preVote: config.preVote ?? false,
    readOnlyOption,
    logger: config.logger ?? consoleLogger,
    disableProposalForwarding: config.disableProposalForwarding ?? false,
    disableConfChangeValidation: config.disableConfChangeValidation ?? false,
    guardConfChanges: (config.guardConfChanges ?? true) && config.disableConfChangeValidation !== true,
    stepDownOnRemoval: config.stepDownOnRemoval ?? false,
    random: config.random ?? seededRandom(crypto.getRandomValues(new Uint32Array(1))[0] as number),
  };
}

/** A small generator (mulberry32): election timeouts must differ between members, but need not be secret. */
export function seededRandom(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}
