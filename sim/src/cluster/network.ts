import { isResponseMessage, type Message, messageSize } from '@raft-ts/proto';
import { encodeMessageInto } from '@raft-ts/proto/internal';
import type { RunHash } from '../base/hash.js';
import { mix, Stream } from '../base/random.js';
import { copyMessage } from '../base/records.js';
import type { Shape, Weather } from '../plan/action.js';
import { PURPOSE } from '../plan/purpose.js';
import { FAIR } from '../plan/schedule.js';

/** Most members that a run comes to, replaced ones included, unless it begins with more. */
export const MAX_SLOTS = 32;
/** Most members that a cluster can have. */
export const SLOTS = 64;

/** A number for a direction, by which it draws: what a seed draws does not depend on how many members there may be. */
function numberOf(from: number, to: number): number {
  return from < MAX_SLOTS && to < MAX_SLOTS ? from * MAX_SLOTS + to : SLOTS * SLOTS + from * SLOTS + to;
}

/**
 * Most messages under way from one member to another; further ones are lost, as when the queue of a transport is full.
 */
const CAPACITY = 512;

/** What becomes of messages between members: lost, late, repeated, overtaken, cut off. */
export class Network {
  weather: Weather = FAIR;
  /** Messages of this type are lost; none if negative. */
  lostKind = -1;
  /** When the last of the messages that were sent so far arrives. */
  lastArrival = 0;
  /** Is the direction from slot a to slot b cut? By a * SLOTS + b. */
  private readonly cut = new Uint8Array(SLOTS * SLOTS);
  private isWhole = true;
  private readonly links: (Stream | undefined)[] = [];
  /** When the last message of each direction arrives, for networks that keep the order. */
  private readonly arrivals = new Float64Array(SLOTS * SLOTS);
  /** Number of messages under way in each direction. */
  private readonly underWay = new Int32Array(SLOTS * SLOTS);
  /** Number and bytes of the messages that were sent, lost ones included. */
  messages = 0;
  bytes = 0;
  private readonly seed: number;
  private readonly hash: RunHash;
  private readonly post: (at: number, message: Message, from: number) => void;
  private buffer = new Uint8Array(4096);

  /** @param post makes a message of the member in a slot arrive at a moment */
  constructor(seed: number, hash: RunHash, post: (at: number, message: Message, from: number) => void) {
    this.seed = seed;
    this.hash = hash;
    this.post = post;
  }

  private link(direction: number): Stream {
    let stream = this.links[direction];
    if (stream === undefined) {
      stream = new Stream(this.seed, PURPOSE.link, numberOf(Math.floor(direction / SLOTS), direction % SLOTS));
      this.links[direction] = stream;
    }
    return stream;
  }

  /** Is the direction between these two slots open? */
  isOpen(from: number, to: number): boolean {
    return this.isWhole || this.cut[from * SLOTS + to] === 0;
  }

  /** Opens or cuts the direction between these two slots, and leaves all others as they are. */
  setOpen(from: number, to: number, isOpen: boolean): void {
    this.cut[from * SLOTS + to] = isOpen ? 0 : 1;
    this.isWhole = this.cut.every((each) => each === 0);
  }

  /**
   * Puts a message on its way. Returns whether it, or one copy of it, will arrive if nothing changes.
   * @param repeats whether it may be duplicated
   */
  send(m: Message, from: number, to: number, now: number, repeats = true): boolean {
    const size = messageSize(m);
    if (size > this.buffer.length) this.buffer = new Uint8Array(2 * size);
    encodeMessageInto(m, this.buffer, 0);
    this.hash.bytes(this.buffer, 0, size);
    this.messages++;
    this.bytes += size;
    if (!this.isOpen(from, to) || m.type === this.lostKind) return false;
    const direction = from * SLOTS + to;
    if ((this.underWay[direction] as number) >= CAPACITY) return false;
    const random = this.link(direction);
    const { loss, duplication } = this.weather;
    const isLost = random.chance(loss);
    if (!isLost) this.carry(m, direction, random, now);
    // A copy may arrive although the message itself was lost on another way.
    if (random.chance(duplication) && repeats) {
      this.carry(copyMessage(m), direction, random, now);
      return true;
    }
    return !isLost;
  }

  /** Keeps a message that its receiver cannot take yet. */
  carryOn(at: number, m: Message, from: number): void {
    const direction = from * SLOTS + Number(m.to) - 1;
    if (at > this.lastArrival) this.lastArrival = at;
    this.underWay[direction] = (this.underWay[direction] as number) + 1;
    this.post(at, m, from);
  }

  private carry(m: Message, direction: number, random: Stream, now: number): void {
    this.carryOn(now + this.delay(m, direction, random, now), m, Math.floor(direction / SLOTS));
  }

  /** Notes that a message has come to the end of its way. */
  arrived(from: number, to: number): void {
    const direction = from * SLOTS + to;
    this.underWay[direction] = (this.underWay[direction] as number) - 1;
  }

  private delay(m: Message, direction: number, random: Stream, now: number): number {
    const { minDelay, maxDelay, ordered, late, lateDelay, lateAnswers } = this.weather;
    if (isResponseMessage(m.type) && random.chance(lateAnswers)) return 200 + random.int(1 + random.int(2001));
    if (random.chance(late)) return random.between(maxDelay, Math.max(maxDelay, lateDelay));
    const delay = random.between(minDelay, maxDelay);
    if (!ordered) return delay;
    const at = Math.max(now + delay, (this.arrivals[direction] as number) + 1);
    this.arrivals[direction] = at;
    return at - now;
  }

  /** Mends all links. */
  heal(): void {
    this.cut.fill(0);
    this.isWhole = true;
  }

  /** Cuts the directions between the slots of [0, count) for which a function returns false, and opens all others. */
  connectWhere(count: number, isOpen: (from: number, to: number) => boolean): void {
    this.heal();
    this.isWhole = false;
    for (let from = 0; from < count; from++) {
      for (let to = 0; to < count; to++) if (!isOpen(from, to)) this.cut[from * SLOTS + to] = 1;
    }
  }

  /**
   * Cuts what the shape cuts between these slots. `choice` says which of the shapes of this kind it is.
   * @param first the slot in its first place; `choice` decides by default
   */
  connect(shape: Shape, choice: number, slots: readonly number[], first?: number): void {
    this.heal();
    const n = slots.length;
    if (n < 2) return;
    this.isWhole = false;
    const order = shuffled(slots, choice);
    if (first !== undefined && slots.includes(first)) order.unshift(...order.splice(order.indexOf(first), 1));
    const parts = 1 + (choice % (n - 1));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        if (i !== j && !isConnected({ shape, choice, n, parts, i, j })) {
          this.cut[(order[i] as number) * SLOTS + (order[j] as number)] = 1;
        }
      }
    }
  }
}

/** The slots in an order that follows from `choice`. */
function shuffled(slots: readonly number[], choice: number): number[] {
  const order = [...slots];
  const random = new Stream(choice);
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.int(i + 1);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

/** Does the member in place i reach the one in place j? */
function isConnected(at: {
  shape: Shape;
  choice: number;
  n: number;
  /** Where the second group begins. */
  parts: number;
  i: number;
  j: number;
}): boolean {
  const { shape, choice, n, parts, i, j } = at;
  const apart = Math.abs(i - j);
  switch (shape) {
    case 'split':
      return i < parts === j < parts;
    case 'bridge':
      return i === 0 || j === 0 || i < parts === j < parts;
    case 'ring':
      return apart === 1 || apart === n - 1;
    case 'chain':
      return apart === 1;
    case 'star':
      return i === 0 || j === 0;
    case 'isolated':
      return i !== 0 && j !== 0;
    case 'deaf':
      return j !== 0;
    case 'mute':
      return i !== 0;
    case 'one-way':
      return i !== 0 || j !== 1;
    case 'random':
      return (mix(choice, numberOf(i, j)) & 1) === 0;
  }
}
