import { isBytes } from '@raft-ts/proto/internal';
import type { ConfState, Logger, NodeId, RawNode } from '@raft-ts/raft';
import type { Position } from '../base/contracts.js';
import { describe } from '../base/errors.js';
import { Applier } from '../drive/applier.js';
import { Backlog } from '../drive/backlog.js';
import { Driver } from '../drive/driver.js';
import { Patience } from '../drive/patience.js';
import { Proposals } from '../drive/proposals.js';
import { Reads } from '../drive/reads.js';
import { StateHashes } from '../drive/state-hashes.js';
import { Ticker } from '../drive/ticker.js';
import { Lead } from '../lead/lead.js';
import { Roster } from '../members/roster.js';
import type { SnapshotEvent } from '../snapshots/policy.js';
import { Snapshots } from '../snapshots/snapshots.js';
import type { Engine } from './engine.js';
import type { ResolvedOptions } from './options.js';

// How the parts of a member are put together: what each is given of the others, and what it tells them.

export function createTicker<Command, Result>(engine: Engine<Command, Result>): Ticker {
  const { clock, tickMs } = engine.options;
  return new Ticker({
    clock,
    tickMs,
    tick: () => engine.tick(),
    received: () => engine.received,
    onStall: (lateMs, again) => engine.onStall(lateMs, again),
    onCaughtUp: () => engine.lead.check(),
  });
}

export function createLead<Command, Result>(engine: Engine<Command, Result>): Lead {
  const { id, raw, group, reads, options, logger } = engine;
  const { clock, tickMs, electionTicks, heartbeatTicks } = options;
  return new Lead({
    id,
    raft: raw.raft,
    clock,
    tickMs,
    electionTicks,
    heartbeatTicks,
    group,
    reads,
    isForeign: (member) => engine.transport.isForeign?.(member) ?? false,
    isStalled: () => engine.ticker.isStalled,
    commitEmpty: (signal) => engine.commitEmpty(signal),
    announce: () => engine.submit({ kind: 'promise', member: id }, {}),
    features: options.features,
    shownBy: (member) => engine.transport.featuresOf?.(member) ?? 0,
    openFeatures: (content) => engine.submit(content, { leaderOnly: true }),
    states: engine.hashes && {
      hashes: engine.hashes,
      applied: () => engine.applier.applied.index,
      everyCommands: options.compareStates?.everyCommands ?? EVERY_COMMANDS,
      most: Math.max(1, Math.min(MOST_HASHES, Math.floor(options.limits.maxCommandBytes / 4) - HASHES_HEAD)),
      propose: (content) => engine.submit(content, { leaderOnly: true }),
    },
    logger,
  });
}

export function createRoster<Command, Result>(engine: Engine<Command, Result>): Roster {
  const { id, raw, group, proposals, reads, options } = engine;
  const { clock, timeoutMs, tickMs, electionTicks } = options;
  return new Roster({
    self: id,
    raw,
    clock,
    group,
    confState: () => engine.applier.confState,
    proposals,
    reads,
    reserveId: async (call) => ((await engine.submit({ kind: 'reserve-id' }, call)) as { result: NodeId }).result,
    wake: () => engine.driver.wake(),
    checkAddress: (member) => engine.transport.checkPeer?.(options.dial(member)),
    warn: (text) => engine.logger.warn(text),
    end: (reason, error) => engine.endBecause(reason, error),
    timeoutMs,
    tickMs,
    electionTicks,
  });
}

export function createSnapshots<Command, Result>(engine: Engine<Command, Result>): Snapshots {
  const { options, applier, group } = engine;
  const { log, format, stateMachine, clock, electionTicks } = options;
  return new Snapshots({
    id: engine.id,
    log,
    transport: engine.transport,
    format,
    stateMachine,
    group,
    policy: options.snapshots,
    position: () => ({ applied: applier.applied, confState: applier.confState }),
    neededFrom: () => engine.neededFrom(),
    // It is given up if this member stops first.
    betweenCommands: (run) => void applier.exclusive(run).catch(() => {}),
    holdUp: (room) => applier.holdUp(room),
    restore: async (snapshot, chunks) => {
      let isRestored = false;
      await applier.exclusive(async () => {
        // While commands were applied, the log has taken a newer one, and may not keep the state of this one any more.
        if (log.snapshot().metadata.index > snapshot.metadata.index) return;
        await applier.restore(snapshot, chunks);
        isRestored = true;
      });
      return isRestored;
    },
    commitEmpty: () => engine.commitEmpty(),
    retryTicks: electionTicks,
    turn: () => new Promise((resolve) => clock.soon(resolve)),
    // What followers have passed on waits in the log alone.
    isBusy: () => engine.proposals.waiting > 0 || engine.reads.waiting > 0 || engine.backlog.hasUncommitted,
    now: () => clock.monotonic(),
    pause: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
    onEvent: (event) => {
      if (!isProgress(event)) engine.observer.snapshots.add(event.phase);
      const { phase, to, index, bytes, size } = event;
      if (phase === 'sending' && to !== undefined) engine.observer.contacts.sendingSnapshot(to, { index, bytes, size });
      engine.events.snapshot.set(event);
    },
    warn: (text) => engine.logger.warn(text),
    onFatal: (error) => engine.fail(error),
    reportSnapshot: (to, status, error) => engine.reportSnapshot(to, status, error),
  });
}

export function createDriver<Command, Result>(engine: Engine<Command, Result>): Driver {
  return new Driver({
    id: engine.id,
    raw: engine.raw,
    log: engine.options.log,
    transport: {
      send: (messages) => engine.transport.send(messages),
      flush: () => engine.transport.flush?.(),
    },
    clock: engine.options.clock,
    proposals: engine.proposals,
    reads: engine.reads,
    checkProposal: (message) => engine.roster.guard.checkForwarded(message),
    applier: engine.applier,
    backlog: engine.backlog,
    onSoftState: (state) => engine.onSoftState(state),
    sendSnapshot: (message) => engine.snapshots.send(message),
    takeSnapshot: (snapshot) => engine.snapshots.takeBody(snapshot),
    installSnapshot: (snapshot) => engine.snapshots.install(snapshot),
    beforeTransfer: (message) => engine.lead.beforeTransfer(message),
    warn: (text) => engine.logger.warn(text),
    onFatal: (error) => engine.fail(error),
  });
}

export function createApplier<Command, Result>(
  engine: Engine<Command, Result>,
  from: { readonly applied: Position; readonly confState: ConfState },
): Applier<Command, Result> {
  const { stateMachine, format, results, clock, applyErrors } = engine.options;
  return new Applier<Command, Result>(
    {
      stateMachine,
      format,
      results,
      group: engine.group,
      proposals: engine.proposals,
      clock,
      boot: engine.boot,
      patience: engine.patience,
      applyErrors,
      hashes: engine.hashes,
      warn: (text) => engine.logger.warn(text),
      applyConfChange: (entry) => engine.driver.applyConfChange(entry),
      onMembership: () => engine.onMembership(),
      onFeatures: () => engine.onFeatures(),
      onApplied: (message) => {
        engine.backlog.release(engine.applier.applied.index);
        engine.driver.applied(message);
      },
      onRestored: ({ index }) => {
        engine.backlog.release(index);
        engine.onFeatures();
      },
      onProgress: (entries, bytes) => engine.snapshots.progress(entries, bytes),
      onFatal: (error) => engine.fail(error),
    },
    from,
  );
}

const EVERY_COMMANDS = 256;
/** Entries of which hashes are written at once. */
const MOST_HASHES = 4096;
/** What stands before them takes no more than so many of them would. */
const HASHES_HEAD = 16;
/** Stands for a result that has no bytes. */
const noBytes = new Uint8Array(1);

export function createStateHashes<Command, Result>(engine: Engine<Command, Result>): StateHashes<Result> | undefined {
  const { compareStates, results } = engine.options;
  if (compareStates === undefined) return undefined;
  const { digest = (result: Result) => results.encode(result) } = compareStates;
  let warned = false;
  return new StateHashes<Result>({
    digest: (result, at) => {
      try {
        const bytes: unknown = digest(result, at);
        if (isBytes(bytes)) return bytes;
        throw new TypeError(`they are ${typeof bytes}, not a Uint8Array`);
      } catch (error) {
        if (!warned)
          engine.logger.warn(
            `member ${engine.id} compares the results of some commands with nothing, such as that at index ${at.index}, since they have no bytes: ${describe(error)}. Pass compareStates.digest, or a codec for results that can write them`,
          );
        warned = true;
        return noBytes;
      }
    },
    onDiffers: (index, { member }) => engine.onDivergence({ index, member }),
  });
}

/** A restore may take its time, since a state may be large. */
const RESTORE_ELECTIONS = 60;

export function createPatience<Command, Result>(engine: Engine<Command, Result>): Patience {
  const { id, logger } = engine;
  const { tickMs, electionTicks } = engine.options;
  const most = { apply: electionTicks, restore: electionTicks * RESTORE_ELECTIONS };
  return new Patience(most, ({ what, index, ticks }) => {
    logger.warn(
      `member ${id}: ${what}() of the state machine has not come back for ${ticks * tickMs} ms, at index ${index}: nothing is applied or read here until its promise settles. If it never does, mend what it waits for, and start this member again`,
    );
  });
}

export function createProposals<Command, Result>(engine: Engine<Command, Result>): Proposals {
  const { clock, limits } = engine.options;
  const { observer } = engine;
  return new Proposals({
    ...limits,
    maxBatchBytes: limits.maxMessageBytes,
    timeoutMs: engine.options.timeoutMs,
    target: {
      basicStatus: () => engine.raw.basicStatus(),
      proposeBatch: (payloads) => engine.raw.proposeBatch(payloads),
      proposeConfChange: (change) => {
        engine.roster.guard.check(change);
        return engine.raw.proposeConfChange(change);
      },
    },
    clock,
    wake: () => engine.driver.wake(),
    knows: (leader) => engine.group.members.has(leader),
    hasRoom: () => engine.backlog.hasRoom,
    hold: () => engine.driver.holdProposals(),
    onSettled: (outcome, reason) => observer.proposalsSettled.add(outcome, reason),
  });
}

export function createReads<Command, Result>(engine: Engine<Command, Result>): Reads {
  const { clock, limits, tickMs, electionTicks } = engine.options;
  const { boot, observer } = engine;
  return new Reads({
    target: engine.raw,
    clock,
    boot,
    maxWaiting: limits.maxReads,
    retryMs: (tickMs * electionTicks) / 2,
    wake: () => engine.driver.wake(),
    whenApplied: (index, run) => engine.applier.whenApplied(index, run),
    onRound: () => engine.lead.lease.begin(),
    onServed: (count, slowest) => observer.readsServed(count, slowest),
    onFailed: (reason) => observer.readsSettled.add('failed', reason),
  });
}

export function createBacklog<Command, Result>(engine: Engine<Command, Result>): Backlog {
  const { log, limits } = engine.options;
  return new Backlog({
    first: () => engine.raw.raft.raftLog.firstIndex(),
    last: () => log.lastIndex(),
    committed: () => engine.raw.basicStatus().hardState.commit,
    applied: () => engine.applier.applied.index,
    maxEntries: limits.maxUncommittedEntries,
    maxBytes: limits.maxUncommittedBytes,
  });
}

/** Is this only about how far a snapshot has come? */
function isProgress({ phase, bytes }: SnapshotEvent): boolean {
  return bytes > 0 && (phase === 'saving' || phase === 'sending' || phase === 'installing');
}

export function rawConfig<Command, Result>(
  options: ResolvedOptions<Command, Result>,
  logger: Logger,
): ConstructorParameters<typeof RawNode>[0] {
  const { id, log, limits, electionTicks, heartbeatTicks, preVote, checkQuorum, stepDownOnRemoval, random } = options;
  return {
    id,
    storage: log,
    electionTick: electionTicks,
    heartbeatTick: heartbeatTicks,
    maxSizePerMsg: limits.maxMessageBytes,
    maxInflightMsgs: limits.maxInflight,
    maxInflightBytes: Math.max(limits.maxInflightBytes, limits.maxMessageBytes),
    maxUncommittedEntriesSize: limits.maxUncommittedBytes,
    maxCommittedSizePerReady: limits.maxMessageBytes,
    applied: log.snapshot().metadata.index,
    asyncStorageWrites: true,
    preVote,
    checkQuorum,
    stepDownOnRemoval,
    logger,
    ...(random === undefined ? {} : { random }),
  };
}
