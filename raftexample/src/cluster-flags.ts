import { localPeers, type Peer, parsePeers } from './peers.js';
import { asCommand, type Command, packageVersion, parseFlags, parseWhole, UsageError } from './usage.js';

/** What the launcher needs to know. */
export interface ClusterOptions {
  /** The members to start, in ascending order of ids. */
  readonly peers: readonly Peer[];
  /** The folder with the members' folders; `undefined`: their logs are in memory. */
  readonly data: string | undefined;
  /** Flags that every member gets besides. */
  readonly memberFlags: readonly string[];
}

const help = `Usage: npm start -- [options] [-- FLAGS FOR EVERY MEMBER]

Runs a Raft cluster: one process per member, their output in this terminal. Ctrl-C stops all of them.

  --members N   start members 1 to N, 1 to 9, at 127.0.0.1:22210, 22220, … (default 3)
  --peers LIST  start these members instead: 1=http://HOST:PORT,2=http://HOST:PORT,…
  --data DIR    keep the log of member N in DIR/member-N (default data; with --members M other than 3, data-M)
  --memory      keep the logs in memory
  --insecure    let members listen where other machines reach them, without TLS: see raftexample --help
  --help        print this text
  --version     print the version

FLAGS FOR EVERY MEMBER are those of raftexample, for example: npm start -- -- --tick 20
`;

/** The command line of the launcher. Reads nothing but its argument. */
export function parseClusterFlags(argv: readonly string[]): Command<ClusterOptions> {
  return asCommand(() => {
    const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
    const { values } = parseFlags({
      args: argv.slice(0, end),
      options: {
        members: { type: 'string' },
        peers: { type: 'string' },
        data: { type: 'string' },
        memory: { type: 'boolean' },
        insecure: { type: 'boolean' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    });
    if (values.help === true) return { kind: 'print', text: help };
    if (values.version === true) return { kind: 'print', text: `${packageVersion()}\n` };
    if (values.members !== undefined && values.peers !== undefined) {
      throw new UsageError('--members and --peers exclude each other');
    }
    if (values.data === '') throw new UsageError("--data wants a folder, not ''");
    if (values.data !== undefined && values.memory === true) {
      throw new UsageError('--data and --memory exclude each other');
    }
    const count = parseWhole('--members', values.members ?? '3', 1, 9);
    const data = values.memory === true ? undefined : (values.data ?? defaultFolder(count));
    const peers = values.peers === undefined ? localPeers(count) : parsePeers(values.peers);
    const memberFlags = [...(values.insecure === true ? ['--insecure'] : []), ...argv.slice(end + 1)];
    return { kind: 'run', options: { peers, data, memberFlags } };
  });
}

/**
 * Three members that are joined by two others are not a cluster of five: each size has folders of its own. Those of
 * three are where a member that is started alone looks for its log.
 */
function defaultFolder(count: number): string {
  return count === 3 ? 'data' : `data-${count}`;
}
