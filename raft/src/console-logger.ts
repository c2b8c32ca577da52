import type { Logger } from './logger.js';

/**
 * The default logger: warnings and errors on the console, nothing else. A member that cannot do its work says so even
 * in a program that configures no logger; `silentLogger` silences it. The only file of the core that may use the
 * console.
 */
export const consoleLogger: Logger = {
  debugEnabled: false,
  debug() {},
  info() {},
  warn(message) {
    console.warn(`raft: ${message}`);
  },
  error(message) {
    console.error(`raft: ${message}`);
  },
};
