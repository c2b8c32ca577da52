import type { LogBudget } from './log-budget.js';
import type { LogFields } from './logger.js';

/** Gives warnings that a peer or a stranger can provoke: the same one once a minute, and only so many of one cause. */
export class Warnings {
  private readonly log: LogBudget;

  constructor(log: LogBudget) {
    this.log = log;
  }

  /** @param message what happened, without anything that comes from outside: it names the cause */
  warn(message: string, fields: LogFields): void {
    this.log.warnOnce(message, fields);
  }
}
