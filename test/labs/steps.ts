/** Something that goes on while time passes: it yields how many milliseconds of virtual time it waits for. */
export type Steps<T = void> = Generator<number, T, undefined>;

/** Steps that go on beside others, and what they returned once they have ended. */
export interface Task<T> {
  readonly steps: Steps<T>;
  wakes: number;
  ended: { readonly value: T } | undefined;
}

/** Waits until all of these have ended. Returns what they returned. */
export function* all<T>(tasks: readonly Task<T>[]): Steps<T[]> {
  while (tasks.some(({ ended }) => ended === undefined)) yield 10;
  return tasks.map(({ ended }) => (ended as { value: T }).value);
}

/** Runs steps side by side in virtual time: always those that wake first, and of those the ones that began first. */
export class Tasks {
  private tasks: Task<unknown>[] = [];
  private readonly clock: { readonly now: number; goTo(moment: number): void };

  constructor(clock: { readonly now: number; goTo(moment: number): void }) {
    this.clock = clock;
  }

  begin<T>(steps: Steps<T>): Task<T> {
    const task: Task<T> = { steps, wakes: this.clock.now, ended: undefined };
    this.tasks.push(task);
    return task;
  }

  /** Lets everything go on until these steps end. What else has not ended then never does. */
  run(steps: Steps): void {
    const main = this.begin(steps);
    while (main.ended === undefined) {
      const task = this.tasks.reduce((first, other) => (other.wakes < first.wakes ? other : first));
      this.clock.goTo(task.wakes);
      const { done, value } = task.steps.next();
      if (done !== true) {
        task.wakes = this.clock.now + Math.max(0, Math.round(value));
        continue;
      }
      task.ended = { value };
      this.tasks = this.tasks.filter((other) => other !== task);
    }
    this.tasks = [];
  }
}
