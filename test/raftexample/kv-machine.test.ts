import { silentLogger } from '@raft-ts/raft';
import {
  collectGarbage,
  compareKeys,
  type KvCommand,
  KvMachine,
  type KvResult,
  kvFormat,
} from '@raft-ts/raftexample/internal';
import type { CommandPosition } from '@raft-ts/replica';
import { expect } from 'chai';
import fc from 'fast-check';
import { inside } from '../replica/inside.js';
import { VirtualCluster } from '../replica/virtual.js';

const text = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
const bytes = (json: string): Uint8Array => new TextEncoder().encode(json);

async function whole(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return text(Buffer.concat(pieces));
}

async function* pieces(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* parts;
}

const put = (key: string, value: string, ifIndex?: number): KvCommand => ({ op: 'put', key, value, ifIndex });
const del = (key: string, ifIndex?: number): KvCommand => ({ op: 'delete', key, value: '', ifIndex });

/** Keys of which many share beginnings, with characters from every plane. */
const keys = fc.string({
  unit: fc.constantFrom('a', 'b', '/', '.', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}'),
  minLength: 1,
  maxLength: 4,
});

describe('the store: keys and values', () => {
  it('keys are in the order of their UTF-8 bytes', () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).to.equal(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2000 },
    );
  });

  it('a condition is judged when the entry is applied', () => {
    const machine = new KvMachine();
    const at = (index: number): CommandPosition => ({ index, term: 1, features: 0 });
    expect(machine.apply(put('k', 'one', 0), at(5))).to.deep.equal({ done: true, current: 0 });
    expect(machine.apply(put('k', 'two', 0), at(6))).to.deep.equal({ done: false, current: 5 });
    expect(machine.apply(put('k', 'two', 5), at(7))).to.deep.equal({ done: true, current: 5 });
    expect(machine.apply(del('k', 5), at(8))).to.deep.equal({ done: false, current: 7 });
    expect(machine.get('k')).to.deep.equal({ value: 'two', index: 7 });
    expect(machine.apply(del('k', 7), at(9))).to.deep.equal({ done: true, current: 7 });
    expect(machine.get('k')).to.equal(undefined);
  });

  it('lists pages as a sorted copy would', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(keys, { maxLength: 30 }),
        keys,
        keys,
        fc.integer({ min: 1, max: 8 }),
        (all, prefix, after, limit) => {
          const machine = new KvMachine();
          for (const [i, key] of all.entries())
            machine.apply(put(key, `v${i}`), { index: i + 1, term: 1, features: 0 });
          for (const [p, a] of [
            [prefix, after],
            ['', after],
            [prefix, ''],
            [prefix.slice(0, 1), prefix],
          ] as const) {
            const expected = all
              .filter((key) => key.startsWith(p) && compareKeys(key, a) > 0)
              .sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
            const { items, more } = machine.list(p, a, limit);
            expect(items.map(({ key }) => key)).to.deep.equal(expected.slice(0, limit));
            expect(more).to.equal(expected.length > limit);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('a page ends early if its values are large, and has one key at least', () => {
    const machine = new KvMachine();
    for (const [i, size] of [10, 10, 500, 10].entries()) {
      machine.apply(put(`k${i}`, 'x'.repeat(size)), { index: i + 1, term: 1, features: 0 });
    }
    const page = (after: string): readonly [readonly string[], boolean] => {
      const { items, more } = machine.list('', after, 100, 50);
      return [items.map(({ key }) => key), more];
    };
    expect(page('')).to.deep.equal([['k0', 'k1'], true]);
    expect(page('k1')).to.deep.equal([['k2'], true]);
    expect(page('k2')).to.deep.equal([['k3'], false]);
  });

  it('tells of a state that was dropped before another takes its place, and holds none of it then', async () => {
    const sizes: number[] = [];
    const machine: KvMachine = new KvMachine({}, {}, () => sizes.push(machine.size));
    const other = new KvMachine();
    other.apply(put('other', 'x'), { index: 1, term: 1, features: 0 });
    await machine.restore(pieces(...other.snapshot()), { index: 5, term: 1 });
    expect(sizes).to.deep.equal([]);
    await machine.restore(pieces(...other.snapshot()), { index: 6, term: 1 });
    expect(sizes).to.deep.equal([0]);
    expect(machine.size).to.equal(1);
  });

  it('a member can collect garbage when it wants to, and gives nobody else the means', async () => {
    const before = globalThis.gc;
    const dropped = new WeakRef(new Array<number>(1000).fill(7));
    // Until the end of its turn it is held by whoever has made it.
    await new Promise(setImmediate);
    collectGarbage();
    expect(dropped.deref()).to.equal(undefined);
    expect(globalThis.gc).to.equal(before);
  });

  it('a snapshot that is read no further holds nothing of the state', async () => {
    const machine = new KvMachine();
    for (let i = 1; i <= 5000; i++) machine.apply(put(`k${i}`, 'x'.repeat(100)), { index: i, term: 1, features: 0 });
    const snapshot = machine.snapshot()[Symbol.iterator]();
    snapshot.next();
    const item = new WeakRef(machine.get('k17') as object);
    await machine.restore(pieces(...new KvMachine().snapshot()), { index: 5000, term: 1 });
    await new Promise(setImmediate);
    collectGarbage();
    expect(item.deref()).not.to.equal(undefined);
    await new Promise(setImmediate);
    snapshot.return?.();
    collectGarbage();
    expect(item.deref()).to.equal(undefined);
    expect(snapshot.next().done).to.equal(true);
  });

  it('a snapshot is that of its moment, whatever is written while it is read', async () => {
    const machine = new KvMachine();
    for (let i = 1; i <= 5000; i++) machine.apply(put(`k${i}`, 'x'.repeat(100)), { index: i, term: 1, features: 0 });
    const snapshot = machine.snapshot()[Symbol.iterator]();
    const read: Uint8Array[] = [];
    for (let i = 1; i <= 5000; i++) {
      machine.apply(i % 2 === 0 ? del(`k${i}`) : put(`k${i}`, 'new'), { index: 5000 + i, term: 1, features: 0 });
      const { done, value } = i % 100 === 0 ? snapshot.next() : { done: true, value: undefined };
      if (done !== true) read.push(value as Uint8Array);
    }
    for (let next = snapshot.next(); next.done !== true; next = snapshot.next()) read.push(next.value);
    const restored = new KvMachine();
    await restored.restore(pieces(...read), { index: 5000, term: 1 });
    expect(restored.size).to.equal(5000);
    expect(restored.get('k17')).to.deep.equal({ value: 'x'.repeat(100), index: 17 });
    expect(restored.get('k18')).to.deep.equal({ value: 'x'.repeat(100), index: 18 });
  });
});

describe('the store: the bytes that it shares with members written in Go', () => {
  const request = { member: 3n, boot: 35, sequence: 7 };

  it('an entry is a JSON object with an id of member, boot and counter', () => {
    expect(text(kvFormat.encode({ kind: 'command', command: put('k', 'v', 4) }, request))).to.equal(
      '{"op":"put","key":"k","value":"v","ifIndex":4,"id":"3-z-7"}',
    );
    const read = kvFormat.decode(bytes('{ "id":"2-mi4xyz-12","value":"v","key":"k","op":"put" }'));
    expect(read).to.deep.equal({
      content: { kind: 'command', command: put('k', 'v') },
      request: { boot: Number.parseInt('mi4xyz', 36), sequence: 12 },
    });
  });

  it('an id is that of its own request, though members take turns, or one has started again', () => {
    const idOf = (member: bigint, boot: number, sequence: number): unknown => {
      const entry = kvFormat.encode({ kind: 'command', command: put('k', 'v') }, { member, boot, sequence });
      return (JSON.parse(text(entry)) as { id: unknown }).id;
    };
    const asked: readonly [bigint, number, number][] = [
      [1n, 35, 1],
      [1n, 35, 2],
      [2n, 35, 1],
      [1n, 36, 1],
      [1n, 35, 3],
    ];
    expect(asked.map((request) => idOf(...request))).to.deep.equal(['1-z-1', '1-z-2', '2-z-1', '1-10-1', '1-z-3']);
  });

  it('an entry is written as JSON.stringify writes it, whatever its texts hold', () => {
    const unit = fc.oneof(
      fc.constantFrom('"', '\\', '\u0000', '\u001f', '\u007f', '\ud800', '\udc00', '😀'),
      fc.string(),
    );
    const texts = fc.array(unit, { maxLength: 4 }).map((units) => units.join(''));
    fc.assert(
      fc.property(texts, texts, fc.option(fc.nat(), { nil: undefined }), (key, value, ifIndex) => {
        const entry = kvFormat.encode({ kind: 'command', command: put(key, value, ifIndex) }, request);
        expect(text(entry)).to.equal(JSON.stringify({ op: 'put', key, value, ifIndex, id: '3-z-7' }));
      }),
    );
  });

  it('an id is read alike after any other', () => {
    const requestOf = (id: string): unknown => kvFormat.decode(bytes(JSON.stringify({ op: 'put', id })))?.request;
    const ids = ['3-z-7', '3-z-123456789012345', '3-za-7', '4-z-7', '3-10-0'];
    const none = [
      '',
      '3-z-',
      '3-z-1234567890123456',
      '3-z-7 ',
      '3-z-7x',
      '3-z--7',
      '3-z-/',
      '3-z-:',
      '3-Z-7',
      '3-z',
      '-z-7',
    ];
    for (const before of [...ids, ...none]) {
      for (const id of ids) {
        requestOf(before);
        const [, boot = '', sequence] = id.split('-');
        const expected = { boot: Number.parseInt(boot, 36), sequence: Number(sequence) };
        expect(requestOf(id), `${id} after ${before}`).to.deep.equal(expected);
      }
      for (const id of none) {
        requestOf(before);
        expect(requestOf(id), `${id} after ${before}`).to.equal(undefined);
      }
    }
  });

  it('an empty value may be left out, and an unknown operation does nothing', () => {
    expect(kvFormat.decode(bytes('{"op":"put","key":"k","id":"1-a-1"}'))?.content).to.deep.equal({
      kind: 'command',
      command: put('k', ''),
    });
    expect(kvFormat.decode(bytes('{"op":"frobnicate","id":"1-a-1"}'))?.content).to.deep.equal({
      kind: 'command',
      command: { op: 'nothing' },
    });
  });

  it('the entry that opens features names who has shown them, in fields that others pass over', () => {
    const content = { kind: 'features', level: 1, term: 3, members: [1n, 2n ** 64n - 1n] } as const;
    const json = '{"op":"features","level":1,"term":3,"members":["1","18446744073709551615"],"id":"3-z-7"}';
    expect(text(kvFormat.encode(content, request))).to.equal(json);
    expect(kvFormat.decode(bytes(json))?.content).to.deep.equal(content);
    for (const garbage of ['"members":[1]', '"members":["0"]', '"members":"1"', '"term":1.5', '"level":"1"']) {
      const entry = `{"op":"features","level":1,"term":3,"members":["1"],${garbage},"id":"3-z-7"}`;
      expect(kvFormat.decode(bytes(entry)), garbage).to.equal(undefined);
    }
  });

  it('what is no such object is skipped', () => {
    for (const garbage of [
      '',
      'hello',
      '[]',
      'null',
      '7',
      '{"op":7}',
      '{"op":"put","key":1}',
      '{"op":"put","key":"k","ifIndex":-1}',
      '{"op":"put","key":"k","ifIndex":"1"}',
      // Operations that this version knows, whose fields are not what they should be.
      '{"op":"txn","if":[],"do":[{"op":"put","key":"k"}]}',
      '{"op":"txn","if":[null],"do":[]}',
      '{"op":"once","key":"a","print":"p"}',
      '{"op":"once","key":"a","print":"p","write":[]}',
      '{"op":"once","key":"a","print":"p","write":{"op":"lease","ttl":"1"}}',
      '{"op":"once","key":"a","print":"p","write":{"op":"frobnicate"}}',
      '{"op":"promise","member":1}',
      '{"op":"features","level":1}',
      '{"op":"clock","ms":1}',
      '{"op":"lease","ttl":-1}',
      '{"op":"keep","lease":1.5}',
      '{"op":"revoke"}',
      '{"op":"lease-put","key":"k","value":"v"}',
      '{"op":"lock","name":1,"lease":1}',
      '{"op":"lock","name":"l"}',
      '{"op":"unlock","name":"l","fence":9007199254740992}',
    ]) {
      expect(kvFormat.decode(bytes(garbage)), garbage).to.equal(undefined);
    }
    expect(kvFormat.decode(Uint8Array.of(0x7b, 0xff, 0x7d))).to.equal(undefined);
  });

  it('what no member could write is skipped by all of them alike, once, and each says so', async () => {
    const clusterOf = new VirtualCluster<KvCommand, KvResult>(3, () => new KvMachine(), {
      format: kvFormat,
      logger: { ...silentLogger, warn: (line) => void warnings.push(line) },
    });
    const warnings: string[] = [];
    await clusterOf.start();
    const leader = await clusterOf.leader();
    const { index } = await clusterOf.time.settled(leader.propose(put('k', 'v')));
    const entries = ['{"op":"lease","ttl":"1000"}', '{"op":"txn"}', '{"op":"frobnicate"}'];
    for (const entry of entries) inside(leader).raw.propose(bytes(entry));
    const last = await clusterOf.time.settled(leader.propose(put('k', 'w', index)));
    expect(last.result).to.deep.equal({ done: true, current: index });
    await clusterOf.time.advance(100);
    const skipped = warnings.filter((line) => line.includes('skipped the entry at index'));
    const indexes = skipped.map((line) => Number(/at index (\d+), on every member alike: /u.exec(line)?.[1]) - index);
    expect(indexes.sort((a, b) => a - b)).to.deep.equal([1, 1, 1, 2, 2, 2]);
    await clusterOf.stop();
  });

  it('a snapshot is read whoever wrote it', async () => {
    const go =
      '{"kv":{"a\\nb":["1",5],"k":["v",7]},"members":{"1":"http://h:1","18446744073709551610":"http://h:2"},"removed":[3,9007199254740995]}';
    for (const cut of [1, 7, 1000]) {
      const parts: Uint8Array[] = [];
      for (let i = 0; i < go.length; i += cut) parts.push(bytes(go.slice(i, i + cut)));
      const { head, state } = await kvFormat.unwrap(pieces(...parts));
      const machine = new KvMachine();
      await machine.restore(state, { index: 9, term: 1 });
      const { members, removed } = await head();
      expect(members).to.deep.equal([
        [1n, 'http://h:1'],
        [18446744073709551610n, 'http://h:2'],
      ]);
      expect(removed).to.deep.equal([3n, 9007199254740995n]);
      expect([...machine.entries()]).to.deep.equal([
        ['a\nb', { value: '1', index: 5 }],
        ['k', { value: 'v', index: 7 }],
      ]);
    }
  });

  it('a snapshot of its own is one JSON object, and comes back however it is cut', async () => {
    const machine = new KvMachine();
    for (let i = 1; i <= 3000; i++) machine.apply(put(`k${i}\n"é😀`, `v${i}`), { index: i, term: 1, features: 0 });
    const head = {
      members: [[1n, 'http://h:1']],
      removed: [2n],
      lastId: 4n,
      promising: [1n],
      features: 1,
      sessions: [],
    } as const;
    const json = await whole(kvFormat.wrap(head, pieces(...machine.snapshot())));
    expect(JSON.parse(json)).to.include.keys('kv', 'members', 'removed');
    const all = bytes(json);
    for (const cut of [1, 100, 4096, all.length]) {
      const parts = Array.from({ length: Math.ceil(all.length / cut) }, (_, i) => all.subarray(i * cut, (i + 1) * cut));
      const { head: read, state } = await kvFormat.unwrap(pieces(...parts));
      const restored = new KvMachine();
      await restored.restore(state, { index: 3000, term: 1 });
      expect(await read()).to.deep.equal(head);
      expect([...restored.entries()]).to.deep.equal([...machine.entries()]);
    }
  });
});
