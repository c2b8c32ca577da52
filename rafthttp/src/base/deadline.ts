/**
 * Calls `run` with a signal that aborts when `stop` does or the time is up, but never after `run` has settled: what it
 * returns is not cut off.
 *
 * @throws what `run` throws, or an error that says `timeout` if the time was up
 */
export async function withDeadline<T>(
  stop: AbortSignal,
  timeoutMs: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    abort();
  }, timeoutMs);
  stop.addEventListener('abort', abort);
  if (stop.aborted) abort();
  try {
    return await run(controller.signal);
  } catch (error) {
    throw expired ? new Error('timeout', { cause: error }) : error;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', abort);
  }
}
