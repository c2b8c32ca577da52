/**
 * `run(signal)`, where the signal aborts when `stop` does or the time is over, but no later than `run` settles: what it
 * returns is not cut off afterwards.
 *
 * @throws what `run` throws, or an error that says `timeout` where that was the reason
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
