import type { Consistency, Replica, SessionPlace, StateMachine } from '@raft-ts/replica';
import { Stream } from '../base/random.js';
import { PURPOSE } from '../plan/purpose.js';
import type { StackSettings } from '../plan/stack-settings.js';
import type { Call } from './call.js';
import type { Broke } from './log-rules.js';
import type { StackMember } from './member.js';
import type { Random, Workload } from './options.js';
import { Gone, type Process } from './process.js';
import type { StateRules } from './state-rules.js';
import type { StackTime } from './time.js';

/** A client that keeps its commands in a session: one at a time. */
interface SessionClient {
  readonly id: number;
  next: number;
  busy: boolean;
}

const MOST_SESSIONS = 6;
/** So often a client in a session sends its command again before it gives up. */
const MOST_TRIES = 12;

export interface ClientsHost<Command, Result, Machine extends StateMachine<Command, Result>> {
  readonly seed: number;
  readonly settings: StackSettings;
  readonly time: StackTime;
  readonly workload: Workload<Command, Machine>;
  readonly rules: StateRules;
  readonly broke: Broke;
  /** A member that can be called, by a drawn number. */
  readonly someone: (choice: number) => StackMember<Command, Result, Machine> | undefined;
}

/** A member that can be called, in the life that it has now. */
interface Called<Command, Result, Machine> {
  readonly process: Process<Command, Result>;
  readonly replica: Replica<Command, Result>;
  readonly machine: Machine;
}

/** Everybody who calls the cluster: keeps what was asked and answered, and judges it as it comes. */
export class Clients<Command, Result, Machine extends StateMachine<Command, Result>> {
  readonly calls: Call<Command, Result>[] = [];
  private readonly host: ClientsHost<Command, Result, Machine>;
  private readonly sessions: SessionClient[] = [];
  private moments = 0;
  private openCalls = 0;
  /** The highest index that anybody was answered: whoever calls from now on must come after it. */
  private floor = 0;

  constructor(host: ClientsHost<Command, Result, Machine>) {
    this.host = host;
  }

  /** Number of calls that are not answered yet. */
  get open(): number {
    return this.openCalls;
  }

  /** Number of reads that were answered. */
  get reads(): number {
    return this.calls.filter(({ kind, outcome }) => kind === 'read' && outcome === 'done').length;
  }

  private random(...parts: readonly number[]): Random {
    const stream = new Stream(this.host.seed, PURPOSE.commands, ...parts);
    return (n) => stream.int(n);
  }

  private begin(
    call: Pick<Call<Command, Result>, 'kind' | 'command' | 'consistency' | 'member' | 'session'>,
  ): Call<Command, Result> {
    const begun: Call<Command, Result> = {
      ...call,
      began: ++this.moments,
      ended: Number.POSITIVE_INFINITY,
      outcome: 'open',
      index: 0,
    };
    this.calls.push(begun);
    this.openCalls++;
    return begun;
  }

  /** Clients propose so many commands at a member, all at once. */
  propose(member: StackMember<Command, Result, Machine>, count: number, choice: number): void {
    for (let i = 0; i < count; i++) void this.write(member, choice, i);
  }

  /** One client's command. Resolves when it is answered. */
  async write(member: StackMember<Command, Result, Machine>, choice: number, part: number): Promise<boolean> {
    const called = calledOf(member);
    if (called === undefined) return false;
    const { settings, workload } = this.host;
    const random = this.random(choice, part);
    const command = workload.command(random, { id: member.id, features: called.replica.features.open });
    const timeoutMs = 200 + random(4000);
    if (settings.sessions) {
      const client = this.sessions.find(({ busy }) => !busy);
      if (client === undefined) {
        if (this.sessions.length < MOST_SESSIONS) await this.openSession(called, timeoutMs);
        return false;
      }
      return this.writeInSession(client, { member, command, timeoutMs, random });
    }
    const call = this.begin({ kind: 'write', command, member: member.id, session: false });
    const { floor } = this;
    // Some clients lose patience before the deadline.
    const signal = random(10) === 0 ? this.abortAfter(random(500)) : undefined;
    await this.settle(call, called.process.guard(called.replica.propose(command, { timeoutMs, signal })));
    if (call.outcome === 'done' && call.index <= floor) {
      this.host.broke(
        'read-linearizable',
        `A command stands at index ${call.index}, and was proposed after a client had been told of index ${floor}.`,
      );
    }
    return call.outcome === 'done';
  }

  private abortAfter(ms: number): AbortSignal {
    const controller = new AbortController();
    this.host.time.post(this.host.time.now + ms, () => controller.abort());
    return controller.signal;
  }

  private async settle(
    call: Call<Command, Result>,
    asked: Promise<{ readonly index: number; readonly result: Result }>,
  ): Promise<void> {
    const { rules } = this.host;
    try {
      const { index, result } = await asked;
      call.index = index;
      call.result = result;
      call.outcome = 'done';
      if (call.session) rules.acknowledgedInSession(call.command);
      else rules.acknowledged(call.command, index, result);
      this.floor = Math.max(this.floor, index);
    } catch (error) {
      this.failed(call, error);
    }
    this.end(call);
  }

  private end(call: Call<Command, Result>): void {
    this.openCalls--;
    // What is unknown may yet happen.
    if (call.outcome !== 'unknown') call.ended = ++this.moments;
  }

  private failed(call: Call<Command, Result>, error: unknown): void {
    const { rules, broke } = this.host;
    const { outcome, reason } = error as { readonly outcome?: string; readonly reason?: string };
    call.reason = error instanceof Gone ? 'gone' : reason;
    if (error instanceof Gone || outcome === 'unknown') {
      call.outcome = 'unknown';
      rules.uncertain(call.command);
    } else if (outcome === 'failed') {
      call.outcome = 'failed';
      rules.uncertain(call.command);
    } else if (outcome === 'dropped') {
      call.outcome = 'dropped';
    } else {
      call.outcome = 'unknown';
      broke('no-failure', `A command ends in an error that says nothing of its outcome: ${String(error)}.`, error);
    }
  }

  // Sessions.

  private async openSession({ process, replica }: Called<Command, Result, Machine>, timeoutMs: number): Promise<void> {
    try {
      const { id } = await process.guard(replica.openSession({ timeoutMs }));
      this.sessions.push({ id, next: 1, busy: false });
    } catch {
      // Another call opens one.
    }
  }

  private async writeInSession(
    client: SessionClient,
    asked: {
      readonly member: StackMember<Command, Result, Machine>;
      readonly command: Command;
      readonly timeoutMs: number;
      readonly random: Random;
    },
  ): Promise<boolean> {
    client.busy = true;
    const sequence = client.next++;
    const call = this.begin({ kind: 'write', command: asked.command, member: asked.member.id, session: true });
    const place = { session: client.id, sequence, acknowledged: sequence };
    await this.settle(call, this.retry(asked, place));
    client.busy = false;
    if (call.reason === 'session-expired') this.sessions.splice(this.sessions.indexOf(client), 1);
    return call.outcome === 'done';
  }

  /** Sends a command again, to whichever member, until its client knows. */
  private async retry(
    {
      member,
      command,
      timeoutMs,
      random,
    }: {
      readonly member: StackMember<Command, Result, Machine>;
      readonly command: Command;
      readonly timeoutMs: number;
      readonly random: Random;
    },
    place: SessionPlace,
  ): Promise<{ index: number; result: Result }> {
    let handedOver = false;
    let last: unknown = new Gone('nobody runs');
    let next: StackMember<Command, Result, Machine> | undefined = member;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const called = next === undefined ? undefined : calledOf(next);
      if (called !== undefined) {
        try {
          return await called.process.guard(called.replica.propose(command, { place, timeoutMs }));
        } catch (error) {
          last = error;
          const { outcome, reason } = error as { readonly outcome?: string; readonly reason?: string };
          handedOver ||= error instanceof Gone || outcome === 'unknown';
          if (outcome === 'failed' || reason === 'session-expired') break;
        }
      }
      await this.host.time.sleep(1 + random(500));
      next = this.host.someone(random(1000));
    }
    // What one copy came to says nothing about the others.
    if (handedOver && (last as { readonly outcome?: string }).outcome === 'dropped') {
      throw Object.assign(new Error('given up'), { outcome: 'unknown', reason: (last as { reason?: string }).reason });
    }
    throw last;
  }

  // Reads.

  /** A client reads on a member. Resolves with whether it was answered. */
  async read(member: StackMember<Command, Result, Machine>, choice: number): Promise<boolean> {
    const called = calledOf(member);
    if (called === undefined) return false;
    const { settings, workload, broke } = this.host;
    const random = this.random(choice);
    const timeoutMs = 200 + random(4000);
    const consistency: Consistency = settings.leases && random(2) === 0 ? 'lease' : 'linearizable';
    const call = this.begin({ kind: 'read', consistency, member: member.id, session: false });
    const { floor } = this;
    const { process, replica, machine } = called;
    try {
      await process.guard(
        replica.read(
          () => {
            call.index = replica.applied.index;
            call.seen = workload.read?.(machine, this.random(choice, 1));
          },
          { timeoutMs, consistency },
        ),
      );
      call.outcome = 'done';
      if (call.index < floor) {
        broke(
          'read-linearizable',
          `Member ${member.id} answers a read (${consistency}) at index ${call.index}, which was asked for after a client had been told of index ${floor}.`,
        );
      }
      this.floor = Math.max(this.floor, call.index);
    } catch (error) {
      call.outcome = 'dropped';
      call.reason = error instanceof Gone ? 'gone' : String((error as { reason?: string }).reason);
      if (!(error instanceof Gone) && (error as Error).name !== 'ReadFailed')
        broke('no-failure', `A read ends in an error that is none of its own: ${String(error)}.`, error);
    }
    this.end(call);
    return call.outcome === 'done';
  }
}

function calledOf<Command, Result, Machine extends StateMachine<Command, Result>>({
  process,
  machine,
}: StackMember<Command, Result, Machine>): Called<Command, Result, Machine> | undefined {
  const replica = process?.replica;
  if (process === undefined || replica === undefined || machine === undefined || process.isFrozen) return undefined;
  return { process, replica, machine };
}
