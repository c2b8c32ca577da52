import process from 'node:process';
import { type Launch, launch } from '../common/launcher.js';
import { type Command, carryOut, parseCommand, parseWhole, UsageError } from '../common/usage.js';
import { pageFlag, pageHelp } from '../page/page-flag.js';
import { launchShown } from '../page/shown.js';
import { PageClient } from './page-client.js';

/** A member that cannot stop ends itself a second earlier, and says so. */
const GRACE_MS = 9000;
/** Member I answers clients on this port + I, and the other members ten ports further. */
const PORTS = 23_790;

/** What the launcher of the store needs to know. */
export interface StoreOptions {
  /** How many members to start. */
  readonly count: number;
  /** The folder of the members' folders. */
  readonly data: string;
  readonly page?: true;
  readonly ports?: number;
}

const help = `Usage: npm run store -- [options]

Runs a replicated key-value store: five members, each a process, their output in this terminal. Write to any
member and read from any other. Ctrl-C stops all of them.

  --members N   start members 1 to N, 1 to 9 (default 5)
${pageHelp}
  --ports N     member I answers clients on port N + I, and the others on N + 10 + I (default 23790)
  --data DIR    keep the log of member N in DIR/member-N (default store-data; with --members, store-data-N)
  --help        print this text
  --version     print the version
`;

/** The command line of the launcher. Reads nothing but its argument. */
export function parseStoreFlags(argv: readonly string[]): Command<StoreOptions> {
  return parseCommand(
    argv,
    {
      flags: {
        members: { type: 'string' },
        data: { type: 'string' },
        ...pageFlag,
        ports: { type: 'string' },
      },
      help,
    },
    ({ values }) => {
      if (values.data === '') throw new UsageError("--data wants a folder, not ''");
      const count = parseWhole('--members', values.members ?? '5', 1, 9);
      // A cluster of another size is another cluster: its founders are others.
      const data = values.data ?? (count === 5 ? 'store-data' : `store-data-${count}`);
      const ports = values.ports === undefined ? {} : { ports: parseWhole('--ports', values.ports, 1024, 65_000) };
      return { count, data, ...(values.page === true ? { page: true } : {}), ...ports };
    },
  );
}

/** The launcher of the store: one process per member, until `stopping` aborts. Resolves to the exit code. */
export function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('store', parseStoreFlags(argv), (options) => runStore(options, stopping));
}

async function runStore(options: StoreOptions, stopping: AbortSignal): Promise<number> {
  const { count, ports = PORTS } = options;
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  const clientAt = (id: number): string => `127.0.0.1:${ports + id}`;
  const peerPort = (id: number): number => ports + 10 + id;
  const onLine = leaderChanges(count, clientAt);
  const plan = { name: 'store', graceMs: GRACE_MS, onLine } as const;
  const members = (dial: (id: number) => readonly string[]): Launch['members'] =>
    ids.map((id) => ({ id: BigInt(id), args: [...argsOf(id, { options, ids, clientAt, peerPort }), ...dial(id)] }));
  if (options.page !== true) return launch({ ...plan, members: members(() => []) }, stopping);
  const client = new PageClient(clientAt);
  return launchShown(
    {
      title: 'the running store',
      client: (id, asked) => client.act(id, asked),
      launch: plan,
      addresses: new Map(ids.map((id) => [id, { host: '127.0.0.1', port: peerPort(id) }])),
      members,
    },
    stopping,
  );
}

const say = (text: string): void => void process.stdout.write(`[store] ${text}\n`);

function argsOf(
  id: number,
  {
    options,
    ids,
    clientAt,
    peerPort,
  }: {
    readonly options: StoreOptions;
    readonly ids: readonly number[];
    readonly clientAt: (id: number) => string;
    readonly peerPort: (id: number) => number;
  },
): string[] {
  const peers = ids.map((each) => `${each}=http://127.0.0.1:${peerPort(each)}`).join(',');
  const own = ['--id', String(id), '--peers', peers, '--client-addr', clientAt(id)];
  return ['kv', ...own, '--data', `${options.data}/member-${id}`];
}

/** Every member says who leads; the launcher says it once, and shows what to try when there is a first leader. */
function leaderChanges(count: number, clientAt: (id: number) => string): (line: string) => boolean {
  let last = '';
  return (line) => {
    const [, leader, term] = /^\[\d+\] member (\d+) leads in term (\d+)$/u.exec(line) ?? [];
    if (leader === undefined) return !/^\[\d+\] no leader in term \d+$/u.test(line);
    const text = `member ${leader} leads in term ${term}`;
    if (text === last) return false;
    const isFirst = last === '';
    last = text;
    say(text);
    if (isFirst) for (const one of examples(Number(leader), count, clientAt)) say(one);
    return false;
  };
}

function examples(leader: number, count: number, clientAt: (id: number) => string): string[] {
  const other = (leader % count) + 1;
  const third = (other % count) + 1;
  return [
    'write on one member, read on another, and ask who they are:',
    `  curl -X PUT -d world http://${clientAt(other)}/kv/hello`,
    `  curl http://${clientAt(third)}/kv/hello`,
    `  curl http://${clientAt(leader)}/members`,
  ];
}
