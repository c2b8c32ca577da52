import { type Fields, isFields, isWhole } from './fields.js';
import type { Change } from './history.js';
import type { KvResult } from './kv-machine.js';
import type { Item } from './long-text.js';
import type { SortedMap } from './sorted-map.js';

/** Holds if the key's index is this when the entry is applied; 0: if the key is absent. */
export interface KvCondition {
  readonly key: string;
  readonly index: number;
}

/** What a transaction does to one key. */
export type KvOperation =
  | { readonly op: 'put'; readonly key: string; readonly value: string }
  | { readonly op: 'delete' | 'get'; readonly key: string };

/** Operations that are carried out together if all conditions hold, and otherwise not at all. */
export interface KvTransaction {
  readonly op: 'txn';
  readonly if: readonly KvCondition[];
  /** Each key stands here once, so a `get` reads what was there before the transaction. */
  readonly do: readonly KvOperation[];
}

/** What a transaction read: `value` is left out and `index` is 0 if the key was absent. */
export interface KvRead {
  readonly key: string;
  readonly value?: string;
  readonly index: number;
}

/**
 * What the reads of one transaction may come to, in characters of keys and values together. All members must have the
 * same: another number would need a higher level of features (`FEATURES`).
 */
const LARGEST_READ = 4 * 2 ** 20;

/** Carries out a transaction. It touches nothing if a condition fails, or if it would read too much. */
export function transact(
  { if: conditions, do: operations }: KvTransaction,
  index: number,
  items: SortedMap<Item>,
): { readonly result: KvResult; readonly changes: readonly Change[] } {
  for (const [failed, { key, index: wanted }] of conditions.entries()) {
    const current = items.get(key)?.index ?? 0;
    if (current !== wanted) return { result: { done: false, current, failed }, changes: [] };
  }
  const reads = readAll(operations, items);
  if (reads === undefined) return { result: { done: false, current: 0, tooLarge: true }, changes: [] };
  const changes: Change[] = [];
  for (const operation of operations) {
    const { key } = operation;
    if (operation.op === 'put') {
      const { value } = operation;
      items.set(key, { value, index });
      changes.push({ op: 'put', key, value });
    } else if (operation.op === 'delete' && items.delete(key)) {
      changes.push({ op: 'delete', key, value: '' });
    }
  }
  return { result: { done: true, current: 0, reads }, changes };
}

/** What the gets read; `undefined` if that is more than one answer may hold. */
function readAll(operations: readonly KvOperation[], items: SortedMap<Item>): readonly KvRead[] | undefined {
  const reads: KvRead[] = [];
  let size = 0;
  for (const { op, key } of operations) {
    if (op !== 'get') continue;
    const item = items.get(key);
    const read = item === undefined ? { key, index: 0 } : { key, value: item.value, index: item.index };
    size += sizeOf(read);
    if (size > LARGEST_READ) return undefined;
    reads.push(read);
  }
  return reads;
}

/** Characters. */
export function sizeOf({ key, value = '' }: KvRead): number {
  return key.length + value.length;
}

/** A transaction as it stands in an entry; `undefined` for anything else. */
export function transactionOf({ if: conditions, do: operations }: Fields): KvTransaction | undefined {
  if (!(Array.isArray(conditions) && conditions.every(isCondition))) return undefined;
  if (!(Array.isArray(operations) && operations.every(isOperation))) return undefined;
  return { op: 'txn', if: conditions, do: operations };
}

function isCondition(one: unknown): one is KvCondition {
  return isFields(one) && typeof one['key'] === 'string' && isWhole(one['index']);
}

function isOperation(one: unknown): one is KvOperation {
  if (!isFields(one)) return false;
  const { op, key, value } = one;
  return typeof key === 'string' && (op === 'put' ? typeof value === 'string' : op === 'delete' || op === 'get');
}
