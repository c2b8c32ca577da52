import type { Consistency, Replica } from '@raft-ts/replica';
import { Gone } from '@raft-ts/sim/by-hand';
import { nameOf } from '../model/names.js';
import type { ReplicaMember } from './run.js';

/** Milliseconds after which a replica gives a call up. */
const TIMEOUT_MS = 3000;
/** Requests that are kept. */
const KEPT = 100;

export type RequestKind = 'write' | 'read' | 'lease-read' | 'stale-read';

/** What a client asked for, and what it was told. */
export interface Request {
  readonly kind: RequestKind;
  readonly slot: number;
  /** What is written; empty for a read. */
  readonly value: string;
  verdict: 'waiting' | 'done' | 'not done' | 'unknown' | 'stale';
  told: string;
}

const CONSISTENCY: Readonly<Record<Exclude<RequestKind, 'write'>, Consistency>> = {
  read: 'linearizable',
  'lease-read': 'lease',
  'stale-read': 'stale',
};

/** A client of replicas: every call goes through `Replica`, as in a program. */
export class ReplicaClient {
  requests: Request[] = [];
  private readonly now: () => number;
  private written = 0;
  /** The number of the newest value of which a client was told that it is applied. */
  private newest = 0;

  /** @param now virtual time in milliseconds */
  constructor(now: () => number) {
    this.now = now;
  }

  ask(kind: RequestKind, member: ReplicaMember): void {
    const value = kind === 'write' ? `w${++this.written}` : '';
    const request: Request = { kind, slot: member.slot, value, verdict: 'waiting', told: 'No answer yet.' };
    this.requests.push(request);
    if (this.requests.length > KEPT) this.requests.shift();
    const { process } = member;
    if (process?.replica === undefined) {
      settle(request, 'not done', `${nameOf(member.slot)} is down.`);
      return;
    }
    const began = this.now();
    if (process.isFrozen) request.told = `${nameOf(member.slot)} is frozen: the call waits in its process.`;
    const call = kind === 'write' ? this.write(request, member) : this.read(request, kind, member, began);
    void this.guarded(request, member, call);
  }

  /** A call begins when its process is not frozen any more. */
  private when({ process }: ReplicaMember): Promise<void> {
    return new Promise((resolve, reject) => {
      process?.now(resolve, () => reject(new Gone('the process has ended')));
    });
  }

  private async guarded(request: Request, member: ReplicaMember, call: Promise<void>): Promise<void> {
    try {
      await call;
    } catch (error) {
      const message = `${nameOf(member.slot)}: ${(error as Error).message}`;
      if (request.kind !== 'write') settle(request, 'not done', `${message}. Asking again is safe.`);
      else if (error instanceof Gone) settle(request, 'unknown', `${message}. The write may have happened.`);
      else settle(request, 'unknown', `${message}.`);
    }
  }

  private async write(request: Request, member: ReplicaMember): Promise<void> {
    const began = this.now();
    await this.when(member);
    const { process } = member;
    if (process?.replica === undefined) throw new Gone('the process has ended');
    const outcome = await process.guard(process.replica.attempt(request.value, { timeoutMs: TIMEOUT_MS }));
    const name = nameOf(request.slot);
    if (outcome.outcome === 'applied') {
      this.newest = Math.max(this.newest, Number(request.value.slice(1)));
      settle(
        request,
        'done',
        `${name} has applied it, at index ${outcome.index}, and answers after ${this.now() - began} ms.`,
      );
    } else if (outcome.outcome === 'dropped') {
      settle(request, 'not done', `${outcome.message}. Trying again is safe.`);
    } else {
      settle(request, 'unknown', `${outcome.message}. It may have happened, or may yet.`);
    }
  }

  private async read(
    request: Request,
    kind: Exclude<RequestKind, 'write'>,
    member: ReplicaMember,
    began: number,
  ): Promise<void> {
    const { newest } = this;
    await this.when(member);
    const { process, machine } = member;
    if (process?.replica === undefined || machine === undefined) throw new Gone('the process has ended');
    const asked = this.now();
    const lease = kind === 'lease-read' ? aboutLease(process.replica) : '';
    const options = { consistency: CONSISTENCY[kind], timeoutMs: TIMEOUT_MS };
    const value = await process.guard(process.replica.read(() => machine.value, options));
    const number = value === '' ? 0 : Number(value.slice(1));
    const waited = asked === began ? '' : `, ${asked - began} ms after it was asked`;
    const took = `after ${this.now() - asked} ms${waited}`;
    const what = `${nameOf(request.slot)} answers ${value === '' ? 'that nothing is written' : value} ${took}.`;
    if (number < newest) settle(request, 'stale', `${what} ${lease}w${newest} was acknowledged before.`);
    else settle(request, 'done', `${what} ${lease}${HOW[kind]}`);
  }
}

/** What a replica says of its lease before it reads. */
function aboutLease(replica: Pick<Replica<string, number>, 'explain'>): string {
  const { code, text } = replica.explain({ lease: true });
  return code === 'leased' ? 'It had a lease, and asked nobody: it is current. ' : `${text} So it asked first. `;
}

const HOW: Readonly<Record<Exclude<RequestKind, 'write'>, string>> = {
  read: 'A majority confirmed the leader while it waited: it is current.',
  'lease-read': '',
  'stale-read': 'Nobody was asked: it may be old.',
};

function settle(request: Request, verdict: Request['verdict'], told: string): void {
  request.verdict = verdict;
  request.told = told;
}
