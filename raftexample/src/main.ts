import process from 'node:process';
import { ExitCode } from './exit-codes.js';
import { type MemberOptions, parseMemberFlags } from './flags.js';
import { memberLog } from './log.js';
import { runMember } from './member.js';
import { carryOut } from './usage.js';

/** A member that has not stopped after this time is ended. */
const STOP_MS = 900;

/** Runs the `raftexample` command: one member, until `stopping` aborts. Resolves to the exit code. */
export function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('raftexample', parseMemberFlags(argv), (options) => run(options, stopping));
}

async function run(options: MemberOptions, stopping: AbortSignal): Promise<number> {
  if (stopping.aborted) return ExitCode.Done;
  const log = memberLog(options.id, options.verbose);
  stopping.addEventListener('abort', () => {
    log.info(`stopping: ${String(stopping.reason)}`);
    setTimeout(() => {
      log.error(`not stopped after ${STOP_MS} ms`);
      process.exit(ExitCode.Failed);
    }, STOP_MS).unref();
  });
  return runMember(options, stopping, log);
}
