import type { Ask } from './attempts.js';
import { badArgument } from './errors.js';
import { checkedKey, isBroken, itemOf, onceOf, readObject } from './key-asks.js';
import { textOf, wholeOf } from './numbers.js';
import type { Item, OnceOptions, Transaction, TransactionOutcome } from './types.js';

export function askTransaction(
  { if: conditions = [], do: operations }: Transaction,
  { idempotencyKey }: OnceOptions,
): Ask<TransactionOutcome> {
  const body = JSON.stringify({
    if: listOf('if', conditions).map(({ key, index }) => ({ key: checkedKey(key), index: wantedOf(index) })),
    do: listOf('do', operations).map(operationOf),
  });
  return {
    method: 'POST',
    path: '/kv',
    headers: { 'Content-Type': 'application/json', ...onceOf(idempotencyKey) },
    body,
    repeatable: idempotencyKey !== undefined,
    read: async (answer) => {
      const { index, reads } = await readObject(answer);
      if (!Array.isArray(reads)) throw new TypeError('the reads are missing');
      return { outcome: 'done', index: wholeOf(index, 'the index'), reads: reads.map(readOf) };
    },
    refusal: ({ error, fields }) => {
      const { current, key, index } = fields;
      if (error.code === 'ERR_KV_ANSWER_GONE' && typeof index === 'number')
        return { outcome: 'done', index, reads: undefined };
      if (error.status !== 412 || typeof current !== 'number') return undefined;
      return { outcome: 'condition-failed', current, key: textOf(key, 'the key of the condition') };
    },
  };
}

function listOf<T>(name: string, list: readonly T[]): readonly T[] {
  if (Array.isArray(list)) return list;
  throw badArgument(name, 'it must be a list');
}

function wantedOf(index: number | 'absent'): number {
  if (index === 'absent') return 0;
  if (Number.isSafeInteger(index) && index >= 1) return index;
  throw badArgument('if', "an index must be the version that the key must have, or 'absent'");
}

function operationOf(operation: Transaction['do'][number]): object {
  const key = checkedKey(operation.key);
  switch (operation.op) {
    case 'get':
    case 'delete':
      return { op: operation.op, key };
    case 'put':
      if (typeof operation.value === 'string' && !isBroken(operation.value))
        return { op: 'put', key, value: operation.value };
      throw badArgument('do', 'the value of a put must be a string of well-formed Unicode');
    default:
      throw badArgument('do', 'an operation must be put, delete or get');
  }
}

/** `{"key","value","index"}`, without a value for a key that was absent */
function readOf(read: Readonly<Record<string, unknown>>): Item | undefined {
  return read['value'] === undefined ? undefined : itemOf(read);
}
