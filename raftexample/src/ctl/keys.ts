import { quoteText } from '@raft-ts/proto';
import { type Consistency, HistoryGoneError, type WatchEvent } from '../client/index.js';
import { UsageError } from '../common/usage.js';
import { type CtlCommand, type CtlContext, print, readAll, tell, textOf, write } from './command.js';
import { CtlExit } from './exit-codes.js';
import { parseIndex } from './flags.js';
import { onceHelp, onceOf, sayOutcome } from './outcome.js';
import { table, toJson } from './table.js';

/** Rows of a table whose columns are laid out together: a listing may be longer than memory. */
const ROWS_TOGETHER = 1000;

export const put: CtlCommand = {
  usage: 'KEY [VALUE]',
  summary: 'writes a value; without VALUE, what standard input holds',
  help: `  --if-index N   only if the key's version is N
  --if-absent    only if there is no such key
  --lease ID     it vanishes with this lease
${onceHelp}
Examples:
  raftexample ctl put hello world
  raftexample ctl put config < config.json
  raftexample ctl put hello again --if-index 12
`,
  options: {
    'if-index': { type: 'string' },
    'if-absent': { type: 'boolean' },
    lease: { type: 'string' },
    once: { type: 'string' },
  },
  words: [1, 2],
  parse: ([key, value], values) => {
    const condition = values['if-absent'] === true ? 'absent' : parseIndex('--if-index', values['if-index']);
    if (values['if-absent'] === true && values['if-index'] !== undefined)
      throw new UsageError('--if-index and --if-absent exclude each other');
    const once = onceOf(values);
    const lease = parseIndex('--lease', values['lease']);
    return async (context) => {
      const body = value ?? (await readAll(context.io));
      const { stopping: signal } = context;
      return sayOutcome(
        context,
        await context.client.put(key as string, body, { if: condition, idempotencyKey: once, lease, signal }),
      );
    };
  },
};

export const get: CtlCommand = {
  usage: 'KEY',
  summary: 'reads a value',
  help: `  --consistency HOW   linearizable (default): sees everything that was acknowledged before; lease: the same, and asks
                      nobody while the leader has a lease; stale: what the member that is asked has, which may be old

Without --json the value is printed as it is, with a line end if a terminal shows it.

Examples:
  raftexample ctl get hello
  raftexample ctl get config > config.json
  raftexample ctl get hello --json        {"key":"hello","value":"world","index":12}
`,
  options: { consistency: { type: 'string' } },
  words: [1, 1],
  parse: ([key], { consistency = 'linearizable' }) => {
    if (consistency !== 'linearizable' && consistency !== 'lease' && consistency !== 'stale')
      throw new UsageError(`--consistency wants linearizable, lease or stale, not '${String(consistency)}'`);
    return (context) => sayValue(context, key as string, consistency);
  },
};

async function sayValue(context: CtlContext, key: string, consistency: Consistency): Promise<number> {
  const { client, io, stopping: signal } = context;
  const item = await client.get(key, { consistency, signal });
  if (item === undefined) {
    await tell(context, `there is no key ${quoteText(key)}`);
    return CtlExit.NoKey;
  }
  await print(context, item, io.stdout.isTTY === true ? `${forTerminal(item.value)}\n` : item.value);
  return CtlExit.Done;
}

/** Leaves lines as they are, and escapes whatever else would move a cursor. */
function forTerminal(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, (char) => quoteText(char).slice(1, -1));
}

export const del: CtlCommand = {
  usage: 'KEY',
  summary: 'deletes a key; also done if there is no such key',
  help: `  --if-index N   only if the key's version is N
${onceHelp}
Example:
  raftexample ctl del hello
`,
  options: { 'if-index': { type: 'string' }, once: { type: 'string' } },
  words: [1, 1],
  parse: ([key], values) => {
    const condition = parseIndex('--if-index', values['if-index']);
    const once = onceOf(values);
    return async (context) => {
      const { client, stopping: signal } = context;
      return sayOutcome(context, await client.delete(key as string, { if: condition, idempotencyKey: once, signal }));
    };
  },
};

export const list: CtlCommand = {
  usage: '[PREFIX]',
  summary: 'lists keys, with versions and values',
  help: `  --after KEY   only keys after this one, in the order of their UTF-8 bytes
  --limit N     so many at most

With --json each key is a line of JSON. Values are cut in the table, and whole in JSON.

Examples:
  raftexample ctl list users/
  raftexample ctl list --json | jq -r .key
`,
  options: { after: { type: 'string' }, limit: { type: 'string' } },
  words: [0, 1],
  parse: ([prefix], values) => {
    const limit = parseIndex('--limit', values['limit']);
    return (context) => sayList(context, { prefix, after: textOf(values, 'after') }, limit ?? Number.POSITIVE_INFINITY);
  },
};

async function sayList(
  context: CtlContext,
  range: { readonly prefix: string | undefined; readonly after: string | undefined },
  limit: number,
): Promise<number> {
  const { client, io, json, stopping: signal } = context;
  let rows: string[][] = [];
  let count = 0;
  const flush = async (): Promise<void> => {
    if (!json) await write(io.stdout, table(['KEY', 'VERSION', 'VALUE'], rows));
    rows = [];
  };
  for await (const item of client.list({ ...range, pageSize: Math.min(1000, limit), signal })) {
    count++;
    if (json) await write(io.stdout, `${toJson(item)}\n`);
    else rows.push([item.key, String(item.index), item.value]);
    if (rows.length === ROWS_TOGETHER) await flush();
    if (count === limit) break;
  }
  if (rows.length > 0 || count === 0) await flush();
  return CtlExit.Done;
}

export const watch: CtlCommand = {
  usage: '[PREFIX]',
  summary: 'prints what happens to keys, as it happens, until it is stopped',
  help: `  --from N    begin with the entry of index N; default: with what happens from now on
  --count N   end after so many events

It goes on over failures and from member to member, with every event once. With --json each event is a line of JSON.

Examples:
  raftexample ctl watch users/
  raftexample ctl watch --from 1 --json
`,
  options: { from: { type: 'string' }, count: { type: 'string' } },
  words: [0, 1],
  parse: ([prefix], values) => {
    const from = parseIndex('--from', values['from'], 0);
    const count = parseIndex('--count', values['count']);
    return (context) => follow(context, prefix, from, count ?? Number.POSITIVE_INFINITY);
  },
};

async function follow(
  context: CtlContext,
  prefix: string | undefined,
  from: number | undefined,
  count: number,
): Promise<number> {
  const { client, io, json, stopping } = context;
  await using watched = client.watch({ prefix, from });
  const stop = (): void => void watched.close();
  stopping.addEventListener('abort', stop, { once: true });
  let left = count;
  try {
    if (stopping.aborted) return CtlExit.Done;
    for await (const event of watched) {
      await write(io.stdout, json ? `${toJson(event)}\n` : describe(event));
      left--;
      if (left === 0) break;
    }
    return CtlExit.Done;
  } catch (error) {
    if (!(error instanceof HistoryGoneError)) throw error;
    await tell(context, `${error.message}; list the keys, and watch --from ${error.oldest}`);
    return CtlExit.Refused;
  } finally {
    stopping.removeEventListener('abort', stop);
  }
}

/** `12 put "hello" "world"` */
function describe(event: WatchEvent): string {
  const value = event.type === 'put' ? ` ${quoteText(event.value, 1024)}` : '';
  return `${event.index} ${event.type} ${quoteText(event.key)}${value}\n`;
}
