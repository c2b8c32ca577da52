/**
 * Returns what went wrong, for a log line or inside another error's text. Some errors have a code and no message, such
 * as that of a socket that tried several addresses; a value of another type that was thrown is shown as it is. No class
 * is asked for: in a test runner with a realm of its own, an error is no `instanceof Error`.
 */
export function describeError(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  const { message, code, name } = error as {
    readonly message: unknown;
    readonly code?: unknown;
    readonly name?: unknown;
  };
  return String(message === '' ? (code ?? name) : message);
}
