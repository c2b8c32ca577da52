import { formatPeers, localPeers, type Peer, parsePeers } from '../common/peers.js';
import { type Command, parseCommand, parseFolder, parseWhole, UsageError } from '../common/usage.js';
import { pageFlag, pageHelp } from '../page/page-flag.js';
import { parseMemberFlags, sharedFlags } from './flags.js';

/** What the launcher needs to know. */
export interface ClusterOptions {
  /** The members to start, in ascending order of ids. */
  readonly peers: readonly Peer[];
  /** The folder that contains the members' folders; `undefined`: their logs are in memory. */
  readonly data: string | undefined;
  readonly page: boolean;
  /** Additional flags for every member. */
  readonly memberFlags: readonly string[];
}

const help = `Usage: npm start -- [options] [flags for every member]

Runs a Raft cluster: one process per member, their output in this terminal. Ctrl-C stops all of them.

  --members N   start members 1 to N, 1 to 9, at 127.0.0.1:22210, 22220, … (default 3)
  --peers LIST  start these members instead: 1=http://HOST:PORT,2=http://HOST:PORT,…
  --data DIR    keep the log of member N in DIR/member-N (default data; with --members M other than 3, data-M)
  --memory      keep the logs in memory
${pageHelp}
  --help        print this text
  --version     print the version

Flags for every member: --insecure, --tick, --snapshot-every, --prevote, --checkquorum, --hello-after,
--hello-every and --verbose, as raftexample --help explains them; for example: npm start -- --tick 20
`;

/** Parses the command line of the launcher. Reads nothing but its argument. */
export function parseClusterFlags(argv: readonly string[]): Command<ClusterOptions> {
  return parseCommand(
    argv,
    {
      flags: {
        members: { type: 'string' },
        peers: { type: 'string' },
        data: { type: 'string' },
        memory: { type: 'boolean' },
        ...pageFlag,
        ...sharedFlags,
      },
      help,
    },
    ({ values }) => {
      if (values.members !== undefined && values.peers !== undefined) {
        throw new UsageError('--members and --peers exclude each other');
      }
      const count = parseWhole('--members', values.members ?? '3', 1, 9);
      const data = parseFolder(values, defaultFolder(count));
      const peers = values.peers === undefined ? localPeers(count) : parsePeers(values.peers);
      if (values.page === true && peers.some(({ id }, i) => id !== BigInt(i + 1) || i >= 9)) {
        throw new UsageError('--page shows members 1 to N, at most 9: --peers names others');
      }
      const memberFlags = formatShared(values);
      const first = peers[0] as Peer;
      // One error now is better than one from each member.
      const member = parseMemberFlags(['--id', String(first.id), '--peers', formatPeers(peers), ...memberFlags]);
      if (member.kind === 'refuse') throw new UsageError(member.reason);
      return { peers, data, page: values.page ?? false, memberFlags };
    },
  );
}

/** Formats the flags that are for the members, for their command lines. */
function formatShared(
  values: { readonly [Flag in keyof typeof sharedFlags]?: string | boolean | undefined },
): string[] {
  const names = Object.keys(sharedFlags) as (keyof typeof sharedFlags)[];
  return names.flatMap((name) => {
    const value = values[name];
    if (value === undefined) return [];
    return [value === true ? `--${name}` : `--${name}=${value}`];
  });
}

/**
 * Three members and two more that start later are not a cluster of five, so each size has folders of its own. For three
 * they are where a member that is started alone looks for its log.
 */
function defaultFolder(count: number): string {
  return count === 3 ? 'data' : `data-${count}`;
}
