import { isIP } from 'node:net';
import type { TlsOptions } from '@raft-ts/rafthttp';
import { parseDuration } from '../common/duration.js';
import { isLoopback } from '../common/listen.js';
import { parseId } from '../common/member-id.js';
import { hostOf, parseUrls } from '../common/peer-urls.js';
import { type Address, formatAddress, parseAddress, schemeOf } from '../common/peers.js';
import {
  clientTlsFlags,
  clientTlsHelp,
  parseClientTls,
  parsePeerTls,
  peerTlsFlags,
  peerTlsHelp,
} from '../common/tls-flags.js';
import { type Command, parseCommand, parseWhole, UsageError } from '../common/usage.js';
import type { KvOptions } from './member/options.js';
import type { WarnLimits } from './watch/watches.js';

const help = `Usage: raftexample kv --id ID --peers LIST --client-addr HOST:PORT [options]

Runs one member of a replicated key-value store. Clients speak HTTP to any member:
  curl -X PUT -d VALUE http://HOST:PORT/kv/KEY        writes
  curl http://HOST:PORT/kv/KEY                        reads what was acknowledged last, on any member

  --id ID             this member's number (default 1)
  --peers LIST        the founders: 1=http://HOST:PORT,2=http://HOST:PORT,… With --join, this member and
                      those whom it reaches at first (default 1=http://127.0.0.1:23801)
  --listen ADDR       HOST:PORT for the other members (default: those of this member's URL)
  --client-addr ADDR  HOST:PORT for clients (default 127.0.0.1:23791)
  --client-url URL    where clients reach that, as every member tells them (default: --client-addr; if its host is
                      0.0.0.0 or ::, the host of this member's URL in --peers)
  --data DIR          folder of log and snapshots (default data)
  --join              wait until a running cluster, told of this member by POST /members, contacts it
  --join-via URL      as --join, and asks the member that answers clients at URL to add this one
  --join-ca-file FILE PEM: the CA of the certificate at that URL (default: that of --trusted-ca-file)
  --token-file FILE   clients must show the token in FILE: Authorization: Bearer TOKEN
  --dial ID=URL       dial member ID there, whatever the cluster calls its URL: for proxies. May be repeated
  --insecure          listen where other machines reach this one, without TLS or without asking members for
                      certificates: whoever reaches the port of the peers can erase committed entries
  --cluster-id N      the same on every member (default 4096)
  --tick DURATION     length of a tick, such as 100ms (default); a heartbeat is one
  --election-ticks N  ticks without a leader before an election (default 10)
  --prevote=false     start an election without asking whether it can be won
  --checkquorum=false a leader that reaches no majority stays leader
  --snapshot-every N  entries between two snapshots (default 10000)
  --snapshot-bytes N  bytes of entries after which one is taken earlier (default 67108864)
  --catch-up N        entries kept below a snapshot, for members that are a little behind (default 5000)
  --catch-up-bytes N  most bytes of entries that are kept below a snapshot, in memory and on disk (default 134217728)
  --snapshots HOW     inline (in the message, default; beside it above 64 MiB) or stream (beside it)
  --snapshot-rate N   most bytes per second of snapshots that are sent beside their message, 65536 or more (default:
                      as fast as the others take them)
  --timeout DURATION  longest time that a request takes (default 5s)
  --max-value BYTES   longest value (default 1048576)
  --warn-disk BYTES   warn if the disk of the log has less room (default 1073741824; 0: never)
  --warn-sync TIME    warn if a write of the log takes longer to be durable (default 500ms; 0: never)
  --warn-late TIME    warn if the event loop is late by more (default 500ms; 0: never)
  --warn-cert DAYS    warn so many days before a certificate expires (default 14; 0: never)
  -v, --verbose       print what raft and the transport do
  --help              print this text
  --version           print the version

TLS for clients; files that change take effect with the next connection:
${clientTlsHelp}
TLS between members:
${peerTlsHelp}
Exit codes: 0 stopped, or removed from the cluster; 2 bad flags, or an address or the folder cannot be used; 3 refused by
the others: it lost its log, or belongs to another cluster; 4 the log is damaged or cannot be written; 5 another process
with this log is at this member's address.
`;

/** The least that a transport takes: the others end a transfer that is slower. */
const LEAST_SNAPSHOT_RATE = 65_536;

const kvFlags = {
  id: { type: 'string' },
  'cluster-id': { type: 'string' },
  peers: { type: 'string' },
  dial: { type: 'string', multiple: true },
  listen: { type: 'string' },
  'client-addr': { type: 'string' },
  'client-url': { type: 'string' },
  data: { type: 'string' },
  join: { type: 'boolean' },
  'join-via': { type: 'string' },
  'join-ca-file': { type: 'string' },
  ...clientTlsFlags,
  ...peerTlsFlags,
  'token-file': { type: 'string' },
  tick: { type: 'string' },
  'election-ticks': { type: 'string' },
  prevote: { type: 'string' },
  checkquorum: { type: 'string' },
  'snapshot-every': { type: 'string' },
  'snapshot-bytes': { type: 'string' },
  'catch-up': { type: 'string' },
  'catch-up-bytes': { type: 'string' },
  snapshots: { type: 'string' },
  'snapshot-rate': { type: 'string' },
  timeout: { type: 'string' },
  'max-value': { type: 'string' },
  'warn-disk': { type: 'string' },
  'warn-sync': { type: 'string' },
  'warn-late': { type: 'string' },
  'warn-cert': { type: 'string' },
  insecure: { type: 'boolean' },
  verbose: { type: 'boolean', short: 'v' },
} as const;

/** The command line of `raftexample kv`. Reads nothing but its argument. */
export function parseKvFlags(argv: readonly string[]): Command<KvOptions> {
  return parseCommand(argv, { flags: kvFlags, help }, ({ values }) => {
    const id = parseId('--id', values.id ?? '1');
    const peerTls = parsePeerTls(values);
    const clientTls = parseClientTls(values);
    const clientAddress = parseAddress('--client-addr', values['client-addr'] ?? '127.0.0.1:23791');
    const list = values.peers ?? `1=${schemeOf(peerTls)}://127.0.0.1:23801`;
    const peers = parseUrls('--peers', list.split(','), peerTls);
    if (!peers.has(id)) throw new UsageError(`--peers does not name member ${id} itself`);
    if (values.data === '') throw new UsageError("--data wants a folder, not ''");
    const whole = (flag: string, text: string | undefined, otherwise: number, min = 1): number =>
      parseWhole(flag, text ?? String(otherwise), min, 1_000_000_000);
    return {
      id,
      clusterId: BigInt(whole('--cluster-id', values['cluster-id'], 0x1000, 0)),
      peers,
      dial: parseUrls('--dial', values.dial ?? [], peerTls),
      listen: values.listen === undefined ? undefined : parseAddress('--listen', values.listen),
      clientAddress,
      clientUrl:
        values['client-url'] === undefined
          ? clientUrlAt(clientAddress, peers.get(id) as string, clientTls)
          : parseClientUrl(values['client-url'], clientTls),
      data: values.data ?? 'data',
      join: values.join ?? values['join-via'] !== undefined,
      ...parseJoin(values['join-via'], values['join-ca-file'], clientTls),
      peerTls,
      clientTls,
      tokenFile: values['token-file'],
      tickMs: parseDuration('--tick', values.tick ?? '100ms'),
      electionTicks: whole('--election-ticks', values['election-ticks'], 10, 2),
      preVote: parseSwitch('--prevote', values.prevote),
      checkQuorum: parseSwitch('--checkquorum', values.checkquorum),
      snapshotEvery: whole('--snapshot-every', values['snapshot-every'], 10_000),
      snapshotBytes: parseBytes('--snapshot-bytes', values['snapshot-bytes'], 64 * 2 ** 20),
      catchUp: whole('--catch-up', values['catch-up'], 5000),
      catchUpBytes: parseBytes('--catch-up-bytes', values['catch-up-bytes'], 128 * 2 ** 20),
      snapshots: parseSnapshots(values.snapshots ?? 'inline'),
      snapshotRate:
        values['snapshot-rate'] === undefined
          ? undefined
          : whole('--snapshot-rate', values['snapshot-rate'], 0, LEAST_SNAPSHOT_RATE),
      timeoutMs: parseDuration('--timeout', values.timeout ?? '5s'),
      maxValue: whole('--max-value', values['max-value'], 2 ** 20),
      warn: parseLimits(values),
      insecure: values.insecure ?? false,
      verbose: values.verbose ?? false,
    };
  });
}

/** From where on a member warns. 0 turns a warning off. */
function parseLimits(
  values: {
    readonly [Flag in 'warn-disk' | 'warn-sync' | 'warn-late' | 'warn-cert']?: string | undefined;
  },
): WarnLimits {
  const time = (flag: string, text = '500ms'): number => (text === '0' ? 0 : parseDuration(flag, text));
  return {
    diskBytes: parseBytes('--warn-disk', values['warn-disk'], 2 ** 30, 0),
    syncMs: time('--warn-sync', values['warn-sync']),
    lateMs: time('--warn-late', values['warn-late']),
    certificateDays: parseWhole('--warn-cert', values['warn-cert'] ?? '14', 0, 36_500),
  };
}

function parseBytes(flag: string, text: string | undefined, otherwise: number, min = 1): number {
  return parseWhole(flag, text ?? String(otherwise), min, Number.MAX_SAFE_INTEGER);
}

function parseJoin(
  via: string | undefined,
  caFile: string | undefined,
  clientTls: TlsOptions | undefined,
): Pick<KvOptions, 'joinVia' | 'joinCaFile'> {
  if (via !== undefined && !(/^https?:\/\/[^/]+\/?$/u.test(via) && URL.canParse(via))) {
    throw new UsageError(`--join-via wants http://HOST:PORT, where a member answers clients, not '${via}'`);
  }
  if (caFile === '') throw new UsageError("--join-ca-file wants a file, not ''");
  if (via?.startsWith('https:') !== true) {
    if (caFile === undefined) return { joinVia: via, joinCaFile: undefined };
    throw new UsageError('--join-ca-file is for --join-via with an https:// URL');
  }
  const joinCaFile = caFile ?? clientTls?.trustedCaFile;
  if (joinCaFile !== undefined) return { joinVia: via, joinCaFile };
  throw new UsageError(
    '--join-via with an https:// URL needs the CA of the certificate there: pass --join-ca-file, or --trusted-ca-file',
  );
}

/**
 * Where clients reach this member, if nobody says: at the host of its URL if it listens on all addresses. One that
 * listens to this machine alone has nothing to tell to others.
 */
function clientUrlAt({ host, port }: Address, url: string, tls: object | undefined): string | undefined {
  const peer = hostOf('--peers', url).host;
  if (isHere(host) && !isHere(peer)) return undefined;
  return `${schemeOf(tls)}://${formatAddress({ host: host === '0.0.0.0' || host === '::' ? peer : host, port })}`;
}

function isHere(host: string): boolean {
  return host === 'localhost' || (isIP(host) > 0 && isLoopback(host));
}

function parseClientUrl(text: string, tls: object | undefined): string {
  const scheme = schemeOf(tls);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === `${scheme}:` && /^https?:\/\/[^/]+\/?$/u.test(text) && url.origin.length <= 512)
    return url.origin;
  throw new UsageError(`--client-url wants ${scheme}://HOST:PORT, where clients reach this member, not '${text}'`);
}

function parseSwitch(flag: string, text = 'true'): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new UsageError(`${flag} wants true or false, not '${text}'`);
}

function parseSnapshots(text: string): 'inline' | 'stream' {
  if (text === 'inline' || text === 'stream') return text;
  throw new UsageError(`--snapshots wants inline or stream, not '${text}'`);
}
