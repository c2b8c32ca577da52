/** Receives what a member reports, in etcd's words. Adapters to winston and others are outside the core. */
export interface Logger {
  /** If false, debug texts are not even composed. */
  readonly debugEnabled: boolean;
  /** Logs what somebody who looks for a defect wants to know. */
  debug(message: string): void;
  /** Logs what happens in the life of a healthy member. */
  info(message: string): void;
  /** Logs what somebody should look at; the member goes on. */
  warn(message: string): void;
  /** Logs what was lost, or what ends the member. */
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
