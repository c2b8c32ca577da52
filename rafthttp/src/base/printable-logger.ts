import { printableLine, SHOWN_LENGTH } from '@raft-ts/proto';
import type { LogFields, TransportLogger } from './logger.js';

/**
 * A logger whose fields print and have a bounded length, whoever has worded them: they hold headers, paths and answers of
 * strangers, and the application's logger may lead to a terminal.
 */
export function printableLogger(logger: TransportLogger): TransportLogger {
  return {
    debug: (message, fields) => logger.debug(message, printable(fields)),
    info: (message, fields) => logger.info(message, printable(fields)),
    warn: (message, fields) => logger.warn(message, printable(fields)),
    error: (message, fields) => logger.error(message, printable(fields)),
  };
}

function printable(fields: LogFields): LogFields {
  const shown: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    shown[name] = typeof value === 'string' ? printableLine(value, SHOWN_LENGTH) : value;
  }
  return shown;
}
