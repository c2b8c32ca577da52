import type { Logger, NodeId } from '@raft-ts/raft';
import { refuseOption } from '../base/arguments.js';
import { type Clock, systemClock } from '../base/clock.js';
import { type Codec, jsonCodec, jsonResults } from '../base/codec.js';
import type { MemberAddress, Position, ReplicaLog, StateMachine, TransportFactory } from '../base/contracts.js';
import { defaultFormat } from '../format/default-format.js';
import type { Format } from '../format/format.js';
import type { MetricsRegistry } from '../observe/metrics.js';
import type { SnapshotPolicy } from '../snapshots/policy.js';
import { checkOptions } from './check-options.js';
import { checkNames } from './option-names.js';

/** How much may wait, so that whoever is slow slows down whoever asks, and memory stays bounded. */
export interface ReplicaLimits {
  /** Commands of this member that wait for their answers; one more is dropped as `busy`. Default 16,384. */
  readonly maxPending?: number;
  /** Bytes of those commands. Default 64 MiB. */
  readonly maxPendingBytes?: number;
  /** Bytes of one command, as it is written into the log; a larger one is dropped (`too-large`). Default 16 MiB. */
  readonly maxCommandBytes?: number;
  /** Reads that wait. Default 65,536. */
  readonly maxReads?: number;
  /**
   * Bytes that a leader appends beyond what is applied; what goes beyond is dropped (`quota`). A follower takes no more
   * entries while so many bytes are committed that it has not applied. Default 64 MiB.
   */
  readonly maxUncommittedBytes?: number;
  /** As `maxUncommittedBytes`, for the number of entries. Default 262,144. */
  readonly maxUncommittedEntries?: number;
  /** Bytes of entries in one message, and of a batch. Default 1 MiB. */
  readonly maxMessageBytes?: number;
  /** Messages under way to a follower. Default 256. */
  readonly maxInflight?: number;
  /** Bytes under way to a follower. Default 16 MiB. */
  readonly maxInflightBytes?: number;
}

/** How states are compared. */
export interface CompareStates<Result> {
  /** The leader writes hashes into the log after so many commands, or an election timeout. Default 256. */
  readonly everyCommands?: number;
  /**
   * Bytes that stand for what a command came to, the same on every member: such as a running digest of the state, which
   * tells of a difference that no result shows. Called after each command. Default: the bytes of its result by
   * `results`.
   */
  readonly digest?: (result: Result, at: Position) => Uint8Array;
}

/** Options of `Replica.start`. */
export interface ReplicaOptions<Command, Result> {
  /** This member's id: not 0, and nobody's but this member's, ever. */
  readonly id: NodeId;
  /** Its log: `DurableStorage` of `@raft-ts/raftwal`, or `MemoryLog`. The replica closes it. */
  readonly log: ReplicaLog;
  /** Builds its transport, listening where it listens. The replica stops it. */
  readonly transport: TransportFactory;
  readonly stateMachine: StateMachine<Command, Result>;
  /**
   * The founders of a new cluster, this member among them: the same list on each of them. It counts only if the log is
   * new, so it may stay in a configuration for good.
   */
  readonly bootstrap?: { readonly peers: readonly MemberAddress[] };
  /** This member joins a running cluster, which adds it by `addMember`. It counts only if the log is new. */
  readonly join?: boolean;
  /** How commands become bytes. Default: JSON. */
  readonly codec?: Codec<Command>;
  /** How results are kept for sessions. Default: JSON. */
  readonly results?: Codec<Result>;
  /** How entries and snapshots are written, in place of `codec` and the format of this package. */
  readonly format?: Format<Command>;
  /**
   * What a throw of `apply` means. `stop`, the default: this member ends, because a throw that happens here alone would
   * make it differ from the others. `result`: it is the command's result, on every member; right if `apply` throws only
   * for what the command and the state say.
   */
  readonly applyErrors?: 'stop' | 'result';
  /**
   * The level of features that this member's format and state machine understand, and that its transport shows to the
   * others. Once every member shows it, the leader opens it for good, and members that show less are refused from then
   * on (`Replica.features`). A member that finds more open than this, in its log or in a snapshot, ends with
   * ERR_RAFT_REPLICA_OPTIONS, reason `features`. Default 0: this member opens none, and every member is taken to
   * understand everything.
   */
  readonly features?: number;
  /**
   * Compares what commands come to on all members, and names the first index at which they differ: in the event
   * `divergence`, in the log and in `explain()`. It finds an `apply` that depends on a clock, on chance or on the order
   * of something that has none, and a state that was damaged. It costs four bytes in the log and a hash over command
   * and result for each command. Of a command that failed it compares that it did, and the `code` of the error if that
   * is a string, but not the text. Members of earlier versions skip these entries with a warning, so pass it to none
   * before all know it. Default: nothing is compared.
   */
  readonly compareStates?: CompareStates<Result>;
  /** How long a command or a read waits, unless the call says otherwise, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
  /** Milliseconds between two ticks. Default 100. */
  readonly tickMs?: number;
  /** Ticks without a leader before an election. Default 10. */
  readonly electionTicks?: number;
  /** Ticks between two heartbeats. Default 1. */
  readonly heartbeatTicks?: number;
  readonly limits?: ReplicaLimits;
  readonly snapshots?: Partial<SnapshotPolicy>;
  /** Default true. */
  readonly preVote?: boolean;
  /** Default true. */
  readonly checkQuorum?: boolean;
  /** Default true. */
  readonly stepDownOnRemoval?: boolean;
  /** The addresses to dial for a member, if not the one that the cluster knows: for proxies. */
  readonly dial?: (member: MemberAddress) => readonly string[];
  /** Default: warnings and errors on the console. */
  readonly logger?: Logger;
  /** A `Registry` of prom-client, for the series `raft_replica_…`. Default: none. */
  readonly metrics?: MetricsRegistry;
  /** Labels of those series, beside `member`: the cluster's name, if replicas of several share a registry. */
  readonly metricLabels?: Readonly<Record<string, string>>;
  /** Default: the host's. */
  readonly clock?: Clock;
  /** A whole number drawn evenly from [0, n). Default: seeded from the host's `crypto`. */
  readonly random?: (n: number) => number;
}

const defaultSnapshots: SnapshotPolicy = {
  everyEntries: 10_000,
  everyBytes: 64 * 2 ** 20,
  keepEntries: 5_000,
  keepEntriesForSlow: 50_000,
  keepBytes: 128 * 2 ** 20,
  inlineBytes: 2 ** 20,
};

const defaultLimits: Required<ReplicaLimits> = {
  maxPending: 16_384,
  maxPendingBytes: 64 * 2 ** 20,
  maxCommandBytes: 16 * 2 ** 20,
  maxReads: 65_536,
  maxUncommittedBytes: 64 * 2 ** 20,
  maxUncommittedEntries: 2 ** 18,
  maxMessageBytes: 2 ** 20,
  maxInflight: 256,
  maxInflightBytes: 16 * 2 ** 20,
};

/** Checked options, with every default filled in. */
export interface ResolvedOptions<Command, Result> {
  readonly id: NodeId;
  readonly log: ReplicaLog;
  readonly transport: TransportFactory;
  readonly stateMachine: StateMachine<Command, Result>;
  readonly founders: readonly MemberAddress[] | undefined;
  readonly format: Format<Command>;
  readonly results: Codec<Result>;
  readonly applyErrors: 'stop' | 'result';
  readonly features: number;
  readonly compareStates: CompareStates<Result> | undefined;
  readonly timeoutMs: number;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly limits: Required<ReplicaLimits>;
  readonly snapshots: SnapshotPolicy;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly stepDownOnRemoval: boolean;
  readonly dial: (member: MemberAddress) => readonly string[];
  readonly logger: Logger | undefined;
  readonly metrics: MetricsRegistry | undefined;
  readonly metricLabels: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: ((n: number) => number) | undefined;
}

/** @throws ERR_RAFT_REPLICA_OPTIONS */
export function resolveOptions<Command, Result>(
  options: ReplicaOptions<Command, Result>,
): ResolvedOptions<Command, Result> {
  checkOptions(options);
  const { id, log, transport, stateMachine, bootstrap, codec, format } = options;
  const { applyErrors = 'stop', timeoutMs = 5000, tickMs = 100, electionTicks = 10, heartbeatTicks = 1 } = options;
  if (applyErrors !== 'stop' && applyErrors !== 'result') refuseOption('applyErrors', "it must be 'stop' or 'result'");
  for (const [name, value] of Object.entries({ timeoutMs, tickMs, electionTicks, heartbeatTicks }))
    positive(name, value);
  const { features = 0 } = options;
  if (!Number.isSafeInteger(features) || features < 0)
    refuseOption('features', `it must be a whole number, 0 for none, not ${String(features)}`);
  if (electionTicks <= heartbeatTicks) refuseOption('electionTicks', 'it must be above heartbeatTicks');
  return {
    id,
    log,
    transport,
    stateMachine,
    founders: log.isNew ? bootstrap?.peers : undefined,
    format: format ?? defaultFormat(codec ?? jsonCodec()),
    results: options.results ?? jsonResults(),
    applyErrors,
    features,
    compareStates: options.compareStates,
    timeoutMs,
    tickMs,
    electionTicks,
    heartbeatTicks,
    limits: numbers('limits', defaultLimits, options.limits),
    snapshots: numbers('snapshots', defaultSnapshots, options.snapshots),
    preVote: options.preVote ?? true,
    checkQuorum: options.checkQuorum ?? true,
    stepDownOnRemoval: options.stepDownOnRemoval ?? true,
    dial: options.dial ?? (({ url }) => (url === '' ? [] : [url])),
    logger: options.logger,
    metrics: options.metrics,
    metricLabels: options.metricLabels ?? {},
    clock: options.clock ?? systemClock(),
    random: options.random,
  };
}

/** Fills in defaults. */
function numbers<T extends object>(name: string, defaults: T, given: Partial<T> | undefined): T {
  if (given === undefined) return defaults;
  if (typeof given !== 'object' || given === null) refuseOption(name, 'it must be an object with numbers');
  checkNames(given, Object.keys(defaults), `${name}.`);
  const all = { ...defaults, ...given };
  for (const [one, value] of Object.entries(all)) positive(`${name}.${one}`, value);
  return all;
}

function positive(name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value > 0))
    refuseOption(name, `it must be a number above 0, not ${String(value)}`);
}
