import { readFileSync } from 'node:fs';
import process from 'node:process';
import { isatty } from 'node:tty';

/** How often a process that npm started checks whether its parent is still alive. */
const PARENT_CHECK_MS = 500;

/**
 * Returns a signal that aborts, with the reason as a text, when this process should end: on SIGINT or SIGTERM; on
 * SIGHUP, if it belongs to a terminal; if the launcher that started it is gone (its end of the channel is closed, even
 * by SIGKILL); or if nobody reads its output any more, which is how the end of a launcher without a channel shows
 * (foreman, a pipe to `head`).
 *
 * npm passes SIGTERM to the shell that runs its scripts, which dies without passing it on; and if npm or npx is killed,
 * that shell stays. So a process that npm started ends when either is gone.
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
  // Listening to `disconnect` would make the channel keep the process alive.
  process.channel?.unref();
  if (process.env['npm_lifecycle_event'] !== undefined) {
    const isHere = watchNpm();
    setInterval(() => isHere() || stop('npm is gone'), PARENT_CHECK_MS).unref();
  }
  return controller.signal;
}

/** What is known of a process. */
interface Seen {
  readonly name: string;
  readonly parent: number;
}

/**
 * Reads about a process on Linux. It is `gone` on other systems too; `hidden` is what cannot be read, for want of files
 * or of rights.
 */
function lookAt(pid: number): Seen | 'gone' | 'hidden' {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '') ? 'gone' : 'hidden';
  }
  // `PID (NAME) STATE PARENT …`, and the name may contain spaces and parentheses.
  const end = text.lastIndexOf(')');
  return { name: text.slice(text.indexOf('(') + 1, end), parent: Number(text.slice(end + 2).split(' ')[1]) };
}

/** Is this process still there, and that of the same parent? Yes, as long as nothing says that it is not. */
function isStill({ pid, parent }: { readonly pid: number; readonly parent: number }): boolean {
  const found = lookAt(pid);
  return found === 'hidden' || (found !== 'gone' && found.parent === parent);
}

/**
 * Returns a function that tells whether npm, and every shell between it and this process, is still there: each must
 * still have the parent that it has now. If npm is not found, only the parent of this process is watched.
 */
function watchNpm(): () => boolean {
  const shells: { readonly pid: number; readonly parent: number }[] = [];
  const { ppid } = process;
  for (let pid = ppid, found = lookAt(pid); typeof found === 'object'; pid = found.parent, found = lookAt(pid)) {
    // npm sets a process name that starts with its own; otherwise the process is called node.
    if (/^(npm|npx|node)/.test(found.name)) {
      return () => process.ppid === ppid && shells.every(isStill);
    }
    shells.push({ pid, parent: found.parent });
  }
  return () => process.ppid === ppid;
}

/**
 * `nohup` makes a process ignore SIGHUP, which Node.js silently undoes at its start. But `nohup` also redirects the
 * standard streams away from the terminal, so a process without a terminal was either started with it or is a service,
 * for which SIGHUP does not mean that its user has left. The signal needs a handler even then: without one it would end
 * the process.
 */
function belongsToTerminal(): boolean {
  return [0, 1, 2].some((stream) => isatty(stream));
}
