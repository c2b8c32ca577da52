/** What of the state machine is being waited for. */
export interface Waited {
  readonly what: 'apply' | 'restore';
  readonly index: number;
  /** Ticks that have passed meanwhile. */
  readonly ticks: number;
}

/**
 * Notices a promise of the state machine that does not settle: nothing is applied until it does, and nothing else would
 * say so. It counts ticks, so that asking the state machine costs no look at the clock.
 */
export class Patience {
  private readonly most: Readonly<Record<Waited['what'], number>>;
  private readonly onStuck: (waited: Waited) => void;
  private what: Waited['what'] = 'apply';
  private index = 0;
  private ticks = 0;

  /**
   * @param most after how many ticks each of them counts as stuck
   * @param onStuck called once for each promise that does
   */
  constructor(most: Readonly<Record<Waited['what'], number>>, onStuck: (waited: Waited) => void) {
    this.most = most;
    this.onStuck = onStuck;
  }

  /** The state machine is asked. */
  begin(what: Waited['what'], index: number): void {
    this.what = what;
    this.index = index;
    this.ticks = 0;
  }

  /** It has answered. */
  end(): void {
    this.index = 0;
  }

  tick(): void {
    if (this.index > 0 && ++this.ticks === this.most[this.what]) this.onStuck(this.waited);
  }

  /** What has taken too long, and goes on. */
  get stuck(): Waited | undefined {
    return this.index > 0 && this.ticks >= this.most[this.what] ? this.waited : undefined;
  }

  private get waited(): Waited {
    const { what, index, ticks } = this;
    return { what, index, ticks };
  }
}
