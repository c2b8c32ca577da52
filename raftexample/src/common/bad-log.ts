import { ExitCode } from './exit-codes.js';
import { asCoded } from './raft-code.js';
import { CommandError, UsageError } from './usage.js';

/** Says why a log cannot be opened, as the user of a command needs to hear it. */
export function cannotOpen(dir: string, error: unknown): unknown {
  const { code, message } = asCoded(error) ?? {};
  switch (code) {
    case 'ERR_RAFT_WAL_LOCKED':
      return new UsageError(`the log in ${dir} is in use by another process`);
    case 'ERR_RAFT_WAL_IDENTITY':
      return new UsageError(`the log in ${dir} is not this member's: ${message}`);
    case 'ERR_RAFT_WAL_FOUNDERS':
      return new UsageError(`the log in ${dir}: ${message}`);
    case 'ERR_RAFT_WAL_LOCK_UNAVAILABLE':
      return new UsageError(`the log in ${dir} cannot be locked: ${message}`);
    default:
      return badLog(dir, error);
  }
}

/** A mistake in this program is no failure of the log: what carries no code of ours stays as it is. */
export function badLog(dir: string, error: unknown): unknown {
  const coded = asCoded(error);
  if (coded === undefined) return error;
  const { code, message, cause } = coded;
  // What the operating system refused is no damage, and the message says what to do.
  const refused = [code, (cause as { readonly code?: unknown } | undefined)?.code].includes('ERR_RAFT_WAL_IO');
  const advice = refused ? '' : `; see: npx --no -- raft-wal verify ${dir}`;
  return new CommandError(`the log in ${dir}: ${message} [${code}]${advice}`, ExitCode.BadLog);
}
