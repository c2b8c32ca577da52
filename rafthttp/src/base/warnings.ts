import type { LogBudget } from './log-budget.js';
import type { LogFields } from './logger.js';

/** Logs warnings that a peer or a stranger can provoke: the same one once a minute, and a limited number per cause. */
export class Warnings {
  private readonly log: LogBudget;

  constructor(log: LogBudget) {
    this.log = log;
  }

  /** @param message what happened, without anything that comes from outside, because it identifies the cause */
  warn(message: string, fields: LogFields): void {
    this.log.warnOnce(message, fields);
  }
}
