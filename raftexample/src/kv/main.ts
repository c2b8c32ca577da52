import process from 'node:process';
import { ExitCode } from '../common/exit-codes.js';
import { memberLog } from '../common/log.js';
import { carryOut } from '../common/usage.js';
import { parseKvFlags } from './flags.js';
import { runKvMember } from './member/kv-member.js';
import type { KvOptions } from './member/options.js';

/** A member that has not stopped by then is ended: it hands leadership over first, and lets running requests end. */
const STOP_MS = 5000;

/** The `raftexample kv` command: one member of the store, until `stopping` aborts. Resolves to the exit code. */
export function kvMain(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('raftexample kv', parseKvFlags(argv), (options) => run(options, stopping));
}

async function run(options: KvOptions, stopping: AbortSignal): Promise<number> {
  if (stopping.aborted) return ExitCode.Done;
  const log = memberLog(options.id, options.verbose);
  stopping.addEventListener('abort', () => {
    log.info(`stopping: ${String(stopping.reason)}`);
    setTimeout(() => {
      log.error(`not stopped after ${STOP_MS} ms`);
      process.exit(ExitCode.Failed);
    }, STOP_MS).unref();
  });
  return runKvMember(options, stopping, log);
}
