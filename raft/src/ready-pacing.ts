/** A Ready waits for inputs that keep coming within one turn, for this many rounds of them at most. */
export const MAX_DEFERRALS = 256;

// Reactions to it are microtasks, and cost a third of what queueMicrotask does in Node.js.
const settled = Promise.resolve();

/**
 * Decides when a Ready is built: once what is running now has finished and the callers that this wakes have had their
 * say, so that inputs of the same turn share it. Callers that await each proposal before the next one come one by one,
 * so it waits for as long as each round of microtasks brings another input.
 */
export class ReadyPacing {
  private readonly deliver: () => void;
  private isPlanned = false;
  /** Inputs so far, how many of them the last round saw, and how many rounds there were. */
  private inputs = 0;
  private inputsSeen = 0;
  private rounds = 0;

  constructor(deliver: () => void) {
    this.deliver = deliver;
  }

  /** An input begins. */
  input(): void {
    this.inputs++;
  }

  /** Plans a delivery, unless one is planned. */
  plan(): void {
    if (this.isPlanned) return;
    this.isPlanned = true;
    this.inputsSeen = this.inputs;
    this.rounds = 0;
    // The first round comes before anybody awakes, the second one after.
    void settled.then(this.nextRound);
  }

  private readonly nextRound = (): void => {
    void settled.then(this.round);
  };

  private readonly round = (): void => {
    if (this.inputs === this.inputsSeen || ++this.rounds > MAX_DEFERRALS) {
      this.isPlanned = false;
      this.deliver();
      return;
    }
    this.inputsSeen = this.inputs;
    void settled.then(this.round);
  };
}
