import process from 'node:process';
import { ExitCode } from './common/exit-codes.js';
import { memberLog } from './common/log.js';
import { carryOut } from './common/usage.js';
import { type MemberOptions, parseMemberFlags } from './hello/flags.js';
import { runMember } from './hello/member.js';

/** A member that has not stopped after this time is ended. */
const STOP_MS = 900;

/** The `raftexample` command: one member, until `stopping` aborts. Resolves to the exit code. */
export async function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  if (argv[0] === 'kv') {
    // A member of hello starts without what only the store needs.
    const { kvMain } = await import('./kv/main.js');
    return kvMain(argv.slice(1), stopping);
  }
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
