import { untilStopped } from '../common/until-stopped.js';
import { carryOut } from '../common/usage.js';
import { parseKvFlags } from './flags.js';
import { stopLimitMs } from './member/options.js';

/** The `raftexample kv` command: one member of the store, until `stopping` aborts. Resolves to the exit code. */
export function kvMain(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('raftexample kv', parseKvFlags(argv), (options) =>
    untilStopped(options, stopLimitMs(options), stopping, async (log) => {
      // As in `helloMain`.
      const { runKvMember } = await import('./member/kv-member.js');
      return runKvMember(options, stopping, log);
    }),
  );
}
