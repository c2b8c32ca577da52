import { silentLogger } from '@raft-ts/raft';
import { HttpTransport } from '@raft-ts/rafthttp';
import { Replica, type ReplicaReceiver } from '@raft-ts/replica';
import { cluster, type MemoryCluster, MemoryLog } from '@raft-ts/replica/memory';
import { expect } from 'chai';
import { Counter } from './machines.js';

async function refusal(call: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  try {
    await call;
  } catch (error) {
    return error as { readonly code: string; readonly message: string };
  }
  return { code: 'none', message: 'it was not refused' };
}

describe('replica: options that make no sense are refused by name', () => {
  const start = (more: object): Promise<unknown> =>
    Replica.start({
      id: 1n,
      log: new MemoryLog(),
      stateMachine: new Counter(),
      logger: silentLogger,
      bootstrap: { peers: [{ id: 1n, url: 'memory:1' }] },
      transport: () => ({ send() {}, addPeer() {}, updatePeer() {}, removePeer() {}, stop: () => Promise.resolve() }),
      ...more,
    });

  const peer = (id: unknown, url: unknown = `memory:${String(id)}`): object => ({ id, url });

  for (const [more, says] of [
    [{ bootstrap: [peer(1n)] }, 'bootstrap: it must be an object with a list: { peers: [{ id: 1n, url: … }, …] }'],
    [{ compareStates: true }, 'compareStates: it must be an object, such as {}'],
    [{ compareStates: { everyCommands: 0 } }, 'compareStates.everyCommands: it must be a whole number above 0, not 0'],
    [{ compareStates: { digest: 'sha' } }, 'compareStates.digest: it must be a function'],
    [
      { compareStates: { digests: undefined } },
      'compareStates.digests: there is no such option; is compareStates.digest meant?',
    ],
    [{ bootstrap: { peers: [peer(1)] } }, 'bootstrap: peers[0].id must be a bigint above 0, such as 1n'],
    [{ bootstrap: { peers: [peer(1n), peer('2')] } }, 'bootstrap: peers[1].id must be a bigint above 0, such as 1n'],
    [{ bootstrap: { peers: [peer(1n, 7)] } }, 'bootstrap: peers[0].url must be a string'],
    [{ bootstrap: { peers: [peer(1n), peer(1n, 'b')] } }, 'bootstrap: two of the peers have the id 1'],
    [{ bootstrap: { peers: [peer(1n, 'a'), peer(2n, 'a')] } }, 'bootstrap: two of the peers have the address a'],
    [{ bootstrap: { peers: [peer(2n)] } }, 'bootstrap: its peers must contain this member, 1'],
    [{ bootstrap: null }, 'bootstrap: it must be an object with a list: { peers: [{ id: 1n, url: … }, …] }'],
    [{ bootstrap: { peers: [null] } }, 'bootstrap: peers[0].id must be a bigint above 0, such as 1n'],
    [{ id: 1 }, 'id: it must be a bigint above 0, such as 1n, not 1'],
    [{ log: Promise.resolve(new MemoryLog()) }, 'log: it is a promise: is an await missing?'],
    [{ log: undefined }, 'log: it has no function save'],
    [
      { log: Object.assign(new MemoryLog(), { nodeId: 2n }) },
      'log: it is the log of member 2, and id is 1: nobody may write in the log of another',
    ],
    [{ stateMachine: Promise.resolve(new Counter()) }, 'stateMachine: it is a promise: is an await missing?'],
    [{ stateMachine: null }, 'stateMachine: it has no function apply'],
    [
      { transport: {} },
      'transport: it must be a function that builds one: (receiver) => new HttpTransport({ …, receiver })',
    ],
    [{ tickMS: 10 }, 'tickMS: there is no such option; is tickMs meant?'],
    [{ electionTick: 10 }, 'electionTick: there is no such option; is electionTicks meant?'],
    [{ limits: { maxPendings: 1 } }, 'limits.maxPendings: there is no such option; is limits.maxPending meant?'],
    [
      { snapshots: { everyEntry: 1 } },
      /^snapshots.everyEntry: there is no such option; the options are everyEntries, /u,
    ],
    [{ limits: 5 }, 'limits: it must be an object with numbers'],
    [{ limits: { maxReads: '7' } }, 'limits.maxReads: it must be a number above 0, not 7'],
    [{ logger: {} }, 'logger: it has no function debug'],
    [{ logger: null }, 'logger: it has no function debug'],
    [{ metrics: 'yes' }, 'metrics: it has no function registerMetric'],
    [{ codec: { encode: () => 1 } }, 'codec: it has no function decode'],
    [{ results: 1 }, 'results: it has no function encode'],
    [{ format: {} }, 'format: it has no function encode'],
    [{ clock: Date }, 'clock: it has no function monotonic'],
    [{ dial: 'http://a' }, 'dial: it must be a function'],
    [{ random: 4 }, 'random: it must be a function'],
    [{ preVote: 'no' }, 'preVote: it must be true or false, not a string'],
    [{ applyErrors: 'return' }, "applyErrors: it must be 'stop' or 'result'"],
    [{ transport: () => undefined }, 'transport: what the function built has no function send'],
  ] as const) {
    it(String(says), async () => {
      const error = await refusal(start(more));
      expect(error.code).to.equal('ERR_RAFT_REPLICA_OPTIONS');
      if (typeof says === 'string') expect(error.message).to.equal(says);
      else expect(error.message).to.match(says);
    });
  }

  it('no options at all', async () => {
    const error = await refusal(Replica.start(undefined as never));
    expect([error.code, error.message]).to.deep.equal([
      'ERR_RAFT_REPLICA_OPTIONS',
      'options: an object must be passed',
    ]);
  });

  it('an address of a founder that its transport could not dial', async () => {
    const transport = (receiver: ReplicaReceiver): HttpTransport =>
      new HttpTransport({ id: 1n, clusterId: 1n, receiver });
    const log = new MemoryLog();
    const error = await refusal(
      start({ transport, log, bootstrap: { peers: [peer(1n, 'http://a:1'), peer(2n, 'b:1')] } }),
    );
    expect(error.code).to.equal('ERR_RAFT_REPLICA_OPTIONS');
    expect(error.message).to.match(/^bootstrap: member 2 has the address b:1: .*http/u);
    expect(log.isNew, 'it can be started again').to.equal(true);
  });
});

describe('replica: arguments of calls that make no sense are refused with a code', () => {
  let members: MemoryCluster<number, number>;
  let replica: Replica<number, number>;
  before(async () => {
    members = await cluster(1, () => new Counter());
    replica = await members.leader();
  });
  after(() => members.stop());

  const bad = (value: unknown): never => value as never;
  const calls: Readonly<Record<string, readonly [call: () => unknown, code: string, says: string]>> = {
    'timeoutMs of propose': [() => replica.propose(1, { timeoutMs: bad('5') }), 'ERR_RAFT_ARGUMENT', 'timeoutMs'],
    'a timeoutMs that is no number': [() => replica.propose(1, { timeoutMs: NaN }), 'ERR_RAFT_ARGUMENT', 'timeoutMs'],
    'timeoutMs of read': [() => replica.read(() => 1, { timeoutMs: -1 }), 'ERR_RAFT_ARGUMENT', 'timeoutMs'],
    'timeoutMs of openSession': [() => replica.openSession({ timeoutMs: -1 }), 'ERR_RAFT_ARGUMENT', 'timeoutMs'],
    'timeoutMs of a session': [
      () => replica.resumeSession({ id: 1, next: 1 }).propose(1, { timeoutMs: bad('1') }),
      'ERR_RAFT_ARGUMENT',
      'timeoutMs',
    ],
    'timeoutMs of addMember': [
      () => replica.addMember({ url: 'a' }, { timeoutMs: bad({}) }),
      'ERR_RAFT_ARGUMENT',
      'timeoutMs',
    ],
    consistency: [
      () => replica.read(() => 1, { consistency: bad('linearisable') }),
      'ERR_RAFT_ARGUMENT',
      "'linearizable', 'lease' or 'stale'",
    ],
    'what is to be read': [() => replica.read(bad(undefined)), 'ERR_RAFT_ARGUMENT', 'fn'],
    'a task': [() => replica.whileLeading(bad(undefined)), 'ERR_RAFT_ARGUMENT', 'task'],
    'an event': [() => replica.watch(bad('leader'), () => {}), 'ERR_RAFT_ARGUMENT', 'leadership, membership'],
    'a listener': [() => replica.watch('leadership', bad(1)), 'ERR_RAFT_ARGUMENT', 'listener'],
    'an id that is no bigint, of removeMember': [
      () => replica.removeMember(bad(2)),
      'ERR_RAFT_REPLICA_OPTIONS',
      'such as 1n, not 2',
    ],
    'of replaceMember': [
      () => replica.replaceMember(bad('2'), { url: 'a' }),
      'ERR_RAFT_REPLICA_OPTIONS',
      'such as 1n, not 2',
    ],
    'of transferLeadership': [
      () => replica.transferLeadership(bad(2)),
      'ERR_RAFT_REPLICA_OPTIONS',
      'such as 1n, not 2',
    ],
  };
  for (const [title, [call, code, says]] of Object.entries(calls)) {
    it(title, async () => {
      const error = await refusal((async () => call())());
      expect(error.code).to.equal(code);
      expect(error.message).to.include(says);
    });
  }
});
