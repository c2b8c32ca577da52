import {
  type Entry,
  emptySnapshot,
  type HardState,
  type Logger,
  MemoryStorage,
  MessageType,
  type NodeId,
  newMessage,
  RawNode,
  type Snapshot,
  silentLogger,
} from '@raft-ts/raft';
import { refuseOption } from '../base/arguments.js';
import { type Clock, systemClock } from '../base/clock.js';
import { type Codec, jsonResults } from '../base/codec.js';
import type { Position, SnapshotStreams, StateMachine } from '../base/contracts.js';
import { Applier, type ApplierOptions } from '../drive/applier.js';
import { carryOutChange } from '../drive/driver.js';
import type { Format } from '../format/format.js';
import { Group, type SnapshotHead } from '../group/group.js';
import { checkFeatures } from '../lead/feature-gate.js';
import { stateOf } from '../snapshots/transfer.js';

/** What a member's log holds. */
export interface LogContent {
  /** The newest one; of index 0 if there is none. */
  readonly snapshot: Snapshot;
  /** The entries after it, without gaps. */
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  /** Where the snapshot's state lies, if it is not within it. */
  readonly snapshots?: Pick<SnapshotStreams, 'loadStream'>;
}

/** How a log is replayed: as its member was started. */
export interface ReplayOptions<Command, Result> {
  /** The member whose log it is. */
  readonly id: NodeId;
  readonly log: LogContent;
  /** The last entry to apply, committed or not. Not below what is committed. */
  readonly upTo: number;
  /** Holds nothing yet. */
  readonly stateMachine: StateMachine<Command, Result>;
  readonly format: Format<Command>;
  /** As of the replica. Default: JSON. */
  readonly results?: Codec<Result>;
  /** As of the replica. Default: `stop`. */
  readonly applyErrors?: 'stop' | 'result';
  /** As of the replica: ends at the entry or the snapshot that opens more. Default: 0. */
  readonly features?: number;
  /** Is warned of each entry that is skipped because nobody can read it. Default: none. */
  readonly logger?: Pick<Logger, 'warn'>;
  /** Default: the host's. */
  readonly clock?: Clock;
}

/** What a log came to. */
export interface Replayed {
  /** The last entry that was applied. */
  readonly at: Position;
  /** Who was in the cluster there, and what else it knew of itself. */
  readonly head: SnapshotHead;
}

const BYTES_PER_READY = 2 ** 20;

/**
 * Applies what a log holds to a state machine, as the member would that owns it, but takes no part in its cluster: for
 * tools that look into the log of a member which does not run. Changes nothing in the log. With `foundFromState`, a
 * cluster that has lost its majority begins anew from what a survivor holds.
 * @throws RaftError ERR_RAFT_REPLICA_OPTIONS if `upTo` is not in the log or below what is committed, or if entries are
 * missing; what a member would end with: ERR_RAFT_STATE_MACHINE, ERR_RAFT_SNAPSHOT_FORMAT, and
 * ERR_RAFT_REPLICA_OPTIONS of `features`
 */
export async function replayLog<Command, Result>(options: ReplayOptions<Command, Result>): Promise<Replayed> {
  const { log, upTo } = options;
  const { index: restored } = log.snapshot.metadata;
  const commit = Math.max(restored, log.hardState?.commit ?? 0);
  const last = restored + log.entries.length;
  if ((log.entries.at(0)?.index ?? last + 1) !== restored + 1 || (log.entries.at(-1)?.index ?? last) !== last) {
    refuseOption('log', `its entries must go on at ${restored + 1}, after its snapshot`);
  }
  if (!(Number.isSafeInteger(upTo) && upTo >= commit && upTo <= last)) {
    refuseOption('upTo', `the log is committed up to ${commit} and ends at ${last}, so it must be in between`);
  }
  const raw = rawNodeOf(options);
  const group = new Group();
  let fail!: (error: unknown) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const applier = applierOf(options, { raw, group, onFatal: fail });
  const between = (work: () => Promise<void> | void): Promise<void> => Promise.race([failed, applier.exclusive(work)]);
  if (restored > 0) await between(() => applier.restore(log.snapshot, stateOf(log.snapshot, log.snapshots)));
  while (raw.hasReady()) {
    const message = newMessage(MessageType.MsgStorageApply, options.id);
    message.entries = raw.ready().committedEntries;
    applier.push(message);
    await between(() => {});
    raw.advance();
  }
  return { at: applier.applied, head: group.head() };
}

/** A follower that hears from nobody, for which everything up to `upTo` is committed. */
function rawNodeOf({ id, log, upTo }: Pick<ReplayOptions<never, never>, 'id' | 'log' | 'upTo'>): RawNode {
  const { snapshot, entries, hardState } = log;
  const { metadata } = snapshot;
  const storage = new MemoryStorage();
  // Raft needs to know where it stands, not what the state was.
  if (metadata.index > 0) storage.applySnapshot({ data: undefined, metadata });
  storage.append(entries);
  const { term, vote } = hardState ?? { term: metadata.term, vote: 0n };
  storage.setHardState({ term, vote, commit: upTo });
  return new RawNode({
    id,
    storage,
    electionTick: 10,
    heartbeatTick: 1,
    maxSizePerMsg: BYTES_PER_READY,
    maxInflightMsgs: 1,
    maxCommittedSizePerReady: BYTES_PER_READY,
    applied: metadata.index,
    logger: silentLogger,
  });
}

/** Nobody has asked for anything that is in the log. */
const noProposals: ApplierOptions<unknown, unknown>['proposals'] = {
  appliedAt: () => undefined,
  find: () => undefined,
  answer() {},
  resolve() {},
  skippedTo() {},
};

function applierOf<Command, Result>(
  { stateMachine, format, results, logger, ...options }: ReplayOptions<Command, Result>,
  parts: { readonly raw: RawNode; readonly group: Group; readonly onFatal: (error: unknown) => void },
): Applier<Command, Result> {
  const { raw, group, onFatal } = parts;
  const { metadata } = emptySnapshot();
  const nothing = (): void => {};
  const look = (): void => checkFeatures(group.features, options.features ?? 0);
  return new Applier<Command, Result>(
    {
      stateMachine,
      format,
      results: results ?? jsonResults(),
      group,
      proposals: noProposals,
      clock: options.clock ?? systemClock(),
      boot: 0,
      patience: { begin: nothing, end: nothing },
      applyErrors: options.applyErrors ?? 'stop',
      warn: (text) => logger?.warn(text),
      onFeatures: look,
      applyConfChange: (entry) => carryOutChange(raw, entry),
      onMembership: nothing,
      onApplied: nothing,
      onRestored: look,
      onProgress: nothing,
      onFatal,
    },
    { applied: metadata, confState: metadata.confState },
  );
}
