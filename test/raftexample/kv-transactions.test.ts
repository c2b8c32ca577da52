import { RaftError } from '@raft-ts/raft';
import { FEATURES, type KvCommand, KvMachine, type KvOperation, kvFormat } from '@raft-ts/raftexample/internal';
import type { CommandPosition } from '@raft-ts/replica';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Answer, ask, type KvCluster, kvCluster } from './kv-cluster.js';

const at = (index: number): CommandPosition => ({ index, term: 1, features: FEATURES });
const put = (key: string, value: string): KvCommand => ({ op: 'put', key, value, ifIndex: undefined });

const transaction = (conditions: Readonly<Record<string, number>>, ...operations: KvOperation[]): KvCommand => ({
  op: 'txn',
  if: Object.entries(conditions).map(([key, index]) => ({ key, index })),
  do: operations,
});

describe('the store: transactions, as they are applied', () => {
  it('are carried out as a whole if every condition holds, and read what was there before', () => {
    const machine = new KvMachine();
    machine.apply(put('a', 'old'), at(5));
    const result = machine.apply(
      transaction(
        { a: 5, new: 0 },
        { op: 'get', key: 'a' },
        { op: 'put', key: 'new', value: 'n' },
        { op: 'get', key: 'none' },
        { op: 'delete', key: 'gone' },
      ),
      at(6),
    );
    expect(result).to.deep.equal({
      done: true,
      current: 0,
      reads: [
        { key: 'a', value: 'old', index: 5 },
        { key: 'none', index: 0 },
      ],
    });
    expect([...machine.entries()]).to.deep.equal([
      ['a', { value: 'old', index: 5 }],
      ['new', { value: 'n', index: 6 }],
    ]);
  });

  it('change nothing if a condition fails, and say which one is the first', () => {
    const machine = new KvMachine();
    machine.apply(put('a', '1'), at(5));
    const { end } = machine.history;
    for (const [conditions, failed, current] of [
      [{ a: 5, b: 7 }, 1, 0],
      [{ a: 0, b: 7 }, 0, 5],
      [{ a: 4 }, 0, 5],
    ] as const) {
      const result = machine.apply(
        transaction(conditions, { op: 'put', key: 'b', value: 'x' }, { op: 'delete', key: 'a' }),
        at(6),
      );
      expect(result).to.deep.equal({ done: false, failed, current });
    }
    expect([...machine.entries()]).to.deep.equal([['a', { value: '1', index: 5 }]]);
    expect(machine.history.end).to.equal(end);
  });

  it('are one entry of the history, with what they changed and no more', () => {
    const machine = new KvMachine();
    machine.apply(put('a', '1'), at(5));
    machine.apply(
      transaction(
        {},
        { op: 'put', key: 'b', value: '2' },
        { op: 'delete', key: 'a' },
        { op: 'delete', key: 'none' },
        { op: 'get', key: 'c' },
      ),
      at(6),
    );
    machine.apply(transaction({}, { op: 'get', key: 'a' }, { op: 'delete', key: 'a' }), at(7));
    expect(machine.history.last).to.equal(6);
    expect(machine.history.at(machine.history.end - 1)).to.deep.equal({
      index: 6,
      changes: [
        { op: 'put', key: 'b', value: '2' },
        { op: 'delete', key: 'a', value: '' },
      ],
    });
  });

  it('change nothing if they would read more than an answer may hold', () => {
    const machine = new KvMachine();
    const half = 'x'.repeat(2 * 2 ** 20);
    for (const [i, key] of ['a', 'b'].entries()) machine.apply(put(key, half), at(i + 1));
    const both: KvOperation[] = [
      { op: 'put', key: 'c', value: '' },
      { op: 'get', key: 'a' },
      { op: 'get', key: 'b' },
    ];
    expect(machine.apply(transaction({}, ...both), at(3))).to.deep.equal({ done: false, current: 0, tooLarge: true });
    expect(machine.get('c')).to.equal(undefined);
    expect(machine.apply(transaction({}, ...both.slice(0, 2)), at(4)).done).to.equal(true);
  });

  it('end a member that has lost that they were opened', () => {
    const machine = new KvMachine();
    const closed = { index: 5, term: 1, features: 0 };
    const write = transaction({}, { op: 'put', key: 'k', value: 'v' });
    const once: KvCommand = { op: 'once', key: 'id', print: 'p', write: { op: 'txn', if: [], do: [] } };
    for (const command of [write, once]) {
      expect(() => machine.apply(command, closed)).to.throw(RaftError, /^entry 5 .* Replace this member/u);
    }
    expect(machine.apply(once, at(6))).to.not.have.property('earlier');
    expect([machine.size, machine.history.last]).to.deep.equal([0, 0]);
  });

  it('come out of their bytes as they went in', () => {
    const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 5 });
    const index = fc.nat();
    const operation: fc.Arbitrary<KvOperation> = fc.oneof(
      fc.record({ op: fc.constant('put' as const), key, value: fc.string({ unit: 'binary' }) }),
      fc.record({ op: fc.constantFrom('delete' as const, 'get' as const), key }),
    );
    const one: fc.Arbitrary<KvCommand> = fc.record({
      op: fc.constant('txn' as const),
      if: fc.array(fc.record({ key, index })),
      do: fc.array(operation),
    });
    fc.assert(
      fc.property(one, (command) => {
        const bytes = kvFormat.encode({ kind: 'command', command }, { member: 1n, boot: 2, sequence: 3 });
        expect(kvFormat.decode(bytes)).to.deep.equal({
          content: { kind: 'command', command },
          request: { boot: 2, sequence: 3 },
        });
      }),
    );
  });

  it('are skipped if they have another form', () => {
    for (const text of [
      '{"op":"txn"}',
      '{"op":"txn","if":[],"do":{}}',
      '{"op":"txn","if":[{"key":"k"}],"do":[]}',
      '{"op":"txn","if":[{"key":"k","index":-1}],"do":[]}',
      '{"op":"txn","if":[null],"do":[]}',
      '{"op":"txn","if":[],"do":[null]}',
      '{"op":"txn","if":[],"do":[{"op":"put","key":"k"}]}',
      '{"op":"txn","if":[],"do":[{"op":"swap","key":"k"}]}',
    ]) {
      expect(kvFormat.decode(Buffer.from(text)), text).to.equal(undefined);
    }
  });
});

describe('the store: POST /kv', () => {
  const MAX_VALUE = 1000;
  let store: KvCluster;

  before(async () => {
    store = await kvCluster(3, { maxValue: MAX_VALUE });
  });

  after(() => store.stop());

  const post = (body: object | string, member = 0): Promise<Answer> =>
    ask(store.ports[member] as number, 'POST', '/kv', { body: typeof body === 'string' ? body : JSON.stringify(body) });
  const json = ({ text }: Answer): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
  const get = (key: string): Promise<Answer> => ask(store.ports[1] as number, 'GET', `/kv/${key}`);

  it('moves a value from one key to another, once', async () => {
    const { index } = json(await ask(store.ports[2] as number, 'PUT', '/kv/from', { body: 'gold' }));
    const move = {
      if: [
        { key: 'from', index },
        { key: 'to', index: 0 },
      ],
      do: [
        { op: 'put', key: 'to', value: 'gold' },
        { op: 'delete', key: 'from' },
        { op: 'get', key: 'other' },
      ],
    };
    const moved = await post(move, 1);
    expect(moved.status).to.equal(200);
    expect(moved.headers['content-type']).to.equal('application/json');
    const at = json(moved)['index'] as number;
    expect(json(moved)).to.deep.equal({ index: at, done: true, reads: [{ key: 'other', index: 0 }] });
    expect([(await get('from')).status, (await get('to')).text]).to.deep.equal([404, 'gold']);
    expect((await get('to')).headers['etag']).to.equal(`"${at}"`);
    const again = await post(move, 2);
    expect(again.status).to.equal(412);
    expect(json(again)).to.include({ code: 'ERR_KV_CONDITION', condition: 0, key: 'from', current: 0, retry: 'no' });
    expect(json(again)['index']).to.be.above(at);
  });

  it('shows a watch all of it under one id', async () => {
    const { index } = json(await ask(store.ports[0] as number, 'PUT', '/kv/w0', { body: 'x' }));
    const last = json(
      await post({
        do: [
          { op: 'put', key: 'w1', value: 'one' },
          { op: 'delete', key: 'w0' },
        ],
      }),
    )['index'] as number;
    const abort = new AbortController();
    const url = `http://127.0.0.1:${store.ports[0]}/watch?prefix=w&from=${(index as number) + 1}`;
    const { body } = await fetch(url, { signal: abort.signal });
    let text = '';
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      text += new TextDecoder().decode(chunk);
      if (text.includes(`id: ${last}\n\n`)) break;
    }
    abort.abort();
    expect(text.slice(text.indexOf('event:'))).to.equal(
      `event: put\ndata: {"key":"w1","value":"one","index":${last}}\n\n` +
        `event: delete\ndata: {"key":"w0","index":${last}}\nid: ${last}\n\n`,
    );
  });

  it('refuses what is no transaction, and says where', async () => {
    const put1 = { op: 'put', key: 'k', value: 'v' };
    for (const [body, says] of [
      ['', 'the body must be {"if"'],
      ['[]', 'the body must be {"if"'],
      ['null', 'the body must be {"if"'],
      ['['.repeat(100_000), 'the body must be {"if"'],
      [{}, '"do" must be a list'],
      [{ do: [] }, '"do" must not be empty'],
      [{ do: [put1], else: [] }, 'the body may have the fields if, do'],
      [{ do: [put1], if: {} }, '"if" must be a list'],
      [{ do: [put1], if: [7] }, 'if[0] must be an object'],
      [{ do: [put1], if: [[]] }, 'if[0] must be an object'],
      [{ do: [put1], if: [{ key: 'k' }] }, 'if[0].index'],
      [{ do: [put1], if: [{ key: 'k', index: -1 }] }, 'if[0].index'],
      [{ do: [put1], if: [{ key: 'k', index: 1.5 }] }, 'if[0].index'],
      [{ do: [put1], if: [{ key: 'k', index: '1' }] }, 'if[0].index'],
      ['{"if":[{"key":"k","index":1e300}],"do":[{"op":"get","key":"k"}]}', 'if[0].index'],
      [{ do: [put1], if: [{ key: 'k', index: 1, value: '' }] }, 'if[0] may have the fields key, index'],
      [
        {
          do: [put1],
          if: [
            { key: 'k', index: 1 },
            { key: 'k', index: 1 },
          ],
        },
        'if[1].key stands in "if" twice',
      ],
      [{ do: [put1, { op: 'get', key: 'k' }] }, 'do[1].key stands in "do" twice'],
      [{ do: [{ op: 'put', key: 'k' }] }, 'do[0].value'],
      [{ do: [{ op: 'put', key: 'k', value: 7 }] }, 'do[0].value'],
      ['{"do":[{"op":"put","key":"k","value":"\\ud800"}]}', 'do[0].value'],
      ['{"do":[{"op":"put","key":"\\udc00","value":""}]}', 'do[0].key'],
      [{ do: [{ op: 'put', key: '', value: '' }] }, 'do[0].key'],
      [{ do: [{ op: 'put', key: 'é'.repeat(2049), value: '' }] }, 'do[0].key'],
      [{ do: [{ op: 'put', value: '' }] }, 'do[0].key'],
      [{ do: [{ op: 'put', key: 'k', value: '', index: 1 }] }, 'do[0] may have the fields op, key, value'],
      [{ do: [{ op: 'delete', key: 'k', value: '' }] }, 'do[0] may have the fields op, key'],
      [{ do: [{ op: 'swap', key: 'k' }] }, 'do[0].op'],
      [{ do: [{ key: 'k' }] }, 'do[0].op'],
    ] as const) {
      const answer = await post(body);
      expect(answer.status, answer.text).to.equal(400);
      expect(json(answer)).to.include({ code: 'ERR_KV_REQUEST', retry: 'no' });
      expect(json(answer)['detail'], answer.text).to.include(says);
    }
  });

  it('refuses more than it may hold', async () => {
    const many = (count: number): object[] => Array.from({ length: count }, (_, i) => ({ op: 'get', key: `k${i}` }));
    const conditions = (count: number): object[] =>
      Array.from({ length: count }, (_, i) => ({ key: `none${i}`, index: 0 }));
    expect((await post({ do: many(128), if: conditions(128) })).status).to.equal(200);
    for (const [body, reason] of [
      [{ do: many(129) }, 'do'],
      [{ do: many(1), if: conditions(129) }, 'if'],
      [{ do: [{ op: 'put', key: 'k', value: 'é'.repeat(MAX_VALUE / 2 + 1) }] }, 'value'],
      [`{"do":[]${' '.repeat(2 * 2 ** 20)}}`, 'body'],
    ] as const) {
      const answer = await post(body);
      expect([answer.status, json(answer)['code'], json(answer)['reason']]).to.deep.equal([
        413,
        'ERR_KV_TOO_LARGE',
        reason,
      ]);
    }
    expect((await post({ do: [{ op: 'put', key: 'k', value: 'é'.repeat(MAX_VALUE / 2) }] })).status).to.equal(200);
  });

  it('writes the longest key that a path can name', async () => {
    const key = '😀'.repeat(1024);
    expect((await post({ do: [{ op: 'put', key, value: 'far' }] })).status).to.equal(200);
    expect((await get(encodeURIComponent(key))).text).to.equal('far');
  });

  it('refuses to read more than one answer may hold', async () => {
    const leader = await store.group.leader();
    const value = 'x'.repeat(2 ** 20);
    for (let i = 0; i < 5; i++) {
      await leader.propose({ op: 'put', key: `large${i}`, value, ifIndex: undefined });
    }
    const answer = await post({ do: [0, 1, 2, 3, 4].map((i) => ({ op: 'get', key: `large${i}` })) });
    expect(answer.status).to.equal(413);
    expect(json(answer)).to.include({ code: 'ERR_KV_TOO_LARGE', reason: 'reads', retry: 'no' });
  });
});

describe('the store: what members written in Go do not know', () => {
  it('is refused while it is not open', async () => {
    const store = await kvCluster(3, { replica: { features: 0 } });
    try {
      for (const port of store.ports) {
        for (const [method, path, body, headers] of [
          ['POST', '/kv', '{"do":[{"op":"put","key":"k","value":"v"}]}', {}],
          ['POST', '/kv', '{"do":[{"op":"put","key":"k","value":"v"}]}', { 'Idempotency-Key': '"k"' }],
          ['PUT', '/kv/k', 'v', { 'Idempotency-Key': '"k"' }],
          ['DELETE', '/kv/k', '', { 'Idempotency-Key': '"k"' }],
        ] as const) {
          const { status, text } = await ask(port, method, path, { body, headers });
          expect(status, text).to.equal(503);
          expect(JSON.parse(text)).to.include({ code: 'ERR_KV_FEATURE', retry: 'safe' });
        }
      }
      const [port] = store.ports as [number];
      expect((await ask(port, 'GET', '/kv/k')).status).to.equal(404);
      expect((await ask(port, 'PUT', '/kv/k', { body: 'v' })).status).to.equal(200);
    } finally {
      await store.stop();
    }
  });
});
