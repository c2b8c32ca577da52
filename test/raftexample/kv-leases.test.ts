import { type KvCommand, KvMachine, type KvResult, MAX_LEASE_KEYS, MAX_LEASES } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import fc from 'fast-check';

/** A machine to which entries are applied one after the other. */
class Log {
  readonly machine = new KvMachine();
  index = 0;
  term = 1;
  features = 1;

  apply(command: KvCommand): KvResult {
    this.index++;
    return this.machine.apply(command, { index: this.index, term: this.term, features: this.features });
  }

  /** Grants a lease. @returns its id */
  grant(ttl = 1000): number {
    expect(this.apply({ op: 'lease', ttl })).to.include({ done: true, ttl });
    return this.index;
  }

  read(ms: number, term = this.term): KvResult {
    return this.apply({ op: 'clock', ms, term });
  }

  put(key: string, lease?: number): KvResult {
    if (lease === undefined) return this.apply({ op: 'put', key, value: 'v', ifIndex: undefined });
    return this.apply({ op: 'lease-put', key, value: 'v', ifIndex: undefined, lease });
  }

  has(lease: number): boolean {
    return this.machine.leases.get(lease) !== undefined;
  }

  get keys(): string[] {
    return [...this.machine.entries()].map(([key]) => key);
  }
}

async function* one(machine: KvMachine): AsyncGenerator<Uint8Array, void> {
  yield* machine.snapshot();
}

async function copyOf(log: Log): Promise<KvMachine> {
  const machine = new KvMachine();
  await machine.restore(one(log.machine), { index: log.index, term: log.term });
  return machine;
}

async function textOf(machine: KvMachine): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of one(machine)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('the store: the replicated clock', () => {
  it('moves by the readings of one leader, of which the first adds nothing', () => {
    const log = new Log();
    const { clock } = log.machine.leases;
    log.read(5000);
    expect(clock.now).to.equal(0);
    log.read(5300);
    expect(clock.now).to.equal(300);
    log.term = 2;
    log.read(90_000);
    expect(clock.now, 'another leader').to.equal(300);
    log.read(90_001);
    expect(clock.now).to.equal(301);
  });

  it('ignores a reading that stands in another term than its own, or is older than the last one', () => {
    const log = new Log();
    const { clock } = log.machine.leases;
    log.read(100);
    log.term = 3;
    expect(log.read(900, 1).done, 'of a leader that was deposed').to.equal(false);
    expect(log.read(50).done).to.equal(true);
    expect(log.read(950, 1).done).to.equal(false);
    expect(log.read(49).done, 'repeated by the network').to.equal(false);
    log.read(70);
    expect(clock.now).to.equal(20);
  });
});

describe('the store: leases', () => {
  it('end when their time has passed, counted from the second reading after they were granted or kept', () => {
    const log = new Log();
    log.read(0);
    const lease = log.grant();
    log.read(900);
    log.read(1000);
    log.read(1999);
    expect(log.machine.leases.get(lease)).to.deep.equal({
      id: lease,
      ttlMs: 1000,
      remainingMs: 1,
      keys: [],
      locks: [],
    });
    expect(log.apply({ op: 'keep', lease })).to.include({ done: true, ttl: 1000 });
    log.read(3500);
    log.read(4000);
    log.read(4999);
    expect(log.has(lease)).to.equal(true);
    log.read(5000);
    expect(log.has(lease)).to.equal(false);
    expect(log.apply({ op: 'keep', lease })).to.include({ done: false, why: 'no-lease' });
  });

  it('last longer when the leader changes, never shorter', () => {
    const log = new Log();
    const lease = log.grant();
    for (const ms of [0, 1, 900]) log.read(ms);
    log.term = 2;
    for (const ms of [70_000, 70_100]) log.read(ms);
    expect(log.has(lease), '999 of 1000').to.equal(true);
    log.read(70_101);
    expect(log.has(lease)).to.equal(false);
  });

  it('take their keys with them, all in one entry, which those who watch see', () => {
    const log = new Log();
    const lease = log.grant();
    log.put('a', lease);
    log.put('b', lease);
    log.put('c');
    for (const ms of [0, 0, 1000]) log.read(ms);
    expect(log.keys).to.deep.equal(['c']);
    const { history } = log.machine;
    expect(history.at(history.end - 1)).to.deep.equal({
      index: log.index,
      changes: ['a', 'b'].map((key) => ({ op: 'delete', key, value: '' })),
    });
    expect(history.end - history.begin, 'one record for each entry that changed anything').to.equal(4);
  });

  it('take a key only if nobody wrote or deleted it since', () => {
    const log = new Log();
    const [lease, other] = [log.grant(), log.grant()];
    for (const key of ['a', 'b', 'c', 'd', 'e']) log.put(key, lease);
    log.put('b');
    log.apply({ op: 'delete', key: 'c', value: '', ifIndex: undefined });
    log.put('c');
    log.put('d', other);
    log.apply({ op: 'txn', if: [], do: [{ op: 'put', key: 'e', value: 'x' }] });
    log.apply({ op: 'revoke', lease });
    expect(log.keys).to.deep.equal(['b', 'c', 'd', 'e']);
    log.apply({ op: 'revoke', lease: other });
    expect(log.keys).to.deep.equal(['b', 'c', 'e']);
    expect(log.apply({ op: 'revoke', lease })).to.include({ done: false, why: 'no-lease' });
  });

  it('a put for a lease that has ended, or whose condition fails, does nothing', () => {
    const log = new Log();
    expect(log.put('a', 77)).to.deep.equal({ done: false, current: 0, why: 'no-lease' });
    const lease = log.grant();
    log.put('a');
    const at = log.index;
    const command = { op: 'lease-put', key: 'a', value: 'w', ifIndex: 1, lease } as const;
    expect(log.apply(command)).to.deep.equal({ done: false, current: at });
    log.apply({ op: 'revoke', lease });
    expect(log.keys).to.deep.equal(['a']);
  });

  it('are bounded, and so are their keys and the length of one entry', () => {
    const log = new Log();
    const first = log.grant();
    for (let i = 0; i < MAX_LEASE_KEYS; i++) log.put(`k${i}`, first);
    expect(log.put('more', first)).to.include({ done: false, why: 'too-many-keys' });
    expect(log.put('k0', first)).to.include({ done: true });
    const more = Array.from({ length: MAX_LEASES - 1 }, () => log.grant());
    expect(log.apply({ op: 'lease', ttl: 1000 })).to.include({ done: false, why: 'too-many' });
    for (const ttl of [0, 999, 86_400_001]) expect(log.apply({ op: 'lease', ttl }).done, String(ttl)).to.equal(false);
    for (const lease of more.slice(0, 99)) for (let i = 0; i < MAX_LEASE_KEYS; i++) log.put(`${lease}-${i}`, lease);
    expect(log.put('more', more[100]).why).to.equal('too-many-keys');
    for (const ms of [0, 0, 1000]) log.read(ms);
    const { machine } = log;
    const left = machine.size;
    expect(left, 'the rest follows').to.equal(90_000);
    for (let i = 0; i < 10; i++) log.read(1000);
    expect(machine.size).to.equal(0);
    expect(machine.leases.size).to.equal(0);
  });

  it('end a member that has lost that they were opened', () => {
    const log = new Log();
    log.features = 0;
    const lost = { code: 'ERR_KV_FEATURES_LOST' };
    const commands = [
      () => log.apply({ op: 'lease', ttl: 1000 }),
      () => log.put('a', 1),
      () => log.apply({ op: 'lock', name: 'l', lease: 1 }),
      () => log.read(7),
    ];
    for (const command of commands) expect(command).to.throw().that.includes(lost);
    expect(log.machine.leases.size).to.equal(0);
    expect(log.keys).to.deep.equal([]);
    expect(log.machine.leases.clock.save()).to.deep.equal({ now: 0, ms: 0, term: 0 });
  });
});

describe('the store: locks', () => {
  const lock = (log: Log, lease: number, name = 'l'): KvResult => log.apply({ op: 'lock', name, lease });

  it('are held by one lease, under the index of the entry that gave them', () => {
    const log = new Log();
    const [a, b] = [log.grant(), log.grant()];
    const taken = lock(log, a);
    const fence = log.index;
    expect(taken).to.deep.include({ done: true, holder: { lease: a, fence } });
    expect(lock(log, a), 'asked again').to.deep.include({ done: true, holder: { lease: a, fence } });
    expect(lock(log, b)).to.deep.include({ done: false, why: 'held', holder: { lease: a, fence } });
    expect(lock(log, 999, 'other')).to.include({ done: false, why: 'no-lease' });
    expect(log.apply({ op: 'unlock', name: 'l', fence: fence + 1 }).done, 'of another fence').to.equal(false);
    expect(log.apply({ op: 'unlock', name: 'l', fence }).done).to.equal(true);
    expect(log.apply({ op: 'unlock', name: 'l', fence }).done).to.equal(false);
    expect(lock(log, b).holder).to.deep.equal({ lease: b, fence: log.index });
    log.apply({ op: 'revoke', lease: a });
    expect(log.machine.leases.locks.get('l')?.lease, 'it was given back before').to.equal(b);
  });

  it('are free once their lease has ended, and whoever waits hears of it', () => {
    const log = new Log();
    const [a, b] = [log.grant(), log.grant(5000)];
    lock(log, a);
    const { locks } = log.machine.leases;
    let heard = 0;
    locks.onChange('l', () => heard++);
    const forget = locks.onChange('l', () => heard++);
    forget();
    for (const ms of [0, 0, 1000]) log.read(ms);
    expect(heard).to.equal(1);
    expect(lock(log, b).holder).to.deep.equal({ lease: b, fence: log.index });
    expect(log.machine.leases.get(b)?.locks).to.deep.equal(['l']);
  });
});

describe('the store: leases and locks in snapshots', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const lease = fc.integer({ min: 0, max: 5 });
  const command: fc.Arbitrary<KvCommand | 'next-term' | 'restart'> = fc.oneof(
    fc.constant('next-term' as const),
    fc.constant('restart' as const),
    fc.record({ op: fc.constant('lease' as const), ttl: fc.constantFrom(1000, 1500, 3000) }),
    fc.record({ op: fc.constantFrom('keep' as const, 'revoke' as const), lease }),
    fc.record({
      op: fc.constant('clock' as const),
      ms: fc.integer({ min: 0, max: 9000 }),
      term: fc.constantFrom(1, 2),
    }),
    fc.record({ op: fc.constant('lock' as const), name, lease }),
    fc.record({ op: fc.constant('unlock' as const), name, fence: fc.integer({ min: 1, max: 30 }) }),
    fc.record({
      op: fc.constant('lease-put' as const),
      key: name,
      value: fc.constant('v'),
      ifIndex: fc.constant(undefined),
      lease,
    }),
    fc.record({
      op: fc.constantFrom('put' as const, 'delete' as const),
      key: name,
      value: fc.constant('w'),
      ifIndex: fc.constant(undefined),
    }),
  );

  it('a member that begins with a snapshot goes on as the others do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const log = new Log();
        let copy = new KvMachine();
        const ids: number[] = [];
        for (const drawn of commands) {
          if (drawn === 'next-term') log.term++;
          else if (drawn === 'restart') copy = await copyOf(log);
          else {
            // Most leases that are named were granted.
            const next = 'lease' in drawn ? { ...drawn, lease: ids[drawn.lease] ?? ids.at(-1) ?? 1 } : drawn;
            const result = log.apply(next);
            if (next.op === 'lease') ids.push(log.index);
            const at = { index: log.index, term: log.term, features: 1 };
            expect(copy.apply(next, at)).to.deep.equal(result);
          }
        }
        expect(await textOf(copy)).to.equal(await textOf(log.machine));
        const { leases } = log.machine;
        for (const [id] of leases.records()) expect(copy.leases.get(id)).to.deep.equal(leases.get(id));
        for (const [held, { lease: holder }] of leases.locks.entries()) {
          expect(leases.get(holder)?.locks, 'a lock is that of a lease').to.include(held);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('what never had a lease has the bytes that members written in Go write', async () => {
    const log = new Log();
    log.put('a');
    expect(JSON.parse(await textOf(log.machine))).to.have.all.keys('kv');
  });

  it('what cannot be leases is refused', async () => {
    for (const section of [
      '"clock":7',
      '"clock":{"now":-1,"ms":0,"term":0}',
      '"leases":{"x":[1,0,0,[]]}',
      '"leases":{"1":[1,0,0]}',
      '"leases":{"1":[1,0,0,[7]]}',
      '"locks":{"l":[1]}',
      '"locks":{"l":["1",2]}',
    ]) {
      const machine = new KvMachine();
      const bytes = (async function* () {
        yield Buffer.from(`{"kv":{},${section}}`);
      })();
      const refused: unknown = await machine.restore(bytes, { index: 1, term: 1 }).catch((error: unknown) => error);
      expect((refused as { readonly code?: string }).code, section).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    }
  });
});
