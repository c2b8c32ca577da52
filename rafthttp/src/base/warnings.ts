import type { LogBudget } from './log-budget.js';
import type { LogFields } from './logger.js';

/** Logs warnings that a peer or a stranger can provoke: the same one once a minute, and a limited number per cause. */
export class Warnings {
  private readonly log: LogBudget;
  private readonly isSettled: () => boolean;

  /** @param isSettled has the transport run for a while? */
  constructor(log: LogBudget, isSettled: () => boolean = () => true) {
    this.log = log;
    this.isSettled = isSettled;
  }

  /** @param message what happened, without anything that comes from outside, because it identifies the cause */
  warn(message: string, fields: LogFields): void {
    this.log.warnOnce(message, fields);
  }

  /** As `warn`, for what is also part of a healthy start: it is a warning only if it lasts. */
  warnIfSettled(message: string, fields: LogFields): void {
    if (this.isSettled()) this.log.warnOnce(message, fields);
    else this.log.infoOnce(message, fields);
  }
}
