import {
  ConfChangeType,
  isConfChangeEntry,
  type Message,
  MessageType,
  type NodeId,
  RaftPanic,
  type Snapshot,
} from '@raft-ts/raft';
import {
  type CommandFailed,
  Replica,
  type ReplicaLog,
  type ReplicaOptions,
  type SnapshotData,
  type StateMachine,
  type Unsaved,
} from '@raft-ts/replica';
import { MemoryLog } from '@raft-ts/replica/memory';
import { LogRules, RunHash, StateRules, WatchedLog } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { inside } from './inside.js';
import { SlowLog } from './logs.js';
import { Counter } from './machines.js';
import { VirtualCluster, type VirtualOptions, VirtualTime } from './virtual.js';

type Group = VirtualCluster<number, number>;

/** What a promise came to: its value, or the error. */
const outcome = <T>(promise: Promise<T>): Promise<T | Error> => promise.catch((error: unknown) => error as Error);

/** What a failure says: `dropped busy`, for example. */
const saying = (result: unknown): string => {
  const { outcome: kind, reason, code, message } = result as Record<string, string | undefined>;
  return `${kind ?? code ?? message} ${reason ?? ''}`.trim();
};

describe('replica: the loop', () => {
  let group: Group;
  let logs: Map<NodeId, SlowLog>;

  const start = async (options: VirtualOptions<number, number> = {}, size = 3): Promise<Replica<number, number>> => {
    group = new VirtualCluster<number, number>(size, () => new Counter(), options);
    logs = new Map(group.ids.map((id) => [id, new SlowLog(group.time)]));
    for (const [id, log] of logs) group.logs.set(id, log);
    await group.start();
    const leader = await group.leader();
    await group.time.settled(leader.propose(0));
    return leader;
  };

  const othersThan = (leader: Replica<number, number>): [NodeId, NodeId] =>
    group.ids.filter((id) => id !== leader.id) as [NodeId, NodeId];

  afterEach(() => group.stop());

  it('sends a leader’s appends before its own write ends: the followers can commit without it', async () => {
    const leader = await start();
    const [one, two] = othersThan(leader).map((id) => group.replica(id));
    (logs.get(leader.id) as SlowLog).delay = 500;
    const { index } = leader.applied;
    void leader.propose(1);
    await group.time.advance(50);
    expect([leader, one, two].map((replica) => replica?.applied.index)).to.deep.equal([index, index + 1, index + 1]);
  });

  it('lets what a turn has sent leave at its end, while the leader’s own write is under way', async () => {
    const leader = await start();
    await group.time.advance(50);
    const log = logs.get(leader.id) as SlowLog;
    const steps: string[] = [];
    log.delay = 5;
    log.onDurable = () => void steps.push('written');
    const { transport } = inside(leader);
    const { send } = transport;
    transport.send = (messages) => {
      if (messages.some(({ type, entries }) => type === MessageType.MsgApp && entries.length > 0)) steps.push('sent');
      send(messages);
    };
    transport.flush = () => void steps.push('flushed');
    await group.time.settled(Promise.all([leader.propose(1), leader.propose(2)]));
    expect(steps.slice(0, 2)).to.deep.equal(['sent', 'flushed']);
    expect(steps.filter((step) => step === 'sent')).to.have.length(1);
  });

  it('ends as removed, and not by an error, if its log is still writing when its own removal is applied', async () => {
    const leader = await start();
    const log = logs.get(leader.id) as SlowLog;
    log.onDurable = ({ entries = [] }) => {
      if (!entries.some(isConfChangeEntry)) return;
      // The others confirm the removal, and do not hear that it is committed: they would refuse this member.
      for (const other of othersThan(leader)) group.network.cut(leader.id, other);
      log.onDurable = () => {};
      log.delay = 30;
      void outcome(leader.propose(1));
    };
    const { raw, driver } = inside(leader);
    raw.proposeConfChange({
      id: 0n,
      type: ConfChangeType.ConfChangeRemoveNode,
      nodeId: leader.id,
      context: undefined,
    });
    driver.wake();
    await group.time.advance(20);
    expect(leader.members().map(({ id }) => id)).not.to.include(leader.id);
    expect((await group.time.settled(leader.ended)).reason).to.equal('removed');
  });

  it('counts a leader’s own write only once it is durable', async () => {
    const leader = await start();
    const [one, two] = othersThan(leader);
    (logs.get(leader.id) as SlowLog).delay = 80;
    group.network.isolate(one, group.ids);
    const { index } = leader.applied;
    void outcome(leader.propose(1));
    await group.time.advance(60);
    expect(group.replica(two).applied.index).to.equal(index);
    await group.time.advance(60);
    expect(group.replica(two).applied.index).to.equal(index + 1);
  });

  it('sends what a write promises once it is durable, in the order of the writes', async () => {
    const leader = await start();
    const [follower] = othersThan(leader);
    const log = logs.get(follower) as SlowLog;
    const events: string[] = [];
    log.delay = 30;
    log.onDurable = ({ entries = [] }) => {
      for (const { index } of entries) events.push(`durable ${index}`);
    };
    group.network.onSend = ({ from, type, index, reject }) => {
      if (from === follower && type === MessageType.MsgAppResp && !reject) events.push(`promise ${index}`);
    };
    const { index } = leader.applied;
    for (let i = 1; i <= 3; i++) {
      void leader.propose(i);
      await group.time.advance(3);
    }
    await group.time.advance(200);
    const places = (word: string): number[] =>
      events.filter((e) => e.startsWith(word)).map((e) => Number(e.split(' ')[1]));
    expect(places('durable')).to.deep.equal([index + 1, index + 2, index + 3]);
    for (const at of [1, 2, 3].map((i) => index + i)) {
      expect(events.indexOf(`promise ${at}`)).to.be.above(events.indexOf(`durable ${at}`));
    }
    expect(places('promise')).to.deep.equal(places('promise').toSorted((a, b) => a - b));
  });

  it('sends what is proposed in one turn as one MsgProp, and as one MsgApp to each follower', async () => {
    const leader = await start();
    const [follower] = othersThan(leader);
    const sent: Message[] = [];
    group.network.onSend = (message) => void (message.entries.length > 0 && sent.push(message));
    const results = Promise.all(Array.from({ length: 100 }, () => group.replica(follower).propose(1)));
    expect((await group.time.settled(results)).map(({ result }) => result)).to.deep.equal(
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    const shapes = sent.map(({ type, from, entries }) => `${type === MessageType.MsgProp} ${from} ${entries.length}`);
    expect(shapes).to.deep.equal([`true ${follower} 100`, `false ${leader.id} 100`, `false ${leader.id} 100`]);
  });

  it('sends what is proposed while a leader writes as one MsgApp to each follower, once that has ended', async () => {
    const leader = await start();
    const [follower] = othersThan(leader);
    (logs.get(leader.id) as SlowLog).delay = 1.5;
    const sent: [at: number, entries: number][] = [];
    const began = group.time.monotonic();
    group.network.onSend = ({ to, entries }) => {
      if (to === follower && entries.length > 0) sent.push([group.time.monotonic() - began, entries.length]);
    };
    const results: Promise<unknown>[] = [];
    for (let i = 0; i < 10; i++) {
      results.push(leader.propose(1));
      await group.time.advance(0.1);
    }
    expect(sent).to.deep.equal([[0, 1]]);
    await group.time.settled(Promise.all(results));
    expect(sent).to.deep.equal([
      [0, 1],
      [1.5, 9],
    ]);
  });

  it('lets a slow write of a leader hold nothing for longer than 2 ms', async () => {
    const leader = await start();
    const [one, two] = othersThan(leader).map((id) => group.replica(id));
    (logs.get(leader.id) as SlowLog).delay = 500;
    const { index } = leader.applied;
    void leader.propose(1);
    await group.time.advance(1);
    void leader.propose(1);
    await group.time.advance(1);
    expect(leader.status().hardState.commit).to.be.at.most(index + 1);
    await group.time.advance(50);
    expect([one, two].map((replica) => replica?.applied.index)).to.deep.equal([index + 2, index + 2]);
  });

  it('takes a forwarded batch that is too much for the quota in parts, and loses no small command for a large one', async () => {
    const text = (value: string): number => value as unknown as number;
    group = new VirtualCluster<number, number>(3, () => new Counter(), { limits: { maxUncommittedBytes: 400 } });
    await group.start();
    const leader = await group.leader();
    await group.time.settled(leader.propose(0));
    const [follower] = othersThan(leader);
    const options = { timeoutMs: 300 };
    // As long as nothing else waits, raft takes one proposal of any size.
    void leader.propose(0);
    const calls = [1, 2, text('x'.repeat(500)), 3, 4].map((n) => outcome(group.replica(follower).propose(n, options)));
    const results = await group.time.settled(Promise.all(calls));
    expect(results.map((result) => (result instanceof Error ? saying(result) : 'applied'))).to.deep.equal([
      'applied',
      'applied',
      'unknown deadline',
      'applied',
      'applied',
    ]);
  });

  it('applies nothing twice when a member comes back, and nothing that its snapshot holds', async () => {
    group = new VirtualCluster<number, number>(1, () => new Counter(), { snapshots: { everyEntries: 5 } });
    await group.start();
    const before = await group.leader();
    for (let i = 0; i < 20; i++) await group.time.settled(before.propose(1));
    await group.time.advance(50);
    const log = group.logs.get(1n) as ReplicaLog;
    // The log still holds entries that the snapshot covers.
    expect(log.snapshot().metadata.index).to.be.above(log.firstIndex());
    await group.kill(1n);
    await group.startMember(1n);
    const after = await group.leader();
    expect((await group.time.settled(after.propose(1))).result).to.equal(21);
  });

  it('keeps what a member promises, and what it applies, in step with what is durable, whatever happens', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { broken, last } = await runWatched(seed);
      expect(broken, `seed ${seed}`).to.deep.equal([]);
      expect(last, `seed ${seed}`).to.be.above(50);
    }
  });

  /** A cluster whose disks are slow, each in its own way, under faults of the network. */
  const runWatched = async (seed: number): Promise<{ readonly broken: string[]; readonly last: number }> => {
    const broken: string[] = [];
    const broke = (rule: string, text: string): void => void broken.push(`${rule}: ${text}`);
    const logRules = new LogRules(broke);
    const stateRules = new StateRules(broke, new RunHash());
    const applying = (id: NodeId): Counter =>
      watchedCounter(stateRules, id, (index, term) =>
        logRules.appliedFirst(index, term, group.replica(id).status().config.confState()),
      );
    group = new VirtualCluster<number, number>(3, applying, { seed });
    for (const id of group.ids) {
      const log = new SlowLog(group.time);
      log.delay = 1 + ((seed * 7 + Number(id) * 13) % 40);
      const told = {
        onDurable: (unsaved: Unsaved) => logRules.saved(id, unsaved),
        onSnapshot: (snapshot: Snapshot) => logRules.covered(id, snapshot),
      };
      group.logs.set(id, new WatchedLog(log, told));
    }
    await group.start();
    for (const [id, replica] of group.replicas) {
      replica.watch('leadership', (leadership) => logRules.leads(id, leadership));
    }
    group.network.onSend = (message) => logRules.sent(message);
    group.network.faults = { drop: 0.05, duplicate: 0.05, delay: [1, 25] };
    for (let round = 0; round < 40; round++) {
      for (const id of group.ids) void outcome(group.replica(id).propose(round));
      if (round % 10 === 5) group.network.isolate(BigInt(1 + (round % 3)), group.ids);
      if (round % 10 === 9) group.network.mend();
      await group.time.advance(25);
    }
    group.network.mend();
    group.network.faults = {};
    await group.time.advance(1000);
    logRules.checkLogs();
    await group.stop();
    return { broken, last: stateRules.last };
  };
});

function watchedCounter(rules: StateRules, id: NodeId, onFirst: (index: number, term: number) => void): Counter {
  const counter = new Counter();
  const apply = counter.apply.bind(counter);
  counter.apply = (n, at) => {
    if (rules.applies(id, at.index, n)) onFirst(at.index, at.term);
    const value = apply(n, at);
    rules.applied(id, at.index, value);
    return value;
  };
  return counter;
}

describe('replica: what slows proposals down', () => {
  let group: Group;

  afterEach(() => group.stop());

  it('a slow disk: busy, and no more waits than may', async () => {
    group = new VirtualCluster<number, number>(1, () => new Counter(), { limits: { maxPending: 50 } });
    const log = new SlowLog(group.time);
    group.logs.set(1n, log);
    await group.start();
    const leader = await group.leader();
    await group.time.settled(leader.propose(0));
    log.delay = 200;
    const results: Promise<unknown>[] = [];
    for (let i = 0; i < 20; i++) {
      for (let k = 0; k < 10; k++) results.push(outcome(leader.propose(1)));
      await group.time.advance(1);
    }
    const said = (await group.time.settled(Promise.all(results))).map((result) =>
      result instanceof Error ? saying(result) : 'applied',
    );
    expect(said.filter((text) => text === 'applied')).to.have.length(50);
    expect(said.filter((text) => text === 'dropped busy')).to.have.length(150);
  });

  it('a slow state machine: quota, once the leader holds as much as it may that is not applied', async () => {
    const machine = new GatedCounter();
    const limits = { maxUncommittedEntries: 20 };
    group = new VirtualCluster<number, number>(1, () => machine, { limits });
    await group.start();
    const leader = await group.leader();
    machine.close();
    const results: Promise<unknown>[] = [];
    for (let i = 0; i < 40; i++) {
      results.push(outcome(leader.propose(1)));
      await group.time.advance(1);
    }
    machine.open();
    const said = (await group.time.settled(Promise.all(results))).map((result) =>
      result instanceof Error ? saying(result) : 'applied',
    );
    expect(said.filter((text) => text === 'applied')).to.have.length(20);
    expect(said.filter((text) => text === 'dropped quota')).to.have.length(20);
  });

  for (const [what, limits, command, most] of [
    ['entries', { maxUncommittedEntries: 30 }, 1, [30, 40]],
    ['bytes', { maxUncommittedBytes: 10_000 }, 'x'.repeat(1000) as unknown as number, [9, 14]],
  ] as const) {
    it(`a follower whose state machine is stuck holds no more ${what} than it may, and catches up later`, async () => {
      const machines = new Map<NodeId, GatedCounter>();
      const create = (id: NodeId): GatedCounter => {
        const machine = new GatedCounter();
        machines.set(id, machine);
        return machine;
      };
      group = new VirtualCluster<number, number>(3, create, { limits });
      await group.start();
      const leader = await group.leader();
      await group.time.settled(leader.propose(1));
      const [slow] = group.ids.filter((id) => id !== leader.id) as [NodeId, NodeId];
      await group.time.advance(100);
      const { index } = leader.applied;
      machines.get(slow)?.close();
      for (let i = 0; i < 4 * most[1]; i++) await group.time.settled(leader.propose(command));
      expect((group.logs.get(slow) as ReplicaLog).lastIndex() - index).to.be.within(most[0], most[1]);
      machines.get(slow)?.open();
      await group.time.until(() => group.replica(slow).applied.index === leader.applied.index, 'it has caught up');
      expect(machines.get(slow)?.value).to.equal(machines.get(leader.id)?.value);
    });
  }
});

/** A counter whose `apply` waits while it is closed. */
class GatedCounter extends Counter implements StateMachine<number, number> {
  private gate: Promise<void> | undefined = undefined;
  private release: () => void = () => {};

  close(): void {
    this.gate = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  open(): void {
    this.release();
    this.gate = undefined;
  }

  override apply(n: number, at: { index: number; term: number }): number {
    if (this.gate === undefined) return super.apply(n, at);
    const { gate } = this;
    return (async () => {
      await gate;
      return super.apply(n, at);
    })() as unknown as number;
  }
}

describe('replica: what throws, and what never ends', () => {
  let group: Group;

  const start = async (
    options: VirtualOptions<number, number> = {},
    machine: StateMachine<number, number> = new Counter(),
  ): Promise<Replica<number, number>> => {
    group = new VirtualCluster<number, number>(1, () => machine, options);
    await group.start();
    return group.leader();
  };

  const ended = async (replica: Replica<number, number>): Promise<string> => {
    const { reason, error } = await group.time.settled(replica.ended);
    return `${reason}: ${(error as Error | undefined)?.message ?? ''}`;
  };

  const never = new Promise<never>(() => {});

  afterEach(() => group.stop());

  it('a write that fails ends the member, and everything that waits is settled', async () => {
    group = new VirtualCluster<number, number>(1, () => new Counter());
    const log = new SlowLog(group.time);
    group.logs.set(1n, log);
    await group.start();
    const leader = await group.leader();
    log.failure = new Error('the disk is full');
    const waits = outcome(leader.propose(1));
    expect(await ended(leader)).to.equal('failed: the disk is full');
    expect(saying(await waits)).to.equal('unknown stopped');
    expect(saying(await outcome(leader.propose(1)))).to.equal('dropped stopped');
    expect(log.closed).to.equal(true);
  });

  for (const place of ['step', 'tick', 'report'] as const) {
    it(`a RaftPanic in ${place} ends the member, not the process`, async () => {
      group = new VirtualCluster<number, number>(3, () => new Counter());
      await group.start();
      const leader = await group.leader();
      const raw = inside(leader).raw as unknown as Record<string, () => void>;
      const call = { step: 'step', tick: 'tick', report: 'reportUnreachable' }[place];
      raw[call] = () => {
        throw new RaftPanic('invariant', 'broken for the test');
      };
      if (place === 'report') group.network.isolate(leader.id, group.ids);
      await group.time.advance(100);
      expect(await ended(leader)).to.equal('failed: broken for the test');
    });
  }

  it('a throw of apply ends the member with a sentence, or is the result, as asked for', async () => {
    const unlucky = new Counter();
    const apply = unlucky.apply.bind(unlucky);
    unlucky.apply = (n, at) => apply(n === 13 ? Number.NaN : n, at);
    const stops = await start({}, unlucky);
    const waits = outcome(stops.propose(13));
    expect(await ended(stops)).to.match(/^failed: the state machine threw at index \d+, and this member ends/);
    // Whoever waits, or comes later, reads what happened.
    for (const one of [waits, outcome(stops.propose(1)), outcome(stops.read(() => 1))]) {
      const said = (await group.time.settled<unknown>(one)) as Error;
      expect(said.message).to.match(
        /\(stopped\): the state machine threw at index \d+, .*: not a number\. Mend apply/u,
      );
    }
    expect(saying(await waits)).to.equal('unknown stopped');
    await group.stop();

    const goesOn = await start({ applyErrors: 'result' }, unlucky);
    const failed = (await group.time.settled(outcome(goesOn.propose(13)))) as CommandFailed;
    expect(failed.outcome).to.equal('failed');
    expect(failed.message).to.match(/^the command at index \d+ failed: not a number$/);
    expect((await group.time.settled(goesOn.propose(1))).result).to.equal(1);
  });

  it('a promise of apply that rejects is handled as a throw is', async () => {
    const machine = new Counter();
    machine.apply = () => Promise.reject(new Error('no')) as unknown as number;
    const leader = await start({ applyErrors: 'result' }, machine);
    const failed = await group.time.settled(outcome(leader.propose(1)));
    expect((failed as CommandFailed).outcome).to.equal('failed');
  });

  it('a codec that cannot encode rejects that call alone', async () => {
    const leader = await start();
    const bad = outcome(leader.propose(1n as unknown as number));
    expect(await bad).to.include({ code: 'ERR_RAFT_ENTRY_FORMAT', reason: 'json' });
    expect((await group.time.settled(leader.propose(1))).result).to.equal(1);
  });

  it('a codec that cannot decode skips the entry, and says so to whoever proposed it', async () => {
    const decode = (bytes: Uint8Array): number => {
      if (bytes[0] === 9) throw new Error('nine');
      return bytes[0] as number;
    };
    const leader = await start({ codec: { encode: (n) => Uint8Array.of(n), decode } });
    const failed = (await group.time.settled(outcome(leader.propose(9)))) as CommandFailed;
    expect(failed.outcome).to.equal('failed');
    expect((await group.time.settled(leader.propose(1))).result).to.equal(1);
  });

  it('a result that cannot be kept for its session is a failed command, or ends the member, as a throw of apply', async () => {
    const results = {
      encode: () => {
        throw new Error('it has no bytes');
      },
      decode: () => 0,
    };
    const leader = await start({ results, applyErrors: 'result' });
    const session = await group.time.settled(leader.openSession());
    const first = (await group.time.settled(outcome(session.propose(1)))) as CommandFailed;
    const again = (await group.time.settled(outcome(session.retry(1, 1)))) as CommandFailed;
    expect([first.outcome, first.index, again.outcome, again.index]).to.deep.equal([
      'failed',
      first.index,
      'failed',
      first.index,
    ]);
    await group.stop();
    const stops = await start({ results });
    const other = await group.time.settled(stops.openSession());
    const waits = outcome(other.propose(1));
    expect(await ended(stops)).to.match(/^failed: the state machine threw/);
    await waits;
  });

  it('a listener that throws harms nobody; one that stops the member in the middle of a turn stops it', async () => {
    const leader = await start();
    leader.watch('leadership', () => {
      throw new Error('from a listener');
    });
    expect((await group.time.settled(leader.propose(1))).result).to.equal(1);
    await group.stop();

    group = new VirtualCluster<number, number>(3, () => new Counter());
    await group.start();
    for (const replica of group.replicas.values()) {
      replica.watch('leadership', ({ leader: id }) => {
        if (id !== 0n) void replica.stop();
      });
    }
    // The others may never hear of the one that leads.
    const first = await group.time.settled(Promise.race([...group.replicas.values()].map((replica) => replica.ended)));
    expect(first).to.deep.equal({ reason: 'stopped' });
  });

  it('stop ends while apply never does, and settles what waits', async () => {
    const machine: StateMachine<number, number> = new Counter();
    machine.apply = () => never;
    const leader = await start({}, machine);
    const command = outcome(leader.propose(1));
    await group.time.advance(50);
    const reads = [outcome(leader.read(() => 1)), outcome(leader.read(() => 1, { consistency: 'stale' }))];
    await group.time.advance(50);
    await group.time.settled(leader.stop());
    expect(saying(await command)).to.equal('unknown stopped');
    for (const read of reads) expect(saying(await read)).to.match(/stopped$/);
  });

  it('a stale read has a deadline and a signal', async () => {
    const machine: StateMachine<number, number> = new Counter();
    machine.apply = () => never;
    const leader = await start({}, machine);
    void outcome(leader.propose(1));
    await group.time.advance(50);
    const late = outcome(leader.read(() => 1, { consistency: 'stale', timeoutMs: 100 }));
    const controller = new AbortController();
    const aborted = outcome(leader.read(() => 1, { consistency: 'stale', signal: controller.signal }));
    controller.abort();
    expect(saying(await group.time.settled(aborted))).to.match(/aborted$/);
    expect(saying(await group.time.settled(late))).to.match(/not-applied$/);
  });

  it('stop ends while snapshot() gives no bytes, and closes the log', async () => {
    const machine: StateMachine<number, number> = new Counter();
    machine.snapshot = async function* (): SnapshotData {
      await never;
      yield new Uint8Array(1);
    } as never;
    group = new VirtualCluster<number, number>(1, () => machine, { snapshots: { everyEntries: 5 } });
    const log = new SlowLog(group.time);
    group.logs.set(1n, log);
    await group.start();
    const leader = await group.leader();
    for (let i = 0; i < 10; i++) await group.time.settled(leader.propose(1));
    await group.time.settled(leader.stop());
    expect(log.closed).to.equal(true);
  });

  it('a transport that cannot be closed does not keep the log open', async () => {
    const log = new MemoryLog();
    let closed = false;
    log.close = () => {
      closed = true;
      return Promise.resolve();
    };
    const leader = await start({
      log,
      transport: () => ({
        send: () => {},
        addPeer: () => {},
        updatePeer: () => {},
        removePeer: () => {},
        stop: () => Promise.reject(new Error('it does not close')),
      }),
    });
    await group.time.settled(leader.stop());
    expect(closed).to.equal(true);
  });

  it('a transport that does not end being closed keeps neither stop nor the log waiting for long', async () => {
    const transport = {
      send: () => {},
      addPeer: () => {},
      updatePeer: () => {},
      removePeer: () => {},
      stop: () => never,
    };
    const log = new SlowLog(new VirtualTime());
    const leader = await start({ log, transport: () => transport });
    const began = group.time.monotonic();
    await group.time.settled(leader.stop());
    expect(group.time.monotonic() - began).to.be.below(6000);
    expect(log.closed).to.equal(true);
  });

  it('messages that come before a member has read its snapshot are refused, and harm nobody', async () => {
    const leader = await start({ snapshots: { everyEntries: 5 } });
    for (let i = 0; i < 10; i++) await group.time.settled(leader.propose(1));
    await group.kill(1n);
    const machine = new Counter();
    const restore = machine.restore.bind(machine);
    const refusals: string[] = [];
    let early: (() => void) | undefined;
    machine.restore = async (chunks) => {
      early?.();
      await restore(chunks);
    };
    const transport: ReplicaOptions<number, number>['transport'] = (receiver) => {
      early = () => {
        receiver.reportUnreachable(2n);
        try {
          void receiver.process({ type: MessageType.MsgHeartbeat } as Message);
        } catch (error) {
          refusals.push((error as { code: string }).code);
        }
      };
      early();
      return group.network.connect(1n, receiver);
    };
    const log = group.logs.get(1n) as ReplicaLog;
    const starting = Replica.start<number, number>({
      id: 1n,
      log,
      transport,
      stateMachine: machine,
      clock: group.time,
      tickMs: 10,
    });
    const again = await group.time.settled(starting);
    group.replicas.set(1n, again);
    expect(refusals).to.deep.equal(['ERR_RAFT_REPLICA_STARTING', 'ERR_RAFT_REPLICA_STARTING']);
    await group.leader();
    expect((await group.time.settled(again.propose(1))).result).to.equal(11);
  });
});
