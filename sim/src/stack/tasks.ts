import type { StateMachine } from '@raft-ts/replica';
import type { Broke } from './log-rules.js';
import type { StackMember } from './member.js';
import { Gone } from './process.js';
import type { StackTime } from './time.js';

/** A task that runs while its member leads. */
interface Running {
  readonly member: bigint;
  readonly signal: AbortSignal;
  /** Is its process frozen? Then it has not heard yet that it must end. */
  readonly isStill: () => boolean;
}

/** Tasks that members run while they lead: their fences grow, and no two of them run at the same time. */
export class Tasks {
  private readonly time: StackTime;
  private readonly broke: Broke;
  /** Do clocks run so much alike that leases hold? Fences are for when they do not. */
  private readonly exclusive: boolean;
  private readonly running = new Set<Running>();
  private readonly fences = new Set<number>();
  private highest = 0;

  constructor(time: StackTime, broke: Broke, exclusive: boolean) {
    this.time = time;
    this.broke = broke;
    this.exclusive = exclusive;
  }

  /** A member runs a task whenever it leads, for so long. */
  async run<Command, Result, Machine extends StateMachine<Command, Result>>(
    { id, process }: StackMember<Command, Result, Machine>,
    forMs: number,
  ): Promise<void> {
    const replica = process?.replica;
    if (process === undefined || replica === undefined) return;
    const end = new AbortController();
    process.at(this.time.now + forMs, () => end.abort());
    try {
      await process.guard(
        replica.whileLeading(
          async ({ fence, signal }) => {
            const running = { member: id, signal, isStill: () => process.isFrozen || process.isGone };
            this.begin(running, fence);
            await new Promise<void>((resolve) => {
              signal.addEventListener('abort', () => resolve(), { once: true });
              if (signal.aborted) resolve();
            });
            this.running.delete(running);
          },
          { signal: end.signal },
        ),
      );
    } catch (error) {
      const { code } = error as { readonly code?: string };
      if (!(error instanceof Gone) && code !== 'ERR_RAFT_REPLICA_STOPPED')
        this.broke(
          'no-failure',
          `A task of leaders ends in an error that is none of its own: ${String(error)}.`,
          error,
        );
    }
  }

  /** A run begins, with this fence. */
  begin(run: Running, fence: number): void {
    if (this.fences.has(fence))
      this.broke('fences-grow', `Member ${run.member} runs a task with fence ${fence}, which another run had.`);
    this.fences.add(fence);
    if (this.exclusive) {
      if (fence <= this.highest)
        this.broke(
          'fences-grow',
          `Member ${run.member} runs a task with fence ${fence} after one with ${this.highest}.`,
        );
      for (const other of this.running) {
        if (other.member !== run.member && !other.signal.aborted && !other.isStill())
          this.broke('one-task', `Members ${other.member} and ${run.member} run a task of leaders at the same time.`);
      }
    }
    this.highest = Math.max(this.highest, fence);
    this.running.add(run);
  }
}
