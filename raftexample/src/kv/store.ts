import process from 'node:process';
import { launch } from '../common/launcher.js';
import {
  asCommand,
  askedText,
  type Command,
  carryOut,
  parseFlags,
  parseWhole,
  textFlags,
  UsageError,
} from '../common/usage.js';

/** A member hands leadership over and lets running requests end before it stops. */
const GRACE_MS = 6000;
/** Member N speaks to the others on this port + N, and to clients on the next one + N. */
const PEER_PORT = 23_800;
const CLIENT_PORT = 23_790;

/** What the launcher of the store needs to know. */
export interface StoreOptions {
  /** How many members to start. */
  readonly count: number;
  /** The folder of the members' folders. */
  readonly data: string;
}

const help = `Usage: npm run store -- [options]

Runs a replicated key-value store: five members, each a process, their output in this terminal. Write to any
member and read from any other. Ctrl-C stops all of them.

  --members N   start members 1 to N, 1 to 9 (default 5)
  --data DIR    keep the log of member N in DIR/member-N (default store-data; with --members, store-data-N)
  --help        print this text
  --version     print the version
`;

/** The command line of the launcher. Reads nothing but its argument. */
export function parseStoreFlags(argv: readonly string[]): Command<StoreOptions> {
  return asCommand(() => {
    const { values } = parseFlags({
      args: [...argv],
      options: {
        members: { type: 'string' },
        data: { type: 'string' },
        ...textFlags,
      },
    });
    const asked = askedText(values, help);
    if (asked !== undefined) return asked;
    if (values.data === '') throw new UsageError("--data wants a folder, not ''");
    const count = parseWhole('--members', values.members ?? '5', 1, 9);
    // A cluster of another size is another cluster: its founders are others.
    const data = values.data ?? (count === 5 ? 'store-data' : `store-data-${count}`);
    return { kind: 'run', options: { count, data } };
  });
}

/** The launcher of the store: one process per member, until `stopping` aborts. Resolves to the exit code. */
export function main(argv: readonly string[], stopping: AbortSignal): Promise<number> {
  return carryOut('store', parseStoreFlags(argv), (options) => runStore(options, stopping));
}

function runStore({ count, data }: StoreOptions, stopping: AbortSignal): Promise<number> {
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  const peers = ids.map((id) => `${id}=http://127.0.0.1:${PEER_PORT + id}`).join(',');
  const members = ids.map((id) => ({
    id: BigInt(id),
    args: ['kv', '--id', String(id), '--peers', peers, '--client-addr', clientAt(id), '--data', `${data}/member-${id}`],
  }));
  return launch({ name: 'store', members, graceMs: GRACE_MS, onLine: leaderChanges(count) }, stopping);
}

function clientAt(id: number): string {
  return `127.0.0.1:${CLIENT_PORT + id}`;
}

/** Every member says who leads; the launcher says it once, and shows what to try when there is a first leader. */
function leaderChanges(count: number): (line: string) => boolean {
  const say = (text: string): void => void process.stdout.write(`[store] ${text}\n`);
  let last = '';
  return (line) => {
    const [, leader, term] = /^\[\d+\] member (\d+) leads in term (\d+)$/u.exec(line) ?? [];
    if (leader === undefined) return !/^\[\d+\] no leader in term \d+$/u.test(line);
    const text = `member ${leader} leads in term ${term}`;
    if (text === last) return false;
    const isFirst = last === '';
    last = text;
    say(text);
    if (isFirst) for (const one of examples(Number(leader), count)) say(one);
    return false;
  };
}

function examples(leader: number, count: number): string[] {
  const other = (leader % count) + 1;
  const third = (other % count) + 1;
  return [
    'write on one member, read on another, and ask who they are:',
    `  curl -X PUT -d world http://${clientAt(other)}/kv/hello`,
    `  curl http://${clientAt(third)}/kv/hello`,
    `  curl http://${clientAt(leader)}/members`,
  ];
}
