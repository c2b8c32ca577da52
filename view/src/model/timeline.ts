import type { Role } from './origin.js';

/** What a member was from a moment on. */
export interface Span {
  readonly slot: number;
  readonly from: number;
  /** Undefined while it is so. */
  to: number | undefined;
  readonly role: Role | 'frozen';
  readonly term: number;
}

/** The network was not whole, or was slow. */
export interface Parted {
  readonly from: number;
  to: number | undefined;
  readonly text: string;
}

/** An election that was begun, and whether it found a leader. */
export interface Election {
  readonly term: number;
  readonly at: number;
  leader: number | undefined;
}

/** Milliseconds of virtual time that are counted together. */
export const BUCKET_MS = 500;
/** Of each kind so much is kept. */
const KEPT = 3000;

/**
 * The course of a run: who led when, when the network was parted or slow, what was committed, which terms came to
 * nothing.
 */
export class Timeline {
  spans: Span[] = [];
  parts: Parted[] = [];
  /** When messages were slowed down, and which. */
  delays: Parted[] = [];
  elections: Election[] = [];
  /** Entries that were committed in each bucket. */
  readonly commits: number[] = [];
  private readonly current: (Span | undefined)[] = [];
  /** Undefined until somebody says how much was committed before all that is shown. */
  private committed: number | undefined;

  state(slot: number, at: number, role: Span['role'], term: number): void {
    const before = this.current[slot];
    if (before !== undefined) before.to = at;
    const span = { slot, from: at, to: undefined, role, term };
    this.current[slot] = span;
    this.spans.push(span);
    if (this.spans.length > 2 * KEPT) this.spans = this.spans.slice(-KEPT);
    if (role === 'candidate') this.begun(term, at);
    if (role === 'leader') this.won(term, at, slot);
  }

  private begun(term: number, at: number): void {
    if (this.elections.some((one) => one.term === term)) return;
    this.elections.push({ term, at, leader: undefined });
    if (this.elections.length > 2 * KEPT) this.elections = this.elections.slice(-KEPT);
  }

  private won(term: number, at: number, slot: number): void {
    this.begun(term, at);
    const election = this.elections.find((one) => one.term === term);
    if (election !== undefined) election.leader = slot;
  }

  /** Terms in which nobody was elected, though somebody asked. The newest one may yet find a leader. */
  get burnt(): number {
    const newest = this.elections.at(-1);
    return (
      this.elections.filter(({ leader }) => leader === undefined).length -
      (newest?.leader === undefined && newest ? 1 : 0)
    );
  }

  parted(at: number, text: string): void {
    this.healed(at);
    this.parts = begun(this.parts, at, text);
  }

  healed(at: number): void {
    end(this.parts, at);
  }

  /** Messages are slow from now on. */
  slowed(at: number, text: string): void {
    this.sped(at);
    this.delays = begun(this.delays, at, text);
  }

  /** Messages are as fast as the network again. */
  sped(at: number): void {
    end(this.delays, at);
  }

  /** Everything up to an index is committed now. */
  reached(now: number, committed: number): void {
    this.committed ??= committed;
    if (committed <= this.committed) return;
    const bucket = Math.floor(now / BUCKET_MS);
    this.commits[bucket] = (this.commits[bucket] ?? 0) + committed - this.committed;
    this.committed = committed;
  }

  /** Entries committed per second, in the last second. */
  rate(now: number): number {
    const buckets = 1000 / BUCKET_MS;
    const bucket = Math.floor(now / BUCKET_MS);
    let sum = 0;
    for (let i = 0; i < buckets; i++) sum += this.commits[bucket - i] ?? 0;
    return sum;
  }
}

/** Adds what lasts from now on, and drops what is long past. */
function begun(course: readonly Parted[], at: number, text: string): Parted[] {
  return [...course.slice(1 - KEPT), { from: at, to: undefined, text }];
}

/** Ends what has lasted until now. */
function end(course: readonly Parted[], at: number): void {
  const last = course.at(-1);
  if (last !== undefined && last.to === undefined) last.to = at;
}
