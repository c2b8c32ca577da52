import { untilStopped } from '../common/until-stopped.js';
import { carryOut } from '../common/usage.js';
import { parseKvFlags } from './flags.js';
import { runKvMember } from './member/kv-member.js';

/** A member that has not stopped by then is ended: it hands leadership over first, and lets running requests end. */
const STOP_MS = 5000;

/** The `raftexample kv` command: one member of the store, until `stopping` aborts. Resolves to the exit code. */
export function kvMain(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('raftexample kv', parseKvFlags(argv), (options) =>
    untilStopped(options, STOP_MS, stopping, (log) => runKvMember(options, stopping, log)),
  );
}
