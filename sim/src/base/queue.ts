import type { Stream } from './random.js';

/** Events of one moment are told apart by this many random bits: their order is not that in which they were added. */
const TIE_BITS = 20;
const TIE = 2 ** TIE_BITS;

/**
 * The furthest moment, in milliseconds of virtual time: with the random bits a key is an exact number. About 99 days.
 */
const LAST_MOMENT: number = 2 ** (53 - TIE_BITS) - 1;

/**
 * What is going to happen, earliest first. Events of the same moment come in an order drawn from the stream, as nothing
 * orders them in a real cluster.
 */
export class EventQueue<E> {
  private readonly ties: Stream;
  // A binary heap: a key, and the event that belongs to it.
  private readonly keys: number[] = [];
  private readonly events: E[] = [];

  constructor(ties: Stream) {
    this.ties = ties;
  }

  get length(): number {
    return this.events.length;
  }

  /** The moment of the earliest event; infinite if there is none. */
  get next(): number {
    const key = this.keys[0];
    return key === undefined ? Number.POSITIVE_INFINITY : Math.floor(key / TIE);
  }

  /** Shows everything that is going to happen, in no order, each with the key by which `take` finds it. */
  forEach(show: (at: number, event: E, key: number) => void): void {
    const { keys, events } = this;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      show(Math.floor(key / TIE), events[i] as E, key);
    }
  }

  /** Removes and returns the event of this key; undefined if it is not here. */
  take(key: number): E | undefined {
    const { keys, events } = this;
    const found = keys.indexOf(key);
    if (found < 0) return undefined;
    const event = events[found] as E;
    const rest = keys.map((each, i) => [each, events[i] as E] as const);
    rest.splice(found, 1);
    keys.length = 0;
    events.length = 0;
    for (const [each, other] of rest) this.insert(each, other);
    return event;
  }

  /**
   * Adds an event.
   * @param at a whole number of milliseconds
   */
  push(at: number, event: E): void {
    this.insert(Math.min(at, LAST_MOMENT) * TIE + (this.ties.next() >>> (32 - TIE_BITS)), event);
  }

  private insert(key: number, event: E): void {
    const { keys, events } = this;
    let place = keys.length;
    keys.push(key);
    events.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = keys[parent] as number;
      if (above <= key) break;
      keys[place] = above;
      events[place] = events[parent] as E;
      place = parent;
    }
    keys[place] = key;
    events[place] = event;
  }

  /** Removes and returns the earliest event. */
  pop(): E | undefined {
    const { keys, events } = this;
    const first = events[0];
    const key = keys.pop();
    const last = events.pop();
    if (key === undefined || keys.length === 0) return last;
    const { length } = keys;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= length) break;
      if (child + 1 < length && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= key) break;
      keys[place] = keys[child] as number;
      events[place] = events[child] as E;
      place = child;
    }
    keys[place] = key;
    events[place] = last as E;
    return first;
  }
}
