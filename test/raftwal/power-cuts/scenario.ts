import type { ConfState, Entry, HardState } from '@raft-ts/proto';
import { seededRandom } from '@raft-ts/raft/internal';
import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { type DirectoryImage, isInjected } from '@raft-ts/sim/disk';
import { turn } from '../../helpers/waiting.js';
import { entryKey, type SnapshotMark, stateText } from './history.js';
import type { LogUnderTest, OpenLog } from './log-under-test.js';
import { type FaultAt, Machine, type Step } from './machine.js';

export const DIRECTORY = '/data/log';

/** The log broke a promise while the scenario ran. */
export class Violation extends Error {}

export interface Recording {
  readonly start: DirectoryImage;
  readonly steps: readonly Step[];
  /** Number of operations of each kind. */
  readonly operations: ReadonlyMap<string, number>;
}

export interface ScenarioOptions {
  readonly log: LogUnderTest;
  readonly seed: number;
  readonly operations: number;
  /** Makes the function that decides at each call what goes wrong. A log that fails is not used further. */
  readonly fault?: (() => FaultAt) | undefined;
  /**
   * After a failure, the member starts again on what the same kernel shows it, without further faults. Default: its
   * life ends.
   */
  readonly restartAfterFailure?: boolean | undefined;
  /** A driver with a bug: counts a save as acknowledged when it is handed in. */
  readonly acknowledgeEarly?: boolean | undefined;
}

/**
 * A member's life as its log sees it, drawn from a seed: appends, votes, commits, tails overwritten after a change of
 * leader, snapshots taken and installed, releases, saves that overlap, and every way of stopping: close, kill, power
 * cut. Its effects on the disk are recorded with what was acknowledged when.
 */
export async function recordScenario(options: ScenarioOptions): Promise<Recording> {
  const member = new Member(options);
  await member.start();
  for (let i = 0; i < options.operations && !member.failed; i++) await member.operate();
  await member.settle();
  const { machine, operations } = member;
  return { start: machine.image, steps: machine.steps, operations };
}

const WEIGHTS = {
  append: 40,
  commit: 9,
  vote: 8,
  overwrite: 10,
  burst: 8,
  snapshot: 9,
  install: 2,
  close: 3,
  kill: 3,
  cut: 4,
};
type Operation = keyof typeof WEIGHTS;

const MEMBERS: ConfState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** About what an entry takes in the log beside its payload. */
const ENTRY_OVERHEAD = 28;

class Member {
  readonly machine: Machine;
  readonly operations: Map<string, number> = new Map();
  /** A call of the log was rejected: the log is poisoned, and nothing that follows is acknowledged. */
  failed = false;
  readonly #options: ScenarioOptions;
  readonly #random: (n: number) => number;
  #log: OpenLog | undefined;
  #saves: Promise<void>[] = [];
  // The state that raft would have in memory.
  #hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  #terms: number[] = [0];
  #snapshotIndex = 0;
  #installed: SnapshotMark = { index: 0, term: 0 };
  /** Handed in once, by index: what a leader would send again after a restart. */
  readonly #sent: Map<number, Entry> = new Map();

  constructor(options: ScenarioOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.machine = new Machine(this.#random, options.fault?.());
  }

  async start(): Promise<void> {
    const { machine } = this;
    const { log, state } = await this.#options.log.start(machine.fs, DIRECTORY).catch((error: unknown) => {
      throw isInjected(error) ? error : new Violation(`start fails: ${String(error)}`, { cause: error });
    });
    const { history, acknowledged } = machine;
    const next = history.continuedFrom(state, acknowledged, history.length);
    if (next === undefined) {
      throw new Violation(`start answers ${stateText(state)}; ${history.describe(acknowledged, history.length)}`);
    }
    this.#log = log;
    machine.opened(next, state.snapshot.index);
    this.#hardState = state.hardState;
    this.#snapshotIndex = state.snapshot.index;
    this.#terms = [];
    this.#terms[state.snapshot.index] = state.snapshot.term;
    for (const key of state.entries) {
      const [index, term] = key.split('.');
      this.#terms[Number(index)] = Number(term);
    }
  }

  /** Performs one operation of a member. */
  async operate(): Promise<void> {
    const name = this.#draw();
    this.operations.set(name, (this.operations.get(name) ?? 0) + 1);
    try {
      await this.#perform(name);
    } catch (error) {
      if (!isInjected(error)) throw error;
      this.failed = true;
      if (this.#options.restartAfterFailure !== true) return;
      this.machine.fault = undefined;
      await this.#restart(false);
      this.failed = false;
    }
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.#saves);
  }

  #draw(): Operation {
    const weights = Object.entries(WEIGHTS) as [Operation, number][];
    let ticket = this.#random(weights.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [name, weight] of weights) {
      if (ticket < weight) return name;
      ticket -= weight;
    }
    return 'append';
  }

  async #perform(name: Operation): Promise<void> {
    const { term, vote, commit } = this.#hardState;
    switch (name) {
      case 'append':
        return this.#append();
      case 'commit':
        return this.#wait(this.#save(0, 0, { term, vote, commit: this.#someCommit() }));
      case 'vote':
        return this.#vote();
      case 'overwrite':
        return this.#overwrite();
      case 'burst':
        return this.#burst();
      case 'snapshot':
        return this.#snapshot(commit);
      case 'install':
        return this.#install();
      case 'close':
        await Promise.all(this.#saves);
        await this.#log?.close();
        return this.start();
      case 'kill':
      case 'cut':
        await this.#leaveUndone();
        return this.#restart(name === 'cut');
    }
  }

  /** A term without a vote, or a vote, once in each term. */
  #vote(): Promise<void> {
    const { term, vote, commit } = this.#hardState;
    const newTerm = term + this.#random(3);
    const candidate = BigInt(this.#random(4));
    return this.#wait(
      this.#save(0, 0, { term: newTerm, vote: newTerm === term && vote !== 0n ? vote : candidate, commit }),
    );
  }

  /** A follower's append may bring entries and their commit at once. */
  #append(): Promise<void> {
    const count = 1 + this.#random(4);
    return this.#wait(this.#save(this.#last() + 1, count, this.#stateIn(this.#term(), this.#someCommit(count))));
  }

  /** Another leader replaces the end of the log. */
  #overwrite(): Promise<void> {
    const { commit } = this.#hardState;
    const from = Math.max(commit, this.#snapshotIndex) + 1;
    const index = from + this.#random(this.#last() + 2 - from);
    return this.#wait(this.#save(index, 1 + this.#random(3), this.#stateIn(this.#term() + 1, commit)));
  }

  /** Saves that arrive while others are being written. */
  #burst(): Promise<void> {
    const saves: Promise<void>[] = [];
    for (let count = 2 + this.#random(4); count > 0; count--) {
      const term = this.#term() + (this.#random(4) === 0 ? 1 : 0);
      const entries = this.#random(4) === 0 ? 0 : 1 + this.#random(3);
      saves.push(this.#save(this.#last() + 1, entries, this.#stateIn(term, this.#someCommit())));
    }
    return this.#wait(...saves);
  }

  /** At least that of the last entry, which may be durable before the State that goes with it. */
  #term(): number {
    return Math.max(1, this.#hardState.term, this.#terms.at(-1) ?? 0);
  }

  /** The hard state of this term, with the vote in it. */
  #stateIn(term: number, commit: number): HardState {
    return { term, vote: term === this.#hardState.term ? this.#hardState.vote : 0n, commit };
  }

  #last(): number {
    return this.#terms.length - 1;
  }

  /** No older than the present one, and no newer than the last entry with `more` to come. */
  #someCommit(more = 0): number {
    const { commit } = this.#hardState;
    return commit + this.#random(this.#last() + more - commit + 1);
  }

  /** Saves `count` entries from `index` on, and the hard state if it changes. */
  #save(index: number, count: number, hardState: HardState): Promise<void> {
    const entries: Entry[] = [];
    for (let i = 0, end = this.machine.end; i < count; i++) {
      const data = this.#payload(end);
      end += data.length + ENTRY_OVERHEAD;
      entries.push({ type: undefined, term: hardState.term, index: index + i, data });
    }
    return this.#handIn(entries, hardState);
  }

  #handIn(entries: readonly Entry[], hardState: HardState): Promise<void> {
    if (entries[0] !== undefined) this.#terms.length = entries[0].index;
    for (const entry of entries) {
      this.#terms[entry.index] = entry.term;
      this.#sent.set(entry.index, entry);
      this.machine.history.add({ kind: 'entry', index: entry.index, key: entryKey(entry) });
    }
    const old = this.#hardState;
    const voted = hardState.term !== old.term || hardState.vote !== old.vote;
    const changed = voted || hardState.commit !== old.commit;
    if (changed) this.machine.history.add({ kind: 'state', hardState });
    this.#hardState = hardState;
    return this.#acknowledgedBy(
      (log) => log.save(changed ? hardState : undefined, entries),
      entries.length > 0 || voted,
    );
  }

  /**
   * Small ones mostly; some that fill sectors, some that end about where a sector does if they begin at `end`, some
   * whose sectors look as if they had never been written.
   */
  #payload(end: number): Uint8Array {
    const random = this.#random;
    const form = random(6);
    let length = random(200);
    if (form === 0) length = 400 + random(1400);
    // Padding makes up for what is not known exactly.
    if (form === 1) length = (2 * SECTOR_SIZE - ((end + ENTRY_OVERHEAD) % SECTOR_SIZE) - 3) % SECTOR_SIZE;
    const zeros = random(10) === 0;
    return Uint8Array.from({ length }, () => (zeros ? 0 : random(256)));
  }

  /** After a restart the leader sends again what was lost, the same bytes, one by one. */
  async #resend(): Promise<void> {
    for (let count = 1 + this.#random(2); count > 0; count--) {
      const entry = this.#sent.get(this.#last() + 1);
      if (entry === undefined || entry.term > this.#hardState.term || entry.term < (this.#terms.at(-1) ?? 0)) return;
      await this.#wait(this.#handIn([entry], this.#hardState));
    }
  }

  async #snapshot(index: number): Promise<void> {
    if (index <= this.#snapshotIndex) return;
    await this.#saveSnapshot(index, this.#terms[index] as number);
    if (this.#random(3) > 0) await this.#log?.release(index);
  }

  /** A snapshot from the leader: ahead of the whole log, or in the place of a tail that another leader left. */
  #install(): Promise<void> {
    const { commit } = this.#hardState;
    const replaces = this.#last() > commit && this.#random(2) === 0;
    const index = replaces ? commit + 1 + this.#random(this.#last() - commit) : this.#last() + 1 + this.#random(5);
    return this.#installAt({ index, term: this.#term() + (replaces ? 1 : 0) });
  }

  async #installAt(mark: SnapshotMark): Promise<void> {
    const { index, term } = mark;
    const state = this.#stateIn(Math.max(this.#term(), term), index);
    this.#installed = mark;
    this.#terms = [];
    this.#terms[index] = term;
    this.#snapshotIndex = index;
    this.#hardState = state;
    this.machine.history.add({ kind: 'snapshot', snapshot: mark });
    this.machine.history.add({ kind: 'state', hardState: state });
    await this.#acknowledgedBy((log) => log.install({ index, term, confState: MEMBERS }, state), true, index);
    await this.#log?.release(index);
  }

  #saveSnapshot(index: number, term: number): Promise<void> {
    this.machine.history.add({ kind: 'snapshot', snapshot: { index, term } });
    this.#snapshotIndex = index;
    return this.#wait(
      this.#acknowledgedBy((log) => log.saveSnapshot({ index, term, confState: MEMBERS }), true, index),
    );
  }

  /**
   * Makes a call of the log; when it resolves, and if it `syncs`, everything handed in up to now is promised, and this
   * snapshot.
   */
  async #acknowledgedBy(start: (log: OpenLog) => Promise<void>, syncs: boolean, snapshot = 0): Promise<void> {
    const { history } = this.machine;
    const count = history.length;
    const done = start(this.#log as OpenLog);
    this.#saves.push(done);
    done.catch(() => {});
    if (this.#options.acknowledgeEarly !== true) await done;
    if (syncs) this.machine.promise(history, count, snapshot);
    await done;
  }

  /** Waits for calls; most of the time. A member goes on without, too, and may stop in the middle. */
  async #wait(...saves: Promise<void>[]): Promise<void> {
    const all = Promise.all(saves);
    if (this.#random(8) > 0) {
      await all;
      return;
    }
    // Whoever waits next sees the rejection too: the log is poisoned.
    all.catch(() => {});
    for (let turns = this.#random(6); turns > 0; turns--) await turn();
  }

  /** Hands in saves, and stops waiting for them when some of what they write is not synced yet. */
  async #leaveUndone(): Promise<void> {
    this.#burst().catch(() => {});
    for (let turns = 40; turns > 0; turns--) {
      await turn();
      if (this.machine.pendingSectors > 0 && this.#random(3) === 0) return;
    }
  }

  /** The process dies, with the machine if it is a power cut, and another one starts. */
  async #restart(powerCut: boolean): Promise<void> {
    this.machine.restart(powerCut);
    this.#saves = [];
    await this.start();
    // What the leader's snapshot says is committed. It comes again where it was lost, before anything that contradicts
    // it.
    if (this.#snapshotIndex < this.#installed.index) await this.#installAt(this.#installed);
    if (this.#random(2) === 0) await this.#resend();
  }
}
