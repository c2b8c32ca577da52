import { runInNewContext } from 'node:vm';
import { type NodeId, silentLogger } from '@raft-ts/raft';
import { bytesCodec, type CompareStates, type Divergence, defaultFormat, jsonCodec } from '@raft-ts/replica';
import { StateHashes } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { inside } from './inside.js';
import { Counter } from './machines.js';
import { VirtualCluster, type VirtualOptions } from './virtual.js';

/** Answers another sum, or holds one, on a member that is told to. */
class Odd extends Counter {
  /** The command at which it goes astray. */
  astray: number | undefined = undefined;
  /** Does its answer show that? */
  shows = true;

  override apply(n: number, at: { index: number; term: number }): number {
    const sum = super.apply(n, at);
    if (n !== this.astray) return sum;
    this.value += 1000;
    return this.shows ? this.value : sum;
  }
}

describe('replica: states are compared', function states() {
  let group: VirtualCluster<number, number>;
  let machines: Map<NodeId, Odd>;
  let found: { readonly on: NodeId; readonly divergence: Divergence }[];
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);

  const begin = async (
    size: number,
    compareStates: CompareStates<number> | 'off' = { everyCommands: 10 },
    more: VirtualOptions<number, number> = {},
  ): Promise<void> => {
    machines = new Map();
    found = [];
    lines.length = 0;
    group = new VirtualCluster<number, number>(
      size,
      (id) => {
        const machine = new Odd();
        machines.set(id, machine);
        return machine;
      },
      {
        ...(compareStates === 'off' ? {} : { compareStates }),
        logger: { ...silentLogger, info: say, warn: say, error: say },
        applyErrors: 'result',
        ...more,
      },
    );
    await group.start();
    for (const id of group.ids) watch(id);
  };
  const watch = (id: NodeId): void =>
    void group.replica(id).watch('divergence', (divergence) => found.push({ on: id, divergence }));
  const add = async (n: number): Promise<number> =>
    (await group.time.settled((await group.leader()).propose(n, { timeoutMs: 60_000 }))).index;
  /** Until the leader has nothing to say any more, and everybody has heard it. */
  const settled = async (): Promise<void> => {
    const leader = await group.leader();
    const quiet = (): boolean => inside(leader).hashes?.uncovered === 0;
    await group.time.until(quiet, 'all that was applied is covered');
    await group.time.advance(300);
  };
  const odd = (id: NodeId): Odd => machines.get(id) as Odd;

  afterEach(() => group?.stop());

  for (const who of ['a follower', 'the leader'] as const) {
    it(`the first index at which ${who} came to something else is named, where it is`, async () => {
      await begin(3);
      const { id: leader } = await group.leader();
      const wrong = who === 'the leader' ? leader : (group.ids.find((id) => id !== leader) as NodeId);
      odd(wrong).astray = 7;
      for (let i = 0; i < 23; i++) await add(1);
      const index = await add(7);
      for (let i = 0; i < 30; i++) await add(1);
      await settled();
      const others = group.ids.filter((id) => id !== leader);
      const on = who === 'the leader' ? others : [wrong];
      expect(found.toSorted((a, b) => Number(a.on - b.on))).to.deep.equal(
        on.map((one) => ({ on: one, divergence: { index, member: leader } })),
      );
      for (const id of group.ids) {
        const { code, text } = group.replica(id).explain();
        expect(code === 'diverged').to.equal(on.includes(id));
        if (code === 'diverged')
          expect(text).to.match(
            new RegExp(`^Member ${id} differs from member ${leader}: .* index ${index} is the first`),
          );
      }
      expect(lines.filter((line) => line.includes('differs from member'))).to.have.length(on.length);
      expect(group.replica(wrong).running, 'nobody ends').to.equal(true);
    });
  }

  it('a difference that no result shows is found by a digest of the state', async () => {
    const digest = (): Uint8Array => new Uint8Array(0);
    await begin(3, { everyCommands: 10, digest });
    const leader = await group.leader();
    // Each member has its own, over its own state.
    for (const id of group.ids) {
      const { hashes } = inside(group.replica(id));
      Reflect.set(Reflect.get(hashes as object, 'host') as object, 'digest', () =>
        new TextEncoder().encode(String(odd(id).value)),
      );
    }
    const wrong = group.ids.find((id) => id !== leader.id) as NodeId;
    Object.assign(odd(wrong), { astray: 7, shows: false });
    await add(1);
    const index = await add(7);
    await settled();
    expect(found).to.deep.equal([{ on: wrong, divergence: { index, member: leader.id } }]);
  });

  it('nothing differs through restarts, snapshots, sessions, failures and changes of leader', async () => {
    await begin(3, { everyCommands: 3 }, { snapshots: { everyEntries: 20, keepEntries: 1, keepEntriesForSlow: 1 } });
    for (let round = 0; round < 4; round++) {
      const leader = await group.leader();
      const session = await group.time.settled(leader.openSession());
      await group.time.settled(session.propose(1));
      await group.time.settled(leader.propose(Number.NaN)).catch(() => {});
      const [away] = group.ids.filter((id) => id !== leader.id) as [NodeId];
      await group.kill(away);
      for (let i = 0; i < 40; i++) await add(1);
      await group.startMember(away);
      watch(away);
      await settled();
      await group.kill(leader.id);
      await group.startMember(leader.id);
      watch(leader.id);
      await add(1);
    }
    await settled();
    expect(found).to.deep.equal([]);
    expect(inside(await group.leader()).hashes?.uncovered).to.equal(0);
    expect(new Set(group.ids.map((id) => odd(id).value)).size).to.equal(1);
  });

  it('a member that comes to something else when it starts again says so', async () => {
    await begin(1);
    await add(1);
    const index = await add(7);
    await settled();
    await group.kill(1n);
    const stateMachine = Object.assign(new Odd(), { astray: 7 });
    const replica = await group.startMember(1n, { stateMachine });
    watch(1n);
    await group.time.until(() => found.length > 0, 'it is found');
    expect(found).to.deep.equal([{ on: 1n, divergence: { index, member: 1n } }]);
    expect(replica.explain().text).to.include('differs from itself before it started again');
  });

  it('the leader alone proposes hashes: of no other member is a proposal dropped', async () => {
    await begin(3, { everyCommands: 1 });
    const leader = await group.leader();
    for (let i = 0; i < 20; i++) await add(1);
    await settled();
    expect(await group.leader(), 'nobody else has led').to.equal(leader);
    for (const id of group.ids) {
      const { samples } = inside(group.replica(id)).observer.proposalsSettled;
      expect(samples.filter(({ labels }) => labels?.['outcome'] === 'dropped')).to.deep.equal([]);
    }
  });

  it('without the option nothing is written, and with it nothing once all is said', async () => {
    await begin(3);
    await add(1);
    await settled();
    const { index } = (await group.leader()).applied;
    await group.time.advance(10_000);
    expect((await group.leader()).applied.index).to.equal(index);
    await group.stop();
    await begin(3, 'off');
    const last = await add(1);
    await group.time.advance(10_000);
    expect((await group.leader()).applied.index).to.equal(last);
  });

  it('a format that has no bytes for it is told once, and a result that has none is warned of once', async () => {
    const format = defaultFormat<number>(jsonCodec());
    const refusing: typeof format = {
      ...format,
      encode: (content, request) => {
        if (content.kind === 'state-hashes') throw new Error('no bytes');
        return format.encode(content, request);
      },
    };
    await begin(1, { everyCommands: 1 }, { format: refusing });
    for (let i = 0; i < 5; i++) await add(1);
    await group.time.advance(2000);
    expect(lines.filter((line) => line.includes('so no states are compared: no bytes'))).to.have.length(1);
    await group.stop();
    const results = { ...jsonCodec<number>(), encode: () => expect.fail('no bytes') };
    await begin(1, { everyCommands: 1 }, { results });
    for (let i = 0; i < 5; i++) await add(1);
    await settled();
    expect(lines.filter((line) => line.includes('since they have no bytes'))).to.have.length(1);
    for (const wrong of [undefined, 'a text', Promise.resolve(new Uint8Array(1))]) {
      await group.stop();
      await begin(1, { everyCommands: 1, digest: () => wrong as unknown as Uint8Array });
      for (let i = 0; i < 5; i++) await add(1);
      await settled();
      expect(lines.filter((line) => line.includes('not a Uint8Array'))).to.have.length(1);
    }
  });

  it('bytes of another realm, as a digest under Jest gives them, are bytes', async () => {
    const foreign = runInNewContext('new Uint8Array([1])') as Uint8Array;
    expect(foreign).not.to.be.instanceOf(Uint8Array);
    await begin(1, { everyCommands: 1, digest: () => foreign });
    for (let i = 0; i < 5; i++) await add(1);
    await settled();
    expect(lines.filter((line) => line.includes('since they have no bytes'))).to.deep.equal([]);
  });

  it('whatever an entry says of whatever index is compared with what is known, and harms nobody', () => {
    const content = fc.record({
      kind: fc.constant('state-hashes' as const),
      member: fc.constant(2n),
      from: fc.oneof(fc.nat(60), fc.integer({ min: 0, max: 2 ** 48 - 1 })),
      hashes: fc.uint32Array({ maxLength: 60 }),
    });
    fc.assert(
      fc.property(fc.array(content), fc.nat(20), (contents, restored) => {
        const differs: number[] = [];
        const hashes = new StateHashes<number>({
          digest: (result) => Uint8Array.of(result),
          onDiffers: (index) => differs.push(index),
        });
        hashes.restart(restored);
        let index = restored;
        for (const one of contents) {
          hashes.note({ index: ++index, term: 1 }, bytesCodec.encode(Uint8Array.of(1)), { result: 1 });
          hashes.check(one, ++index);
        }
        for (const at of differs) expect(at).to.be.within(restored + 1, index);
        expect(hashes.uncovered).to.be.within(0, contents.length);
        const next = hashes.next(index, 1000);
        expect(next === undefined).to.equal(hashes.uncovered === 0);
      }),
    );
  });

  it('of a failure that it was one counts, and its code, but not its text', () => {
    const hashOf = (came: { readonly result: number } | { readonly thrown: unknown }): number => {
      const hashes = new StateHashes<number>({ digest: () => new Uint8Array(0), onDiffers: () => {} });
      hashes.note({ index: 1, term: 1 }, Uint8Array.of(1), came);
      return hashes.next(1, 1)?.hashes[0] as number;
    };
    const plain = hashOf({ thrown: new Error('no such key') });
    for (const thrown of [new TypeError('there is no such key'), 'a text', undefined, { code: 7 }])
      expect(hashOf({ thrown })).to.equal(plain);
    const missing = hashOf({ thrown: { code: 'MISSING', message: 'no such key' } });
    expect(hashOf({ thrown: Object.assign(new Error('nothing there'), { code: 'MISSING' }) })).to.equal(missing);
    const all = [hashOf({ result: 1 }), plain, missing, hashOf({ thrown: { code: 'TAKEN' } })];
    expect(new Set(all).size).to.equal(all.length);
  });

  it('of several differences in one entry the first is told, and no other', () => {
    const told: number[] = [];
    const make = (): StateHashes<number> =>
      new StateHashes<number>({ digest: (result) => Uint8Array.of(result), onDiffers: (index) => told.push(index) });
    const [one, other] = [make(), make()];
    for (let index = 1; index <= 9; index++) {
      one.note({ index, term: 1 }, Uint8Array.of(1), { result: 1 });
      other.note({ index, term: 1 }, Uint8Array.of(1), { result: index < 4 ? 1 : 2 });
    }
    const all = one.next(9, 9) as NonNullable<ReturnType<typeof one.next>>;
    other.check({ kind: 'state-hashes', member: 1n, ...all }, 10);
    expect(told).to.deep.equal([4]);
  });

  it('of a long log the last entries are known', () => {
    const make = (): StateHashes<number> =>
      new StateHashes<number>({ digest: () => new Uint8Array(0), onDiffers: (index) => differs.push(index) });
    const differs: number[] = [];
    const [one, other] = [make(), make()];
    const data = Uint8Array.of(1);
    for (let index = 1; index <= 40_000; index++) {
      one.note({ index, term: 1 }, data, { result: 1 });
      if (index !== 30_000) other.note({ index, term: 1 }, data, { result: 1 });
    }
    const all = one.next(40_000, 40_000) as NonNullable<ReturnType<typeof one.next>>;
    expect(all.from).to.equal(40_000 - 2 ** 14 + 1);
    other.check({ kind: 'state-hashes', member: 1n, ...all }, 40_001);
    expect(differs).to.deep.equal([30_000]);
    expect(one.next(90_000, 10)?.hashes.every((hash) => hash === 0)).to.equal(true);
  });
});
