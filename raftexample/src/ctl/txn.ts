import type { Item, Transaction, TransactionDone } from '../client/index.js';
import { UsageError } from '../common/usage.js';
import { type CtlCommand, type CtlContext, print, readAll, type Values } from './command.js';
import { CtlExit } from './exit-codes.js';
import { parseIndex } from './flags.js';
import { onceHelp, onceOf, sayOutcome } from './outcome.js';
import { table } from './table.js';

export const txn: CtlCommand = {
  usage: '[--if KEY=N …] [--put KEY=VALUE …] [--get KEY …] [--del KEY …]',
  summary: 'does several things as one, or nothing; without flags, what JSON on standard input says',
  help: `  --if KEY=N        only if the key's version is N, or 0 for a key that must be absent. May be repeated
  --put KEY=VALUE   writes. May be repeated
  --get KEY         reads what was there before. May be repeated
  --del KEY         deletes. May be repeated
${onceHelp}
Each key stands once among the conditions, and once among the rest. Exit code 3 says that a condition failed, and that
nothing was changed.

Examples:
  raftexample ctl txn --if order/7=0 --put 'order/7=one book' --get stock/book
  raftexample ctl txn < transaction.json     {"if":[{"key":"a","index":"absent"}],"do":[{"op":"get","key":"b"}]}
`,
  options: {
    if: { type: 'string', multiple: true },
    put: { type: 'string', multiple: true },
    get: { type: 'string', multiple: true },
    del: { type: 'string', multiple: true },
    once: { type: 'string' },
  },
  words: [0, 0],
  parse: (_, values) => {
    const given = transactionOf(values);
    const once = onceOf(values);
    return async (context) => {
      const transaction = given ?? parseTransaction(Buffer.from(await readAll(context.io)).toString());
      const outcome = await context.client.transact(transaction, { idempotencyKey: once, signal: context.stopping });
      return outcome.outcome === 'done' ? sayDone(context, transaction, outcome) : sayOutcome(context, outcome);
    };
  },
};

/** What the flags say; `undefined` if there are none. */
function transactionOf(values: Values): Transaction | undefined {
  const all = (name: string): readonly string[] => {
    const found = values[name];
    return Array.isArray(found) ? (found as readonly string[]) : [];
  };
  const conditions = all('if').map((text) => {
    const [key, index] = split('--if', text, text.lastIndexOf('='), 'KEY=N');
    const version = parseIndex(`--if ${key}`, index, 0);
    return { key, index: version === 0 ? ('absent' as const) : version };
  });
  const operations: Transaction['do'] = [
    ...all('put').map((text) => {
      const [key, value] = split('--put', text, text.indexOf('='), 'KEY=VALUE');
      return { op: 'put', key, value } as const;
    }),
    ...all('get').map((key) => ({ op: 'get', key }) as const),
    ...all('del').map((key) => ({ op: 'delete', key }) as const),
  ];
  if (operations.length > 0) return { if: conditions, do: operations };
  if (conditions.length > 0) throw new UsageError('--if needs something to do: --put, --get or --del');
  return undefined;
}

function split(flag: string, text: string, at: number, shape: string): readonly [key: string, rest: string] {
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UsageError(`${flag} wants ${shape}, not '${text}'`);
}

function parseTransaction(text: string): Transaction {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'do' in value) return value as Transaction;
  } catch {
    // Said below.
  }
  throw new UsageError('standard input must be JSON: {"if":[{"key","index"},…],"do":[{"op","key","value"},…]}');
}

async function sayDone(
  context: CtlContext,
  { do: operations }: Transaction,
  outcome: TransactionDone,
): Promise<number> {
  const { index, reads = [] } = outcome;
  const keys = operations.flatMap(({ op, key }) => (op === 'get' ? [key] : []));
  const row = (read: Item | undefined, i: number): string[] => [
    keys[i] ?? '',
    String(read?.index ?? 0),
    read?.value ?? '',
  ];
  const found = reads.length === 0 ? '' : table(['KEY', 'VERSION', 'VALUE'], reads.map(row));
  await print(context, outcome, `done, index ${index}\n${found}`);
  return CtlExit.Done;
}
