import { createHash } from 'node:crypto';
import { type Logger, MessageType, type NodeId, silentLogger } from '@raft-ts/raft';
import {
  defaultFormat,
  type Ended,
  jsonCodec,
  type Position,
  type Replica,
  type SnapshotData,
  type SnapshotEvent,
  SnapshotMap,
  type SnapshotPolicy,
  type StateMachine,
} from '@raft-ts/replica';
import { expect } from 'chai';
import { inside } from './inside.js';
import { StreamLog, VirtualBodies } from './streams.js';
import { VirtualCluster, type VirtualOptions } from './virtual.js';

type Set = readonly [key: string, value: number];

/** A map, with a digest of what it held at each index. Tests put what goes wrong into its hooks. */
class Kv implements StateMachine<Set, number> {
  readonly map = new SnapshotMap<string, number>({ pieceBytes: 100, maxHeldBytes: 2000 });
  readonly digests = new Map<number, string>();
  most = 0;
  /** Stands in for the snapshot, or changes it. */
  onSnapshot: (data: SnapshotData) => SnapshotData = (data) => data;
  onRestore: () => void | Promise<void> = () => {};

  apply([key, value]: Set, { index }: Position): number {
    this.map.set(key, value);
    this.most = Math.max(this.most, this.map.heldBytes);
    this.digests.set(index, digest(this.map));
    return value;
  }

  snapshot(): SnapshotData {
    return this.onSnapshot(this.map.snapshot());
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.onRestore();
    await this.map.restore(chunks);
  }
}

function digest(entries: Iterable<readonly [string, number]>): string {
  const hash = createHash('sha256');
  for (const [key, value] of entries) hash.update(`${key}\0${value}\n`);
  return hash.digest('hex');
}

const format = defaultFormat(jsonCodec<Set>());
const policy: SnapshotPolicy = {
  everyEntries: 20,
  everyBytes: 2 ** 30,
  keepEntries: 1,
  keepEntriesForSlow: 1,
  keepBytes: 2 ** 30,
  inlineBytes: 10,
};

describe('replica: snapshots', () => {
  let members: VirtualCluster<Set, number>;
  let bodies: VirtualBodies;
  const machines = new Map<NodeId, Kv>();
  const logs = new Map<NodeId, StreamLog>();
  const warnings: string[] = [];
  const events: (SnapshotEvent & { readonly member: NodeId })[] = [];
  const logger: Logger = { ...silentLogger, warn: (line) => warnings.push(line) };

  const startMember = async (id: NodeId, options: VirtualOptions<Set, number> = {}): Promise<Replica<Set, number>> => {
    const log = logs.get(id) ?? new StreamLog(members.time);
    logs.set(id, log);
    members.logs.set(id, log);
    const replica = await members.startMember(id, {
      logger,
      transport: (receiver) => bodies.connect(id, receiver),
      snapshots: policy,
      ...options,
    });
    replica.watch('snapshot', (event) => events.push({ ...event, member: id }));
    return replica;
  };

  const begin = async (size: number, options: VirtualOptions<Set, number> = {}): Promise<Replica<Set, number>> => {
    for (const kept of [machines, logs]) kept.clear();
    for (const kept of [warnings, events]) kept.length = 0;
    members = new VirtualCluster<Set, number>(size, (id) => {
      const machine = new Kv();
      machines.set(id, machine);
      return machine;
    });
    bodies = new VirtualBodies(members.network);
    for (const id of members.ids) await startMember(id, options);
    return members.leader();
  };

  afterEach(() => members.stop());

  const machine = (id: NodeId): Kv => machines.get(id) as Kv;
  const log = (id: NodeId): StreamLog => logs.get(id) as StreamLog;
  const phases = (id: NodeId): string[] => events.filter(({ member }) => member === id).map(({ phase }) => phase);
  /** Sets so many keys, all of them at once. */
  const write = async (replica: Replica<Set, number>, count: number, value = 0): Promise<void> => {
    const sets = Array.from({ length: count }, (_, i) =>
      replica.propose([`k${i % 100}`, value], { timeoutMs: 60_000 }),
    );
    await members.time.settled(Promise.all(sets));
  };
  const until = (holds: () => boolean, what: string): Promise<void> => members.time.until(holds, what);
  const saved = (id: NodeId, after = 0): boolean =>
    events.some(({ member, phase, index }) => member === id && phase === 'saved' && index > after);
  const endOf = (replica: Replica<Set, number>): Promise<Ended> => members.time.settled(replica.ended);
  const othersOf = ({ id }: Replica<Set, number>): NodeId[] => members.ids.filter((other) => other !== id);
  /** Keeps a follower away until it needs a snapshot. */
  const leaveBehind = async (leader: Replica<Set, number>, id: NodeId): Promise<void> => {
    members.network.isolate(id, othersOf({ id } as Replica<Set, number>));
    await write(leader, 60, 1);
    await until(() => log(leader.id).firstIndex() > log(id).lastIndex() + 1, 'the leader has dropped what it needs');
  };

  describe('of a map', () => {
    it('hold what it was at their index, though every key is rewritten while they are written', async () => {
      const leader = await begin(1, { snapshots: { ...policy, everyEntries: 100 } });
      log(1n).pieceMs = 5;
      await write(leader, 100);
      await until(() => log(1n).writing === 1, 'it is written');
      // All of them are answered while it is written; some had to wait for it.
      await write(leader, 100, 7);
      await until(() => saved(1n, 50), 'it is saved');
      const index = log(1n).snapshot().metadata.index;
      const map = new SnapshotMap<string, number>();
      const { state } = await format.unwrap(
        (async function* () {
          yield log(1n).streams.get(index) as Uint8Array;
        })(),
      );
      await map.restore(state);
      expect(digest(map)).to.equal(machine(1n).digests.get(index));
      expect([...machine(1n).map.values()]).to.deep.equal(Array.from({ length: 100 }, () => 7));
      expect(machine(1n).most).to.be.within(1, 2000 + 200);
      expect(machine(1n).map.heldBytes).to.equal(0);
    });

    it('are restored at a start, from the stream', async () => {
      const leader = await begin(1);
      await write(leader, 50, 3);
      await until(() => saved(1n, 20), 'one is saved');
      await members.kill(1n);
      await startMember(1n);
      await members.leader();
      await write(members.replica(1n), 1, 3);
      expect([...machine(1n).map.values()]).to.deep.equal(Array.from({ length: 50 }, () => 3));
      expect(machine(1n).digests.size).to.be.below(50);
    });

    it('are called damaged at a start also if the state machine stumbles over the damage first', async () => {
      const leader = await begin(1);
      await write(leader, 50, 3);
      await until(() => saved(1n, 20), 'one is saved');
      await members.kill(1n);
      const { index } = log(1n).snapshot().metadata;
      const bytes = log(1n).streams.get(index) as Uint8Array;
      log(1n).streams.set(
        index,
        bytes.map((byte, i) => (i === bytes.length - 20 ? byte ^ 1 : byte)),
      );
      const stateMachine = new Kv();
      stateMachine.restore = async (chunks) => {
        for await (const _ of chunks) throw new Error('a number is too large');
      };
      const start: unknown = await startMember(1n, { stateMachine }).catch((caught: unknown) => caught);
      expect(start).to.include({ code: 'ERR_RAFT_SNAPSHOT_FORMAT' });
    });
  });

  describe('of 64 MiB', () => {
    const PIECE = new Uint8Array(64 * 2 ** 10).fill(7);
    const PIECES = 1024;

    it('pass through to the log and out of it: a few pieces of them are held at a time', async () => {
      const leader = await begin(1);
      await until(() => saved(1n), 'the first one is saved');
      let given = 0;
      let taken = 0;
      let most = 0;
      const generate = async function* (): AsyncGenerator<Uint8Array, void> {
        for (let i = 0; i < PIECES; i++) {
          given += PIECE.length;
          most = Math.max(most, given - taken);
          yield PIECE;
        }
      };
      const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<number> => {
        for await (const chunk of chunks) {
          taken += chunk.length;
          most = Math.max(most, given - taken);
        }
        return taken;
      };
      const head = { members: [], removed: [], lastId: 1n, promising: [], features: 0, sessions: [] };
      const restored = Object.assign(new Kv(), {
        restore: async (chunks: AsyncIterable<Uint8Array>) => void (await consume(chunks)),
      });
      Object.assign(log(1n).snapshots, {
        saveStream: consume,
        loadStream: () => format.wrap(head, generate()),
      });
      machine(1n).onSnapshot = (data) => {
        void (data as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return?.();
        return generate();
      };
      const { index } = leader.applied;
      await write(leader, 25);
      await until(() => saved(1n, index), 'it is saved');
      const size = PIECES * PIECE.length;
      expect(taken).to.be.within(size, size + 100_000);
      // What may travel inline is held until it is known to be longer.
      expect(most).to.be.at.most(policy.inlineBytes + 3 * PIECE.length);
      expect(events.filter(({ phase, bytes }) => phase === 'saving' && bytes > 0)).to.have.length(16);

      [given, taken, most] = [0, 0, 0];
      await members.kill(1n);
      await startMember(1n, { stateMachine: restored });
      expect(taken).to.equal(size);
      expect(most).to.be.at.most(2 * PIECE.length);
    });

    it('are not held to find out whether they are large if the last one was; small ones are, one later', async () => {
      const inlineBytes = 16 * PIECE.length;
      const options = { snapshots: { ...policy, inlineBytes } };
      const leader = await begin(1, options);
      await until(() => saved(1n), 'the first one is saved');
      let pieces = 0;
      let given = 0;
      let heldAtFirst = 0;
      machine(1n).onSnapshot = (data) => {
        void (data as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return?.();
        given = 0;
        return (async function* () {
          for (; given < pieces; given++) yield PIECE;
        })();
      };
      const save = async (replica: Replica<Set, number>, size: number): Promise<boolean> => {
        pieces = size;
        const { index } = replica.applied;
        const { saveStream } = log(1n).snapshots;
        log(1n).snapshots.saveStream = (source, at) => {
          heldAtFirst = given;
          return saveStream.call(log(1n).snapshots, source, at);
        };
        await write(replica, 25);
        await until(() => saved(1n, index), 'it is saved');
        log(1n).snapshots.saveStream = saveStream;
        return log(1n).snapshot().data === undefined;
      };
      expect([await save(leader, 100), heldAtFirst]).to.deep.equal([true, 15]);
      expect([await save(leader, 100), heldAtFirst]).to.deep.equal([true, 0]);
      await members.kill(1n);
      const restored = Object.assign(new Kv(), { restore: async () => {} });
      restored.onSnapshot = machine(1n).onSnapshot;
      const again = await startMember(1n, { ...options, stateMachine: restored });
      machines.set(1n, restored);
      expect([await save(again, 100), heldAtFirst]).to.deep.equal([true, 0]);
      expect([await save(again, 2), heldAtFirst]).to.deep.equal([true, 0]);
      expect(await save(again, 2)).to.equal(false);
    });
  });

  describe('for a member that joins', () => {
    it('are taken after the change that names it: an older one is of no use to it', async () => {
      const leader = await begin(3);
      await write(leader, 60);
      await until(() => saved(leader.id, 30), 'one is saved that does not name it');
      const { index: before, confState } = log(leader.id).snapshot().metadata;
      expect(confState.learners).to.deep.equal([]);
      const offered: bigint[][] = [];
      members.network.onSend = ({ type, to, snapshot }) => {
        if (type === MessageType.MsgSnap && to === 4n) {
          const { voters = [], learners = [] } = snapshot?.metadata.confState ?? {};
          offered.push([...voters, ...learners]);
        }
      };
      const adding = leader.addMember(
        { url: 'virtual:4' },
        { onProgress: ({ phase, id }) => void (phase === 'added' && startMember(id)) },
      );
      // No further command comes, so it is the change alone that leads to a snapshot.
      await members.time.settled(adding);
      expect(offered.length).to.be.above(0);
      expect(offered.at(-1)).to.include(4n);
      expect(log(leader.id).snapshot().metadata.index).to.be.above(before);
      await until(() => members.replica(4n).applied.index >= leader.applied.index, 'it has caught up');
      expect(digest(machine(4n).map)).to.equal(digest(machine(leader.id).map));
    });
  });

  describe('that fail', () => {
    const failing: readonly (readonly [string, (data: SnapshotData) => SnapshotData])[] = [
      [
        'whose stream breaks off',
        () =>
          (async function* () {
            yield new Uint8Array(50);
            throw new Error('out of tea');
          })(),
      ],
      [
        'that throw at once',
        () => {
          throw new Error('out of tea');
        },
      ],
      ['that are a promise', (data) => Promise.resolve(data) as unknown as SnapshotData],
      ['that give text', () => ['text'] as unknown as SnapshotData],
    ];
    for (const [what, onSnapshot] of failing) {
      it(`${what} are taken again; the member goes on`, async () => {
        const leader = await begin(1);
        await until(() => saved(1n), 'the first one is saved');
        machine(1n).onSnapshot = (data) => {
          void (data as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return?.();
          return onSnapshot(data);
        };
        await write(leader, 25);
        await until(() => phases(1n).includes('save-failed'), 'it has failed');
        const { error } = events.find(({ phase }) => phase === 'save-failed') as SnapshotEvent;
        expect(error).to.include({ code: 'ERR_RAFT_STATE_MACHINE', reason: 'snapshot' });
        expect(warnings.some((line) => line.includes('1 in a row'))).to.equal(true);
        machine(1n).onSnapshot = (data) => data;
        const { index } = leader.applied;
        await write(leader, 5);
        await until(() => saved(1n, index), 'the next one is saved');
      });
    }

    it('are taken again though nothing is written any more, after pauses that double', async () => {
      const leader = await begin(1);
      await members.promised();
      await until(() => saved(1n), 'the first one is saved');
      log(1n).failure = new Error('no space left');
      const failedAt: number[] = [];
      leader.watch('snapshot', ({ phase }) => {
        if (phase === 'save-failed') failedAt.push(members.time.monotonic());
      });
      await write(leader, 25);
      const { index } = leader.applied;
      await until(() => failedAt.length === 7, 'it has failed seven times');
      const pauses = failedAt.slice(1).map((at, i) => at - (failedAt[i] as number));
      for (const [i, pause] of pauses.entries()) expect(pause).to.be.within(100 * 2 ** i - 10, 100 * 2 ** i + 10);
      expect(leader.running, 'its log has not grown').to.equal(true);
      log(1n).failure = undefined;
      await until(() => saved(1n, 20), 'the next one is saved');
      expect(leader.applied.index).to.equal(index);
      const { length } = events;
      await members.time.advance(60_000);
      expect(events.length, 'nothing is taken without need').to.equal(length);
    });

    it('count towards the end of the member only if its log grows', async () => {
      const leader = await begin(1);
      await members.promised();
      await until(() => saved(1n), 'the first one is saved');
      log(1n).failure = new Error('no space left');
      const failures = (): number => phases(1n).filter((phase) => phase === 'save-failed').length;
      await write(leader, 25);
      await until(() => failures() === 1, 'it has failed');
      // A tenth of what a snapshot is usually taken after, in two parts with a failure after a pause in between.
      for (let row = 2; row <= 5; row++) {
        const before = failures();
        await write(leader, 1);
        await until(() => failures() === before + 1, 'it has failed after a pause');
        expect(leader.running).to.equal(true);
        await write(leader, 1);
        await until(() => warnings.some((line) => line.includes(`${row} in a row`)) || !leader.running, 'it counts');
      }
      expect(String((await endOf(leader)).error)).to.contain('5 in a row');
    });

    it('five times in a row end the member, because its log grows', async () => {
      const leader = await begin(1);
      machine(1n).onSnapshot = () => {
        throw new Error('out of tea');
      };
      for (let i = 0; i < 60 && leader.applied.index < 1000; i++) {
        await write(leader, 5).catch(() => {});
        if (phases(1n).filter((phase) => phase === 'save-failed').length === 5) break;
      }
      const { reason, error } = await endOf(leader);
      expect(reason).to.equal('failed');
      expect(error).to.include({ code: 'ERR_RAFT_STATE_MACHINE', reason: 'snapshot' });
      expect(String(error)).to.contain('5 in a row');
    });

    it('in the log leave the older one, and are taken again', async () => {
      const leader = await begin(1);
      await until(() => saved(1n), 'the first one is saved');
      const before = log(1n).snapshot().metadata.index;
      log(1n).failure = new Error('no space left');
      await write(leader, 25);
      await until(() => phases(1n).includes('save-failed'), 'it has failed');
      expect(log(1n).snapshot().metadata.index).to.equal(before);
      log(1n).failure = undefined;
      await write(leader, 5);
      await until(() => saved(1n, before), 'the next one is saved');
    });

    it('are not taken in the place of one that becomes due meanwhile', async () => {
      const leader = await begin(1);
      log(1n).pieceMs = 50;
      await write(leader, 25);
      await until(() => log(1n).writing === 1, 'one is written');
      await write(leader, 60);
      const { index } = leader.applied;
      log(1n).pieceMs = 0;
      // No further command comes.
      await until(() => saved(1n, index - 1), 'one of the last index is saved');
    });
  });

  describe('of the leader', () => {
    it('replace a state that was left behind, and one of its own that is being saved gives way', async () => {
      const leader = await begin(3);
      const [slow] = othersOf(leader) as [NodeId];
      await until(() => saved(slow), 'the first one is saved');
      let release: () => void = () => {};
      log(slow).gate = new Promise((resolve) => {
        release = resolve;
      });
      await write(leader, 30);
      await until(() => log(slow).writing === 1, 'its own is being saved');
      log(slow).gate = undefined;
      await leaveBehind(leader, slow);
      members.network.mend();
      await until(() => phases(slow).includes('installed'), 'the leader’s is installed');
      await until(() => members.replica(slow).applied.index === leader.applied.index, 'it has caught up');
      expect(log(slow).writing).to.equal(1);
      release();
      await members.time.advance(100);
      expect(log(slow).writing).to.equal(0);
      expect(digest(machine(slow).map)).to.equal(digest(machine(leader.id).map));
      expect(phases(slow)).to.include('installed').and.not.to.include('save-failed');
      await write(leader, 25, 9);
      expect((await members.time.settled(members.replica(slow).propose(['x', 1]))).result).to.equal(1);
    });

    it('are restored after one of its own that is being taken has let go of the state', async () => {
      const leader = await begin(3);
      const [slow] = othersOf(leader) as [NodeId];
      await until(() => saved(slow), 'the first one is saved');
      let taking = 0;
      machine(slow).onSnapshot = (data) => {
        taking++;
        const view = (data as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
        return {
          [Symbol.asyncIterator]: () => ({
            next: () => view.next(),
            return: () => {
              taking--;
              return view.return?.() ?? Promise.resolve({ done: true, value: undefined });
            },
          }),
        };
      };
      log(slow).pieceMs = 1000;
      await write(leader, 30);
      await until(() => log(slow).writing === 1, 'its own is being saved');
      expect(taking).to.equal(1);
      let atRestore = -1;
      machine(slow).onRestore = () => {
        atRestore = taking;
      };
      await leaveBehind(leader, slow);
      members.network.mend();
      await until(() => atRestore >= 0, 'the leader’s is restored');
      expect(atRestore).to.be.at.most(0);
      log(slow).pieceMs = 0;
      await until(() => members.replica(slow).applied.index === leader.applied.index, 'it has caught up');
      expect(digest(machine(slow).map)).to.equal(digest(machine(leader.id).map));
      expect(phases(slow)).not.to.include('save-failed');
    });

    it('that came within their message and are large are kept beside the log, and restored from there', async () => {
      const leader = await begin(3, { snapshots: { ...policy, inlineBytes: 1e9 } });
      const [slow] = othersOf(leader) as [NodeId];
      await members.kill(slow);
      await startMember(slow);
      await leaveBehind(leader, slow);
      members.network.mend();
      await until(() => phases(slow).includes('installed'), 'the leader’s is installed');
      await until(() => members.replica(slow).applied.index === leader.applied.index, 'it has caught up');
      const { data, metadata } = log(slow).snapshot();
      expect(data).to.equal(undefined);
      expect(log(leader.id).snapshot().data).not.to.equal(undefined);
      expect([...log(slow).streams.keys()]).to.include(metadata.index);
      expect(bodies.sent).to.deep.equal([]);
      expect(digest(machine(slow).map)).to.equal(digest(machine(leader.id).map));
      await members.kill(slow);
      await startMember(slow);
      await until(() => members.replica(slow).applied.index === leader.applied.index, 'it is back');
      expect(digest(machine(slow).map)).to.equal(digest(machine(leader.id).map));
    });

    it('that are damaged on the leader’s disk are taken anew and sent, though nobody writes any more', async () => {
      const leader = await begin(3);
      await members.promised();
      const [slow] = othersOf(leader) as [NodeId];
      await leaveBehind(leader, slow);
      const { index } = leader.applied;
      const { snapshots } = inside(leader);
      await until(() => log(leader.id).writing === 0, 'none is being taken');
      if (log(leader.id).snapshot().metadata.index < index) {
        snapshots.membershipChanged();
        snapshots.progress(0, 0);
      }
      await until(() => log(leader.id).snapshot().metadata.index === index, 'the newest one is of what is applied');
      const bytes = log(leader.id).streams.get(index) as Uint8Array;
      log(leader.id).streams.set(
        index,
        bytes.map((byte, i) => (i === Math.floor(bytes.length / 2) ? byte ^ 1 : byte)),
      );
      members.network.mend();
      await until(() => members.replica(slow).applied.index > index, 'it has caught up');
      expect(digest(machine(slow).map)).to.equal(digest(machine(leader.id).map));
      expect(bodies.sent.map((sent) => sent.index)).to.include(index);
      expect(bodies.whole).not.to.include(index);
    });

    it('that the disk damages again and again are taken anew after pauses that double', async () => {
      const leader = await begin(3);
      await members.promised();
      const [slow] = othersOf(leader) as [NodeId];
      const { snapshots } = log(leader.id);
      const { loadStream } = snapshots;
      let read = 0;
      const damaged = async function* (index: number): AsyncGenerator<Uint8Array, void> {
        read++;
        for await (const piece of loadStream(index)) yield piece.map((byte, i) => (i === 40 ? byte ^ 1 : byte));
      };
      Object.assign(snapshots, { loadStream: damaged });
      await leaveBehind(leader, slow);
      const { index } = leader.applied;
      members.network.mend();
      await members.time.advance(60_000);
      // The first pause is of 100 ms.
      expect(leader.applied.index - index).to.be.within(8, 12);
      expect(read).to.be.at.most(2 * (leader.applied.index - index));
      expect(leader.running).to.equal(true);
      Object.assign(snapshots, { loadStream });
      await until(() => machine(slow).map.size > 0 && machine(slow).map.get('k0') === 1, 'it has caught up');
    });

    it('that cannot be read are read again after pauses that double, not at each heartbeat', async () => {
      const leader = await begin(3);
      await members.promised();
      const [slow] = othersOf(leader) as [NodeId];
      const { snapshots } = log(leader.id);
      const { loadStream } = snapshots;
      let read = 0;
      Object.assign(snapshots, {
        loadStream: () => {
          read++;
          throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
        },
      });
      await leaveBehind(leader, slow);
      members.network.mend();
      await members.time.advance(60_000);
      // The first pause is of 100 ms.
      expect(read).to.be.within(8, 12);
      expect(leader.running).to.equal(true);
      Object.assign(snapshots, { loadStream });
      await until(() => machine(slow).map.get('k0') === 1, 'it has caught up');
    });

    it('that cannot be read do not hold up a newer one: that is sent at once', async () => {
      const leader = await begin(3);
      await members.promised();
      const [slow] = othersOf(leader) as [NodeId];
      const { snapshots } = log(leader.id);
      const { loadStream } = snapshots;
      await leaveBehind(leader, slow);
      await until(() => log(leader.id).writing === 0, 'none is being taken');
      const { index } = log(leader.id).snapshot().metadata;
      let read = 0;
      Object.assign(snapshots, {
        loadStream: (at: number) => {
          if (at !== index) return loadStream(at);
          read++;
          throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
        },
      });
      members.network.mend();
      // The first pause is of 100 ms, and that after the eighth attempt of 12.8 s.
      await until(() => read === 8, 'the pause is long');
      await write(leader, 40, 2);
      await members.time.advance(2000);
      expect(digest(machine(slow).map)).to.equal(digest(machine(leader.id).map));
      expect(read).to.equal(8);
    });

    it('that do not name this member are refused before their body is looked at', async () => {
      const leader = await begin(1);
      await until(() => saved(1n), 'one is saved');
      const snapshot = log(1n).snapshot();
      const { metadata } = snapshot;
      const admit = (confState: typeof metadata.confState): Promise<unknown> =>
        inside(leader)
          .snapshots.admit({ ...snapshot, metadata: { ...metadata, confState } })
          .catch((error: unknown) => error);
      const none = { ...metadata.confState, voters: [2n] };
      for (const confState of [none, { ...none, learnersNext: [3n] }]) {
        expect(await admit(confState)).to.include({ code: 'ERR_RAFT_SNAPSHOT_FORMAT', reason: 'membership' });
      }
      for (const confState of [
        { ...none, learners: [1n] },
        { ...none, votersOutgoing: [1n] },
      ]) {
        expect(await admit(confState)).to.include({ reason: 'body' });
      }
    });

    const changes: readonly (readonly [string, (body: Uint8Array) => Uint8Array | undefined])[] = [
      ['come without their body', () => undefined],
      ['are cut within their head', (body) => body.subarray(0, 20)],
      ['are cut within their state', (body) => body.subarray(0, body.length - 1)],
      [
        'are damaged within their state',
        (body) => body.map((byte, i) => (i === Math.floor(body.length / 2) ? byte ^ 1 : byte)),
      ],
      ['are of another format', () => new TextEncoder().encode('{"kv":{},"members":{},"removed":[]}')],
    ];
    for (const [what, change] of changes) {
      it(`that ${what} are refused before raft takes them, and come again`, async () => {
        const leader = await begin(3);
        const [slow] = othersOf(leader) as [NodeId];
        await leaveBehind(leader, slow);
        bodies.change = change;
        members.network.mend();
        await until(() => warnings.some((line) => line.includes('refused the snapshot')), 'it is refused');
        await until(
          () => events.some(({ member, phase }) => member === leader.id && phase === 'send-failed'),
          'the leader hears of it',
        );
        bodies.change = (body) => body;
        await until(() => members.replica(slow).applied.index >= leader.applied.index, 'it has caught up');
        expect(digest(machine(slow).map)).to.equal(digest(machine(leader.id).map));
      });
    }

    it('that restore() refuses end the member with a code, and so does a start', async () => {
      const leader = await begin(3);
      const [slow] = othersOf(leader) as [NodeId];
      await leaveBehind(leader, slow);
      const replica = members.replica(slow);
      machine(slow).onRestore = () => {
        throw new Error('out of tea');
      };
      members.network.mend();
      const { error } = await endOf(replica);
      expect(error).to.include({ code: 'ERR_RAFT_STATE_MACHINE', reason: 'restore' });
      members.replicas.delete(slow);
      const stateMachine = new Kv();
      stateMachine.onRestore = () => Promise.reject(new Error('out of tea'));
      const start: unknown = await startMember(slow, { stateMachine }).catch((caught: unknown) => caught);
      expect(start).to.include({ code: 'ERR_RAFT_STATE_MACHINE', reason: 'restore' });
      await startMember(slow);
      await until(() => members.replica(slow).applied.index >= leader.applied.index, 'it has caught up');
    });

    it('that a newer one has replaced while this member was busy are passed over: the log may have let go of them', async () => {
      const leader = await begin(3);
      const [slow] = othersOf(leader) as [NodeId];
      await leaveBehind(leader, slow);
      let goOn = (): void => {};
      machine(slow).onRestore = () => new Promise((resolve) => (goOn = resolve));
      members.network.mend();
      await until(() => phases(slow).includes('installing') && log(slow).snapshot().metadata.index > 0, 'it restores');
      const first = log(slow).snapshot().metadata.index;
      const newest = (): number => log(slow).snapshot().metadata.index;
      for (let round = 2, before = first; round < 4; round++, before = newest()) {
        await write(leader, 60, round);
        await until(() => newest() > before, 'it is sent a newer one');
      }
      for (const index of log(slow).streams.keys()) if (index < newest()) log(slow).streams.delete(index);
      machine(slow).onRestore = () => {};
      goOn();
      const replica = members.replica(slow);
      await until(() => replica.applied.index >= leader.applied.index, 'it has caught up');
      expect(digest(machine(slow).map)).to.equal(digest(machine(leader.id).map));
      const installed = events.filter(({ member, phase }) => member === slow && phase === 'installed');
      expect(installed.map(({ index }) => index)).to.deep.equal([first, newest()]);
    });
  });

  describe('do not hold up a stop', () => {
    const never = new Promise<never>(() => {});
    const stuck: SnapshotData = {
      [Symbol.asyncIterator]: () => ({ next: () => never, return: () => never }),
    };

    it('while the state machine’s stream is stuck', async () => {
      const leader = await begin(1);
      await until(() => saved(1n), 'the first one is saved');
      machine(1n).onSnapshot = () => stuck;
      await write(leader, 25);
      await until(() => phases(1n).at(-1) === 'saving', 'one is being taken');
      const before = members.time.monotonic();
      await members.time.settled(leader.stop());
      expect(members.time.monotonic() - before).to.be.below(100);
      expect(phases(1n)).not.to.include('save-failed');
      members.replicas.delete(1n);
    });

    it('while commands wait for a view that is stuck', async () => {
      const leader = await begin(1);
      await write(leader, 100);
      await until(() => saved(1n, 80), 'one is saved');
      log(1n).pieceMs = 1e9;
      await write(leader, 25);
      await until(() => log(1n).writing === 1, 'the next one is written');
      const asked = Array.from({ length: 100 }, (_, i) => leader.propose([`k${i}`, 5], { timeoutMs: 1e9 }));
      const outcomes = Promise.allSettled(asked);
      await until(() => machine(1n).map.heldBytes > 2000, 'commands wait');
      const applied = leader.applied.index;
      await members.time.advance(1000);
      expect(leader.applied.index).to.equal(applied);
      await members.time.settled(leader.stop(), 1e10);
      const rejected = (await members.time.settled(outcomes)).filter(({ status }) => status === 'rejected');
      expect(rejected).to.have.length.above(0);
      members.replicas.delete(1n);
    });

    for (const where of ['restore() of the state machine', 'the body is taken over']) {
      it(`while ${where} is stuck`, async () => {
        const leader = await begin(3);
        const [slow] = othersOf(leader) as [NodeId];
        await leaveBehind(leader, slow);
        const replica = members.replica(slow);
        let reached = false;
        if (where.startsWith('restore')) {
          machine(slow).onRestore = () => {
            reached = true;
            return never;
          };
        } else {
          const { snapshots } = log(slow);
          Object.assign(snapshots, {
            saveStream: async (source: AsyncIterable<Uint8Array>) => {
              reached = true;
              bodies.stuck = true;
              for await (const _ of source) await new Promise<void>((resolve) => void members.time.after(10, resolve));
              return 0;
            },
          });
        }
        members.network.mend();
        await until(() => reached, 'it is reached');
        const before = members.time.monotonic();
        await members.time.settled(replica.stop());
        expect(members.time.monotonic() - before).to.be.below(200);
        members.replicas.delete(slow);
      });
    }

    it('while one is being sent', async () => {
      const leader = await begin(3);
      const [slow] = othersOf(leader) as [NodeId];
      await leaveBehind(leader, slow);
      log(leader.id).pieceMs = 100;
      members.network.mend();
      await until(() => bodies.sent.length > 0, 'it is being sent');
      await members.time.settled(leader.stop());
      members.replicas.delete(leader.id);
      await members.time.advance(10_000);
    });
  });

  describe('and the log', () => {
    it('keep what a slow follower still needs, up to a number of entries', async () => {
      const leader = await begin(3, { snapshots: { ...policy, keepEntriesForSlow: 100 } });
      const [slow] = othersOf(leader) as [NodeId];
      await until(() => saved(leader.id), 'the first one is saved');
      const delays = members.network;
      // It answers, late: so it is active, and behind.
      delays.faults = { delay: [1, 1] };
      const before = log(slow).lastIndex();
      delays.cut(slow, leader.id);
      await write(leader, 40);
      await until(() => saved(leader.id, before + 20), 'one is saved');
      expect(log(leader.id).firstIndex()).to.be.at.most(before + 1);
      await write(leader, 200);
      await until(() => saved(leader.id, before + 200), 'one is saved');
      const { index } = log(leader.id).snapshot().metadata;
      expect(log(leader.id).firstIndex())
        .to.be.above(before + 1)
        .and.at.most(index - 100 + 1);
      expect(warnings.some((line) => line.includes('although a member still needs them'))).to.equal(true);
    });

    it('keep no more bytes than they may, whoever needs them', async () => {
      const leader = await begin(1, {
        snapshots: { ...policy, keepEntries: 1000, keepEntriesForSlow: 1000, keepBytes: 300_000 },
      });
      const key = 'x'.repeat(10_000);
      for (let i = 0; i < 100; i++) await members.time.settled(leader.propose([key, i]));
      await until(() => saved(1n, 95), 'one is saved');
      const { index } = log(1n).snapshot().metadata;
      const kept = index - log(1n).firstIndex() + 1;
      expect(kept * 10_000).to.be.within(100_000, 300_000);
    });

    it('bring a slow follower up to date under load with one snapshot, not with one after the other', async () => {
      const leader = await begin(3, { snapshots: { ...policy, keepEntriesForSlow: 2000 } });
      const [slow] = othersOf(leader) as [NodeId];
      members.network.isolate(slow, othersOf({ id: slow } as Replica<Set, number>));
      const limit = leader.applied.index + 2500;
      // So long that even the limit for slow members is passed.
      while (log(leader.id).firstIndex() <= log(slow).lastIndex() + 1 || leader.applied.index < limit)
        await write(leader, 100);
      // The snapshot takes long, and load goes on: several snapshots are taken meanwhile.
      log(slow).pieceMs = 40;
      members.network.mend();
      let sends = 0;
      members.network.onSend = ({ type, to }) => {
        if (type === MessageType.MsgSnap && to === slow) sends++;
      };
      const began = leader.applied.index;
      let rounds = 0;
      while (!phases(slow).includes('installed') && ++rounds < 500) await write(leader, 20, rounds);
      expect(phases(slow)).to.include('installed');
      expect(leader.applied.index - began).to.be.above(2 * policy.everyEntries);
      for (let i = 0; i < 50; i++) await write(leader, 20, i);
      await until(() => members.replica(slow).applied.index >= leader.applied.index, 'it has caught up');
      expect(sends).to.equal(1);
    });
  });
});
