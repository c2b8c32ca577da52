import { untilStopped } from './common/until-stopped.js';
import { carryOut } from './common/usage.js';

/** A member that has not stopped after this time is ended. */
const STOP_MS = 900;

/** The `raftexample` command: one member, until `stopping` aborts. Resolves to the exit code. */
export async function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  // Each starts without what only the others need.
  if (argv[0] === 'ctl') {
    const { ctlMain } = await import('./ctl/main.js');
    return ctlMain(argv.slice(1), stopping);
  }
  if (argv[0] === 'kv') {
    const { kvMain } = await import('./kv/main.js');
    return kvMain(argv.slice(1), stopping);
  }
  if (argv[0] === 'restore') {
    const { restoreMain } = await import('./kv/restore.js');
    return restoreMain(argv.slice(1), stopping);
  }
  if (argv[0] === 'recover') {
    const { recoverMain } = await import('./kv/recover.js');
    return recoverMain(argv.slice(1), stopping);
  }
  const [{ parseMemberFlags }, { runMember }] = await Promise.all([
    import('./hello/flags.js'),
    import('./hello/member.js'),
  ]);
  return carryOut('raftexample', parseMemberFlags(argv), (options) =>
    untilStopped(options, STOP_MS, stopping, (log) => runMember(options, stopping, log)),
  );
}
