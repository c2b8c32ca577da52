import { untilStopped } from './common/until-stopped.js';
import { carryOut } from './common/usage.js';
import { parseMemberFlags } from './hello/flags.js';
import { runMember } from './hello/member.js';

/** A member that has not stopped after this time is ended. */
const STOP_MS = 900;

/** The `raftexample` command: one member, until `stopping` aborts. Resolves to the exit code. */
export async function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  // A member of hello starts without what only the store needs.
  if (argv[0] === 'kv') {
    const { kvMain } = await import('./kv/main.js');
    return kvMain(argv.slice(1), stopping);
  }
  if (argv[0] === 'restore') {
    const { restoreMain } = await import('./kv/restore.js');
    return restoreMain(argv.slice(1), stopping);
  }
  return carryOut('raftexample', parseMemberFlags(argv), (options) =>
    untilStopped(options, STOP_MS, stopping, (log) => runMember(options, stopping, log)),
  );
}
