import type { Message, NodeId, Snapshot } from '@raft-ts/raft';
import type { Clock, Replica, ReplicaReceiver } from '@raft-ts/replica';
import type { StackEvent, StackTime } from './time.js';

/** What is to happen in a process that stands still, or what becomes of it if the process ends before. */
interface Held {
  readonly run: () => void;
  readonly drop: (() => void) | undefined;
}

/** A call was made of a process that is gone: its client sees the connection break. */
export class Gone extends Error {
  override readonly name = 'Gone';
}

/** Virtual time begins here, in milliseconds since 1970. */
const EPOCH = 1_700_000_000_000;

/**
 * One life of a member, from its start to its end: its clock and its timers, which stop while it is frozen, and
 * whatever else would end with a process.
 */
export class Process<Command, Result> {
  readonly number: number;
  replica: Replica<Command, Result> | undefined = undefined;
  receiver: ReplicaReceiver | undefined = undefined;
  /** The members that have written to it. */
  readonly heard: Set<NodeId> = new Set();
  /** Bodies of snapshots that came and were not taken yet. */
  readonly bodies: WeakMap<Snapshot, Uint8Array> = new WeakMap();
  /** It ends by itself, as it was told to. */
  isStopping = false;
  private readonly time: StackTime;
  private isOver = false;
  private isStill = false;
  private rate: number;
  /** The moment from which its clock runs at this rate, in virtual time and on the clock. */
  private since: number;
  private shown: number;
  private readonly turns: (() => void)[] = [];
  private held: Held[] = [];
  private readonly endings = new Set<() => void>();
  /** Timers that are set. */
  private readonly timers = new Set<object>();

  constructor(number: number, time: StackTime, rate: number) {
    this.number = number;
    this.time = time;
    this.rate = rate;
    this.since = time.now;
    this.shown = time.now;
  }

  get isFrozen(): boolean {
    return this.isStill;
  }

  get isGone(): boolean {
    return this.isOver;
  }

  /** How many timers are set, for whoever looks whether any is left. */
  get timersSet(): number {
    return this.timers.size;
  }

  setRate(rate: number): void {
    this.shown = this.monotonic();
    this.since = this.time.now;
    this.rate = rate;
  }

  private monotonic(): number {
    return this.shown + (this.time.now - this.since) * this.rate;
  }

  /** Something happens in this process at a moment, unless it is gone by then. */
  at(moment: number, run: () => void, drop?: () => void): StackEvent {
    return this.time.post(moment, () => this.now(run, drop));
  }

  /** Something happens in this process now, or when it is not frozen any more. */
  now(run: () => void, drop?: () => void): void {
    if (this.isOver) drop?.();
    else if (this.isStill) this.held.push({ run, drop });
    else run();
  }

  readonly clock: Clock = {
    monotonic: () => this.monotonic(),
    wall: () => EPOCH + this.monotonic(),
    after: (ms, call) => {
      const due = this.monotonic() + Math.max(0, ms);
      const timer: { event: StackEvent | undefined } = { event: undefined };
      const arm = (): void => {
        const wait = Math.ceil((due - this.monotonic()) / this.rate);
        timer.event = this.at(this.time.now + Math.max(0, wait), () => {
          if (!this.timers.has(timer)) return;
          // Its clock may have been slowed down meanwhile.
          if (this.monotonic() < due) {
            arm();
            return;
          }
          this.timers.delete(timer);
          call();
        });
      };
      this.timers.add(timer);
      arm();
      return () => {
        this.timers.delete(timer);
        if (timer.event !== undefined) timer.event.cancelled = true;
      };
    },
    soon: (call) => {
      // Turns of one event loop come one after the other.
      this.turns.push(call);
      this.at(this.time.now, () => this.turns.shift()?.());
    },
  };

  /** Resolves after so many milliseconds of virtual time; never if the process ends before. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(this.time.now + ms, resolve);
    });
  }

  /** What becomes of a call of this process: it is rejected with `Gone` if the process ends before. */
  guard<T>(call: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => reject(new Gone('the process has ended'));
      if (this.isOver) {
        end();
        call.catch(() => {});
        return;
      }
      this.endings.add(end);
      const settled = (): void => {
        this.endings.delete(end);
      };
      call.then(resolve, reject);
      call.then(settled, settled);
    });
  }

  freeze(): void {
    this.isStill = true;
  }

  thaw(): void {
    if (!this.isStill) return;
    this.isStill = false;
    // Everything that has come meanwhile waits in the kernel, and is read in any order.
    for (const { run, drop } of this.held.splice(0)) this.at(this.time.now, run, drop);
  }

  /** The process is gone at once. */
  end(): void {
    this.isOver = true;
    this.timers.clear();
    for (const { drop } of this.held.splice(0)) drop?.();
    for (const end of this.endings) end();
    this.endings.clear();
  }

  /** A message has come to this process. `done` hears whether it was taken; it hears no if the process ends before. */
  receive(message: Message, done: (taken: boolean) => void): void {
    const { receiver } = this;
    if (receiver === undefined) {
      done(false);
      return;
    }
    void this.hand(receiver, message, done);
  }

  private async hand(receiver: ReplicaReceiver, message: Message, done: (taken: boolean) => void): Promise<void> {
    const process = async (): Promise<void> => {
      await receiver.process(message);
    };
    try {
      await this.guard(process());
    } catch {
      done(false);
      return;
    }
    done(true);
  }
}
