import process from 'node:process';
import type { NodeId } from '@raft-ts/raft';
import type { Logger } from 'winston';
import { ExitCode } from './exit-codes.js';
import { memberLog } from './log.js';

interface Running {
  readonly id: NodeId;
  readonly verbose: boolean;
}

/** Runs a member with a log of its own until `stopping` aborts. One that has not stopped `stopMs` later is ended. */
export async function untilStopped(
  { id, verbose }: Running,
  stopMs: number,
  stopping: AbortSignal,
  run: (log: Logger) => Promise<number>,
): Promise<number> {
  if (stopping.aborted) return ExitCode.Done;
  const log = memberLog(id, verbose);
  stopping.addEventListener('abort', () => {
    log.info(`stopping: ${String(stopping.reason)}`);
    setTimeout(() => {
      log.error(`not stopped after ${stopMs} ms`);
      process.exit(ExitCode.Failed);
    }, stopMs).unref();
  });
  return run(log);
}
