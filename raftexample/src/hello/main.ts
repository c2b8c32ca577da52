import { untilStopped } from '../common/until-stopped.js';
import { carryOut } from '../common/usage.js';
import { parseMemberFlags } from './flags.js';

/** A member that has not stopped after this time is ended. */
const STOP_MS = 900;

/** The `raftexample --id N` command: a member of the hello cluster. Resolves to the exit code. */
export function helloMain(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('raftexample', parseMemberFlags(argv), (options) =>
    untilStopped(options, STOP_MS, stopping, async (log) => {
      // Only a member needs what it is made of: help, and what is wrong with the flags, is told at once.
      const { runMember } = await import('./member.js');
      return runMember(options, stopping, log);
    }),
  );
}
