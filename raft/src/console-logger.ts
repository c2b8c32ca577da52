import type { Logger } from './logger.js';

/**
 * The default logger: warnings and errors on the console, nothing else. A member that cannot do its work says so even
 * to a program that never thought of a logger; `silentLogger` asks for silence. The only file of the core that may name
 * the console.
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
