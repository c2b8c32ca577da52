/** What a client asked of the store, and what it was told. */

/** The token of a key that is absent. */
export const ABSENT = 0;

export interface Operation {
  /** Unique, from 1 on. The value that a put writes carries it, so that a read shows which write it saw. */
  readonly token: number;
  readonly kind: 'put' | 'delete' | 'get';
  readonly key: string;
  /** The member that was asked. */
  readonly member: number;
  /** When it was called, on a clock of the harness that never shows the same twice. */
  readonly began: number;
  /** When it was answered; infinite while that has not happened, and for ever if the outcome is unknown. */
  ended: number;
  /** Of a conditional write: the version that the key must have, by its index and by the write that made it. */
  readonly condition?: { readonly index: number; readonly token: number } | undefined;
  /** `refused`: its condition failed. `nothing`: it was not carried out, and never will be. */
  outcome: 'done' | 'refused' | 'nothing' | 'unknown';
  /** Of a write: the index of its entry. Of a read: that of the version it saw, 0 if the key was absent. */
  index: number;
  /** Of a read: the write whose value it saw. */
  seen: number;
  /** Of a part of a transaction, which is one entry: the token of its first part. */
  readonly group?: number | undefined;
  /** Of a read in a transaction: the index of the entry. */
  entry?: number | undefined;
  /** Of a refused write: the index of the version that the key had, 0 if it was absent. */
  current: number;
}

/** In a report: one line. */
export function describeOperation(operation: Operation): string {
  const { token, kind, key, member, began, ended, condition, outcome, index, seen, current, group, entry } = operation;
  const only = condition === undefined ? '' : ` if ${condition.index} (#${condition.token})`;
  const saw = kind === 'get' ? `, saw #${seen}` : '';
  const had = outcome === 'refused' ? `, current ${current}` : '';
  const part =
    group === undefined ? '' : ` in the transaction of #${group}${entry === undefined ? '' : `, entry ${entry}`}`;
  return `#${token} ${kind} ${key}${only} on ${member} [${began}, ${ended}]: ${outcome}, index ${index}${saw}${had}${part}`;
}
