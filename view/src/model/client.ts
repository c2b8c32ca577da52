import { EntryType } from '@raft-ts/proto';
import { codeOf } from '@raft-ts/proto/internal';
import { ERR_PROPOSAL_DROPPED, type Ready } from '@raft-ts/raft';
import { type Member, numbered, numberOf, type World } from '@raft-ts/sim/by-hand';
import { clock, nameOf } from './names.js';

/** What a client was told so far. */
export type Verdict =
  | 'waiting'
  | 'done'
  /** It certainly has not happened and will not. */
  | 'not done'
  /** Nobody has answered: it may have happened, or may yet. */
  | 'unknown'
  /** A read was answered with less than had been committed before it was asked for. */
  | 'stale';

/** Something that a client asked of a member. */
export interface Request {
  readonly kind: 'write' | 'read' | 'stale-read';
  readonly slot: number;
  readonly askedAt: number;
  /** What is written: `w3`. */
  readonly value: string;
  verdict: Verdict;
  /** One sentence: what the client was told, and what it may conclude. */
  told: string;
  endedAt: number | undefined;
}

interface Open {
  readonly request: Request;
  readonly number: number;
  readonly life: number;
  /** Everything up to here was committed when it was asked. */
  readonly bound: number;
  /** Where the entry of a write is, and its term; the index from which a read may be served. 0 while unknown. */
  index: number;
  term: number;
}

/** A client gives up after this many of the longest election timeouts. */
const PATIENCE = 3;
/** Requests that are remembered. */
const KEPT = 200;

/** Clients of the cluster: each writes a number, or reads the last one written, at a member of its choice. */
export class Client {
  readonly requests: Request[] = [];
  private open: Open[] = [];
  /** The number that was written last, by the index up to which a log is applied. */
  private readonly values: number[] = [0, 0];
  /** Where each number is in the log. */
  private readonly places = new Map<number, number>();
  private readonly world: World;
  private readonly patienceMs: number;

  constructor(world: World, electionTick: number) {
    this.world = world;
    this.patienceMs = PATIENCE * 2 * electionTick * 100;
  }

  get newest(): Request | undefined {
    return this.requests.at(-1);
  }

  /** The text that a register holds which has applied everything up to an index. */
  valueAt(index: number): string {
    const value = this.values[index] ?? 0;
    return value === 0 ? 'nothing' : `w${value}`;
  }

  write(slot: number): void {
    const { world } = this;
    const number = ++world.rules.history.proposals;
    const open = this.ask('write', slot, number, `w${number}`);
    const member = world.members[slot];
    if (open === undefined || member === undefined) return;
    let refusal: unknown;
    world.input(member, (node) => {
      try {
        const { forwarded } = node.propose(numbered(number));
        if (forwarded) return;
        open.index = node.raft.raftLog.lastIndex();
        open.term = node.raft.term;
      } catch (error) {
        if (codeOf(error) !== ERR_PROPOSAL_DROPPED) throw error;
        refusal = error;
      }
    });
    if (refusal !== undefined) {
      const why = member.node?.raft.lead === 0n ? 'it knows no leader' : 'it takes no writes now';
      this.end(open, 'not done', `${nameOf(slot)} refused: ${why}. Nothing was written; trying again is safe.`);
    }
  }

  /** A read that is answered with everything that was committed before it was asked for. */
  read(slot: number): void {
    const { world } = this;
    const { history } = world.rules;
    const number = ++history.readsAsked;
    const open = this.ask('read', slot, number, '');
    const member = world.members[slot];
    if (open === undefined || member === undefined) return;
    history.reads.set(number, { slot, life: member.life, bound: history.committed, asked: world.events });
    world.input(member, (node) => node.readIndex(numbered(number)));
  }

  /** A read that is answered at once with what the member has, old or not. */
  readStale(slot: number): void {
    const open = this.ask('stale-read', slot, 0, '');
    const member = this.world.members[slot];
    if (open === undefined || member === undefined) return;
    this.answerRead(open, member);
  }

  private ask(kind: Request['kind'], slot: number, number: number, value: string): Open | undefined {
    const { world } = this;
    const member = world.members[slot];
    const askedAt = world.now;
    const request: Request = {
      kind,
      slot,
      askedAt,
      value,
      verdict: 'waiting',
      told: 'No answer yet.',
      endedAt: undefined,
    };
    this.requests.push(request);
    if (this.requests.length > KEPT) this.requests.shift();
    const open = { request, number, life: member?.life ?? 0, bound: world.rules.history.committed, index: 0, term: 0 };
    if (member?.isUp !== true) {
      this.end(open, 'not done', `${nameOf(slot)} is down: nothing was sent. Trying elsewhere is safe.`);
      return undefined;
    }
    if (member.isFrozen && kind === 'stale-read') {
      this.end(
        open,
        'not done',
        `${nameOf(slot)} is frozen and does not answer. Asking again is safe: nothing was written.`,
      );
      return undefined;
    }
    this.open.push(open);
    return open;
  }

  private end(open: Open, verdict: Verdict, told: string): void {
    const { request } = open;
    request.verdict = verdict;
    request.told = told;
    request.endedAt = this.world.now;
  }

  private answerRead(open: Open, { slot, applied }: Member): void {
    const value = this.valueAt(applied);
    const wanted = this.valueAt(open.bound);
    const what = value === 'nothing' ? 'that nothing is written' : value;
    const isOld = applied < open.bound && value !== wanted;
    const { kind } = open.request;
    if (isOld) {
      const why = kind === 'read' ? 'This must not happen' : 'Nobody else was asked';
      this.end(open, 'stale', `${nameOf(slot)} answered ${what}, although ${wanted} had been committed. ${why}.`);
    } else {
      const why = kind === 'read' ? 'a majority confirmed the leader, so it is current' : 'it happens to be current';
      this.end(open, 'done', `${nameOf(slot)} answered ${what}: ${why}.`);
    }
  }

  /** A member hands out a Ready: it may hold the answer to a read. */
  handedOut({ slot, life }: Member, { readStates }: Ready): void {
    for (const { index, requestCtx } of readStates) {
      const number = requestCtx === undefined ? undefined : numberOf(requestCtx);
      const open = this.open.find((one) => one.request.kind === 'read' && one.number === number);
      if (open !== undefined && open.request.slot === slot && open.life === life) open.index = Math.max(1, index);
    }
  }

  /** A member has applied its log up to here: notes what was written there. */
  applied({ node }: Member, upTo: number): void {
    const from = this.values.length;
    if (node === undefined || upTo < from) return;
    const entries = node.raft.raftLog.slice(from, upTo + 1, Number.POSITIVE_INFINITY);
    if (typeof entries === 'string') return;
    for (const { data, type, index } of entries) {
      const isWrite =
        (type ?? EntryType.EntryNormal) === EntryType.EntryNormal && data !== undefined && data.length > 0;
      const number = isWrite ? numberOf(data) : undefined;
      this.values[index] = number ?? this.values[index - 1] ?? 0;
      if (number !== undefined) this.places.set(number, index);
    }
  }

  /** Looks after every request that is not answered. */
  look(): void {
    if (this.open.length === 0) return;
    this.open = this.open.filter((open) => !this.isOver(open));
  }

  private isOver(open: Open): boolean {
    const { request, number, life } = open;
    const { world } = this;
    const member = world.members[request.slot];
    const place = this.places.get(number);
    if (request.kind === 'write' && place !== undefined && request.verdict === 'unknown') {
      request.told = `No answer came, but the write was carried out, as entry ${place}: "unknown" may mean done.`;
      return true;
    }
    if (request.verdict !== 'waiting') return this.isForgotten(open);
    if (member === undefined || member.life !== life) {
      this.giveUp(open, `${nameOf(request.slot)} ended before it answered.`);
    } else if (request.kind === 'write') {
      this.lookAtWrite(open, member, place);
    } else if (open.index > 0 && member.applied >= open.index) {
      this.answerRead(open, member);
    }
    if (request.verdict === 'waiting' && world.now - request.askedAt > this.patienceMs) {
      this.giveUp(open, `No answer in ${clock(this.patienceMs)}.`);
    }
    return request.verdict !== 'waiting' && !(request.kind === 'write' && request.verdict === 'unknown');
  }

  /** A write whose fate nobody knows is looked for, until its place in the log is taken by another entry. */
  private isForgotten({ request, index, term }: Open): boolean {
    const { terms } = this.world.rules.history;
    const isReplaced = index > 0 && terms[index] !== undefined && terms[index] !== term;
    if (isReplaced && request.verdict === 'unknown') {
      request.told = `No answer came, and the client cannot know more. It was not carried out: another entry was committed in its place, ${index}.`;
    }
    return isReplaced || request.verdict !== 'unknown';
  }

  private lookAtWrite(open: Open, member: Member, place: number | undefined): void {
    const { request, index, term } = open;
    if (place !== undefined && member.applied >= place) {
      this.end(open, 'done', `${nameOf(request.slot)} answered: ${request.value} is committed as entry ${place}.`);
    } else if (index > 0 && member.applied >= index && this.world.rules.history.terms[index] !== term) {
      this.end(open, 'not done', `Another entry was committed at index ${index}: ${request.value} was not written.`);
    }
  }

  private giveUp(open: Open, why: string): void {
    if (open.request.kind === 'write') {
      this.end(open, 'unknown', `${why} The write may have happened, or may yet.`);
    } else {
      this.end(open, 'not done', `${why} A read changes nothing: asking again is safe.`);
    }
  }
}
