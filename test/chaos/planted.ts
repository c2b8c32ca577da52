/** Histories for the judges: legal ones of a store that is made up, and illegal ones with one fault in each. */
import { ABSENT, type Operation } from '@raft-ts/sim/internal';

export type Random = (n: number) => number;

const CLIENTS = 5;
const KEYS = ['a', 'b', 'c'];

interface Timed {
  readonly operation: Operation;
  readonly applied: number;
  readonly lost: boolean;
}

/** Some clients at once, some answers that never came: what a store may do. */
export function legalHistory(random: Random, calls = 60): Operation[] {
  const timed: Timed[] = [];
  for (let client = 0; client < CLIENTS; client++) {
    let now = random(1000);
    for (let i = 0; i < calls / CLIENTS; i++) {
      const applied = now + 1 + random(2000);
      const ended = applied + 1 + random(500);
      const chance = random(100);
      const outcome = chance < 12 ? 'unknown' : chance < 16 ? 'nothing' : 'done';
      const lost = outcome === 'nothing' || chance < 6;
      // Of a transaction each part has a key of its own.
      const parts = random(8) === 0 ? 2 + random(KEYS.length - 1) : 1;
      const group = parts === 1 ? undefined : timed.length + 1;
      const first = random(KEYS.length);
      for (let part = 0; part < parts; part++) {
        const operation = newOperation(KEYS[(first + part) % KEYS.length] as string, now, ended);
        const kind = (['put', 'put', 'get', 'get', 'delete'] as const)[random(5)] as Operation['kind'];
        timed.push({ operation: { ...operation, token: timed.length + 1, kind, outcome, group }, applied, lost });
      }
      now = ended + 1 + random(300);
    }
  }
  run(timed, random);
  return inMoments(timed.map(({ operation }) => operation));
}

function newOperation(key: string, began: number, ended: number): Operation {
  return {
    token: 0,
    kind: 'put',
    key,
    member: 1,
    began,
    ended,
    condition: undefined,
    outcome: 'done',
    index: 0,
    seen: ABSENT,
    current: 0,
  };
}

interface Version {
  readonly index: number;
  readonly token: number;
}

const NO_VERSION: Version = { index: 0, token: ABSENT };

/** The store that is made up. */
class MadeUp {
  private readonly random: Random;
  private readonly state = new Map<string, Version>();
  private readonly older = new Map<string, Version[]>();
  private index = 10;

  constructor(random: Random) {
    this.random = random;
  }

  /** Carries out what stands in one entry, or one read. */
  carryOut(parts: readonly Operation[]): void {
    const isEntry = parts.length > 1 || parts[0]?.kind !== 'get';
    if (isEntry) this.index += 1 + this.random(3);
    for (const part of parts) {
      if (part.kind !== 'get') this.condition(part);
    }
    const refused = parts.find(
      ({ key, condition }) => condition !== undefined && condition.token !== this.at(key).token,
    );
    for (const part of parts) {
      if (part.kind === 'get' && isEntry) part.entry = this.index;
      if (refused === undefined) this.apply(part);
      else if (part === refused) this.refuse(part);
      else part.outcome = part.outcome === 'unknown' ? 'unknown' : 'nothing';
    }
  }

  private at(key: string): Version {
    return this.state.get(key) ?? NO_VERSION;
  }

  private condition(operation: Operation): void {
    if (this.random(3) !== 0) return;
    const versions = this.older.get(operation.key) ?? [];
    const now = this.at(operation.key);
    const condition = this.random(2) === 0 ? now : (versions[this.random(Math.max(1, versions.length))] ?? now);
    Object.assign(operation, { condition });
  }

  private refuse(operation: Operation): void {
    operation.index = this.index;
    operation.current = this.at(operation.key).index;
    if (operation.outcome === 'done') operation.outcome = 'refused';
  }

  private apply(operation: Operation): void {
    const { kind, key, token } = operation;
    if (kind === 'get') {
      const { index, token: seen } = this.at(key);
      Object.assign(operation, { seen, index });
      return;
    }
    operation.index = this.index;
    const next = kind === 'put' ? { index: this.index, token } : NO_VERSION;
    this.older.set(key, [...(this.older.get(key) ?? []), next]);
    this.state.set(key, next);
  }
}

/** Applies all in the order of the moments at which they take effect, and fills in the answers. */
function run(timed: Timed[], random: Random): void {
  const store = new MadeUp(random);
  const done = new Set<number>();
  for (const { operation, lost } of timed.sort((a, b) => a.applied - b.applied)) {
    const { group } = operation;
    if (lost || (group !== undefined && done.has(group))) continue;
    if (group !== undefined) done.add(group);
    const parts = timed.filter(
      (one) => one.operation === operation || (group !== undefined && one.operation.group === group),
    );
    store.carryOut(parts.map((one) => one.operation));
  }
}

/** Moments that are all different; what is unknown is never answered. */
function inMoments(operations: Operation[]): Operation[] {
  const events = operations.flatMap((one) => [
    { at: one.began, one, isCall: true },
    { at: one.ended, one, isCall: false },
  ]);
  events.sort((a, b) => a.at - b.at);
  events.forEach(({ one, isCall }, moment) => {
    if (isCall) Object.assign(one, { began: moment + 1 });
    else one.ended = one.outcome === 'unknown' ? Number.POSITIVE_INFINITY : moment + 1;
    if (isCall || one.outcome === 'done' || one.outcome === 'refused') return;
    one.entry = undefined;
    if (one.outcome === 'unknown') one.index = 0;
  });
  return operations;
}

/** Puts one fault into a legal history; `undefined` if it offers no place for it. */
export type Plant = (history: Operation[], random: Random) => Operation[] | undefined;

/** All that fit, in an order of chance. */
function pick<T>(all: readonly T[], random: Random, fits: (one: T) => boolean): T | undefined {
  const fitting = all.filter(fits);
  return fitting[random(Math.max(1, fitting.length))];
}

const isPut = ({ kind, outcome }: Operation): boolean => kind === 'put' && outcome === 'done';
const isRead = ({ kind, outcome }: Operation): boolean => kind === 'get' && outcome === 'done';

/** Two writes of one key, and somebody who was called later than both were answered. */
function twoThen(history: Operation[], random: Random, kind: 'put' | 'delete', then: (one: Operation) => boolean) {
  const found: [Operation, Operation, Operation][] = [];
  for (const first of history.filter(isPut)) {
    for (const second of history) {
      const follows = second.kind === kind && second.outcome === 'done' && second.key === first.key;
      if (!follows || second.began < first.ended) continue;
      const late = history.find((one) => one.key === first.key && one.began > second.ended && then(one));
      if (late !== undefined) found.push([first, second, late]);
    }
  }
  return pick(found, random, () => true);
}

/** A put of a key that nobody deletes before `late` is answered. */
function neverDeleted(history: Operation[], random: Random, then: (one: Operation) => boolean) {
  const found: [Operation, Operation][] = [];
  for (const put of history.filter(isPut)) {
    for (const late of history) {
      if (late.key !== put.key || late.began < put.ended || !then(late)) continue;
      const mayDelete = ({ kind, key, ended, began }: Operation): boolean =>
        kind === 'delete' && key === put.key && ended > put.began && began < late.ended;
      if (!history.some(mayDelete)) found.push([put, late]);
    }
  }
  return pick(found, random, () => true);
}

function see(read: Operation, write: Operation): void {
  read.seen = write.token;
  read.index = write.index;
}

/** Operations after all others, on a key of their own: `next` with the moments of one that nothing overlaps. */
class Tail {
  readonly history: Operation[];
  private readonly key: string;
  private moment: number;

  constructor(history: Operation[], key: string) {
    this.history = history;
    this.key = key;
    const finite = history.flatMap(({ began, ended }) => [began, ended]).filter(Number.isFinite);
    this.moment = Math.max(...finite) + 1;
  }

  /** The highest index so far. */
  get top(): number {
    return Math.max(...this.history.map(({ index }) => index));
  }

  next(fields: Partial<Operation>): Operation {
    const index = this.top + 1;
    const token = this.history.length + 1;
    const made = { ...newOperation(this.key, this.moment, this.moment + 10), token, index, ...fields };
    if (made.outcome === 'unknown') made.ended = Number.POSITIVE_INFINITY;
    this.moment += 20;
    this.history.push(made);
    return made;
  }

  read(write: Operation | undefined, fields: Partial<Operation> = {}): Operation {
    return this.next({ kind: 'get', index: write?.index ?? 0, seen: write?.token ?? ABSENT, ...fields });
  }
}

/** A transaction of two writes: to the key of the tail, and to another one. */
function transaction(tail: Tail, fields: Partial<Operation>): readonly [Operation, Operation] {
  const group = tail.history.length + 1;
  const second = tail.next({ ...fields, group });
  const first = tail.next({
    ...fields,
    group,
    key: `${second.key} too`,
    began: second.began,
    ended: second.ended,
    index: second.index,
  });
  return [first, second];
}

const onTail =
  (build: (tail: Tail) => void): Plant =>
  (history, random) => {
    const tail = new Tail(history, `tail-${random(100)}`);
    build(tail);
    return tail.history;
  };

const onVersion = ({ index, token }: Operation): Partial<Operation> => ({ condition: { index, token } });

/** Both judges must refuse each of them. */
export const plants: Readonly<Record<string, Plant>> = {
  'a stale read': (history, random) => {
    const found = twoThen(history, random, 'put', isRead);
    if (found === undefined) return undefined;
    see(found[2], found[0]);
    return history;
  },
  'a value that comes back after its delete': (history, random) => {
    const found = twoThen(history, random, 'delete', isRead);
    if (found === undefined) return undefined;
    see(found[2], found[0]);
    return history;
  },
  'an acknowledged write that is missing': (history, random) => {
    const found = neverDeleted(history, random, isRead);
    if (found === undefined) return undefined;
    Object.assign(found[1], { seen: ABSENT, index: 0 });
    return history;
  },
  'a read of what was answered with 503': (history, random) => {
    const write = pick(history, random, ({ kind, outcome }) => kind === 'put' && outcome === 'nothing');
    const read = pick(history, random, (one) => isRead(one) && one.key === write?.key);
    if (write === undefined || read === undefined) return undefined;
    see(read, { ...write, index: 5 });
    return history;
  },
  'a read of a write whose condition failed': (history, random) => {
    const write = pick(history, random, ({ kind, outcome }) => kind === 'put' && outcome === 'refused');
    const read = pick(history, random, (one) => isRead(one) && one.key === write?.key);
    if (write === undefined || read === undefined) return undefined;
    see(read, write);
    return history;
  },
  'a read of a write that was called later': (history, random) => {
    const write = pick(history, random, isPut);
    const read = pick(history, random, (one) => isRead(one) && one.key === write?.key && one.ended < write.began);
    if (write === undefined || read === undefined) return undefined;
    see(read, write);
    return history;
  },
  'a condition on a version that was overwritten': (history, random) => {
    const found = twoThen(history, random, 'put', isPut);
    if (found === undefined) return undefined;
    const [{ index, token }, , late] = found;
    Object.assign(late, { condition: { index, token } });
    return history;
  },
  'a key that is created though it is there': (history, random) => {
    const found = neverDeleted(history, random, isPut);
    if (found === undefined) return undefined;
    Object.assign(found[1], { condition: { index: 0, token: ABSENT } });
    return history;
  },
  'a refusal although the condition held': onTail((tail) => {
    const put = tail.next({});
    tail.next({ ...onVersion(put), outcome: 'refused', current: put.index });
  }),
  'a refusal that takes the key for absent': onTail((tail) => {
    const first = tail.next({});
    tail.next({});
    tail.next({ ...onVersion(first), outcome: 'refused', current: 0 });
  }),
  'two increments of one number': onTail((tail) => {
    const put = tail.next({});
    tail.next(onVersion(put));
    tail.next(onVersion(put));
  }),
  'reads that go back while a write is under way': onTail((tail) => {
    const put = tail.next({});
    const slow = tail.next({});
    slow.ended += 100;
    tail.read(slow);
    tail.read(put);
  }),
  'a write of unknown outcome that is seen, and then not': onTail((tail) => {
    const put = tail.next({});
    const lost = tail.next({ outcome: 'unknown', index: 0 });
    const index = put.index + 1;
    tail.read({ ...lost, index });
    tail.read(put);
  }),
  'a write of unknown outcome that is seen before its call': onTail((tail) => {
    const put = tail.next({});
    const index = put.index + 1;
    const read = tail.read(put);
    const lost = tail.next({ outcome: 'unknown', index: 0 });
    see(read, { ...lost, index });
  }),
  'a delete of unknown outcome that is seen, and then not': onTail((tail) => {
    const put = tail.next({});
    tail.next({ kind: 'delete', outcome: 'unknown', index: 0 });
    tail.read(undefined);
    tail.read(put);
  }),
  'one write that is carried out twice': onTail((tail) => {
    const first = tail.next({});
    tail.read(first);
    const second = tail.next({});
    tail.read(second);
    tail.read(first);
  }),
};

/** What only the indexes show. */
export const indexPlants: Readonly<Record<string, Plant>> = {
  'two writes with one index': (history, random) => {
    const first = pick(history, random, isPut);
    const second = pick(
      history,
      random,
      (one) => isPut(one) && (one.group ?? one.token) !== (first?.group ?? first?.token),
    );
    if (first === undefined || second === undefined) return undefined;
    second.index = first.index;
    return history;
  },
  'an index below one that was acknowledged before': (history, random) => {
    const late = pick(history, random, (one) => isPut(one) && one.began > 60);
    if (late === undefined) return undefined;
    late.index = 1;
    return history;
  },
  'an ETag that is not the index of the write': (history, random) => {
    const read = pick(history, random, (one) => isRead(one) && one.seen !== ABSENT);
    if (read === undefined || !history.some((one) => one.token === read.seen && one.outcome === 'done'))
      return undefined;
    read.index += 1000;
    return history;
  },
  'a transaction of which one part was not carried out': onTail((tail) => {
    const old = tail.next({});
    const [kept, lost] = transaction(tail, { outcome: 'unknown', index: 0 });
    const index = old.index + 1;
    tail.read({ ...kept, index }, { key: kept.key });
    // Carried out with the other part, it was there before this was called.
    tail.read(old, { key: lost.key });
  }),
  'a transaction whose parts have two indexes': onTail((tail) => {
    const [first, second] = transaction(tail, { outcome: 'unknown', index: 0 });
    tail.read({ ...first, index: tail.top + 1 }, { key: first.key });
    tail.read({ ...second, index: tail.top + 1 }, { key: second.key });
  }),
  'a transaction that read another moment than its own': onTail((tail) => {
    const before = tail.next({});
    const after = tail.next({});
    const group = tail.history.length + 1;
    const { began, ended, index } = tail.next({ group, key: `${before.key} too` });
    // The later version was being written all the time, so by itself the read would be fine.
    tail.read(before, { group, entry: index, began, ended });
    after.ended = ended + 1;
  }),
  'a refusal that names a version nobody wrote': onTail((tail) => {
    const put = tail.next({});
    const second = tail.next({});
    tail.next({ ...onVersion(put), outcome: 'refused', current: second.index + 1, index: second.index + 2 });
  }),
};
