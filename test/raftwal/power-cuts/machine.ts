import { type Call, type DirectoryImage, Disk, type Effect, type Fault, PowerCut, SimFs } from '@raft-ts/sim/disk';
import { turn } from '../../helpers/waiting.js';
import { History } from './history.js';

/** One effect on the disk, and what was promised by the time the next one came. */
export interface Step {
  /** Undefined if a start has ended: the disk is unchanged, and from here on another history counts. */
  readonly effect: Effect | undefined;
  readonly call: Call;
  readonly history: History;
  /** Records of `history` that were handed in before the effect. */
  readonly issued: number;
  /** Records of `history` that were acknowledged before the next effect. */
  acknowledged: number;
  /** The newest snapshot that was acknowledged by then. */
  snapshot: number;
  /**
   * Whether a sector may be torn without this cut: the disk came up with one and the log was not open yet, or a write
   * was short.
   */
  readonly torn: boolean;
  /** Whether the creation of the log was acknowledged before the next effect. */
  readonly created: boolean;
}

export type FaultAt = (call: Call) => Fault | undefined;

/**
 * The computer of the scenario: its disk, the process that runs on it, and the record of what happened to the disk and
 * was promised.
 */
export class Machine {
  /** The disk at the beginning. */
  readonly image: DirectoryImage = new Map([['data', new Map()]]);
  readonly steps: Step[] = [];
  /** Asked at each call; undefined when nothing goes wrong any more. */
  fault: FaultAt | undefined;
  #fs: SimFs;
  #history = History.empty();
  #acknowledged = 0;
  #snapshot = 0;
  #created = false;
  #torn = false;
  #end = 0;
  readonly #disk: Disk;
  readonly #random: (n: number) => number;

  constructor(random: (n: number) => number, fault: FaultAt | undefined) {
    this.#random = random;
    this.fault = fault;
    this.#disk = new Disk(this.image);
    this.#fs = this.#newProcess();
  }

  /** The file system of the process that runs now. */
  get fs(): SimFs {
    return this.#fs;
  }

  /** The records that the log was given since it was opened. */
  get history(): History {
    return this.#history;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Where the last write to the log ended in its file. */
  get end(): number {
    return this.#end;
  }

  /** Number of sectors that are written but not synced. */
  get pendingSectors(): number {
    return new PowerCut(this.#disk, () => 0).counts.sectors;
  }

  /** The log is open, and promises what it answered: the beginning of another history. */
  opened(history: History, snapshot: number): void {
    this.#history = history;
    this.#acknowledged = 0;
    this.#snapshot = snapshot;
    this.#created = true;
    this.#torn = false;
    this.#record(undefined, { op: 'open', path: 'the log is open' });
  }

  /** The log promises the first `count` records of a history, and the snapshot at this index. */
  promise(history: History, count: number, snapshot: number): void {
    const last = this.steps.at(-1);
    // A process that is gone promises nothing.
    if (history !== this.#history || last === undefined) return;
    this.#acknowledged = Math.max(this.#acknowledged, count);
    this.#snapshot = Math.max(this.#snapshot, snapshot);
    last.acknowledged = this.#acknowledged;
    last.snapshot = this.#snapshot;
  }

  /** The process dies, with the machine if it is a power cut, and another one takes its place. */
  restart(powerCut: boolean): void {
    this.#fs.kill();
    if (powerCut) {
      const cut = new PowerCut(this.#disk, this.#random);
      const choice = cut.sample(this.#random);
      // The part of a sector that a short write left is on the disk, no matter what else the cut takes.
      this.#torn ||= cut.tears(choice);
      const effect: Effect = { kind: 'restart', image: cut.image(choice) };
      this.#disk.apply(effect);
      this.#record(effect, { op: 'open', path: 'power cut' });
    }
    this.#fs = this.#newProcess();
  }

  #newProcess(): SimFs {
    return new SimFs(this.#disk, {
      fault: (call) => this.fault?.(call),
      pace: async () => {
        for (let turns = this.#random(4); turns > 0; turns--) await turn();
      },
      onEffect: (effect, call) => {
        if (effect.kind === 'write') this.#noteWrite(effect, call);
        this.#record(effect, call);
      },
    });
  }

  #noteWrite({ position, bytes }: Effect & { kind: 'write' }, { path, length }: Call): void {
    if (bytes.length !== length) this.#torn = true;
    // Zeros set room aside.
    const appends = !path.endsWith('.broken') && bytes.some((byte) => byte !== 0);
    if (appends) this.#end = position + bytes.length;
  }

  #record(effect: Effect | undefined, call: Call): void {
    this.steps.push({
      effect,
      call,
      history: this.#history,
      issued: this.#history.length,
      acknowledged: this.#acknowledged,
      snapshot: this.#snapshot,
      torn: this.#torn,
      created: this.#created,
    });
  }
}
