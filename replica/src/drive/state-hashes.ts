import { codeOf } from '@raft-ts/proto/internal';
import type { Position } from '../base/contracts.js';
import type { StateHashesContent } from '../format/format.js';
import type { Came } from './session-answers.js';

/** Entries whose hashes are remembered; a power of two. */
const REMEMBERED = 2 ** 14;

export interface StateHashesHost<Result> {
  /** Bytes that stand for what a command came to, the same on every member. */
  readonly digest: (result: Result, at: Position) => Uint8Array;
  /** What another member, or this one before it started, says of this index differs from what it came to here. */
  readonly onDiffers: (index: number, by: StateHashesContent) => void;
}

/**
 * What applied entries came to, as a hash of 32 bits each: over index, bytes and result of a command, and 0 for what is
 * no command. The leader has its own written into the log from time to time, and every member compares them with what
 * the same entries came to on it. Hashes of single entries, not of all up to there: so a member that has taken over a
 * snapshot compares what it applied since, and the first that differs is known at once.
 */
export class StateHashes<Result> {
  private readonly host: StateHashesHost<Result>;
  private readonly ring = new Uint32Array(REMEMBERED);
  /** What is known begins here, */
  private first = 1;
  /** and ends here. */
  private last = 0;
  /** The last index of which hashes stand in the log. */
  private covered = 0;
  /** Commands beyond `covered`. */
  private commands = 0;

  constructor(host: StateHashesHost<Result>) {
    this.host = host;
  }

  /** Commands that were applied here, and of which no hashes stand in the log yet. */
  get uncovered(): number {
    return this.commands;
  }

  /** The state is that of this index, however it has come about. */
  restart(index: number): void {
    this.first = index + 1;
    this.last = index;
    this.commands = 0;
  }

  /** The command with these bytes came to this. */
  note(at: Position, data: Uint8Array, came: Came<Result>): void {
    const { index } = at;
    if (index < this.first) return;
    this.fill(index - 1);
    let hash = mix(OFFSET, data);
    // Members of different versions agree on the code, and not on the text, which a later one may word anew.
    if ('thrown' in came) hash = mixText(hash, codeOf(came.thrown) ?? '');
    else hash = mix(hash, this.host.digest(came.result, at));
    this.set(index, finish(hash, index) || 1);
    this.commands++;
  }

  /** What is up to there and was not noted is no command. */
  private fill(index: number): void {
    if (index - this.last > REMEMBERED) this.last = index - REMEMBERED;
    while (this.last < index) this.set(this.last + 1, 0);
  }

  private set(index: number, hash: number): void {
    this.ring[index % REMEMBERED] = hash;
    this.last = index;
    this.first = Math.max(this.first, index - REMEMBERED + 1);
  }

  private at(index: number): number {
    return this.ring[index % REMEMBERED] as number;
  }

  /** What may be written into the log next, of so many entries at most; `undefined` if there is nothing to say. */
  next(applied: number, most: number): Pick<StateHashesContent, 'from' | 'hashes'> | undefined {
    if (this.commands === 0) return undefined;
    this.fill(applied);
    const from = Math.max(this.covered + 1, this.first);
    const length = Math.min(most, applied - from + 1);
    return { from, hashes: Uint32Array.from({ length }, (_, i) => this.at(from + i)) };
  }

  /** Hashes stand in the log at `index`: compares them, and tells of the first that differs. */
  check(content: StateHashesContent, index: number): void {
    const { from, hashes } = content;
    // What they say of entries after themselves nobody can have known.
    const to = Math.min(from + hashes.length, index) - 1;
    this.fill(index - 1);
    this.covered = Math.max(this.covered, to);
    this.commands = 0;
    for (let i = Math.max(this.covered + 1, this.first); i <= this.last; i++) if (this.at(i) !== 0) this.commands++;
    for (let i = Math.max(from, this.first); i <= to; i++) {
      if (this.at(i) === hashes[i - from]) continue;
      this.host.onDiffers(i, content);
      return;
    }
  }
}

// FNV-1a, whose last bits alone are well mixed: `finish` spreads them.
const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

function mix(hash: number, bytes: Uint8Array): number {
  let mixed = Math.imul(hash ^ bytes.length, PRIME);
  for (let i = 0; i < bytes.length; i++) mixed = Math.imul(mixed ^ (bytes[i] as number), PRIME);
  return mixed;
}

/** Apart from all bytes that a result may have. */
function mixText(hash: number, text: string): number {
  let mixed = Math.imul(hash ^ 0xffffffff, PRIME);
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), PRIME);
  return mixed;
}

function finish(hash: number, index: number): number {
  let mixed = Math.imul(hash ^ (index >>> 0), PRIME);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
