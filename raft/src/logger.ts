/** Receives what a member reports, in etcd's words. Adapters to winston and others are outside the core. */
export interface Logger {
  /** If false, debug texts are not even composed. */
  readonly debugEnabled: boolean;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Discards everything: for programs and tests that want silence. */
export const silentLogger: Logger = {
  debugEnabled: false,
  debug() {},
  info() {},
  warn() {},
  error() {},
};
