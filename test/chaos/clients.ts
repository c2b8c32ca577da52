/** Clients that ask members of the store for this and that, and write down every call and answer. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@raft-ts/raft/internal';
import { ABSENT, type Operation } from '@raft-ts/sim/internal';
import { type Answer, type Answered, ask, conditionHeaders, type Door, pathOf, type Question } from './ask.js';
import { askOnce } from './once.js';
import { bodyOf, noteAnswer, type Part } from './transactions.js';
import { watchAll } from './watching.js';
import type { StaleRead, Watched } from './weak-judge.js';

export interface ClientPlan {
  readonly clients: number;
  readonly random: (n: number) => number;
  /** The members that may be asked, running or not. */
  readonly targets: () => readonly Target[];
}

export interface Target extends Door {
  readonly id: number;
}

/** One client, who asks any member unless one is named. */
interface Caller {
  readonly agent: Agent;
  readonly member?: Target;
}

/** So many calls on one key, so that its history can be searched; then another key takes its place. */
const CALLS_PER_KEY = 150;
/** And with so many of unknown outcome, each of which can lie anywhere, it could no longer be. */
const UNKNOWN_PER_KEY = 12;
const REGISTERS = 8;
const COUNTERS = 2;
/** Begins the key of each counter. */
const COUNTER = 'number';

/** What the value of a key said. */
interface Version {
  readonly index: number;
  readonly token: number;
  /** Of a counter. */
  readonly count: number;
}

const NO_VERSION: Version = { index: 0, token: ABSENT, count: 0 };

/** One key, which is used for some time. */
interface Key {
  readonly name: string;
  readonly isCounter: boolean;
  calls: number;
  /** Writes of unknown outcome. */
  unknown: number;
  /** What somebody was told last. */
  last: Version;
}

export class Clients {
  readonly history: Operation[] = [];
  /** Reads that may be old. */
  readonly stale: StaleRead[] = [];
  /** What clients that watch were sent. */
  readonly watched: Watched[] = [];
  /** Answers that no member should give. */
  readonly findings: string[] = [];
  /** Every key that was ever written to. */
  readonly names = new Set<string>();
  /** How many answers there were of each kind. */
  readonly answers = new Map<string, number>();
  /** Calls that have been answered, or given up. */
  answered = 0;
  private readonly plan: ClientPlan;
  private readonly values = new Map<number, string>();
  private readonly keys: Key[] = [];
  private readonly agents: Agent[] = [];
  private workers: Promise<void>[] = [];
  private watching = new AbortController();
  private stopping = false;
  private moment = 0;
  private generation = 0;

  constructor(plan: ClientPlan) {
    this.plan = plan;
    for (let i = 0; i < REGISTERS + COUNTERS; i++) this.keys.push(this.newKey(i >= REGISTERS));
  }

  start(): void {
    this.stopping = false;
    this.workers = Array.from({ length: this.plan.clients }, () => this.work());
    this.watching = new AbortController();
    // Not of everything: others, who are judged in another way, write as well.
    this.workers.push(...['t', 'text/', COUNTER].map((prefix) => this.watch(prefix, this.watching.signal)));
  }

  /** Resolves once every call has been answered, or given up. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.watching.abort();
    await Promise.all(this.workers);
    for (const agent of this.agents.splice(0)) agent.destroy();
  }

  get now(): number {
    return ++this.moment;
  }

  private newKey(isCounter: boolean): Key {
    const name = `${isCounter ? COUNTER : 'text'}/${++this.generation} ü%`;
    this.names.add(name);
    return { name, isCounter, calls: 0, unknown: 0, last: NO_VERSION };
  }

  private async work(): Promise<void> {
    const agent = new Agent({ keepAlive: true });
    this.agents.push(agent);
    const { random } = this.plan;
    while (!this.stopping) {
      if (random(8) === 0) {
        const served = await this.transact({ agent });
        await sleep(served ? random(20) : 50 + random(200));
        continue;
      }
      const at = random(this.keys.length);
      const key = this.keys[at] as Key;
      if (key.calls >= CALLS_PER_KEY || key.unknown >= UNKNOWN_PER_KEY) {
        this.keys[at] = this.newKey(key.isCounter);
        continue;
      }
      const served = key.isCounter ? await this.increment(key, { agent }) : await this.useRegister(key, { agent });
      // Members that refuse at once are not asked as fast as they can refuse.
      await sleep(served ? random(20) : 50 + random(200));
    }
  }

  /** Whether it was served. */
  private async useRegister(key: Key, caller: Caller): Promise<boolean> {
    const { random } = this.plan;
    const chance = random(100);
    const { last } = key;
    if (chance < 8) return this.getStale(key, caller);
    if (chance < 45) return (await this.get(key, caller)).outcome === 'done';
    const kind = chance < 80 ? 'put' : 'delete';
    let condition: Version | undefined;
    if (chance >= 65 && chance < 90) condition = kind === 'put' && random(4) === 0 ? NO_VERSION : last;
    // There is no condition by which a delete asks for absence.
    if (kind === 'delete' && condition?.token === ABSENT) condition = undefined;
    return (await this.write(key, { kind, condition, count: 0 }, caller)).outcome !== 'nothing';
  }

  private async increment(key: Key, caller: Caller): Promise<boolean> {
    const read = await this.get(key, caller);
    if (read.outcome !== 'done') return false;
    const count = read.seen === ABSENT ? 0 : countOf(this.values.get(read.seen) ?? '');
    const condition = { index: read.index, token: read.seen, count };
    const { outcome } = await this.write(key, { kind: 'put', condition, count: count + 1 }, caller);
    return outcome !== 'nothing';
  }

  private begin(key: string, member: number, fields: Partial<Operation>): Operation {
    const operation: Operation = {
      token: this.history.length + 1,
      kind: 'get',
      key,
      member,
      began: this.now,
      ended: Number.POSITIVE_INFINITY,
      condition: undefined,
      outcome: 'unknown',
      index: 0,
      seen: ABSENT,
      current: 0,
      ...fields,
    };
    this.history.push(operation);
    return operation;
  }

  private target(random: (n: number) => number = this.plan.random): Target {
    const targets = this.plan.targets();
    return targets[random(targets.length)] as Target;
  }

  private async get(key: Key, { agent, member }: Caller): Promise<Operation> {
    const target = member ?? this.target();
    key.calls++;
    const operation = this.begin(key.name, target.id, {});
    // The two promise the same.
    const consistency = this.plan.random(3) === 0 ? '?consistency=lease' : '';
    const answer = this.counted(await ask(target, 'GET', pathOf(key.name) + consistency, { agent }));
    operation.ended = this.now;
    operation.outcome = 'nothing';
    if (answer === undefined || answer === 'refused') return operation;
    if (answer.status === 200) this.noteRead(operation, answer.body, answer.etag);
    else if (answer.status === 404) operation.outcome = 'done';
    else this.judgeFailure(operation, answer);
    if (operation.outcome === 'done') key.last = { index: operation.index, token: operation.seen, count: 0 };
    return operation;
  }

  /** Whether it was served. */
  private async getStale({ name: key }: Key, { agent }: Caller): Promise<boolean> {
    const target = this.target();
    const { id: member } = target;
    const answer = this.counted(await ask(target, 'GET', `${pathOf(key)}?consistency=stale`, { agent }));
    if (typeof answer !== 'object' || (answer.status !== 200 && answer.status !== 404)) return false;
    const { status, body, etag: index, connection } = answer;
    const seen = status === 200 ? Number.parseInt(body, 10) : ABSENT;
    this.stale.push({ key, member, connection, ended: this.now, seen, index });
    if (status === 200 && this.values.get(seen) !== body)
      this.findings.push(`member ${member} shows a stale value of ${key} that nobody wrote: '${body.slice(0, 100)}'`);
    return true;
  }

  private async watch(prefix: string, stopping: AbortSignal): Promise<void> {
    const find = (what: string): void => void this.findings.push(what);
    // Not the plan's chance: how long connections last must not change what is asked.
    const random = seededRandom(this.generation + prefix.length);
    const plan = { prefix, random, target: () => this.target(random), stopping, find };
    this.watched.push(...(await watchAll(plan)));
  }

  private noteRead(operation: Operation, value: string, index: number): void {
    const token = Number.parseInt(value, 10);
    operation.outcome = 'done';
    operation.index = index;
    operation.seen = token;
    if (this.values.get(token) !== value) {
      const shown = value.slice(0, 100);
      this.findings.push(`member ${operation.member} shows a value of ${operation.key} that nobody wrote: '${shown}'`);
    }
  }

  private async write(
    key: Key,
    what: { readonly kind: 'put' | 'delete'; readonly condition: Version | undefined; readonly count: number },
    { agent, member }: Caller,
  ): Promise<Operation> {
    const target = member ?? this.target();
    const { kind, condition, count } = what;
    key.calls++;
    const operation = this.begin(key.name, target.id, { kind, condition });
    const length = this.plan.random(20) === 0 ? 5000 : this.plan.random(100);
    const value = `${operation.token} ${count} ${'.'.repeat(length)}`;
    if (kind === 'put') this.values.set(operation.token, value);
    const headers = conditionHeaders(condition?.index);
    const body = kind === 'put' ? value : undefined;
    const method = kind === 'put' ? 'PUT' : 'DELETE';
    const path = pathOf(key.name);
    const answer = await (member === undefined
      ? this.send(target, method, path, { agent, headers, body })
      : this.sendTo(member, method, path, { agent, headers, body }));
    if (answer === undefined) {
      key.unknown++;
      return operation;
    }
    if (answer === 'refused' || answer.status === 503) operation.outcome = 'nothing';
    else if (answer.status === 200 || answer.status === 412) {
      const { index, current = 0 } = JSON.parse(answer.body) as { index: number; current?: number };
      Object.assign(operation, { index, current, outcome: answer.status === 200 ? 'done' : 'refused' });
      if (answer.status === 200) key.last = kind === 'put' ? { index, token: operation.token, count } : NO_VERSION;
    } else this.judgeFailure(operation, answer);
    if (operation.outcome === 'unknown') key.unknown++;
    else operation.ended = this.now;
    return operation;
  }

  private async sendTo(target: Target, method: string, path: string, question: Question): Promise<Answered> {
    return this.counted(await ask(target, method, path, question));
  }

  /** Some writes have a key, by which they can be sent until there is an answer, to whichever member. */
  private send(first: Target, method: string, path: string, question: Question): Promise<Answered> {
    const { random } = this.plan;
    if (random(3) > 0) return this.sendTo(first, method, path, question);
    let next: Target | undefined = first;
    const send = (keyed: Question): Promise<Answered> => {
      const target = next ?? this.target();
      next = undefined;
      return this.sendTo(target, method, path, keyed);
    };
    return askOnce({ random, send, find: (what) => void this.findings.push(what) }, question);
  }

  /** Several keys at once, in one entry. Returns whether it was served. */
  private async transact({ agent }: Caller): Promise<boolean> {
    const { random } = this.plan;
    const target = this.target();
    const registers = this.keys.filter(({ isCounter, calls }) => !isCounter && calls < CALLS_PER_KEY);
    const first = random(Math.max(1, registers.length));
    const chosen = registers.slice(first, first + 2 + random(2));
    const group = this.history.length + 1;
    const began = this.now;
    const parts = chosen.map((key): Part => {
      key.calls++;
      const chance = random(100);
      const kind = chance < 35 ? 'get' : chance < 80 ? 'put' : 'delete';
      const condition = kind !== 'get' && random(3) === 0 ? key.last : undefined;
      const operation = this.begin(key.name, target.id, { kind, condition, group, began });
      const value = `${operation.token} 0 ${'.'.repeat(random(100))}`;
      if (kind === 'put') this.values.set(operation.token, value);
      return { operation, value };
    });
    if (parts.length === 0) return false;
    const answer = await this.send(target, 'POST', '/kv', { agent, body: bodyOf(parts) });
    const isFine = noteAnswer(parts, answer, (operation, value, index) => this.noteRead(operation, value, index));
    if (!isFine && typeof answer === 'object') this.judgeFailure(parts[0]?.operation as Operation, answer);
    const ended = this.now;
    for (const [i, { operation }] of parts.entries()) {
      const key = chosen[i] as Key;
      if (operation.outcome === 'unknown') key.unknown++;
      else operation.ended = ended;
      if (operation.outcome !== 'done') continue;
      if (operation.kind === 'get') key.last = { index: operation.index, token: operation.seen, count: 0 };
      else
        key.last = operation.kind === 'put' ? { index: operation.index, token: operation.token, count: 0 } : NO_VERSION;
    }
    return parts.some(({ operation }) => operation.outcome !== 'nothing');
  }

  private counted(answer: Answered): Answered {
    const kind = typeof answer === 'object' ? `${answer.status}` : (answer ?? 'none');
    const [, reason] = typeof answer === 'object' ? (/"reason":"([a-z-]+)"/u.exec(answer.body) ?? []) : [];
    const text = reason === undefined ? kind : `${kind} ${reason}`;
    this.answers.set(text, (this.answers.get(text) ?? 0) + 1);
    this.answered++;
    return answer;
  }

  private judgeFailure(operation: Operation, { status, body }: Answer): void {
    if (status === 503 || status === 504) return;
    this.findings.push(`member ${operation.member} answered ${status} to a ${operation.kind}: ${body.slice(0, 200)}`);
  }

  /** Reads everything on one member, as so many reads at once. Returns whether it was served. */
  async readAll(member: Target): Promise<boolean> {
    const began = this.now;
    const found = new Map<string, { readonly value: string; readonly index: number }>();
    for (let after = '', more = true; more; ) {
      const query = `?limit=1000&after=${encodeURIComponent(after)}`;
      const answer = await ask(member, 'GET', `/kv${query}`, {});
      if (typeof answer !== 'object' || answer.status !== 200) return false;
      const page = JSON.parse(answer.body) as { items: { key: string; value: string; index: number }[]; more: boolean };
      for (const { key, value, index } of page.items) found.set(key, { value, index });
      after = page.items.at(-1)?.key ?? after;
      more = page.more;
    }
    const ended = this.now;
    for (const name of this.names) {
      const operation = this.begin(name, member.id, { began, ended, outcome: 'done' });
      const item = found.get(name);
      if (item !== undefined) this.noteRead(operation, item.value, item.index);
      found.delete(name);
    }
    for (const name of found.keys()) this.findings.push(`member ${member.id} has a key that nobody wrote: ${name}`);
    return true;
  }

  /** Counters that show fewer increments than were acknowledged, or more than were asked for. */
  miscounted(): string[] {
    const counters = [...this.names].filter((name) => name.startsWith(COUNTER));
    return counters.flatMap((name) => {
      const operations = this.history.filter(({ key }) => key === name);
      const increments = operations.filter(({ kind }) => kind === 'put');
      const least = increments.filter(({ outcome }) => outcome === 'done').length;
      const most = least + increments.filter(({ outcome }) => outcome === 'unknown').length;
      const last = operations.findLast(({ kind, outcome }) => kind === 'get' && outcome === 'done');
      const count = last === undefined || last.seen === ABSENT ? 0 : countOf(this.values.get(last.seen) ?? '');
      return count >= least && count <= most ? [] : [`${name} shows ${count} after ${least} to ${most} increments`];
    });
  }

  /** Whether one write and one read on this member are served. */
  async isServed(member: Target): Promise<boolean> {
    const caller = { agent: new Agent(), member };
    const key = this.keys[0] as Key;
    const write = await this.write(key, { kind: 'put', condition: undefined, count: 0 }, caller);
    const read = await this.get(key, caller);
    caller.agent.destroy();
    return write.outcome === 'done' && read.outcome === 'done';
  }
}

/** The number in the value of a counter. */
function countOf(value: string): number {
  return Number(value.split(' ')[1]);
}
