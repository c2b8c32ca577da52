import { bytesCodec, defaultFormat, jsonCodec, type SnapshotHead } from '@raft-ts/replica';
import { ChunkReader, collect } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import fc from 'fast-check';

const format = defaultFormat(jsonCodec<unknown>());

const head: SnapshotHead = {
  members: [
    [1n, 'http://one'],
    [2n ** 64n - 1n, ''],
  ],
  removed: [3n],
  lastId: 2n ** 64n - 1n,
  promising: [1n],
  features: 0,
  sessions: [
    {
      id: 7,
      used: 9,
      floor: 2,
      answers: [
        [2, { index: 2 ** 50, term: 4, result: Uint8Array.of(1, 2, 3) }],
        [3, { index: 9, term: 4, failure: 'ä' }],
        [4, { index: 10, term: 4, forgotten: true }],
        [5, { index: 11, term: 4 }],
      ],
    },
    { id: 8, used: 8, floor: 1, answers: [] },
  ],
};

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array, void> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % Math.max(1, sizes.length)] ?? bytes.length);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function* pieces(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* parts;
}

function caught(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;

/** Reads a snapshot to its end. */
async function read(bytes: AsyncIterable<Uint8Array>): Promise<{ head: SnapshotHead; state: Uint8Array }> {
  const found = await format.unwrap(bytes);
  const state = await collect(found.state);
  return { head: await found.head(), state };
}

/** Looks at a snapshot without its state, as a member does before it takes one. */
async function admit(bytes: AsyncIterable<Uint8Array>): Promise<SnapshotHead> {
  return (await format.unwrap(bytes)).head();
}

describe('replica: commands as JSON', () => {
  const codec = jsonCodec<unknown>();

  it('are read back, whatever JSON has, and undefined', () => {
    const values = [undefined, null, 0, -1.5, '', 'ä', true, [], [1, [2]], {}, { a: { b: null } }, Object.create(null)];
    for (const value of values) expect(codec.decode(codec.encode(value))).to.deep.equal(value);
    class Put {
      readonly key = 'k';
    }
    expect(codec.decode(codec.encode(new Put()))).to.deep.equal({ key: 'k' });
  });

  it('are refused with a code and what it is about if they would be read back as something else', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    const refused: readonly (readonly [unknown, string])[] = [
      [() => 1, 'a function'],
      [Symbol('s'), 'a symbol'],
      [1n, 'a bigint'],
      [{ deep: [1n] }, 'BigInt'],
      [NaN, 'NaN'],
      [-Infinity, '-Infinity'],
      [new Map(), 'a Map'],
      [new Error('x'), 'an Error'],
      [new Set(), 'a Set'],
      [new Date(0), 'a Date'],
      [Promise.resolve(), 'a Promise'],
      [new Uint8Array(1), 'a Uint8Array'],
      [circle, 'circular'],
      [{ toJSON: () => undefined }, 'toJSON'],
    ];
    for (const [value, what] of refused) {
      const error = caught(() => codec.encode(value));
      expect(error, what).to.include({ code: 'ERR_RAFT_ENTRY_FORMAT', reason: 'json' });
      expect((error as Error).message).to.include(what);
    }
  });
});

describe('replica: the default format', () => {
  const whole = (): Promise<Uint8Array> =>
    collect(format.wrap(head, pieces(Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3))));
  /** The same as version 1, which had no checksum. */
  const former = async (): Promise<Uint8Array> => {
    const bytes = (await whole()).slice(0, -4);
    bytes[5] = 1;
    return bytes.fill(0, -4);
  };

  it('reads what it wrote, whatever pieces it comes in', async () => {
    const bytes = await whole();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 10 }), async (sizes) => {
        expect(await read(cut(bytes, sizes))).to.deep.equal({ head, state: Uint8Array.of(1, 2, 3) });
      }),
    );
  });

  it('refuses a snapshot that ends early, wherever it does, and one that goes on', async () => {
    for (const bytes of [await whole(), await former()]) {
      for (let length = 0; length < bytes.length; length++) {
        const error: unknown = await read(pieces(bytes.subarray(0, length))).catch((caught: unknown) => caught);
        expect(codeOf(error), `of ${length} bytes`).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
      }
      const longer: unknown = await read(pieces(bytes, Uint8Array.of(0))).catch((caught: unknown) => caught);
      expect(codeOf(longer)).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    }
  });

  it('refuses a snapshot of which any byte is another one, before it takes the place of the state', async () => {
    const bytes = await whole();
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = (bytes[at] as number) ^ 4;
      for (const look of [read, admit]) {
        const error: unknown = await look(pieces(damaged)).catch((caught: unknown) => caught);
        expect(codeOf(error), `byte ${at}`).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
      }
    }
    expect(await admit(pieces(bytes))).to.deep.equal(head);
  });

  it('tells that a snapshot is damaged also if its reader stumbled over it, or stopped early', async () => {
    const bytes = await whole();
    const stop = async (of: Uint8Array): Promise<unknown> => {
      const { state, head: headOf } = await format.unwrap(pieces(of));
      for await (const _ of state) break;
      return headOf();
    };
    expect(await stop(bytes)).to.deep.equal(head);
    const damaged = bytes.slice();
    // The last byte of the state.
    damaged[bytes.length - 10] = 9;
    expect(codeOf(await stop(damaged).catch((caught: unknown) => caught))).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
  });

  it('reads version 1, which had no checksum, and no later one', async () => {
    const bytes = await former();
    expect(await read(pieces(bytes))).to.deep.equal({ head, state: Uint8Array.of(1, 2, 3) });
    bytes[5] = 3;
    expect(codeOf(await read(pieces(bytes)).catch((caught: unknown) => caught))).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
  });

  it('gives a code to whatever is no snapshot', async () => {
    const bytes = await whole();
    const damaged = fc
      .array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const copy = bytes.slice();
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    const start = fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.of(...bytes.subarray(0, 8), ...rest));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 60 }), start, damaged), async (input) => {
        try {
          await read(pieces(input));
        } catch (error) {
          expect(codeOf(error)).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('asks for none of the bytes of a head that would be too long', async () => {
    const bytes = (await whole()).slice(0, 8);
    let asked = 0;
    async function* endless(): AsyncGenerator<Uint8Array, void> {
      yield bytes;
      yield Uint8Array.of(1, 255, 255, 255, 255);
      for (;;) {
        asked++;
        yield new Uint8Array(2 ** 20);
      }
    }
    const error: unknown = await format.unwrap(endless()).catch((caught: unknown) => caught);
    expect(codeOf(error)).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    expect(asked).to.equal(0);
  });

  it('holds the state of none: its pieces pass through', async () => {
    const count = 1000;
    let given = 0;
    async function* state(): AsyncGenerator<Uint8Array, void> {
      for (; given < count; given++) yield new Uint8Array(1000).fill(given);
    }
    const { state: out } = await format.unwrap(format.wrap(head, state()));
    let got = 0;
    for await (const piece of out) {
      got += piece.length;
      expect(given * 1000 - got).to.be.at.most(1000);
    }
    expect(got).to.equal(count * 1000);
  });

  it('gives a code, or nothing, for whatever is no entry', () => {
    const entry = fc
      .tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 60 }))
      .map(([kind, rest]) => Uint8Array.of(kind, ...rest));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), entry), (bytes) => {
        try {
          format.decode(bytes);
        } catch (error) {
          expect(codeOf(error)).to.equal('ERR_RAFT_ENTRY_FORMAT');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('reads every entry that it wrote', () => {
    const bytes = defaultFormat(bytesCodec);
    const number = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    const place = fc.record({ session: number, sequence: number, acknowledged: number });
    const content = fc.oneof(
      fc.record({ kind: fc.constant('command' as const), command: fc.uint8Array() }),
      fc.record({ kind: fc.constant('command' as const), command: fc.uint8Array(), place }),
      fc.record({ kind: fc.constant('open-session' as const) }),
      fc.record({ kind: fc.constant('reserve-id' as const) }),
      fc.record({ kind: fc.constant('promise' as const), member: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }) }),
      fc.record({
        kind: fc.constant('state-hashes' as const),
        member: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
        from: number,
        hashes: fc.uint32Array(),
      }),
    );
    fc.assert(
      fc.property(content, number, number, (said, boot, sequence) => {
        const written = bytes.encode(said, { member: 1n, boot, sequence });
        expect(bytes.decode(written)).to.deep.equal({ content: said, request: { boot, sequence } });
      }),
    );
  });
});

describe('replica: ChunkReader', () => {
  it('copies each byte once at most, in however small pieces they come', async () => {
    const count = 200_000;
    let views = 0;
    class Counted extends Uint8Array {
      override subarray(begin?: number, end?: number): Uint8Array<ArrayBuffer> {
        views++;
        return super.subarray(begin, end);
      }
    }
    const one = new Counted(1).fill(7);
    async function* ones(): AsyncGenerator<Uint8Array, void> {
      for (let i = 0; i < count; i++) yield one;
    }
    const reader = new ChunkReader(ones());
    const taken = await reader.take(count);
    expect(taken?.length).to.equal(count);
    expect(taken?.every((byte) => byte === 7)).to.equal(true);
    // Two for each piece: what is taken of it, and what is left. Joining what is held at each step would take a view of
    // all.
    expect(views).to.be.at.most(2 * count);
    expect(await reader.take(1)).to.equal(undefined);
  });

  it('takes and passes on by lengths, as a slice of the whole would be', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }),
        async (bytes, sizes, lengths) => {
          const reader = new ChunkReader(cut(bytes, sizes));
          let at = 0;
          for (const length of lengths) {
            const taken = await reader.take(length);
            if (at + length > bytes.length) {
              expect(taken).to.equal(undefined);
              return;
            }
            expect(taken).to.deep.equal(bytes.slice(at, at + length));
            at += length;
          }
        },
      ),
    );
  });
});
