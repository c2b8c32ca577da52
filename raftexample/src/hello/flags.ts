import { join } from 'node:path';
import type { NodeId } from '@raft-ts/raft';
import type { TlsOptions } from '@raft-ts/rafthttp';
import { parseId } from '../common/member-id.js';
import { parseUrls } from '../common/peer-urls.js';
import { type Address, localPeers, type Peer, parseAddress, parsePeers, schemeOf } from '../common/peers.js';
import { checkScheme, parsePeerTls, peerTlsFlags, peerTlsHelp } from '../common/tls-flags.js';
import { type Command, parseCommand, parseFolder, parseWhole, UsageError } from '../common/usage.js';

/** When a member proposes hello, in milliseconds. */
export interface HelloPlan {
  /** From the start to the first proposal. */
  readonly afterMs: number;
  /** From one proposal to the next. */
  readonly everyMs: number;
}

/** What one member needs to know. */
export interface MemberOptions {
  readonly id: NodeId;
  /** All members in ascending order of ids, this one among them. */
  readonly peers: readonly Peer[];
  readonly listen: Address;
  /** Where to dial a member, if not at its address. */
  readonly dial: ReadonlyMap<NodeId, string>;
  /** The members' certificates; `undefined`: they speak plain HTTP. */
  readonly tls: TlsOptions | undefined;
  /** Listen where other machines can reach it, although whoever connects proves nothing. */
  readonly insecure: boolean;
  /** Milliseconds from one tick to the next. */
  readonly tickMs: number;
  /** `undefined` if this member proposes nothing. */
  readonly hello: HelloPlan | undefined;
  /** The folder of its log; `undefined`: in memory. */
  readonly data: string | undefined;
  /** Entries from one snapshot to the next. */
  readonly snapshotEvery: number;
  /** Before an election, ask whether it can be won. */
  readonly preVote: boolean;
  /** As leader, step down if no majority answers; as follower, refuse votes while a leader is heard from. */
  readonly checkQuorum: boolean;
  /** Print in detail what raft and the transport do. */
  readonly verbose: boolean;
}

const help = `Usage: raftexample --id ID [options]

Runs one member of a Raft cluster and prints every entry that the cluster commits.
Start members 1, 2 and 3 in three terminals; member 1 proposes "hello" every second.

The replicated key-value store has commands of its own, each with a --help: raftexample kv (a member), raftexample ctl
(reads, writes, and changes of the cluster), raftexample restore and raftexample recover.

  --id ID             this member's number
  --peers LIST        all members: 1=http://HOST:PORT,2=http://HOST:PORT,…
                      (default: members 1, 2 and 3 at 127.0.0.1:22210, 22220 and 22230)
  --listen HOST:PORT  where to listen (default: this member's address among the peers)
  --dial ID=URL       dial member ID there, whatever its address: for proxies. May be repeated
  --insecure          listen where other machines reach it although members show no certificates: whoever
                      reaches the port can erase committed entries and stop the cluster for good
  --tick MS           milliseconds per tick; ten without a leader start an election (default 100)
  --data DIR          the folder of its log (default: data/member-ID here)
  --memory            keep the log in memory instead: see below
  --snapshot-every N  after so many entries take a snapshot and drop old entries (default 10000)
  --prevote=false     start an election without asking whether it can be won: a member that comes back
                      then makes the others elect again
  --checkquorum=false a leader that reaches no majority stays leader, and nobody refuses to vote
                      while it hears a leader
  --hello-after MS    propose hello, first after this many milliseconds
                      (default: member 1 after 5000, the others never)
  --hello-every MS    then every so many milliseconds (default 1000)
  --verbose           print in more detail what raft and the transport do
  --help              print this text
  --version           print the version

TLS between members; files that change take effect with the next connection:
${peerTlsHelp}
A member that is started again goes on with its log, and catches up. One that lost its log
(its folder was emptied, or it ran with --memory) must not come back while the others live:
it could vote twice. They refuse it, and it ends with exit code 3. So does one that names other
founders: a cluster stays that of the members that --peers named at its first start. A copy of
a member that runs ends with exit code 5.

Exit codes: 0 stopped by SIGINT or SIGTERM (by SIGHUP if it has a terminal); 2 bad flags, or the
port or the folder cannot be used; 3 refused: it lost its log, was removed, or belongs to another
cluster; 4 the log is damaged or cannot be written; 5 another process with this log is at this
member's address.
`;

/** The flags that may be the same for every member of a cluster: the launcher passes them on. */
export const sharedFlags = {
  insecure: { type: 'boolean' },
  tick: { type: 'string' },
  'snapshot-every': { type: 'string' },
  prevote: { type: 'string' },
  checkquorum: { type: 'string' },
  'hello-after': { type: 'string' },
  'hello-every': { type: 'string' },
  verbose: { type: 'boolean' },
} as const;

/** Parses the command line of `raftexample`. Reads nothing but its argument. */
export function parseMemberFlags(argv: readonly string[]): Command<MemberOptions> {
  return parseCommand(
    argv,
    {
      flags: {
        id: { type: 'string' },
        peers: { type: 'string' },
        listen: { type: 'string' },
        dial: { type: 'string', multiple: true },
        data: { type: 'string' },
        memory: { type: 'boolean' },
        ...peerTlsFlags,
        ...sharedFlags,
      },
      help,
    },
    ({ values }) => {
      if (values.id === undefined) throw new UsageError('--id is missing; see --help');
      const id = parseId('--id', values.id);
      const tls = parsePeerTls(values);
      const peers = values.peers === undefined ? localPeers(3) : parseOthers(values.peers, tls);
      const self = peers.find((peer) => peer.id === id);
      if (self === undefined) {
        throw new UsageError(
          values.peers === undefined
            ? `member ${id} is not among the default members 1, 2 and 3: name all members with --peers`
            : `--peers does not name member ${id} itself`,
        );
      }
      const listen = values.listen === undefined ? self : parseAddress('--listen', values.listen);
      return {
        id,
        peers,
        listen: { host: listen.host, port: listen.port },
        dial: parseUrls('--dial', values.dial ?? [], tls),
        tls,
        insecure: values.insecure ?? false,
        tickMs: parseWhole('--tick', values.tick ?? '100', 1, 60_000),
        data: parseFolder(values, defaultData('data', id)),
        snapshotEvery: parseWhole('--snapshot-every', values['snapshot-every'] ?? '10000', 1, 1_000_000_000),
        hello: parseHello(id, values['hello-after'], values['hello-every']),
        preVote: parseSwitch('--prevote', values.prevote),
        checkQuorum: parseSwitch('--checkquorum', values.checkquorum),
        verbose: values.verbose ?? false,
      };
    },
  );
}

function parseOthers(text: string, tls: TlsOptions | undefined): Peer[] {
  for (const part of text.split(',')) {
    const [, id = '', url] = /^([^=]*)=(.*)$/u.exec(part) ?? [];
    if (url !== undefined) checkScheme('--peers', `member ${id}`, url, tls);
  }
  return parsePeers(text, schemeOf(tls));
}

/** Returns the folder of a member's log, unless flags say otherwise. */
export function defaultData(parent: string, id: NodeId): string {
  return join(parent, `member-${id}`);
}

/** Parses a flag that is on by default. */
function parseSwitch(flag: string, text = 'true'): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new UsageError(`${flag} wants true or false, not '${text}'`);
}

function parseHello(id: NodeId, after: string | undefined, every: string | undefined): HelloPlan | undefined {
  const everyMs = parseWhole('--hello-every', every ?? '1000', 1, 3_600_000);
  if (after === undefined && id !== 1n) return undefined;
  return { afterMs: parseWhole('--hello-after', after ?? '5000', 0, 3_600_000), everyMs };
}
