/** What a log line carries beside its text. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/**
 * Where the transport reports what happens to its links. winston's logger fits. Transitions only, never per message.
 */
export interface TransportLogger {
  debug(message: string, fields: LogFields): unknown;
  info(message: string, fields: LogFields): unknown;
  warn(message: string, fields: LogFields): unknown;
  error(message: string, fields: LogFields): unknown;
}
