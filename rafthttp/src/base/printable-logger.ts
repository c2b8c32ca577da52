import { printableLine, SHOWN_LENGTH } from '@raft-ts/proto';
import type { LogFields, TransportLogger } from './logger.js';

/**
 * A logger whose fields print and have a bounded length, whoever has worded them: they hold headers, paths and answers
 * of strangers, and the application's logger may lead to a terminal. What that throws ends nothing here: lines are
 * written in timers and loops, where nobody else would catch it.
 */
export function printableLogger(logger: TransportLogger): TransportLogger {
  const pass = (level: keyof TransportLogger) => (message: string, fields: LogFields) => {
    try {
      logger[level](message, printable(fields));
    } catch {
      // There is no one to tell.
    }
  };
  return { debug: pass('debug'), info: pass('info'), warn: pass('warn'), error: pass('error') };
}

function printable(fields: LogFields): LogFields {
  const shown: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    shown[name] = typeof value === 'string' ? printableLine(value, SHOWN_LENGTH) : value;
  }
  return shown;
}
