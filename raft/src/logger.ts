/**
 * Where a member says what it does, in etcd's sentences. Adapters to winston and others live outside the core.
 */
export interface Logger {
  /** When false, debug sentences are not even composed. */
  readonly debugEnabled: boolean;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Says nothing: for programs, and tests, that want silence. */
export const silentLogger: Logger = {
  debugEnabled: false,
  debug() {},
  info() {},
  warn() {},
  error() {},
};
