import { MessageType, type NodeId } from '@raft-ts/raft';
import type { Replica } from '@raft-ts/replica';
import { Leading } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { inside } from './inside.js';
import { Counter } from './machines.js';
import { VirtualCluster, type VirtualOptions, VirtualTime } from './virtual.js';

const ELECTION_MS = 100;

/** What a task was given, and what it saw. */
interface Run {
  readonly member: NodeId;
  readonly fence: number;
  readonly signal: AbortSignal;
  readonly began: number;
  /** What the state was when it began. */
  readonly value: number;
  aborted: number | undefined;
  ended: boolean;
  finish: (value: string) => void;
  throws: (error: Error) => void;
}

describe('replica: whileLeading', () => {
  let machines: Map<NodeId, Counter>;
  let group: VirtualCluster<number, number>;
  let runs: Run[];
  let results: { readonly member: NodeId; readonly value: unknown }[];

  const task =
    (member: NodeId) =>
    ({ fence, signal }: { fence: number; signal: AbortSignal }): Promise<string> => {
      const value = machines.get(member)?.value ?? Number.NaN;
      return new Promise<string>((resolve, reject) => {
        const run: Run = {
          member,
          fence,
          signal,
          began: group.time.monotonic(),
          value,
          aborted: undefined,
          ended: false,
          finish: (result) => {
            run.ended = true;
            resolve(result);
          },
          throws: (error) => {
            run.ended = true;
            reject(error);
          },
        };
        signal.addEventListener('abort', () => {
          run.aborted = group.time.monotonic();
          run.finish('aborted');
        });
        runs.push(run);
      });
    };

  const lead = async (replica: Replica<number, number>, signal?: AbortSignal): Promise<void> => {
    const member = replica.id;
    try {
      const value = await replica.whileLeading(task(member), signal === undefined ? {} : { signal });
      results.push({ member, value });
    } catch (error) {
      results.push({ member, value: error });
    }
  };

  const begin = async (options: VirtualOptions<number, number> = {}): Promise<Run> => {
    runs = [];
    results = [];
    machines = new Map();
    const create = (id: NodeId): Counter => {
      const machine = new Counter();
      machines.set(id, machine);
      return machine;
    };
    group = new VirtualCluster(3, create, options);
    await group.start();
    for (const replica of group.replicas.values()) void lead(replica);
    await group.time.until(() => runs.length > 0, 'somebody runs the task');
    return runs[0] as Run;
  };

  const others = (run: Run): [NodeId, NodeId] => group.ids.filter((id) => id !== run.member) as [NodeId, NodeId];

  const next = async (count: number): Promise<Run> => {
    await group.time.until(() => runs.length >= count, `run ${count} begins`);
    return runs[count - 1] as Run;
  };

  afterEach(() => group.stop());

  it('runs the task on the leader alone', async () => {
    const run = await begin();
    expect(run.member).to.equal((await group.leader()).id);
    await group.time.advance(2000);
    expect(runs).to.have.length(1);
    expect(run.signal.aborted).to.equal(false);
  });

  it('begins when everything is applied that was committed before', async () => {
    const first = await begin();
    const [one] = others(first);
    for (let n = 0; n < 10; n++) await group.time.settled(group.replica(one).propose(1));
    await group.kill(first.member);
    expect((await next(2)).value).to.equal(10);
  });

  it('aborts before anybody else begins when the leader is not heard any more, and the other has a higher fence', async () => {
    const first = await begin();
    for (const id of others(first)) group.network.cut(first.member, id);
    const second = await next(2);
    expect(second.member).to.not.equal(first.member);
    expect(first.aborted).to.be.below(second.began);
    expect((first.signal.reason as { code: string; reason: string }).code).to.equal('ERR_RAFT_LEADERSHIP_LOST');
    expect(second.fence).to.be.above(first.fence);
  });

  it('aborts at 0.9 of an election timeout, though nothing else happens then', async () => {
    // The lease lasts for 9.9 ticks.
    const first = await begin({ electionTicks: 11 });
    let renewed = 0;
    group.network.onSend = ({ type, context }) => {
      if (type === MessageType.MsgHeartbeat && (context?.length ?? 0) > 0) renewed = group.time.monotonic();
    };
    await group.time.until(() => renewed > 0, 'the lease is renewed');
    const last = renewed;
    // There and back: it is confirmed, and the next round has not begun.
    await group.time.advance(last + 8 - group.time.monotonic());
    group.network.isolate(first.member, group.ids);
    await group.time.until(() => first.aborted !== undefined, 'it aborts');
    expect(first.aborted).to.equal(last + 99);
  });

  it('aborts before a MsgTimeoutNow leaves', async () => {
    const first = await begin();
    const aborted: boolean[] = [];
    group.network.onSend = ({ type }) => {
      if (type === MessageType.MsgTimeoutNow) aborted.push(first.signal.aborted);
    };
    const leader = group.replica(first.member);
    inside(leader).raw.transferLeadership(others(first)[0]);
    const second = await next(2);
    expect(aborted).to.deep.equal([true]);
    expect(second.member).to.equal(others(first)[0]);
  });

  it('runs again on the same member with a higher fence: the lease was lost and nobody else led', async () => {
    const first = await begin();
    const { term } = group.replica(first.member).leadership;
    group.network.isolate(first.member, group.ids);
    await group.time.until(() => first.aborted !== undefined, 'it aborts');
    group.network.mend();
    const second = await next(2);
    expect(second.member).to.equal(first.member);
    expect(group.replica(first.member).leadership.term).to.equal(term);
    expect(second.fence).to.be.above(first.fence);
  });

  it('runs again on the same member after a transfer that failed', async () => {
    const first = await begin();
    const leader = group.replica(first.member);
    const [target] = others(first);
    group.network.onSend = ({ type, to }) => {
      if (type === MessageType.MsgTimeoutNow) group.network.cut(first.member, to);
    };
    inside(leader).raw.transferLeadership(target);
    const second = await next(2);
    expect([second.member, second.fence > first.fence]).to.deep.equal([first.member, true]);
  });

  it('waits for a task that has not ended yet before it runs it again', async () => {
    const first = await begin();
    let ended = false;
    const finish = first.finish;
    first.finish = () => {
      group.time.after(5 * ELECTION_MS, () => {
        ended = true;
        finish('late');
      });
    };
    group.network.isolate(first.member, group.ids);
    await group.time.until(() => first.aborted !== undefined, 'it aborts');
    group.network.mend();
    await group.time.advance(4 * ELECTION_MS);
    expect(runs).to.have.length(1);
    const second = await next(2);
    expect([second.member, ended]).to.deep.equal([first.member, true]);
  });

  it('a leader that was frozen aborts in its first turn, whatever time it has left', async () => {
    const first = await begin();
    group.pause(first.member);
    await group.time.advance(3 * ELECTION_MS);
    const second = await next(2);
    // Nobody could tell it: this is what the fence is for.
    expect(first.aborted).to.equal(undefined);
    expect(second.fence).to.be.above(first.fence);
    group.resume(first.member);
    expect(first.aborted).to.equal(group.time.monotonic());
  });

  it('resolves with what the task returns, and rejects with what it throws', async () => {
    const first = await begin();
    first.finish('done');
    await group.time.advance(0);
    expect(results).to.deep.equal([{ member: first.member, value: 'done' }]);
    void lead(group.replica(first.member));
    const second = await next(2);
    expect(second.member).to.equal(first.member);
    second.throws(new Error('broken'));
    await group.time.advance(0);
    expect(results[1]?.value).to.have.property('message', 'broken');
  });

  it('ends with undefined, once the task has ended, when its signal aborts', async () => {
    await begin();
    const stop = new AbortController();
    const leader = await group.leader();
    void lead(leader, stop.signal);
    const second = await next(2);
    expect(second.member).to.equal(leader.id);
    stop.abort(new Error('enough'));
    expect(second.signal.reason).to.have.property('message', 'enough');
    await group.time.advance(0);
    expect(results).to.deep.equal([{ member: leader.id, value: undefined }]);
    void lead(leader, stop.signal);
    await group.time.advance(0);
    expect(results).to.have.length(2);
    expect(runs).to.have.length(2);
  });

  it('ends with undefined when the member is stopped, on followers too', async () => {
    const first = await begin();
    const [one] = others(first);
    await group.kill(one);
    await group.kill(first.member);
    expect(first.signal.reason).to.have.property('code', 'ERR_RAFT_REPLICA_STOPPED');
    expect(results).to.deep.equal([
      { member: one, value: undefined },
      { member: first.member, value: undefined },
    ]);
  });

  it('a member that stops lets its task end before anybody else may lead', async () => {
    const first = await begin();
    let ended = Number.POSITIVE_INFINITY;
    const { finish } = first;
    first.finish = () => {
      group.time.after(ELECTION_MS / 2, () => {
        ended = group.time.monotonic();
        finish('late');
      });
    };
    const leader = group.replica(first.member);
    group.replicas.delete(first.member);
    const stopped = leader.stop();
    expect(first.signal.aborted).to.equal(true);
    const second = await next(2);
    expect(second.began).to.be.above(ended);
    await group.time.settled(stopped);
  });

  it('a member that stops waits for an election timeout at most', async () => {
    const first = await begin();
    first.finish = () => {};
    const leader = group.replica(first.member);
    const began = group.time.monotonic();
    await group.time.settled(leader.stop());
    expect(group.time.monotonic() - began).to.be.within(ELECTION_MS, 5 * ELECTION_MS);
    group.replicas.delete(first.member);
  });

  it('rejects with the reason when the member fails', async () => {
    const first = await begin();
    const leader = group.replica(first.member);
    // A state machine that throws ends its member.
    (machines.get(first.member) as Counter).apply = () => {
      throw new Error('it does not know how');
    };
    leader.propose(1).catch(() => {});
    await group.time.until(() => results.length > 0, 'it is told');
    expect(results[0]?.value).to.have.property('message').that.contains('it does not know how');
    await group.time.settled(
      leader.whileLeading(() => {}).catch((error: Error) => results.push({ member: 0n, value: error.message })),
    );
    expect(results.at(-1)?.value).to.contain('takes nothing any more');
  });

  it('runs nothing while a voter does not keep its votes back, and says so once', async () => {
    const warnings: string[] = [];
    const log = { debugEnabled: false, debug: () => {}, info: () => {}, error: () => {} };
    machines = new Map();
    runs = [];
    results = [];
    group = new VirtualCluster<number, number>(3, () => new Counter(), {
      logger: { ...log, warn: (text) => void warnings.push(text) },
    });
    // Member 3 is never there, so nobody knows what it would do.
    for (const id of [1n, 2n]) void lead(await group.startMember(id));
    await group.leader();
    await group.time.advance(1000);
    expect(runs).to.deep.equal([]);
    const said = warnings.filter((text) => text.includes('whileLeading'));
    expect(said).to.have.length(1);
    expect(said[0]).to.contain('keep their votes back: 3.');
    await group.startMember(3n);
    await next(1);
  });

  it('begins nothing if the lease is lost, or of another term, while the entry for the fence is being committed', async () => {
    let obstacle: 'unconfirmed' | undefined;
    let term = 3;
    const commits: (() => void)[] = [];
    const fences: number[] = [];
    const time = new VirtualTime();
    const leading = new Leading({
      clock: time,
      lease: { obstacle: () => obstacle, remainingMs: 50, hold: () => () => {}, withoutPromise: () => [] },
      term: () => term,
      commitEmpty: () => new Promise((resolve) => commits.push(() => resolve({ index: commits.length, term: 3 }))),
      patienceMs: 1000,
      retryMs: 10,
      warn: () => {},
    });
    const running = leading.run(({ fence }) => void fences.push(fence), undefined);
    await time.advance(0);
    obstacle = 'unconfirmed';
    commits[0]?.();
    await time.advance(100);
    expect([fences, commits.length]).to.deep.equal([[], 1]);
    obstacle = undefined;
    leading.check();
    await time.advance(0);
    term = 5;
    commits[1]?.();
    await time.advance(0);
    term = 3;
    commits[2]?.();
    await running;
    expect(fences).to.deep.equal([3]);
    // `afterEach` stops it.
    group = new VirtualCluster(1, () => new Counter());
  });
});
