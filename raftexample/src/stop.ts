import process from 'node:process';
import { isatty } from 'node:tty';

/** How often a process that npm started looks whether its parent still lives. */
const PARENT_CHECK_MS = 500;

/**
 * Aborts, with the reason as a text, once somebody wants this process to end: SIGINT, SIGTERM; SIGHUP, if the process
 * belongs to a terminal; the launcher
 * that started it is gone (its end of the channel closed, even by SIGKILL); or nobody reads its output any more, which
 * is how the end of a launcher without a channel shows (foreman, a pipe to `head`).
 *
 * npm hands SIGTERM to the shell that it starts scripts with, which dies of it and does not pass it on: a process that
 * npm started ends when its parent does.
 */
export function stopRequested(): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string): void => controller.abort(reason);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop(name));
  const ends = belongsToTerminal();
  process.on('SIGHUP', () => {
    if (ends) stop('SIGHUP');
  });
  process.stdout.on('error', () => stop('nobody reads the output'));
  process.stderr.on('error', () => stop('nobody reads the output'));
  process.once('disconnect', () => stop('the launcher is gone'));
  // Listening to `disconnect` makes the channel keep the process alive; it must not outlive its work for that.
  process.channel?.unref();
  if (process.env['npm_lifecycle_event'] !== undefined) {
    const parent = process.ppid;
    setInterval(() => process.ppid === parent || stop('npm is gone'), PARENT_CHECK_MS).unref();
  }
  return controller.signal;
}

/**
 * `nohup` makes a process ignore SIGHUP, which Node.js undoes when it starts, without a trace. But `nohup` also takes
 * every terminal out of the standard streams, so a process without one was either started with it or is a service, for
 * which SIGHUP does not mean that its user has left. The signal needs a handler even then: without one it would end the
 * process.
 */
function belongsToTerminal(): boolean {
  return [0, 1, 2].some((stream) => isatty(stream));
}
