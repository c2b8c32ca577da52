import type { NodeId } from '@raft-ts/raft';
import { defaultFormat, jsonCodec, type ProposalUnknown, type SnapshotHead } from '@raft-ts/replica';
import {
  collect,
  MAX_ALL_ANSWERS,
  MAX_ANSWER_BYTES,
  MAX_ANSWERS,
  MAX_ANSWERS_BYTES,
  MAX_SESSIONS,
  SESSION_ENTRIES,
  Sessions,
} from '@raft-ts/replica/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { Counter } from './machines.js';
import { VirtualCluster } from './virtual.js';

const format = defaultFormat(jsonCodec());

/** What a member that is restored from a snapshot of these sessions holds. */
async function carried(sessions: Sessions): Promise<Sessions> {
  const head: SnapshotHead = {
    members: [],
    removed: [],
    lastId: 0n,
    promising: [],
    features: 0,
    sessions: sessions.records(),
  };
  const bytes = await collect(format.wrap(head, (async function* () {})()));
  const restored = new Sessions();
  const read = await format.unwrap(
    (async function* () {
      yield bytes;
    })(),
  );
  restored.restore((await read.head()).sessions);
  return restored;
}

const place = (session: number, sequence: number, acknowledged = 1) => ({ session, sequence, acknowledged });

describe('replica: the table of sessions', () => {
  it('forgets a session by its place in the log alone: the next one that is opened after a million entries', () => {
    const sessions = new Sessions();
    sessions.open(1);
    sessions.open(2);
    expect(sessions.judge(place(2, 1), 5)).to.equal('apply');
    sessions.open(SESSION_ENTRIES);
    expect(sessions.size).to.equal(3);
    sessions.open(1 + SESSION_ENTRIES);
    expect(sessions.judge(place(1, 1), 2 + SESSION_ENTRIES)).to.equal('expired');
    expect(sessions.judge(place(2, 2), 3 + SESSION_ENTRIES)).to.equal('apply');
  });

  it('forgets the session that was used least recently when there are too many', () => {
    const sessions = new Sessions();
    for (let index = 1; index <= MAX_SESSIONS; index++) sessions.open(index);
    sessions.judge(place(1, 1), MAX_SESSIONS + 1);
    sessions.open(MAX_SESSIONS + 2);
    expect(sessions.judge(place(1, 2), MAX_SESSIONS + 3)).to.equal('apply');
    expect(sessions.judge(place(2, 1), MAX_SESSIONS + 4)).to.equal('expired');
  });

  it('holds no more bytes of results than it may, and still knows what was applied', () => {
    const sessions = new Sessions();
    const result = new Uint8Array(MAX_ANSWER_BYTES);
    const sessionsNeeded = MAX_ANSWERS_BYTES / MAX_ANSWER_BYTES + 2;
    for (let id = 1; id <= sessionsNeeded; id++) {
      sessions.open(id);
      sessions.judge(place(id, 1), 1000 + id);
      sessions.keep(place(id, 1), { index: 1000 + id, term: 1, result });
      expect(sessions.answerBytes).to.be.at.most(MAX_ANSWERS_BYTES);
    }
    expect(sessions.judge(place(1, 1), 2000)).to.deep.equal({ index: 1001, term: 1, forgotten: true });
    expect(sessions.judge(place(2, 1), 2001)).to.deep.equal({ index: 1002, term: 1, forgotten: true });
    expect(sessions.judge(place(3, 1), 2002)).to.have.property('result', result);
  });

  it('does not keep a result that is too long, but that it was applied', () => {
    const sessions = new Sessions();
    sessions.open(1);
    sessions.keep(place(1, 1), { index: 2, term: 1, result: new Uint8Array(MAX_ANSWER_BYTES + 1) });
    sessions.keep(place(1, 2), { index: 3, term: 1, failure: 'x'.repeat(MAX_ANSWER_BYTES + 1) });
    expect(sessions.answerBytes).to.equal(0);
    expect(sessions.judge(place(1, 1), 4)).to.deep.equal({ index: 2, term: 1, forgotten: true });
    expect(sessions.judge(place(1, 2), 4)).to.deep.equal({ index: 3, term: 1, forgotten: true });
  });

  it('bounds the answers of one session, and of all of them', () => {
    const sessions = new Sessions();
    const many = MAX_ALL_ANSWERS / MAX_ANSWERS + 1;
    let index = many;
    for (let id = 1; id <= many; id++) {
      sessions.open(id);
      for (let sequence = 1; sequence <= MAX_ANSWERS + 1; sequence++) {
        sessions.keep(place(id, sequence), { index: ++index, term: 1 });
      }
    }
    expect(sessions.answerCount).to.equal(MAX_ALL_ANSWERS);
    // Of the last session the first answer went, of the first one all: neither may be applied again.
    expect(sessions.judge(place(many, 1), ++index)).to.equal('passed');
    expect(sessions.judge(place(1, MAX_ANSWERS + 1), ++index)).to.equal('passed');
    expect(sessions.judge(place(1, MAX_ANSWERS + 2), ++index)).to.equal('apply');
  });

  it('decides alike on a member that was restored, and on one that does not know the results', async () => {
    const step = fc.oneof(
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('open' as const) }) },
      {
        weight: 12,
        arbitrary: fc.record({
          kind: fc.constant('command' as const),
          session: fc.nat(5),
          sequence: fc.integer({ min: 1, max: 300 }),
          acknowledged: fc.integer({ min: 1, max: 20 }),
          bytes: fc.constantFrom(0, 10, MAX_ANSWER_BYTES / 2, MAX_ANSWER_BYTES, MAX_ANSWER_BYTES + 1),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const one = new Sessions();
        const ignorant = new Sessions();
        let restored = new Sessions();
        const opened: number[] = [];
        for (const [i, now] of steps.entries()) {
          const index = i + 1;
          if (now.kind === 'open') {
            for (const sessions of [one, ignorant, restored]) sessions.open(index);
            opened.push(index);
          } else if (now.kind === 'restart') {
            restored = await carried(restored);
          } else {
            const where = place(opened[now.session] ?? 0, now.sequence, now.acknowledged);
            const verdict = one.judge(where, index);
            const kindOf = (found: typeof verdict): unknown => (typeof found === 'string' ? found : found.index);
            expect(restored.judge(where, index)).to.deep.equal(verdict);
            expect(kindOf(ignorant.judge(where, index))).to.equal(kindOf(verdict));
            if (verdict !== 'apply') continue;
            const answer = { index, term: 1, result: new Uint8Array(now.bytes) };
            one.keep(where, answer);
            restored.keep(where, answer);
            ignorant.keep(where, { index, term: 1, forgotten: true });
          }
          expect(one.answerBytes).to.be.at.most(MAX_ANSWERS_BYTES);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('replica: commands in sessions', () => {
  let machines: Map<NodeId, Counter>;
  let members: VirtualCluster<number, number>;

  const begin = async (options: ConstructorParameters<typeof VirtualCluster<number, number>>[2] = {}) => {
    machines = new Map();
    members = new VirtualCluster(
      3,
      (id) => {
        const machine = new Counter();
        machines.set(id, machine);
        return machine;
      },
      options,
    );
    await members.start();
    return members.leader();
  };
  const settled = <T>(promise: Promise<T>): Promise<T> => members.time.settled(promise);
  const failure = async (promise: Promise<unknown>): Promise<unknown> =>
    settled(
      promise.then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
  const followerOf = (leader: { readonly id: NodeId }) => members.replica(leader.id === 1n ? 2n : 1n);

  afterEach(() => members.stop());

  it('are applied twice by a retry outside of a session, and once by one inside', async () => {
    const leader = await begin();
    const follower = followerOf(leader);
    const session = await settled(follower.openSession());
    // Commands arrive; what comes of them is not heard.
    members.network.cut(leader.id, follower.id);
    expect(await failure(follower.propose(1, { timeoutMs: 50 }))).to.have.property('outcome', 'unknown');
    const unknown = (await failure(session.propose(100, { timeoutMs: 50 }))) as ProposalUnknown;
    expect(unknown).to.include({ outcome: 'unknown', sequence: 1 });
    members.network.mend();
    await settled(follower.propose(1));
    const done = await settled(session.retry(1, 100));
    expect(done.result).to.be.oneOf([101, 102]);
    const { value } = await settled(leader.read(() => ({ value: machines.get(leader.id)?.value })));
    expect(value).to.equal(1 + 1 + 100);
  });

  it('are asked for again until they are answered, within the deadline of one call', async () => {
    const leader = await begin();
    const follower = followerOf(leader);
    const session = await settled(follower.openSession());
    members.network.cut(leader.id, follower.id);
    const asked = session.propose(7, { timeoutMs: 60_000 });
    await members.time.advance(300);
    members.network.mend();
    expect((await settled(asked)).result).to.equal(7);
    expect(machines.get(leader.id)?.value).to.equal(7);
    expect(session.state).to.deep.equal({ id: session.id, next: 2, open: [] });
  });

  it('are answered with the same result on another member after the leader died', async () => {
    const leader = await begin();
    const session = await settled(leader.openSession());
    const done = await settled(session.propose(5));
    const state = JSON.parse(JSON.stringify({ ...session.state, open: [1] })) as typeof session.state;
    await members.kill(leader.id);
    const next = await members.leader();
    const resumed = next.resumeSession(state);
    expect(await settled(resumed.retry(1, 5))).to.deep.equal(done);
    expect((await settled(resumed.propose(1))).result).to.equal(6);
  });

  it('survive a snapshot and a restart', async () => {
    const leader = await begin({ snapshots: { everyEntries: 5, keepEntries: 1 } });
    const session = await settled(leader.openSession());
    const done = await settled(session.propose(5));
    for (let i = 0; i < 20; i++) await settled(leader.propose(0));
    const state = { ...session.state, open: [1] };
    for (const id of members.ids) {
      await members.kill(id);
      const again = await members.startMember(id);
      // Its log begins after the entries that opened the session and applied its command.
      expect(members.logs.get(id)?.firstIndex()).to.be.above(done.index);
      expect(await settled(again.resumeSession(state).retry(1, 5))).to.deep.equal(done);
    }
  });

  it('of a session that is unknown are dropped, and unknown if an earlier attempt may have been applied', async () => {
    const leader = await begin();
    const session = leader.resumeSession({ id: 1, next: 3, open: [2] });
    expect(await failure(session.propose(1))).to.include({ outcome: 'dropped', reason: 'session-expired' });
    expect(await failure(session.retry(2, 1))).to.include({ outcome: 'unknown', reason: 'session-expired' });
    expect(session.state).to.deep.equal({ id: 1, next: 4, open: [] });
    expect(machines.get(leader.id)?.value).to.equal(0);
  });

  it('whose answer was acknowledged are not applied again, and not said to be safe to retry', async () => {
    const leader = await begin();
    const session = await settled(leader.openSession());
    await settled(session.propose(5));
    await settled(session.propose(6));
    const again = leader.resumeSession({ id: session.id, next: 1 });
    expect(await failure(again.propose(5))).to.include({ outcome: 'unknown', reason: 'session-expired' });
    expect(machines.get(leader.id)?.value).to.equal(11);
  });

  it('that a durable state machine applied before a start are answered with a code, not with undefined', async () => {
    const leader = await begin();
    const session = await settled(leader.openSession());
    const { index } = await settled(session.propose(5));
    const { id } = leader;
    await members.kill(id);
    const durable = Object.assign(new Counter(), { value: 5, appliedIndex: index });
    const again = await members.startMember(id, { stateMachine: durable });
    const resumed = again.resumeSession({ ...session.state, open: [1] });
    expect(await failure(resumed.retry(1, 5))).to.include({ outcome: 'unknown', reason: 'result-forgotten' });
    expect((await settled(again.propose(1))).result).to.equal(6);
    expect(durable.applied.every((at) => at.index > index)).to.equal(true);
  });

  it('of a state machine that is ahead of the log are not looked for: the start is refused', async () => {
    await begin();
    await members.kill(1n);
    const stateMachine = Object.assign(new Counter(), { appliedIndex: 1000 });
    const error = await failure(members.startMember(1n, { stateMachine }));
    expect(error).to.include({ code: 'ERR_RAFT_REPLICA_OPTIONS', reason: 'stateMachine' });
  });

  it('have numbers: what is none is refused', async () => {
    const leader = await begin();
    for (const state of [
      { id: 0, next: 1 },
      { id: 1, next: 0.5 },
      { id: 1, next: 1, open: [2 ** 48] },
    ]) {
      expect(() => leader.resumeSession(state))
        .to.throw()
        .with.property('code', 'ERR_RAFT_ARGUMENT');
    }
    const place = { session: 1, sequence: 2 ** 48, acknowledged: 1 };
    expect(await failure(leader.propose(1, { place }))).to.have.property('code', 'ERR_RAFT_ENTRY_FORMAT');
  });
});
