/** The fields of a log line besides its text. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/**
 * Receives what the transport reports about its links: changes of state, not single messages. winston's logger fits.
 */
export interface TransportLogger {
  /** Logs what somebody who looks for a defect wants to know. */
  debug(message: string, fields: LogFields): unknown;
  /** Logs what happens in the life of a healthy member. */
  info(message: string, fields: LogFields): unknown;
  /** Logs what somebody should look at; the member goes on. */
  warn(message: string, fields: LogFields): unknown;
  /** Logs what was lost, or what ends the member. */
  error(message: string, fields: LogFields): unknown;
}
