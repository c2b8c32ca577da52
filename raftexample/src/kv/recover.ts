import process from 'node:process';
import { ExitCode } from '../common/exit-codes.js';
import { describeMembers } from '../common/log.js';
import { parseId } from '../common/member-id.js';
import { hostOf } from '../common/peer-urls.js';
import { type Command, carryOut, parseCommand, UsageError } from '../common/usage.js';
import { KEY_ENTRIES } from './machine/idempotency.js';
import { type RecoverOptions, type RecoveryPlan, recoverFolder } from './member/recover.js';
import { newClusterFlags, readNewCluster, startOf } from './new-cluster.js';

/**
 * More than a cluster writes while one of its members is thought to be up to date, and few enough that the keys of
 * writes which clients may send again are remembered.
 */
const SKIP = KEY_ENTRIES / 2;

const help = `Usage: raftexample recover FOLDER --cluster-id N --data DIR [options]

For a cluster that has lost the majority of its members for good: begins a new cluster with what one that survived holds
in FOLDER, says what is kept and what is forgotten, and ends. FOLDER stays as it is. Stop all survivors first, and run
this with --dry-run on each: take the one whose log ends with the highest term, among those with the highest index. Then
start that member with the new --cluster-id and --data, and every other one, with an empty folder, with --join-via.

  --cluster-id N      the new cluster's number: another one than the former
  --data DIR          the folder of its first member, which must be empty or not there yet
  --id ID             its first member's number (default: that of the survivor)
  --url URL           where the others will reach it (default: where they reached the survivor)
  --skip N            leave out N indexes after those in FOLDER (default ${SKIP}). With as many as the lost members may
                      have written after that, no client meets an index again that it knows from them; with
                      ${KEY_ENTRIES} or more, all idempotency keys are forgotten
  --committed-only    forget the entries of which the survivor does not know that they were committed, although they
                      may have been acknowledged
  --dry-run           say what would be done, and write nothing
  --help              print this text
  --version           print the version

Exit codes: 0 recovered, or told; 1 stopped before it was; 2 bad flags, the survivor runs, or a folder cannot be used;
4 the survivor's log is damaged, or the new folder cannot be written. Nothing is left in DIR unless it is 0.
`;

/** The command line of `raftexample recover`. Reads nothing but its argument. */
export function parseRecoverFlags(argv: readonly string[]): Command<RecoverOptions> {
  return parseCommand(
    argv,
    {
      flags: {
        ...newClusterFlags,
        'committed-only': { type: 'boolean' },
      },
      help,
      allowPositionals: true,
    },
    ({ values, positionals }) => {
      const [survivor, ...more] = positionals;
      if (survivor === undefined || survivor === '' || more.length > 0)
        throw new UsageError('wants one FOLDER, that of a member which survived');
      if (values.url !== undefined) hostOf('--url', values.url);
      return {
        survivor,
        id: values.id === undefined ? undefined : parseId('--id', values.id),
        url: values.url,
        ...readNewCluster(values, SKIP),
        committedOnly: values['committed-only'] ?? false,
      };
    },
  );
}

/** The `raftexample recover` command. Resolves to the exit code. */
export function recoverMain(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('raftexample recover', parseRecoverFlags(argv), async (options) => {
    const say = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`);
    try {
      const { id, url } = await recoverFolder(options, { stopping, tell: (plan) => say(describePlan(plan, options)) });
      if (options.dryRun) say(['nothing was written, as --dry-run says']);
      else {
        say([
          `recovered into ${options.data}. Keep ${options.survivor} until the new cluster is what you want. Start its member:`,
          startOf({ id, url }, options),
        ]);
      }
      return ExitCode.Done;
    } catch (error) {
      if (stopping.aborted) return ExitCode.Failed;
      throw error;
    }
  });
}

/** Says what is kept of a survivor, and what is forgotten. */
export function describePlan(plan: RecoveryPlan, { survivor, clusterId }: RecoverOptions): readonly string[] {
  const { last, commit, kept, dropped, begins } = plan;
  const others = dropped.length === 0 ? 'it was alone' : `the others were ${describeMembers(dropped)}`;
  return [
    `${survivor} is of member ${plan.survivor} of cluster ${plan.formerClusterId}; ${others}`,
    `its log ends at index ${last.index} of term ${last.term}, and it knew that all up to ${commit} was committed`,
    ...(last.index > commit ? [describeRest(plan)] : []),
    ...(plan.torn ? ['the last write was unfinished, and never acknowledged: it is left out'] : []),
    ...(dropped.length > 0
      ? [
          `forgotten: whatever ${describeMembers(dropped)} acknowledged after index ${kept}; nobody can tell from here what that is`,
        ]
      : []),
    ...plan.skipped,
    ...(plan.moreSkipped > 0 ? [`so were ${plan.moreSkipped} more`] : []),
    describeKept(plan),
    `cluster ${clusterId} has member ${plan.id} alone, at ${plan.url}; its log begins at index ${begins.index} of term ${begins.term}`,
    ...(dropped.length > 0
      ? [
          `dropped: ${describeMembers(dropped)}. Their folders are of cluster ${plan.formerClusterId}, and are refused from now on`,
        ]
      : []),
  ];
}

/** An idempotency key is forgotten so many indexes after its write, whether there are entries at them or not. */
function describeKept({ keys, kept, begins }: RecoveryPlan): string {
  return begins.index + 1 - kept < KEY_ENTRIES
    ? `kept: ${keys} keys, leases, locks and idempotency keys, as of index ${kept}`
    : `kept: ${keys} keys, leases and locks, as of index ${kept}, and no idempotency keys, since --skip leaves out as many indexes as they are remembered for`;
}

function describeRest({ last, commit, kept }: RecoveryPlan): string {
  const rest = commit + 1 === last.index ? `entry ${last.index}` : `entries ${commit + 1} to ${last.index}`;
  return kept < last.index
    ? `forgotten: ${rest}, as --committed-only says, although the cluster may have acknowledged them`
    : `kept: ${rest} too, since the cluster may have acknowledged them`;
}
