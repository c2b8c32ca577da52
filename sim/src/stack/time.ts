import type { RunHash } from '../base/hash.js';
import { EventQueue } from '../base/queue.js';
import type { Stream } from '../base/random.js';
import { hostTurn } from '../base/turn.js';

/** Something that happens at a moment. */
export interface StackEvent {
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * Virtual time: one queue of everything that is going to happen. Between two events the host's event loop turns once,
 * so that whatever promises lead to is done, and a run depends on nothing but its seed.
 */
export class StackTime {
  now = 0;
  /** Number of events so far. */
  events = 0;
  private readonly queue: EventQueue<StackEvent>;
  private readonly hash: RunHash;

  constructor(ties: Stream, hash: RunHash) {
    this.queue = new EventQueue(ties);
    this.hash = hash;
  }

  /** @param at a whole number of milliseconds */
  post(at: number, run: () => void): StackEvent {
    const event = { run, cancelled: false };
    this.queue.push(at, event);
    return event;
  }

  /** Resolves after so many milliseconds. For whoever is outside the cluster. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.post(this.now + ms, resolve);
    });
  }

  /** Lets the next event happen. Returns false if there is none until this moment. */
  async step(until: number): Promise<boolean> {
    let event: StackEvent;
    do {
      const at = this.queue.next;
      if (at > until) {
        this.now = until;
        return false;
      }
      this.now = at;
      event = this.queue.pop() as StackEvent;
    } while (event.cancelled);
    this.events++;
    this.hash.number(this.now);
    event.run();
    await hostTurn();
    return true;
  }
}
