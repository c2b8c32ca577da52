import { readFileSync } from 'node:fs';
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
 * npm hands SIGTERM to the shell that it starts scripts with, which dies of it and does not pass it on; and if npm or
 * npx is killed, that shell stays. So a process that npm started ends when either is gone.
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
    const isHere = watchNpm();
    setInterval(() => isHere() || stop('npm is gone'), PARENT_CHECK_MS).unref();
  }
  return controller.signal;
}

/** A process, as Linux describes it; undefined for one that is gone, and on other systems. */
function lookAt(pid: number): { readonly name: string; readonly parent: number } | undefined {
  try {
    // `PID (NAME) STATE PARENT …`, and the name may contain spaces and parentheses.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const end = text.lastIndexOf(')');
    return { name: text.slice(text.indexOf('(') + 1, end), parent: Number(text.slice(end + 2).split(' ')[1]) };
  } catch {
    return undefined;
  }
}

/**
 * Tells whether npm, and every shell between it and this process, is still there: each of them still has the parent
 * that it has now. If npm is not found among them, only the parent of this process is watched.
 */
function watchNpm(): () => boolean {
  const shells: { readonly pid: number; readonly parent: number }[] = [];
  const { ppid } = process;
  for (let pid = ppid, found = lookAt(pid); found !== undefined; pid = found.parent, found = lookAt(pid)) {
    // npm gives itself a name that begins so; without one it has that of the program that runs it.
    if (/^(npm|npx|node)/.test(found.name)) {
      return () => process.ppid === ppid && shells.every((shell) => lookAt(shell.pid)?.parent === shell.parent);
    }
    shells.push({ pid, parent: found.parent });
  }
  return () => process.ppid === ppid;
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
