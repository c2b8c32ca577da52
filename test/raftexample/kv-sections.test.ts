import { KvMachine, kvFormat, plainItem, type SectionReader, SectionSplitter } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import fc from 'fast-check';

const encoder = new TextEncoder();
const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** As who only looks at a snapshot: is it refused? */
async function isRefused(bytes: Uint8Array, size: number): Promise<boolean> {
  const { head } = await kvFormat.unwrap(cut(bytes, size));
  const error = await head().then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error !== undefined) expect(codeOf(error)).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
  return error !== undefined;
}

interface Read {
  readonly members: unknown;
  readonly removed: unknown;
  readonly items: readonly unknown[];
}

async function read(bytes: Uint8Array, size: number): Promise<Read> {
  const { state, head } = await kvFormat.unwrap(cut(bytes, size));
  const machine = new KvMachine();
  await machine.restore(state, { index: 9, term: 1 });
  const { members, removed } = await head();
  return { members, removed, items: [...machine.entries()] };
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | undefined)?.code;

/** What JSON.parse makes of a snapshot, if it is one. */
function oracle(bytes: Uint8Array): Read | undefined {
  try {
    const json = fatal.decode(bytes);
    const {
      kv = {},
      members = {},
      removed = [],
      ...others
    } = JSON.parse(json) as { kv?: Record<string, unknown>; members?: Record<string, unknown>; removed?: unknown[] };
    if (Object.keys(others).length > 0) return undefined;
    const items = Object.entries(kv).map(([key, pair]): [string, { value: string; index: number }] => {
      const [value, index, ...more] = pair as [unknown, unknown, ...unknown[]];
      if (!Array.isArray(pair) || more.length > 0) throw new TypeError('no pair');
      if (typeof value !== 'string' || !Number.isSafeInteger(index) || (index as number) < 1) throw new TypeError('no');
      return [key, { value, index: index as number }];
    });
    const id = (text: string): bigint => {
      if (!/^[1-9]\d{0,15}$/u.test(text)) throw new TypeError('no id');
      return BigInt(text);
    };
    if (!Array.isArray(removed) || Array.isArray(kv) || Array.isArray(members)) return undefined;
    if (Object.values(members).some((url) => typeof url !== 'string')) return undefined;
    const machine = new KvMachine();
    for (const [key, { value, index }] of items)
      machine.apply({ op: 'put', key, value, ifIndex: undefined }, { index, term: 1, features: 0 });
    return {
      members: Object.entries(members).map(([key, url]) => [id(key), url]),
      removed: removed.map((one) => id(JSON.stringify(one))),
      items: [...machine.entries()],
    };
  } catch {
    return undefined;
  }
}

const short = fc.string({
  unit: fc.constantFrom(
    'a',
    '"',
    '\\',
    '\n',
    '\u0001',
    '\ufeff',
    'é',
    '\u2028',
    '<',
    '😀',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
  ),
  maxLength: 8,
});
/** Long ones are passed over in another way than short ones. */
const text = fc.oneof(
  { weight: 3, arbitrary: short },
  {
    weight: 1,
    arbitrary: fc
      .tuple(short, fc.integer({ min: 40, max: 90 }), short, fc.integer({ min: 0, max: 90 }), short)
      .map(([a, most, b, more, c]) => `${a}${'x'.repeat(most)}${b}${'é'.repeat(more)}${c}`),
  },
);
const space = fc.constantFrom('', ' ', '\n\t', '\r\n  ');

/** How long the chunks are. */
const cuts = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 60, max: 400 }));

/** JSON as other writers may write it: any order, any spacing, and escapes that nobody needs. */
const foreign = fc
  .record({
    kv: fc.dictionary(text, fc.tuple(text, fc.integer({ min: 1, max: 2 ** 40 })), {
      maxKeys: 6,
      noNullPrototype: true,
    }),
    members: fc.dictionary(fc.integer({ min: 1, max: 1e6 }).map(String), text, { maxKeys: 3, noNullPrototype: true }),
    removed: fc.uniqueArray(fc.integer({ min: 1, max: 1e6 }), { maxLength: 3 }),
    order: fc.shuffledSubarray(['kv', 'members', 'removed'] as const, { minLength: 3 }),
    gap: space,
    escaped: fc.boolean(),
  })
  .map(({ order, gap, escaped, ...fields }) => {
    const write = (one: string): string =>
      escaped
        ? `"${one.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
        : JSON.stringify(one);
    const value = (one: unknown): string => {
      if (typeof one === 'string') return write(one);
      if (Array.isArray(one)) return `[${gap}${one.map(value).join(`${gap},${gap}`)}${gap}]`;
      if (typeof one !== 'object' || one === null) return JSON.stringify(one);
      const all = Object.entries(one).map(([key, of]) => `${write(key)}${gap}:${gap}${value(of)}`);
      return `{${gap}${all.join(`${gap},${gap}`)}${gap}}`;
    };
    const sections = order.map((name) => `"${name}"${gap}:${gap}${value(fields[name])}`);
    return `${gap}{${gap}${sections.join(`${gap},${gap}`)}${gap}}${gap}`;
  });

describe('the store: the sections of a snapshot', () => {
  it('are read in whatever order, spacing and escapes, and however they are cut, as JSON.parse reads them', async () => {
    await fc.assert(
      fc.asyncProperty(foreign, cuts, async (json, size) => {
        const bytes = encoder.encode(json);
        const expected = oracle(bytes);
        expect(expected).not.to.equal(undefined);
        expect(await read(bytes, size)).to.deep.equal(expected);
        expect(await isRefused(bytes, size)).to.equal(false);
      }),
      { numRuns: 300 },
    );
  });

  it('that were damaged anywhere are refused with a code, or are what JSON.parse reads too', async () => {
    // Without `e` and `.`: 1e0 and 1.0 are the id 1 to JSON.parse.
    const byte = fc.constantFrom(...encoder.encode('"\\{}[],0-:aun \n'), 0, 0x80, 0xff, 0xc3);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(foreign, fc.nat(), byte, fc.nat(2), cuts, async (json, at, by, how, size) => {
        const whole = [...encoder.encode(json)];
        whole.splice(at % whole.length, how === 0 ? 0 : 1, ...(how === 1 ? [] : [by]));
        const bytes = Uint8Array.from(whole);
        const expected = oracle(bytes);
        const found = await read(bytes, size).catch((error: unknown) => error);
        expect(await isRefused(bytes, size)).to.equal(codeOf(found) === 'ERR_RAFT_SNAPSHOT_FORMAT');
        if (codeOf(found) === 'ERR_RAFT_SNAPSHOT_FORMAT') {
          refused++;
          // What was cut out of a name or a number may leave another snapshot; never one that is read in another way.
          if (expected !== undefined) expect(isDoubled(bytes), fatal.decode(bytes)).to.equal(true);
        } else expect(found).to.deep.equal(expected);
      }),
      { numRuns: 800 },
    );
    expect(refused).to.be.above(200);
  });

  it('that were cut short are refused, wherever that was', async () => {
    const bytes = encoder.encode(
      '{"kv":{"a\\n\\"é":["1😀",5],"k":["",7]},"removed":[3],"members":{"1":"http://h:1"}} ',
    );
    await read(bytes, 7);
    for (let end = 0; end < bytes.length - 1; end++) {
      const error = await read(bytes.subarray(0, end), 5).catch((caught: unknown) => caught);
      expect(codeOf(error), String(end)).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    }
  });

  it('of which there is one too many, or an unknown one, are refused, also by who only looks at them', async () => {
    for (const json of [
      '{"kv":{},"kv":{}}',
      '{"kv":{},"leases2":{}}',
      '{"kv":[]}',
      '{"kv":null}',
      '{"kv":{"k":["v"]}}',
      '{"kv":{"k":["v",1,2]}}',
      '{"kv":{"k":["v",0]}}',
      '{"kv":{"k":["v",9007199254740993]}}',
      '{"kv":{"k":[7,7]}}',
      '{"kv":{},"members":{"0":"x"}}',
      '{"kv":{},"members":{"18446744073709551616":"x"}}',
      '{"kv":{},"members":{"1":7}}',
      '{"kv":{},"removed":[-1]}',
      '{"kv":{},"removed":[1.5]}',
      '{"kv":{},"removed":["1"]}',
      '{"kv":{},"replica":{"lastId":7,"promising":[]}}',
      '{"kv":{}}}',
      '{"kv":{}} x',
      '[]',
      '',
    ]) {
      const { head } = await kvFormat.unwrap(cut(encoder.encode(json), 5));
      const error = await head().catch((caught: unknown) => caught);
      expect(codeOf(error), json).to.equal('ERR_RAFT_SNAPSHOT_FORMAT');
    }
  });
});

describe('the store: a value that is read without being parsed', () => {
  /** What `plainItem` makes of these bytes, cut into pieces that do not begin at multiples of four. */
  const readPlain = (bytes: Uint8Array, cuts: readonly number[] = []): unknown => {
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    const ends = [...cuts, bytes.length];
    const found = plainItem(ends.map((end, i) => moved.subarray(3 + (ends[i - 1] ?? 0), 3 + end)));
    return found && [fatal.decode(bytes.subarray(found.begin, found.end)), found.index];
  };
  const isPlain = (bytes: Uint8Array, cuts: readonly number[] = []): boolean => readPlain(bytes, cuts) !== undefined;

  const lengths = [0, 1, 7, 255, 256, 257, 1003];

  it('is a text of which no byte has to be looked at twice, and an index', () => {
    for (const length of lengths) {
      const plain = Array.from({ length: 0x80 }, (_, i) => String.fromCharCode(i)).filter((one) =>
        /[ !#-[\]-\x7f]/u.test(one),
      );
      const text = Array.from({ length }, (_, i) => plain[i % plain.length]).join('');
      for (const index of [1, 10, 999_999_999_999_999]) {
        const json = encoder.encode(`["${text}",${index}]`);
        expect(JSON.parse(fatal.decode(json))).to.deep.equal([text, index]);
        expect(readPlain(json)).to.deep.equal([text, index]);
        // Wherever it is cut: the beginning and the end must be whole.
        for (let at = 2; at <= length + 2; at += 5) expect(readPlain(json, [at])).to.deep.equal([text, index]);
        if (length > 600) expect(readPlain(json, [2, 259, 600])).to.deep.equal([text, index]);
      }
    }
  });

  it('holds no byte that JSON escapes, and none beyond ASCII, wherever it stands', () => {
    for (const length of lengths.filter((one) => one > 0)) {
      const places = new Set([0, 1, 2, 3, 4, length >> 1, length - 5, length - 4, length - 3, length - 2, length - 1]);
      for (const place of [...places].filter((at) => at >= 0 && at < length)) {
        for (let byte = 0; byte < 256; byte++) {
          const json = encoder.encode(`["${'v'.repeat(length)}",7]`);
          json[2 + place] = byte;
          const isChar = byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c;
          expect(isPlain(json), `byte ${byte} at ${place} of ${length}`).to.equal(isChar);
          expect(isPlain(json, [3 + (place >> 1)]), `byte ${byte} at ${place} of ${length}`).to.equal(isChar);
        }
      }
    }
  });

  it('ends with a comma, an index from 1 to what a number holds, and a bracket, without spaces', () => {
    for (const end of [
      '"]',
      '",]',
      '",0]',
      '",01]',
      '",-1]',
      '",1.5]',
      '",1e3]',
      '",1,2]',
      '", 1]',
      '",1 ]',
      '",1}',
      '"1]',
      '",1',
      '",9007199254740993]',
      '",1]]',
      '',
      ',1]',
    ]) {
      for (const begin of ['["v', `["${'v'.repeat(300)}`]) {
        expect(isPlain(encoder.encode(begin + end)), begin.slice(0, 5) + end).to.equal(false);
      }
    }
    for (const json of [
      '["',
      '[",1]',
      '["",1',
      '"v",1]',
      '[v",1]',
      '{"v",1]',
      '[1,1]',
      '[[""],1]',
      ' ["v",1]',
      '[,1]',
      '',
    ]) {
      expect(isPlain(encoder.encode(json)), json).to.equal(false);
    }
    expect(plainItem([])).to.equal(undefined);
  });

  it('and a state with any other is read whole, and refused if it is damaged, in whatever pieces it comes', async () => {
    const state = (value: string): Uint8Array =>
      encoder.encode(`{"members":{},"removed":[],"kv":{"a":["${'v'.repeat(999)}",3],"k":["${value}",4]}}`);
    const long = 'w'.repeat(700);
    for (const size of [1, 100, 4000]) {
      const { items } = await read(state(long), size);
      expect(items).to.deep.equal([
        ['a', { value: 'v'.repeat(999), index: 3 }],
        ['k', { value: long, index: 4 }],
      ]);
      for (const sound of [long, `${long}é`, `${long}\\n`, `\\"${long}`]) {
        expect(await isRefused(state(sound), size), sound.slice(-3)).to.equal(false);
      }
      for (const damaged of [
        `${long}\\`,
        `${long}\n${long}`,
        `${long}\\x`,
        `${long}"${long}`,
        `${long}",4],"l":["x",0],"m":["`,
      ]) {
        expect(await isRefused(state(damaged), size), damaged.slice(-3)).to.equal(true);
      }
      const bytes = state(long);
      bytes[bytes.length - 300] = 0xc3;
      expect(await isRefused(bytes, size)).to.equal(true);
    }
  });
});

describe('the store: what is held while a snapshot is read', () => {
  const kv: SectionReader = { kind: 'members', take: () => {} };
  const limits = { whole: 5000, member: 100_000, structure: 1000 };
  const chunk = (unit: string): Uint8Array => encoder.encode(unit.repeat(Math.ceil(1000 / unit.length)));

  for (const { what, begin, unit, most } of [
    { what: 'a key', begin: '{"kv":{"', unit: 'k', most: limits.member },
    { what: 'a value', begin: '{"kv":{"k":["', unit: 'v', most: limits.member },
    { what: 'a value of many parts', begin: '{"kv":{"k":[', unit: '"",', most: 2 * limits.structure },
    { what: 'a number', begin: '{"kv":{"k":["v",1', unit: '0', most: 2 * limits.structure },
    { what: 'a value that nests', begin: '{"kv":{"k":', unit: '[', most: limits.structure },
    { what: 'the name of a section', begin: '{"', unit: 'n', most: limits.member },
    { what: 'the head', begin: '{"members":{"', unit: '1', most: limits.whole },
    { what: 'spaces', begin: '{', unit: ' ', most: 0 },
    { what: 'a section that is skipped', begin: '{"other":["', unit: 'x', most: 0 },
  ]) {
    it(`is bounded, if ${what} does not end`, () => {
      const splitter = new SectionSplitter(
        (section) => (section === 'kv' ? kv : { kind: section === 'members' ? 'whole' : 'skip', take: () => {} }),
        limits,
      );
      splitter.push(encoder.encode(begin));
      let refused: unknown;
      for (let i = 0; i < 1000 && refused === undefined; i++) {
        try {
          splitter.push(chunk(unit));
        } catch (error) {
          refused = error;
        }
        expect(splitter.heldBytes).to.be.at.most(most);
      }
      expect(codeOf(refused)).to.equal(most === 0 ? undefined : 'ERR_RAFT_SNAPSHOT_FORMAT');
    });
  }

  it('is one key and value at most, of a state of 64 MiB', () => {
    const value = 'v'.repeat(1000);
    let taken = 0;
    let bytes = 0;
    let held = 0;
    const splitter = new SectionSplitter(() => ({
      kind: 'members',
      take: (name, pair) => {
        expect((pair as [string, number])[1]).to.equal(Number(name) + 1);
        taken++;
      },
    }));
    splitter.push(encoder.encode('{"kv":{'));
    let json = '';
    let count = 0;
    while (bytes < 64 * 2 ** 20) {
      while (json.length < 100_000) json += `${count === 0 ? '' : ','}"${count++}":["${value}",${count}]`;
      const piece = encoder.encode(json);
      json = '';
      bytes += piece.length;
      splitter.push(piece);
      held = Math.max(held, splitter.heldBytes);
    }
    splitter.push(encoder.encode('}}'));
    splitter.end();
    expect(taken).to.equal(count);
    expect(held).to.be.at.most(value.length + 40);
  });
});

/** Has this a section twice? JSON.parse then takes the last one. */
function isDoubled(bytes: Uint8Array): boolean {
  return [...fatal.decode(bytes).matchAll(/"(?:kv|members|removed)"/gu)].length > 3;
}
