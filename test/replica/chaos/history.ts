/** What clients asked for and were told, and whether one order of all of it explains that. */

/** Appends one unique number to a list that is replicated, or reads how long the list is. */
export interface Operation {
  readonly kind: 'append' | 'session' | 'read';
  /** Of `append` and `session`: what is appended. */
  readonly id: number;
  /** When it was called and answered, on one clock that never shows the same twice. */
  readonly began: number;
  ended: number;
  outcome: 'open' | 'applied' | 'dropped' | 'unknown';
  /** Of an append that was applied: the place that it was told. Of a read: the length that it saw. */
  seen: number;
  /** Why it failed, for the report. */
  reason: string;
}

/** Where each number stands in the list, in the order in which the log applied them. */
export type List = readonly number[];

/**
 * The list is linearizable if every append that was answered stands where it was told, and no operation comes after
 * one in the list's order that was called only after it had been answered. Dropped appends must be missing, and no
 * number may stand there twice; an append that is unknown may be there or not.
 * @returns what is wrong
 */
export function check(operations: readonly Operation[], list: List): string[] {
  const faults: string[] = [];
  const places = new Map<number, number>();
  for (const [place, id] of list.entries()) {
    if (places.has(id)) faults.push(`${id} was applied twice, at ${places.get(id)} and ${place}`);
    places.set(id, place);
  }
  const placed: { readonly operation: Operation; readonly order: number }[] = [];
  for (const operation of operations) {
    const { kind, id, outcome, seen } = operation;
    if (kind === 'read') {
      // After what stands at `seen - 1`, before what stands at `seen`.
      if (outcome === 'applied') placed.push({ operation, order: 2 * seen - 1 });
      continue;
    }
    const place = places.get(id);
    if (outcome === 'dropped' && place !== undefined) {
      faults.push(`${id} was dropped (${operation.reason}), and applied at ${place}`);
    }
    if (outcome === 'applied' && place !== seen) faults.push(`${id} was told ${seen}, and stands at ${place}`);
    if (place !== undefined) placed.push({ operation, order: 2 * place });
  }
  faults.push(...outOfOrder(placed));
  return faults;
}

function outOfOrder(placed: { readonly operation: Operation; readonly order: number }[]): string[] {
  // Reads of one length may be put in any order among themselves, so in that of their calls.
  placed.sort((a, b) => a.order - b.order || a.operation.began - b.operation.began);
  const faults: string[] = [];
  let latest: Operation | undefined;
  for (const { operation } of placed) {
    const answered = operation.outcome === 'applied' ? operation.ended : Number.POSITIVE_INFINITY;
    if (latest !== undefined && answered < latest.began) {
      faults.push(
        `${describe(operation)} was answered at ${answered}, before ${describe(latest)} was called at ${latest.began}, and comes after it`,
      );
    }
    if (latest === undefined || operation.began > latest.began) latest = operation;
  }
  return faults;
}

function describe({ kind, id, seen }: Operation): string {
  return kind === 'read' ? `a read of length ${seen}` : `the append of ${id}`;
}
