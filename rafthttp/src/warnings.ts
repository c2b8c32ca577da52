import type { LogFields, TransportLogger } from './options.js';

/** Different warnings that are remembered as given. */
const CAPACITY = 256;

/** Gives each warning once, however often a peer provokes it; the repetitions are for who debugs. */
export class Warnings {
  private readonly logger: TransportLogger;
  private readonly given = new Set<string>();

  constructor(logger: TransportLogger) {
    this.logger = logger;
  }

  warn(message: string, fields: LogFields): void {
    const key = JSON.stringify([message, fields]);
    if (this.given.has(key) || this.given.size >= CAPACITY) {
      this.logger.debug(message, fields);
      return;
    }
    this.given.add(key);
    this.logger.warn(message, fields);
  }
}
