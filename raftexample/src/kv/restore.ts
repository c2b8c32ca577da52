import process from 'node:process';
import { ExitCode } from '../common/exit-codes.js';
import { parseId } from '../common/member-id.js';
import { hostOf } from '../common/peer-urls.js';
import { type Command, carryOut, needed, parseCommand, UsageError } from '../common/usage.js';
import { KEY_ENTRIES } from './machine/idempotency.js';
import { type Restored, type RestoreOptions, restoreFolder } from './member/restore.js';
import { newClusterFlags, readNewCluster, startOf } from './new-cluster.js';

const help = `Usage: raftexample restore FILE --id ID --url URL --cluster-id N --data DIR [--skip N] [--dry-run]

Begins a new cluster with a copy of the store, FILE, that GET /snapshot gave: makes the folder of its first member, and
ends. Start that member with the same --id, --cluster-id and --data, and every other one with --join-via.

  --id ID             the first member's number (default 1)
  --url URL           where the others will reach it: http://HOST:PORT
  --cluster-id N      the new cluster's number: another one than that of the cluster in FILE
  --data DIR          its folder, which must be empty or not there yet
  --skip N            leave out N indexes after that of FILE (default 0). With as many as were written after FILE
                      was, no client meets an index again that it knows from the cluster in FILE; with
                      ${KEY_ENTRIES} or more, all idempotency keys are forgotten
  --dry-run           read FILE to its end, say what would be done, and write nothing: checks a backup
  --help              print this text
  --version           print the version

Exit codes: 0 restored, or told; 1 stopped before it was; 2 bad flags, or FILE or the folder cannot be used; 4 the folder cannot be
written. Nothing is left in the folder unless it is 0.
`;

/** The command line of `raftexample restore`. Reads nothing but its argument. */
export function parseRestoreFlags(argv: readonly string[]): Command<RestoreOptions> {
  return parseCommand(
    argv,
    {
      flags: newClusterFlags,
      help,
      allowPositionals: true,
    },
    ({ values, positionals }) => {
      const [file, ...more] = positionals;
      if (file === undefined || more.length > 0) throw new UsageError('wants one FILE, that GET /snapshot gave');
      const url = needed('--url', values.url);
      hostOf('--url', url);
      return {
        file,
        id: parseId('--id', values.id ?? '1'),
        url,
        ...readNewCluster(values, 0),
      };
    },
  );
}

/** The `raftexample restore` command. Resolves to the exit code. */
export function restoreMain(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('raftexample restore', parseRestoreFlags(argv), async (options) => {
    const { data, file } = options;
    try {
      const restored = await restoreFolder(options, stopping);
      const { keys, index } = restored;
      if (options.dryRun) {
        const lines = [...describeCopy(restored, options), 'nothing was written, as --dry-run says'];
        process.stdout.write(`${lines.join('\n')}\n`);
        return ExitCode.Done;
      }
      process.stdout.write(
        `restored ${keys} keys from ${file} into ${data}, whose log begins at index ${index}. Start its member:\n` +
          `${startOf(options, options)}\n`,
      );
      return ExitCode.Done;
    } catch (error) {
      if (stopping.aborted) return ExitCode.Failed;
      throw error;
    }
  });
}

/** Says what a copy is of, and what it would come to. */
export function describeCopy(
  { keys, index, copy }: Restored,
  { id, url, clusterId, file }: RestoreOptions,
): readonly string[] {
  return [
    `${file} is whole: ${keys} keys of cluster ${copy.clusterId}, as of index ${copy.index} of term ${copy.term}`,
    `cluster ${clusterId} would have member ${id} alone, at ${url}; its log would begin at index ${index}`,
  ];
}
