import { seededRandom } from '@raft-ts/raft/internal';
import {
  FEATURES,
  type KvCommand,
  KvMachine,
  type KvOnce,
  type KvResult,
  kvFormat,
} from '@raft-ts/raftexample/internal';
import type { CommandPosition } from '@raft-ts/replica';
import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualCluster } from '../replica/virtual.js';
import { type Answer, ask, type KvCluster, kvCluster } from './kv-cluster.js';

const at = (index: number): CommandPosition => ({ index, term: 1, features: FEATURES });

/** A write whose print tells it from others by its value alone. */
const once = (key: string, target: string, value: string): KvOnce => ({
  op: 'once',
  key,
  print: `print of ${target} ${value}`,
  write: { op: 'put', key: target, value, ifIndex: undefined },
});

const reading = (key: string, target: string): KvOnce => ({
  op: 'once',
  key,
  print: `print of reading ${target}`,
  write: { op: 'txn', if: [], do: [{ op: 'get', key: target }] },
});

function bytesOf(machine: KvMachine): string {
  return Buffer.concat([...machine.snapshot()]).toString();
}

async function* chunk(text: string): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(text);
}

async function restored(from: KvMachine, into: KvMachine): Promise<KvMachine> {
  await into.restore(chunk(bytesOf(from)), at(1));
  return into;
}

describe('the store: keys of writes, as they are applied', () => {
  it('a write is carried out once, and its copies get the same answer', () => {
    const machine = new KvMachine();
    expect(machine.apply(once('id', 'k', 'v'), at(5))).to.deep.equal({ done: true, current: 0 });
    machine.apply({ op: 'put', key: 'k', value: 'later', ifIndex: undefined }, at(6));
    for (const index of [7, 8]) {
      expect(machine.apply(once('id', 'k', 'v'), at(index))).to.deep.equal({
        done: true,
        current: 0,
        earlier: { kind: 'repeated', index: 5 },
      });
    }
    expect(machine.get('k')).to.deep.equal({ value: 'later', index: 6 });
    expect(machine.history.last).to.equal(6);
  });

  it('what failed once fails again, even if it could be carried out now', () => {
    const machine = new KvMachine();
    const write: KvOnce = { ...once('id', 'k', 'v'), write: { op: 'put', key: 'k', value: 'v', ifIndex: 3 } };
    expect(machine.apply(write, at(5))).to.deep.equal({ done: false, current: 0 });
    machine.apply({ op: 'put', key: 'k', value: 'x', ifIndex: undefined }, at(3));
    expect(machine.apply(write, at(6))).to.deep.include({ done: false, earlier: { kind: 'repeated', index: 5 } });
  });

  it('another write with the key is not carried out', () => {
    const machine = new KvMachine();
    machine.apply(once('id', 'k', 'v'), at(5));
    expect(machine.apply(once('id', 'k', 'other'), at(6))).to.deep.equal({
      done: false,
      current: 0,
      earlier: { kind: 'other', index: 5 },
    });
    expect(machine.get('k')?.value).to.equal('v');
  });

  it('a copy of a transaction gets what that read', () => {
    const machine = new KvMachine();
    machine.apply({ op: 'put', key: 'k', value: 'before', ifIndex: undefined }, at(4));
    const first = machine.apply(reading('id', 'k'), at(5));
    expect(first.reads).to.deep.equal([{ key: 'k', value: 'before', index: 4 }]);
    machine.apply({ op: 'put', key: 'k', value: 'after', ifIndex: undefined }, at(6));
    expect(machine.apply(reading('id', 'k'), at(7))).to.deep.equal({
      ...first,
      earlier: { kind: 'repeated', index: 5 },
    });
  });

  it('a key is forgotten so many entries after its own, whoever used it meanwhile', () => {
    const machine = new KvMachine({}, { maxAge: 10 });
    machine.apply(once('id', 'k', 'v'), at(5));
    expect(machine.apply(once('id', 'k', 'v'), at(14)).earlier).to.deep.equal({ kind: 'repeated', index: 5 });
    expect(machine.apply(once('id', 'k', 'v'), at(15)).earlier).to.equal(undefined);
    expect(machine.apply(once('id', 'k', 'v'), at(16)).earlier).to.deep.equal({ kind: 'repeated', index: 15 });
  });

  it('of too many keys the oldest are forgotten', () => {
    const machine = new KvMachine({}, { maxKeys: 3 });
    for (let i = 1; i <= 4; i++) machine.apply(once(`id${i}`, 'k', `${i}`), at(i));
    const known = [4, 3, 2].map((i) => machine.apply(once(`id${i}`, 'k', `${i}`), at(10)).earlier?.index);
    expect(known).to.deep.equal([4, 3, 2]);
    expect(machine.apply(once('id1', 'k', '1'), at(11)).earlier).to.equal(undefined);
  });

  it('of too much that was read the oldest is forgotten, and not that it was carried out', () => {
    const machine = new KvMachine({}, { maxReads: 25 });
    machine.apply({ op: 'put', key: 'k', value: '123456789', ifIndex: undefined }, at(1));
    machine.apply(once('plain', 'other', 'v'), at(2));
    for (let i = 3; i <= 6; i++) machine.apply(reading(`id${i}`, 'k'), at(i));
    const kinds = [3, 4, 5, 6].map((i) => machine.apply(reading(`id${i}`, 'k'), at(10)).earlier);
    expect(kinds).to.deep.equal([
      { kind: 'forgotten', index: 3 },
      { kind: 'forgotten', index: 4 },
      { kind: 'repeated', index: 5 },
      { kind: 'repeated', index: 6 },
    ]);
    expect(machine.apply(once('plain', 'other', 'v'), at(11)).earlier?.kind).to.equal('repeated');
  });

  it('a restored member knows, answers and forgets as the others do, and as a plain list would', async () => {
    const limits = { maxAge: 40, maxKeys: 8, maxReads: 30 };
    const step = fc.record({
      ahead: fc.integer({ min: 1, max: 6 }),
      id: fc.nat(12),
      other: fc.boolean(),
      reads: fc.boolean(),
      restart: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60 }), async (steps) => {
        const steady = new KvMachine({}, limits);
        let moved = new KvMachine({}, limits);
        let model: { key: string; print: string; index: number }[] = [];
        for (const machine of [steady, moved])
          machine.apply({ op: 'put', key: 'k', value: 'x'.repeat(9), ifIndex: undefined }, at(1));
        let index = 1;
        for (const { ahead, id, other, reads, restart } of steps) {
          index += ahead;
          const command = reads ? reading(`id${id}`, 'k') : once(`id${id}`, 'k', other ? 'y' : 'x'.repeat(9));
          model = model.filter((one) => one.index + limits.maxAge > index);
          const known = model.find(({ key }) => key === command.key);
          if (known === undefined) model.push({ key: command.key, print: command.print, index });
          if (model.length > limits.maxKeys) model.shift();
          const result = steady.apply(command, at(index));
          expect(result.earlier?.index).to.equal(known?.index);
          if (known !== undefined) expect(result.earlier?.kind === 'other').to.equal(known.print !== command.print);
          expect(moved.apply(command, at(index))).to.deep.equal(result);
          if (restart) moved = await restored(moved, new KvMachine({}, limits));
          expect(bytesOf(moved)).to.equal(bytesOf(steady));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('come out of their bytes as they went in, and are skipped in another form', () => {
    for (const command of [once('id', 'k', 'v'), reading('id "\\', 'k')]) {
      const bytes = kvFormat.encode({ kind: 'command', command }, { member: 1n, boot: 2, sequence: 3 });
      expect(kvFormat.decode(bytes)?.content).to.deep.equal({ kind: 'command', command });
    }
    let nested = '{"op":"put","key":"k"}';
    for (let i = 0; i < 50_000; i++) nested = `{"op":"once","key":"id","print":"p","write":${nested}}`;
    for (const text of [
      nested,
      '{"op":"once","key":"id","print":"p"}',
      '{"op":"once","key":"id","print":"p","write":null}',
      '{"op":"once","key":"id","write":{"op":"put","key":"k"}}',
      '{"op":"once","key":"id","print":"p","write":{"op":"put","key":7}}',
      '{"op":"once","key":"id","print":"p","write":{"op":"reserve-id"}}',
      '{"op":"once","key":"id","print":"p","write":{"op":"unheard-of"}}',
    ]) {
      expect(kvFormat.decode(Buffer.from(text)), text.slice(0, 80)).to.equal(undefined);
    }
  });

  it('a snapshot that somebody has rewritten keeps them, oldest first', async () => {
    const machine = new KvMachine();
    // JSON.parse puts names that are numbers first.
    for (const [i, key] of ['id', '__proto__', '7', 'z'].entries()) machine.apply(once(key, 'k', 'v'), at(5 + i));
    const head = { members: [], removed: [], lastId: 0n, promising: [], features: 1, sessions: [] };
    let text = '';
    for await (const piece of kvFormat.wrap(head, chunk(bytesOf(machine)))) text += Buffer.from(piece).toString();
    const parsed = JSON.parse(text) as object;
    const line = JSON.stringify(parsed);
    const { state } = await kvFormat.unwrap(chunk(line));
    expect(line.indexOf('"7":')).to.be.below(line.indexOf('"id":'));
    const copy = new KvMachine();
    await copy.restore(state, at(9));
    expect(bytesOf(copy)).to.equal(bytesOf(machine));
    expect(bytesOf(new KvMachine())).to.equal('{"kv":{}}');
  });
});

describe('the store: keys of writes in a snapshot', () => {
  it('must be what came of writes', async () => {
    for (const value of [
      'null',
      '{}',
      '[]',
      '["print"]',
      '["print",0]',
      '["print",1.5]',
      '[1,1]',
      '["print",1,null]',
      '["print",1,{}]',
      '["print",1,{"done":true}]',
      '["print",1,{"done":1,"current":0}]',
      '["print",1,{"done":true,"current":0,"reads":{}}]',
      '["print",1,{"done":true,"current":0},1]',
    ]) {
      const error: unknown = await new KvMachine()
        .restore(chunk(`{"kv":{},"once":{"id":${value}}}`), at(1))
        .catch((thrown: unknown) => thrown);
      expect(error, value).to.include({ code: 'ERR_RAFT_SNAPSHOT_FORMAT' });
    }
  });
});

describe('the store: Idempotency-Key', () => {
  let store: KvCluster;

  before(async () => {
    store = await kvCluster(3, { maxValue: 1000, createMachine: () => new KvMachine({}, { maxReads: 20 }) });
  });

  after(() => store.stop());

  const send = (member: number, method: string, path: string, key: string | string[], body?: string): Promise<Answer> =>
    ask(store.ports[member] as number, method, path, { headers: { 'Idempotency-Key': key }, ...(body && { body }) });
  const json = ({ text }: Answer): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
  const etag = async (path: string): Promise<unknown> =>
    (await ask(store.ports[0] as number, 'GET', path)).headers['etag'];

  it('gets the answer of the first request, on every member', async () => {
    const first = await send(0, 'PUT', '/kv/a', '"one"', 'v');
    expect(first.status).to.equal(200);
    await ask(store.ports[1] as number, 'PUT', '/kv/a', { body: 'later' });
    for (const member of [0, 1, 2])
      expect(await send(member, 'PUT', '/kv/a', '"one"', 'v')).to.deep.include({ status: 200, text: first.text });
    expect((await ask(store.ports[2] as number, 'GET', '/kv/a')).text).to.equal('later');

    const deleted = await send(1, 'DELETE', '/kv/a', '"two"');
    await ask(store.ports[1] as number, 'PUT', '/kv/a', { body: 'new' });
    expect((await send(2, 'DELETE', '/kv/a', '"two"')).text).to.equal(deleted.text);
    expect((await ask(store.ports[2] as number, 'GET', '/kv/a')).text).to.equal('new');
  });

  it('two at once are one', async () => {
    const answers = await Promise.all(
      [0, 1, 2, 0, 1, 2].map((member) => send(member, 'PUT', '/kv/b', '"at once"', 'v')),
    );
    const { index } = json(answers[0] as Answer);
    for (const { text } of answers) expect(text).to.equal(`{"index":${index}}`);
    expect(await etag('/kv/b')).to.equal(`"${index}"`);
  });

  it('a condition that failed stays failed', async () => {
    const headers = { 'Idempotency-Key': '"if"', 'If-Match': '"1"' };
    const ask1 = (): Promise<Answer> => ask(store.ports[0] as number, 'PUT', '/kv/c', { body: 'v', headers });
    const first = await ask1();
    expect(first.status).to.equal(412);
    expect(await ask1()).to.deep.include({ status: 412, text: first.text });
  });

  it('a transaction gets what the first one read', async () => {
    await ask(store.ports[0] as number, 'PUT', '/kv/d', { body: 'old' });
    const body = '{"do":[{"op":"get","key":"d"},{"op":"put","key":"e","value":"x"}]}';
    const first = await send(0, 'POST', '/kv', '"txn"', body);
    await ask(store.ports[0] as number, 'PUT', '/kv/d', { body: 'new' });
    // The same transaction, written in another way.
    const again = await send(1, 'POST', '/kv', '"txn"', ` {"if":[], ${body.slice(1)}`);
    expect(again.status).to.equal(200);
    expect(again.text).to.equal(first.text);
    expect(first.text).to.include('"value":"old"');
  });

  it('says that what was read is gone, and that it was carried out', async () => {
    await ask(store.ports[0] as number, 'PUT', '/kv/f', { body: 'x'.repeat(15) });
    const body = '{"do":[{"op":"get","key":"f"},{"op":"put","key":"g","value":"x"}]}';
    const { index } = json(await send(0, 'POST', '/kv', '"gone"', body));
    await send(0, 'POST', '/kv', '"other"', body);
    const again = await send(1, 'POST', '/kv', '"gone"', body);
    expect(again.status).to.equal(410);
    expect(json(again)).to.include({ code: 'ERR_KV_ANSWER_GONE', reason: 'reads', retry: 'no', index });
  });

  it('refuses another request with the same key', async () => {
    const { index } = json(await send(0, 'PUT', '/kv/h', '"mine"', 'v'));
    for (const [method, path, body, more] of [
      ['PUT', '/kv/h', 'w', {}],
      ['PUT', '/kv/i', 'v', {}],
      ['PUT', '/kv/h', 'v', { 'If-None-Match': '*' }],
      ['DELETE', '/kv/h', undefined, {}],
      ['POST', '/kv', '{"do":[{"op":"put","key":"h","value":"v"}]}', {}],
    ] as const) {
      const headers = { 'Idempotency-Key': '"mine"', ...more };
      const answer = await ask(store.ports[1] as number, method, path, { headers, ...(body && { body }) });
      expect(answer.status, `${method} ${path}`).to.equal(422);
      expect(json(answer)).to.include({ code: 'ERR_KV_KEY_REUSED', retry: 'no', index });
    }
    expect(await etag('/kv/h')).to.equal(`"${index}"`);
  });

  it('is a string as headers write it, of a bounded length', async () => {
    for (const key of ['"k"', ' "k" ', '"a b!#[]~"', '"\\"\\\\"', `"${'x'.repeat(128)}"`]) {
      expect((await send(0, 'PUT', `/kv/${encodeURIComponent(key)}`, key, 'v')).status, key).to.be.oneOf([200, 422]);
    }
    for (const key of [
      '',
      '""',
      'k',
      '8e03978e-40d5-43dd-bc93-6894a57f9324',
      '"k',
      '"k";a=b',
      '"k", "l"',
      '"a"b"',
      '"a\\b"',
      '"a\tb"',
      '"é"',
      `"${'x'.repeat(129)}"`,
      `"${'\\"'.repeat(129)}"`,
      ['"k"', '"l"'],
    ]) {
      for (const [method, path, body] of [
        ['PUT', '/kv/z', 'v'],
        ['DELETE', '/kv/z', undefined],
        ['POST', '/kv', '{"do":[{"op":"get","key":"z"}]}'],
      ] as const) {
        const answer = await send(0, method, path, key, body);
        expect(answer.status, `${method} ${String(key)}`).to.equal(400);
        expect(json(answer)).to.include({ code: 'ERR_KV_REQUEST', reason: 'idempotency-key' });
      }
    }
    // Reading changes nothing, so it needs no key.
    expect((await send(0, 'GET', '/kv/none', 'nonsense')).status).to.equal(404);
  });

  it('makes it safe to ask again where nobody knows what came of it', async () => {
    const leader = await store.group.leader();
    const ids = store.group.replicas.map(({ id }) => id);
    const away = Number(leader.id) - 1;
    const near = ids.findIndex((id) => id !== leader.id);
    store.group.isolate(leader.id);
    try {
      const [plain, keyed, deleted, transaction] = await Promise.all([
        ask(store.ports[away] as number, 'PUT', '/kv/j', { body: 'v' }),
        send(away, 'PUT', '/kv/l', '"lost"', 'v'),
        send(away, 'DELETE', '/kv/l', '"lost 2"'),
        send(away, 'POST', '/kv', '"lost 3"', '{"do":[{"op":"get","key":"z"}]}'),
      ]);
      expect([plain.status, json(plain)['retry']]).to.deep.equal([504, 'unsafe']);
      for (const answer of [keyed, deleted, transaction])
        expect([answer.status, json(answer)['retry']]).to.deep.equal([504, 'safe']);
    } finally {
      store.group.mend();
    }
    let again: Answer;
    do again = await send(near, 'PUT', '/kv/l', '"lost"', 'v');
    while (again.status >= 500);
    expect(again.status).to.equal(200);
    expect(await etag('/kv/l')).to.equal(`"${json(again)['index']}"`);
  });
});

describe('the store: a write with a key under faults', () => {
  interface Sent {
    readonly command: KvOnce;
    index: number;
  }

  /** Clients that ask members of their choice until they have an answer, also twice at a time. */
  async function run(
    seed: number,
    limits: object,
  ): Promise<{ group: VirtualCluster<KvCommand, KvResult>; machines: Map<bigint, KvMachine>; sent: Sent[] }> {
    const random = seededRandom(seed);
    const machines = new Map<bigint, KvMachine>();
    const create = (id: bigint): KvMachine => {
      const machine = new KvMachine({}, limits);
      machines.set(id, machine);
      return machine;
    };
    const group = new VirtualCluster<KvCommand, KvResult>(3, create, {
      seed,
      format: kvFormat,
      features: FEATURES,
      timeoutMs: 400,
      snapshots: { everyEntries: 10, keepEntries: 3 },
    });
    await group.start();
    const isOpen = (): boolean => [...group.replicas.values()].every(({ features }) => features.open === FEATURES);
    await group.time.until(isOpen, 'features are open');
    group.network.faults = { drop: 0.05, duplicate: 0.1, delay: [1, 30] };
    const sent: Sent[] = [];
    let over = false;
    const client = async (name: number): Promise<void> => {
      for (let i = 0; i < 12; i++) {
        const one: Sent = { command: once(`${name}-${i}`, `k${name}-${i}`, 'v'), index: 0 };
        sent.push(one);
        while (one.index === 0) await attempt(one);
      }
    };
    const attempt = async (one: Sent): Promise<void> => {
      const members = [...group.replicas.values()];
      const asked = Array.from({ length: 1 + random(2) }, () => members[random(members.length)] as (typeof members)[0]);
      const answers = await Promise.allSettled(asked.map((member) => member.propose(one.command)));
      for (const answer of answers) {
        if (answer.status !== 'fulfilled') continue;
        const { index, result } = answer.value;
        if (one.index === 0) one.index = result.earlier?.index ?? index;
      }
      if (one.index === 0) await new Promise<void>((resolve) => group.time.after(20 + random(50), resolve));
    };
    const clients = Promise.all(Array.from({ length: 4 }, (_, name) => client(name))).finally(() => {
      over = true;
    });
    const disturb = async (): Promise<void> => {
      while (!over) {
        await group.time.advance(100 + random(400));
        const leader = [...group.replicas.values()].find(({ leadership }) => leadership.leading);
        const victim = random(3) > 0 ? leader?.id : BigInt(1 + random(3));
        if (victim === undefined || random(2) === 0) continue;
        await group.kill(victim);
        await group.time.advance(random(300));
        await group.startMember(victim);
      }
    };
    await Promise.all([clients, disturb()]);
    return { group, machines, sent };
  }

  /** Waits until all members have applied the same, and stops them. */
  async function settle({ group, machines }: Awaited<ReturnType<typeof run>>): Promise<string[]> {
    group.network.faults = {};
    const leader = await group.leader();
    const { index } = await group.time.settled(leader.propose({ op: 'nothing' }));
    const all = [...group.replicas.values()];
    await group.time.until(() => all.every(({ applied }) => applied.index >= index), 'all have applied everything');
    const states = [...machines.values()].map(bytesOf);
    await group.stop();
    return states;
  }

  it('is carried out once, whoever dies, restarts or hears twice of it', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const done = await run(seed, {});
      const [first = '', ...others] = await settle(done);
      for (const other of others) expect(other, `seed ${seed}`).to.equal(first);
      const { kv } = JSON.parse(first) as { kv: Record<string, [string, number]> };
      for (const { command, index } of done.sent) {
        // Carried out again, it would have a later one.
        expect(kv[command.write.op === 'put' ? command.write.key : ''], `seed ${seed}`).to.deep.equal(['v', index]);
      }
    }
  });

  it('is forgotten at the same place by all members, whether they were restarted or not', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const [first = '', ...others] = await settle(await run(seed, { maxAge: 25, maxKeys: 6 }));
      expect(first).to.include('"once"');
      for (const other of others) expect(other, `seed ${seed}`).to.equal(first);
    }
  });
});
