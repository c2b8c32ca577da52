import { createHash } from 'node:crypto';
import { SnapshotMap, type SnapshotMapOptions } from '@raft-ts/replica';
import { collect } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import fc from 'fast-check';

type Entries = [string, number][];

const restored = async (bytes: Uint8Array): Promise<Entries> => {
  const map = new SnapshotMap<string, number>();
  await map.restore(
    (async function* () {
      yield bytes;
    })(),
  );
  return [...map];
};

const digest = (entries: Iterable<readonly [string, number]>): string => {
  const hash = createHash('sha256');
  for (const [key, value] of entries) hash.update(`${key}\0${value}\n`);
  return hash.digest('hex');
};

const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => (error as { readonly code?: unknown }).code,
  );

const small: SnapshotMapOptions<string, number> = { pieceBytes: 1, maxHeldBytes: 400 };

describe('SnapshotMap', () => {
  it('is a Map, also while it is walked and changed', () => {
    const map = new SnapshotMap<string, number>();
    const model = new Map<string, number>();
    for (const one of [map, model]) {
      one.set('a', 1).set('b', 2).set('c', 3);
      one.set('a', 4);
    }
    expect([...map]).to.deep.equal([...model]);
    expect([...map.keys()]).to.deep.equal(['a', 'b', 'c']);
    expect([...map.values()]).to.deep.equal([4, 2, 3]);
    expect(map.get('b')).to.equal(2);
    expect(map.get('x')).to.equal(undefined);
    expect([map.size, map.has('c'), map.delete('x'), map.delete('b'), map.size]).to.deep.equal([
      3,
      true,
      false,
      true,
      2,
    ]);
    model.delete('b');
    const seen: Entries = [];
    map.forEach((value, key) => seen.push([key, value]));
    expect(seen).to.deep.equal([
      ['a', 4],
      ['c', 3],
    ]);
    // Each key is deleted as it is visited, and a new one is set: both walk over what is new.
    const visits = [map, model].map((one) => {
      const visited: string[] = [];
      for (const key of one.keys()) {
        visited.push(key);
        one.delete(key);
        if (visited.length < 6) one.set(`${key}${key}`, 0);
      }
      return visited;
    });
    expect(visits[0]).to.have.length(7);
    expect(visits[0]).to.deep.equal(visits[1]);
  });

  it('walks as a Map does, whatever is done to it meanwhile', () => {
    const act = fc.record({
      kind: fc.constantFrom('set', 'delete', 'clear', 'none'),
      key: fc.integer({ min: 0, max: 7 }).map(String),
    });
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(7).map(String)), fc.array(act, { maxLength: 20 }), (keys, acts) => {
        const [map, model] = [new SnapshotMap<string, number>(), new Map<string, number>()];
        const visits = [map, model].map((one) => {
          for (const key of keys) one.set(key, 1);
          const visited: string[] = [];
          let i = 0;
          for (const key of one.keys()) {
            visited.push(key);
            for (const { kind, key: which } of acts.slice(i, i + 2)) {
              if (kind === 'set') one.set(which, i);
              else if (kind === 'delete') one.delete(which);
              else if (kind === 'clear') one.clear();
            }
            i += 2;
          }
          return visited;
        });
        expect(visits[0]).to.deep.equal(visits[1]);
      }),
      { numRuns: 1000 },
    );
  });

  it('gives a snapshot of one moment, in order, whatever happens to it while it is read', async () => {
    const act = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant('set' as const), fc.nat(15)) },
      { weight: 4, arbitrary: fc.tuple(fc.constant('delete' as const), fc.nat(15)) },
      { weight: 4, arbitrary: fc.tuple(fc.constant('read' as const), fc.integer({ min: 1, max: 6 })) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('snapshot' as const), fc.constant(0)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('break-off' as const), fc.constant(0)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const), fc.constant(0)) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 80 }), async (acts) => {
        const map = new SnapshotMap<string, number>(small);
        const model = new Map<string, number>();
        let view: { readonly iterator: ReturnType<typeof map.snapshot>; readonly then: Entries } | undefined;
        let parts: Uint8Array[] = [];
        const read = async (pieces: number): Promise<void> => {
          for (let i = 0; i < pieces && view !== undefined; i++) {
            const { done, value } = await view.iterator.next();
            if (value !== undefined) parts.push(value);
            if (done !== true) continue;
            expect(await restored(Buffer.concat(parts))).to.deep.equal(view.then);
            view = undefined;
          }
        };
        for (const [i, [kind, n]] of acts.entries()) {
          if (kind === 'set') {
            map.set(`k${n}`, i);
            model.set(`k${n}`, i);
          } else if (kind === 'delete') {
            expect(map.delete(`k${n}`)).to.equal(model.delete(`k${n}`));
          } else if (kind === 'clear') {
            map.clear();
            model.clear();
          } else if (kind === 'read') {
            await read(n);
          } else if (kind === 'break-off') {
            await view?.iterator.return();
            view = undefined;
          } else if (view === undefined) {
            view = { iterator: map.snapshot(), then: [...model] };
            parts = [];
          }
          expect([...map]).to.deep.equal([...model]);
          expect(map.size).to.equal(model.size);
          if (view === undefined) expect(map.heldBytes).to.equal(0);
        }
        await read(100);
        expect(map.heldBytes).to.equal(0);
      }),
      { numRuns: 400 },
    );
  });

  it('gives what was deleted or cleared since, in its place, and nothing that was set since', async () => {
    for (const change of ['delete', 'clear'] as const) {
      const map = new SnapshotMap<string, number>(small);
      map.set('a', 1).set('b', 2).set('c', 3);
      const view = map.snapshot();
      if (change === 'clear') map.clear();
      else for (const key of ['b', 'c']) map.delete(key);
      map.set('b', 4).set('d', 5);
      const then = restored(await collect(view));
      expect(await then.catch((error: unknown) => String(error)), change).to.deep.equal([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]);
    }
  });

  it('makes commands wait once too much is held, and lets them go on as the view is read, or ends', async () => {
    const map = new SnapshotMap<string, number>(small);
    for (let i = 0; i < 100; i++) map.set(`k${i}`, i);
    const before = digest(map);
    const view = map.snapshot();
    expect(view.room()).to.equal(undefined);
    let waited = 0;
    const parts: Uint8Array[] = [];
    for (let i = 99; i >= 0; i--) {
      let open = view.room();
      if (open !== undefined) waited++;
      while (open !== undefined) {
        const { value } = await view.next();
        if (value !== undefined) parts.push(value);
        open = view.room();
      }
      map.set(`k${i}`, -i);
      // One command beyond the bound, at most.
      expect(map.heldBytes).to.be.at.most(400 + 100);
    }
    expect(waited).to.be.above(0);
    for (;;) {
      const { done, value } = await view.next();
      if (done === true) break;
      parts.push(value);
    }
    expect(digest(await restored(Buffer.concat(parts)))).to.equal(before);
    expect(digest(map)).not.to.equal(before);

    const second = map.snapshot();
    for (let i = 0; i < 100; i++) map.set(`k${i}`, 0);
    const room = second.room();
    expect(room).to.be.instanceOf(Promise);
    await second.return();
    await room;
    expect(second.room()).to.equal(undefined);
  });

  it('gives one view at a time, and says so', async () => {
    const map = new SnapshotMap<string, number>();
    const view = map.snapshot();
    expect(() => map.snapshot())
      .to.throw()
      .with.property('code', 'ERR_RAFT_STATE_MACHINE');
    await view.return();
    expect(await restored(await collect(map.snapshot()))).to.deep.equal([]);
  });

  it('fails the snapshot, not the command, if its codec throws', async () => {
    const codec = {
      encode: ([key]: readonly [string, number]): Uint8Array => {
        if (key === 'bad') throw new Error('no bytes for this');
        return new TextEncoder().encode(key);
      },
      decode: (): readonly [string, number] => ['', 0],
    };
    const map = new SnapshotMap<string, number>({ codec, pieceBytes: 1 });
    map.set('a', 1).set('bad', 1);
    const view = map.snapshot();
    map.set('bad', 2);
    expect(map.get('bad')).to.equal(2);
    expect(await view.next().catch((error: unknown) => String(error))).to.equal('Error: no bytes for this');
    const again = map.snapshot();
    expect(await collect(again).catch((error: unknown) => String(error))).to.equal('Error: no bytes for this');
    expect(again.isOpen).to.equal(false);
  });

  it('restores only what is whole, with a code', async () => {
    const map = new SnapshotMap<string, number>();
    map.set('a', 1).set('b', 2);
    const bytes = await collect(map.snapshot());
    expect(await restored(bytes)).to.deep.equal([
      ['a', 1],
      ['b', 2],
    ]);
    for (let length = 0; length < bytes.length; length++) {
      expect(await codeOf(restored(bytes.subarray(0, length)))).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    }
    expect(await codeOf(restored(Uint8Array.of(...bytes, 0)))).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    const damaged = bytes.slice();
    damaged[10] = 0;
    expect(await codeOf(restored(damaged))).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
  });
});
