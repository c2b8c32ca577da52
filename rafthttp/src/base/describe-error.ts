/**
 * What went wrong, on one line. Errors of sockets that tried several addresses have a code but no text. An error of Node's is no
 * `instanceof Error` in a test runner that has a realm of its own, so it is told by what it holds.
 */
export function describeError(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  const { message, code, name } = error as NodeJS.ErrnoException;
  return message === '' ? (code ?? name) : message;
}
