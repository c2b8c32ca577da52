import type { NodeId } from '@raft-ts/proto';
import type { Step } from './step.js';

/** How much of a trace is told as a whole. */
export interface Telling {
  /** What an append thread writes and answers is told at once, as in etcd's scripts, unless a crash comes between. */
  readonly writesAtOnce: boolean;
  /** What becomes of the call that broke the rule, which the simulation did not go on with. */
  readonly end: 'whole' | 'begun' | 'without';
}

/** From the plainest to the most exact. */
export const TELLINGS: readonly Telling[] = [true, false].flatMap((writesAtOnce) =>
  (['whole', 'begun', 'without'] as const).map((end) => ({ writesAtOnce, end })),
);

/**
 * Puts the calls of a run into the order and the units in which a script tells them: commands that concern one member
 * keep their order; what concerns different ones meets in messages only, and these are delivered one by one.
 * @param founded so many of the steps founded the cluster
 */
export function arrange(trace: readonly Step[], founded: number, telling: Telling): Step[] {
  const steps = trace.slice();
  if (telling.end === 'without') withoutLast(steps);
  foundFirst(steps, founded);
  const counted = countCopies(steps);
  const paired = pair(counted, telling);
  return joinTicks(paired);
}

/** Leaves out what the last member that did something did last. */
function withoutLast(steps: Step[]): void {
  const last = steps.findLastIndex(({ kind }) => kind !== 'sent' && kind !== 'lost');
  if (last >= 0) steps.splice(last, 1);
}

/** All founders are added first, those that are alike together. */
function foundFirst(steps: Step[], founded: number): void {
  const founders = steps.slice(0, founded).filter(({ kind }) => kind === 'add');
  const others = steps.slice(0, founded).filter(({ kind }) => kind !== 'add');
  const groups: Step[] = [];
  for (const founder of founders) {
    const group = groups.at(-1);
    if (group?.kind === 'add' && founder.kind === 'add' && isAlike(group, founder)) {
      groups[groups.length - 1] = { ...group, count: group.count + 1 };
    } else {
      groups.push(founder);
    }
  }
  steps.splice(0, founded, ...groups, ...others);
}

type Added = Extract<Step, { kind: 'add' }>;

function isAlike(one: Added, other: Added): boolean {
  return JSON.stringify(one.build) === JSON.stringify(other.build);
}

/**
 * Says of each delivery whether the message stays under way, because a copy of it is delivered later, and of each loss
 * whether it is one: a lost message of which a copy arrives is not told. What is left are losses and deliveries.
 */
function countCopies(steps: readonly Step[]): Step[] {
  // How many copies of a message are needed after each step, counted from the end.
  const needs = new Map<string, number>();
  const after: number[] = [];
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i] as Step;
    if (!('key' in step)) continue;
    const needed = needs.get(step.key) ?? 0;
    after[i] = needed;
    if (step.kind === 'deliver') needs.set(step.key, needed + 1);
    else if (step.kind === 'sent') needs.set(step.key, Math.max(0, needed - 1));
  }
  const copies = new Map<string, number>();
  return steps.flatMap((step, i): Step[] => {
    if (!('key' in step)) return [step];
    const { key } = step;
    const count = copies.get(key) ?? 0;
    const needed = after[i] as number;
    if (step.kind === 'sent') {
      copies.set(key, count + 1);
      return [];
    }
    // A member's answers to itself are not sent through the network.
    const keeps = step.kind === 'deliver' && count > 0 && count - 1 < needed;
    if (step.kind === 'lost' && count <= needed) return [];
    if (!keeps) copies.set(key, Math.max(0, count - 1));
    return [step.kind === 'deliver' ? { ...step, keeps } : step];
  });
}

/** Makes one command of the beginning and the end of a write, where nothing else happens to the member between them. */
function pair(steps: readonly Step[], { writesAtOnce, end }: Telling): Step[] {
  const told: (Step | undefined)[] = steps.slice();
  for (const [i, step] of steps.entries()) {
    if (step.kind === 'ready') {
      if (!hasAdvance(steps, i)) {
        told[i] = { kind: 'process-ready', id: step.id };
        continue;
      }
      const done = next(steps, i, ({ kind }) => kind === 'advance' || kind === 'crash');
      if (steps[done]?.kind === 'advance' && done === next(steps, i, () => true)) {
        told[i] = { kind: 'process-ready', id: step.id };
        told[done] = undefined;
      } else if (done < 0 && end === 'whole' && next(steps, i, () => true) < 0) {
        told[i] = { kind: 'process-ready', id: step.id };
      } else {
        told[i] = { kind: 'begin-ready', id: step.id };
      }
    } else if (step.kind === 'advance') {
      if (told[i] !== undefined) told[i] = { kind: 'finish-ready', id: step.id };
    } else if (step.kind === 'writes') {
      const { id, count } = step;
      const done = next(steps, i, ({ kind }) => kind === 'wrote' || kind === 'crash');
      const meanwhile = next(steps, i, () => true);
      const isOne = steps[done]?.kind === 'wrote' && (writesAtOnce || meanwhile === done);
      told[i] = isOne || (done < 0 && writesAtOnce) ? undefined : { kind: 'begin-append', id, count };
      if (steps[done]?.kind === 'wrote') told[done] = { kind: isOne ? 'process-append' : 'finish-append', id, count };
    }
  }
  return told.filter((step) => step !== undefined);
}

/** The next step of the same member that is one of these; -1 if there is none. */
function next(steps: readonly Step[], from: number, isOne: (step: Step) => boolean): number {
  const { id } = steps[from] as Step;
  for (let i = from + 1; i < steps.length; i++) {
    const step = steps[i] as Step;
    if (step.id === id && isOne(step)) return i;
  }
  return -1;
}

/** Does this member write synchronously? */
function hasAdvance(steps: readonly Step[], at: number): boolean {
  const { id } = steps[at] as Step;
  for (const step of steps) {
    if (step.kind !== 'add' || id < step.id || id >= step.id + BigInt(step.count)) continue;
    return step.build.asyncStorageWrites !== true;
  }
  return true;
}

/** Ticks of a member between which nothing happens to it come together, where the last of them stands. */
function joinTicks(steps: readonly Step[]): Step[] {
  const joined: (Step | undefined)[] = [];
  const lastOf = new Map<NodeId, number>();
  for (const step of steps) {
    const at = lastOf.get(step.id);
    const before = at === undefined ? undefined : joined[at];
    let told: Step = step;
    if (step.kind === 'tick' && before?.kind === 'tick' && before.timeout === step.timeout) {
      joined[at as number] = undefined;
      told = { ...step, count: before.count + 1 };
    }
    lastOf.set(step.id, joined.length);
    joined.push(told);
  }
  return joined.filter((step) => step !== undefined);
}
