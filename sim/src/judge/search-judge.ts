/**
 * Judges the history of one key by searching for one order of its operations that explains every answer (Wing and Gong,
 * with the memory of Lowe). It knows values only, no indexes, so it shares no mistake with the other judge.
 */
import { ABSENT, describeOperation, type Operation } from './operation.js';

export type Verdict = 'linearizable' | 'illegal' | 'unknown';

export interface Judgement {
  readonly verdict: Verdict;
  /** How many states were looked at. */
  readonly steps: number;
  /** Of an illegal history: the operation that the longest order found could not go past. */
  readonly at?: string | undefined;
}

/** A state that takes longer to search is nobody's to call legal. */
const MAX_STEPS = 1_000_000;

/** The value of a write whose outcome is unknown and that no read saw: which of them it is makes no difference. */
const UNSEEN = -1;

/** An order of some operations, and the value that it leaves. */
interface Order {
  readonly placed: Uint8Array;
  /** All before are placed. */
  readonly first: number;
  readonly state: number;
  readonly depth: number;
}

/** @param history operations on one key */
export function judgeBySearch(history: readonly Operation[], maxSteps: number = MAX_STEPS): Judgement {
  return new SearchJudge(history, maxSteps).judge();
}

/** The operations that say something about a key, by key. */
export function byKey(history: readonly Operation[]): Map<string, Operation[]> {
  const keys = new Map<string, Operation[]>();
  for (const operation of history) {
    const found = keys.get(operation.key);
    if (found === undefined) keys.set(operation.key, [operation]);
    else found.push(operation);
  }
  return keys;
}

class SearchJudge {
  private readonly operations: readonly Operation[];
  private readonly maxSteps: number;
  private readonly visited = new Set<string>();
  private readonly seen = new Set<number>();

  constructor(history: readonly Operation[], maxSteps: number) {
    const says = ({ kind, outcome }: Operation): boolean =>
      outcome !== 'nothing' && (kind !== 'get' || outcome === 'done');
    this.operations = history.filter(says).sort((a, b) => a.began - b.began);
    this.maxSteps = maxSteps;
    for (const { seen, condition } of history) {
      if (seen !== ABSENT) this.seen.add(seen);
      if (condition !== undefined) this.seen.add(condition.token);
    }
  }

  judge(): Judgement {
    const { operations, visited } = this;
    const stack = [this.absorb({ placed: new Uint8Array(operations.length), first: 0, state: ABSENT, depth: 0 })];
    let best = stack[0] as Order;
    let steps = 0;
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (++steps > this.maxSteps) return { verdict: 'unknown', steps };
      if (top.depth > best.depth) best = top;
      const candidates = this.candidates(top);
      const open = candidates.filter((i) => Number.isFinite((operations[i] as Operation).ended));
      if (open.length === 0) return { verdict: 'linearizable', steps };
      // The stack hands out the last first: what was answered earliest.
      for (const i of this.worthTrying(candidates)) {
        const next = this.place(top, i);
        if (next === undefined) continue;
        const absorbed = this.absorb(next);
        const name = nameOf(absorbed);
        if (visited.has(name)) continue;
        visited.add(name);
        stack.push(absorbed);
      }
    }
    const stuck = this.candidates(best).map((i) => `\n  ${describeOperation(operations[i] as Operation)}`);
    return { verdict: 'illegal', steps, at: `none can follow the state #${best.state}:${stuck.join('')}` };
  }

  /** Those that may come next: they were called before any other that is not placed was answered. */
  private candidates({ placed, first }: Order): number[] {
    const found: number[] = [];
    let answered = Number.POSITIVE_INFINITY;
    for (let i = first; i < this.operations.length; i++) {
      const operation = this.operations[i] as Operation;
      if (operation.began > answered) break;
      if (placed[i] === 1) continue;
      found.push(i);
      answered = Math.min(answered, operation.ended);
    }
    return found;
  }

  /**
   * What was answered earliest comes last. Among writes of one effect that nobody saw and that may never have happened,
   * only the first is tried.
   */
  private worthTrying(candidates: readonly number[]): number[] {
    const tried = new Set<number>();
    const worth = candidates.filter((i) => {
      const operation = this.operations[i] as Operation;
      if (operation.outcome !== 'unknown' || operation.condition !== undefined) return true;
      const effect = this.effectOf(operation);
      if (effect > ABSENT) return true;
      if (tried.has(effect)) return false;
      tried.add(effect);
      return true;
    });
    return worth.sort((a, b) => (this.operations[b] as Operation).ended - (this.operations[a] as Operation).ended);
  }

  private effectOf({ kind, token, outcome }: Operation): number {
    if (kind === 'delete') return ABSENT;
    return outcome === 'unknown' && !this.seen.has(token) ? UNSEEN : token;
  }

  /** The order with this operation at its end, unless that would have had another answer. */
  private place({ placed, first, state, depth }: Order, i: number): Order | undefined {
    const next = this.step(state, this.operations[i] as Operation);
    if (next === undefined) return undefined;
    const after = placed.slice();
    after[i] = 1;
    let start = first;
    while (after[start] === 1) start++;
    return { placed: after, first: start, state: next, depth: depth + 1 };
  }

  /** Takes in all that may come next and changes nothing: to wait with those is never of use. */
  private absorb(from: Order): Order {
    let now = from;
    for (;;) {
      const idle = this.candidates(now).find((i) => {
        const operation = this.operations[i] as Operation;
        const isIdle = operation.kind === 'get' || operation.outcome === 'refused';
        return isIdle && this.step(now.state, operation) !== undefined;
      });
      if (idle === undefined) return now;
      now = this.place(now, idle) as Order;
    }
  }

  /** The value after this operation; `undefined` if its answer cannot be at this one. */
  private step(state: number, operation: Operation): number | undefined {
    const { kind, outcome, condition, seen, current } = operation;
    if (kind === 'get') return seen === state ? state : undefined;
    const holds = condition === undefined || condition.token === state;
    if (outcome === 'refused') return !holds && (current === 0) === (state === ABSENT) ? state : undefined;
    return holds ? this.effectOf(operation) : undefined;
  }
}

function nameOf({ placed, first, state }: Order): string {
  let name = `${state} ${first}`;
  for (let i = first; i < placed.length; i++) if (placed[i] === 1) name += ` ${i}`;
  return name;
}
