import { KvMachine, kvFormat, longPutIn } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';

const LONG = 9000;
const fatal = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const text = (length: number): string => Array.from({ length }, (_, i) => 'a b~/{}[]:,0'[i % 12]).join('');
const usual = { op: 'put', key: 'k', value: text(LONG), id: '1-abc-7' };
const position = { term: 1, features: 0 };

/** What JSON.parse makes of an entry that puts a value: undefined if it is no write that members know. */
function oracle(data: Uint8Array): object | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(fatal.decode(data)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { op, key = '', value = '', ifIndex, id = '' } = fields;
  if ([op, key, value, id].some((one) => typeof one !== 'string')) return undefined;
  if (ifIndex !== undefined && !(Number.isInteger(ifIndex) && (ifIndex as number) >= 0)) return undefined;
  const [, boot, sequence] = /^\d+-([0-9a-z]{1,10})-(\d{1,15})$/u.exec(id as string) ?? [];
  const request =
    boot === undefined
      ? undefined
      : { boot: Number.parseInt(boot, 36), sequence: Number.parseInt(sequence as string, 10) };
  return op === 'put' || op === 'delete' ? { op, key, value, ifIndex, request } : { op: 'nothing', request };
}

/** What the store makes of it, in the same form. */
function decoded(data: Uint8Array): object | undefined {
  const entry = kvFormat.decode(data);
  if (entry === undefined) return undefined;
  const { content, request } = entry;
  if (content.kind !== 'command') throw new Error(`a ${content.kind}`);
  const { command } = content;
  if (command.op !== 'put' && command.op !== 'delete') return { op: command.op, request };
  const { op, key, value, ifIndex } = command;
  return { op, key, value, ifIndex, request };
}

const bytesOf = (json: object | string): Buffer => Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));

function put(machine: KvMachine, fields: object, index: number): unknown {
  const content = kvFormat.decode(bytesOf(fields))?.content;
  if (content?.kind !== 'command') throw new Error('no command');
  return machine.apply(content.command, { ...position, index });
}

describe('kv: long values', () => {
  it('are taken out of an entry without a parser, if it is written as members write it', () => {
    for (const length of [8192, LONG, 70_001]) {
      for (const ifIndex of [undefined, 0, 17, 123_456_789_012_345]) {
        const value = text(length);
        const data = bytesOf({ op: 'put', key: 'kö "'.slice(0, 2), value, ifIndex, id: '1-abc-7' });
        const found = longPutIn(data);
        expect(found?.command.value).to.equal(value);
        expect([found?.command.key, found?.command.ifIndex, found?.id]).to.deep.equal(['kö', ifIndex, '1-abc-7']);
        expect(decoded(data)).to.deep.equal(oracle(data));
      }
    }
  });

  it('are left to JSON.parse, if an entry is written in any other way', () => {
    const { value } = usual;
    const [head, tail] = ['{"op":"put","key":"k","value":"', '","id":"1-abc-7"}'];
    const others = [
      `{"op":"delete","key":"k","value":"${value}","id":"1-abc-7"}`,
      `{"key":"k","op":"put","value":"${value}","id":"1-abc-7"}`,
      `{"op":"put","key":"a\\"b","value":"${value}${tail}`,
      `{"op":"put","key":"a\\","value":"${value}${tail}`,
      `{"op":"put","key":"a\u0001","value":"${value}${tail}`,
      `${head}${value}","value":"other","id":"1-abc-7"}`,
      `${head}${value}","op":"delete","id":"1-abc-7"}`,
      `${head}${value}","ifIndex":007,"id":"1-abc-7"}`,
      `${head}${value}","ifIndex":-1,"id":"1-abc-7"}`,
      `${head}${value}","ifIndex":1.5,"id":"1-abc-7"}`,
      `${head}${value}","ifIndex":1234567890123456,"id":"1-abc-7"}`,
      `${head}${value}","id":7}`,
      `${head}${value}${tail} `,
      `${head}${value}${tail}}`,
      `${head}${value}\\n${tail}`,
      `${head}${value}\n${tail}`,
      `${head}${value}\u007f\u0080${tail}`,
      `${head}${value}ü${tail}`,
      `${head}${value}`,
      head,
    ];
    for (const json of others) {
      expect(longPutIn(bytesOf(json)), json.slice(0, 30) + json.slice(-40)).to.equal(undefined);
      expect(decoded(bytesOf(json)), json.slice(0, 30) + json.slice(-40)).to.deep.equal(oracle(bytesOf(json)));
    }
    // Neither an id nor a condition: so had it been written before there were ids.
    const bare = bytesOf(`${head}${value}"}`);
    expect([decoded(bare), longPutIn(bare)?.id]).to.deep.equal([oracle(bare), '']);
  });

  it('are what JSON.parse makes of them, whatever byte is damaged', () => {
    const whole = bytesOf({ op: 'put', key: 'ké', value: usual.value, ifIndex: 12, id: '1-abc-7' });
    const ends = [...Array(45).keys()];
    const places = [...ends, ...ends.map((i) => whole.length - 1 - i), 4000, 4001, 4002, 4003];
    for (const place of places) {
      for (const byte of [0x00, 0x1f, 0x20, 0x22, 0x2c, 0x2d, 0x30, 0x39, 0x5c, 0x61, 0x7d, 0x7f, 0x80, 0xc3, 0xff]) {
        const data = Buffer.from(whole);
        data[place] = byte;
        expect(decoded(data), `${byte} at ${place}`).to.deep.equal(oracle(data));
      }
    }
  });

  it('do not hold the memory of what else came with their entry', () => {
    const entry = bytesOf(usual);
    const shared = Buffer.concat([Buffer.alloc(3 * LONG), entry]);
    const content = kvFormat.decode(shared.subarray(3 * LONG))?.content;
    shared.fill(0);
    if (content?.kind !== 'command' || content.command.op !== 'put') throw new Error('no put');
    expect(content.command.value).to.equal(usual.value);
  });

  it('are read, listed, watched, saved and restored as short ones are', async () => {
    const machine = new KvMachine();
    const values = new Map([
      ['a', text(LONG)],
      ['b', 'short'],
      ['c', text(70_000)],
      ['d', `${text(LONG)}"ü\n`],
      ['e\ud800', text(LONG)],
    ]);
    let index = 0;
    for (const [key, value] of values)
      expect(put(machine, { ...usual, key, value }, ++index)).to.deep.equal({ done: true, current: 0 });
    expect(put(machine, { ...usual, key: 'a', ifIndex: 5 }, ++index)).to.deep.equal({ done: false, current: 1 });
    const items = [...values].map(([key, value], i) => ({ key, value, index: i + 1 }));
    const chunks = [...machine.snapshot()];
    expect(JSON.parse(Buffer.concat(chunks).toString())).to.deep.equal({
      kv: Object.fromEntries(items.map(({ key, value, index: at }) => [key, [value, at]])),
    });
    const restored = [new KvMachine(), new KvMachine()] as const;
    const bytes = Buffer.concat(chunks);
    await restored[0].restore(cut(bytes, bytes.length), { ...position, index: 5 });
    await restored[1].restore(cut(bytes, 5000), { ...position, index: 5 });
    bytes.fill(0);
    for (const one of [machine, ...restored]) {
      expect(one.list('', '', 10)).to.deep.equal({ items, more: false });
      for (const { key, value, index: at } of items) expect(one.get(key)).to.deep.equal({ value, index: at });
      const reads = items.map(({ key }) => ({ op: 'get' as const, key }));
      const all = one.apply({ op: 'txn', if: [], do: reads }, { ...position, index: 9, features: 9 });
      expect(all.reads).to.deep.equal(items);
    }
    const { history } = machine;
    for (const [i, { key, value }] of items.entries()) {
      const [change] = history.at(i)?.changes ?? [];
      expect([change?.op, change?.key, change?.value]).to.deep.equal(['put', key, value]);
    }
  });

  it('that are just long enough stay in the history when it is packed, whatever their key is', () => {
    const machine = new KvMachine();
    const value = text(8160);
    for (const [i, key] of ['a', '\ud800'].entries()) {
      const data = bytesOf({ ...usual, key, value });
      expect([data.length >= 8192, longPutIn(data)?.command.key]).to.deep.equal([true, key]);
      put(machine, { ...usual, key, value }, i + 1);
    }
    // The newest 256 are not packed.
    for (let index = 3; index < 300; index++) put(machine, { ...usual, key: 'k', value: 'v' }, index);
    for (const [i, key] of ['a', '\ud800'].entries()) {
      const [change] = machine.history.at(i)?.changes ?? [];
      expect([change?.op, change?.key, change?.value]).to.deep.equal(['put', key, value]);
    }
  });
});

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
