/** The fields of a log line besides its text. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/**
 * Receives what the transport reports about its links: changes of state, not single messages. winston's logger fits.
 */
export interface TransportLogger {
  debug(message: string, fields: LogFields): unknown;
  info(message: string, fields: LogFields): unknown;
  warn(message: string, fields: LogFields): unknown;
  error(message: string, fields: LogFields): unknown;
}
