/** A Ready waits for inputs that keep coming within one turn, but at most for this many rounds. */
export const MAX_DEFERRALS = 256;

// Its reactions are microtasks at a third of the cost of queueMicrotask in Node.js.
const settled = Promise.resolve();

/**
 * Decides when a Ready is built: once the running code has finished and the callers that it wakes have run too, so that
 * inputs of the same turn share a Ready. Callers that await each proposal before the next one come one by one, so it
 * waits as long as each round of microtasks brings another input.
 */
export class ReadyPacing {
  private readonly deliver: () => void;
  private isPlanned = false;
  /** Inputs so far, those that the last round saw, and the number of rounds. */
  private inputs = 0;
  private inputsSeen = 0;
  private rounds = 0;

  constructor(deliver: () => void) {
    this.deliver = deliver;
  }

  /** Notes that an input begins. */
  input(): void {
    this.inputs++;
  }

  /** Plans a delivery, unless one is planned. */
  plan(): void {
    if (this.isPlanned) return;
    this.isPlanned = true;
    this.inputsSeen = this.inputs;
    this.rounds = 0;
    // The first round comes before any caller wakes, the second one after.
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
