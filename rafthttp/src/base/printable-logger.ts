import { printableLine, SHOWN_LENGTH } from '@raft-ts/proto';
import type { LogFields, TransportLogger } from './logger.js';

/**
 * A logger that makes fields printable and bounds their length: they hold headers, paths and answers from strangers,
 * and the application's logger may write to a terminal. It also swallows what the application's logger throws: lines
 * are written in timers and loops, where nothing else would catch it.
 */
export function printableLogger(logger: TransportLogger): TransportLogger {
  const pass = (level: keyof TransportLogger) => (message: string, fields: LogFields) => {
    try {
      logger[level](message, printable(fields));
    } catch {
      // There is nowhere to report it.
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
