import type { LookupAddress, LookupOptions } from 'node:dns';
import {
  addressesInHosts,
  MAX_LOOKUPS,
  MAX_REMEMBERED_NAMES,
  NAME_DEADLINE_MS,
  NAME_LATE_MS,
  NameService,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { eventually, newTransport, openStreams, Recorder, startMember, stopAll } from './members.js';

type Settle = (outcome: string | NodeJS.ErrnoException) => void;

/** Names that are answered when a test says so, in time that passes when a test says so. */
class World {
  /** Look-ups by the system that are under way, in the order of their beginning. */
  readonly system: { name: string; settle: Settle }[] = [];
  /** The same, by the other way. */
  readonly fallback: { name: string; settle: Settle }[] = [];
  systemCalls = 0;
  readonly service: NameService;
  private now = 0;
  private timers: { at: number; run: () => void }[] = [];

  constructor() {
    this.service = new NameService({
      system: (name) => {
        this.systemCalls++;
        return this.pending(this.system, name);
      },
      fallback: (name) => this.pending(this.fallback, name),
      schedule: (run, ms) => {
        const timer = { at: this.now + ms, run };
        this.timers.push(timer);
        return () => {
          this.timers = this.timers.filter((one) => one !== timer);
        };
      },
    });
  }

  /** What comes of asking for this name: an address, or the code of an error; undefined as long as nothing does. */
  ask(name: string, options: LookupOptions = { all: true }): { outcome: string | undefined } {
    const asked: { outcome: string | undefined } = { outcome: undefined };
    this.service.lookup(name, options, (error, address, family) => {
      expect(asked.outcome, 'one answer').to.equal(undefined);
      const found = Array.isArray(address) ? address.map((one) => one.address).join(' ') : `${address}/${family}`;
      asked.outcome = error === null ? found : error.code;
    });
    return asked;
  }

  answer(way: 'system' | 'fallback', name: string, outcome: string | NodeJS.ErrnoException): Promise<void> {
    const at = this[way].findIndex((one) => one.name === name);
    expect(at, `${name} is being asked for`).to.be.at.least(0);
    this[way].splice(at, 1)[0]?.settle(outcome);
    return settled();
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((one) => one !== next);
      this.now = next.at;
      next.run();
      await settled();
    }
    this.now = end;
  }

  get timersLeft(): number {
    return this.timers.length;
  }

  private pending(list: { name: string; settle: Settle }[], name: string): Promise<LookupAddress[]> {
    return new Promise((resolve, reject) => {
      const settle: Settle = (outcome) => {
        if (typeof outcome !== 'string') return reject(outcome);
        resolve(outcome.split(' ').map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
      };
      list.push({ name, settle });
    });
  }
}

/** All that follows from what has happened, without a timer. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });

describe('the name service', () => {
  it('is asked once for a name, whoever waits for it', async () => {
    const world = new World();
    const asked = [world.ask('a'), world.ask('a'), world.ask('a')];
    expect(world.systemCalls).to.equal(1);
    await world.answer('system', 'a', '10.0.0.1 ::1');
    expect(asked.map(({ outcome }) => outcome)).to.deep.equal(Array(3).fill('10.0.0.1 ::1'));
    const again = world.ask('a');
    expect(world.systemCalls).to.equal(2);
    await world.answer('system', 'a', '10.0.0.2');
    expect(again.outcome).to.equal('10.0.0.2');
    expect(world.service.waits).to.equal(0);
  });

  it('is asked for two names at a time', async () => {
    const world = new World();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const asked = names.map((name) => world.ask(name));
    for (const [i, name] of names.entries()) {
      expect(world.system.map((one) => one.name)).to.deep.equal(names.slice(i, i + MAX_LOOKUPS));
      await world.answer('system', name, '10.0.0.1');
      expect(asked[i]?.outcome).to.equal('10.0.0.1');
    }
  });

  it('gives what the caller asked for', async () => {
    const world = new World();
    const asked = [{}, { family: 4 }, { family: 6 }, { family: 'IPv6' as const }, { family: 6, all: true }].map(
      (options) => world.ask('a', options),
    );
    const none = world.ask('b', { family: 6 });
    await world.answer('system', 'a', '10.0.0.1 ::1');
    await world.answer('system', 'b', '10.0.0.1');
    expect(asked.map(({ outcome }) => outcome)).to.deep.equal(['10.0.0.1/4', '10.0.0.1/4', '::1/6', '::1/6', '::1']);
    expect(none.outcome).to.equal('ENOTFOUND');
  });

  it('that does not answer is not waited for', async () => {
    const world = new World();
    const asked = world.ask('gone');
    await world.pass(NAME_LATE_MS);
    await world.answer('fallback', 'gone', failure('ETIMEOUT'));
    await world.pass(NAME_DEADLINE_MS - NAME_LATE_MS - 1);
    expect(asked.outcome).to.equal(undefined);
    await world.pass(1);
    expect(asked.outcome).to.equal('ETIMEDOUT');
    // The system is not asked again before it has answered; the other way is.
    const second = world.ask('gone');
    expect([world.systemCalls, world.fallback.length]).to.deep.equal([1, 1]);
    await world.answer('fallback', 'gone', '10.0.0.9');
    expect(second.outcome).to.equal('10.0.0.9');
    await world.answer('system', 'gone', failure('EAI_AGAIN'));
    expect([world.service.waits, world.timersLeft]).to.deep.equal([0, 0]);
  });

  it('that is late: the address that is remembered serves, at once from then on', async () => {
    const world = new World();
    world.ask('a');
    await world.answer('system', 'a', '10.0.0.1');
    const late = world.ask('a');
    await world.pass(NAME_LATE_MS - 1);
    expect(late.outcome).to.equal(undefined);
    await world.pass(1);
    expect(late.outcome).to.equal('10.0.0.1');
    const next = world.ask('a');
    expect(next.outcome, 'never in the same turn').to.equal(undefined);
    await settled();
    expect(next.outcome).to.equal('10.0.0.1');
    await world.answer('system', 'a', '10.0.0.2');
    await world.pass(NAME_DEADLINE_MS);
    const moved = world.ask('a');
    await world.pass(NAME_LATE_MS);
    expect(moved.outcome).to.equal('10.0.0.2');
  });

  it('that fails for a while leaves what is remembered; a name that is gone is gone', async () => {
    const world = new World();
    world.ask('a');
    await world.answer('system', 'a', '10.0.0.1');
    for (const [error, outcome] of [
      ['EAI_AGAIN', '10.0.0.1'],
      ['ENOTFOUND', 'ENOTFOUND'],
      ['EAI_AGAIN', '10.0.0.1'],
    ] as const) {
      const asked = world.ask('a');
      await world.answer('system', 'a', failure(error));
      expect(asked.outcome).to.equal(outcome);
    }
    const unknown = world.ask('b');
    await world.answer('system', 'b', failure('EAI_AGAIN'));
    expect(unknown.outcome).to.equal('EAI_AGAIN');
  });

  for (const bad of [1, 2, 3]) {
    it(`answers for a healthy name soon, however long ${bad} others keep it busy`, async () => {
      const world = new World();
      const names = Array.from({ length: bad }, (_, i) => `bad${i}`);
      for (const name of names) world.ask(name);
      await world.pass(60_000);
      const healthy = world.ask('healthy');
      if (bad < MAX_LOOKUPS) await world.answer('system', 'healthy', '10.0.0.1');
      else {
        expect(world.system.map(({ name }) => name)).not.to.include('healthy');
        await world.pass(NAME_LATE_MS);
        await world.answer('fallback', 'healthy', '10.0.0.1');
      }
      expect(healthy.outcome).to.equal('10.0.0.1');
    });
  }

  it('names that were late before share one place', async () => {
    const world = new World();
    for (const name of ['bad0', 'bad1']) world.ask(name);
    await world.pass(NAME_LATE_MS);
    for (const name of ['bad0', 'bad1']) await world.answer('system', name, failure('EAI_AGAIN'));
    for (const name of ['bad0', 'bad1']) world.ask(name);
    expect(world.system.map(({ name }) => name)).to.deep.equal(['bad0']);
    const healthy = world.ask('healthy');
    await world.answer('system', 'healthy', '10.0.0.1');
    expect(healthy.outcome).to.equal('10.0.0.1');
    // One that is answered in time is as good as any other again.
    await world.answer('system', 'bad0', '10.0.0.2');
    world.ask('bad0');
    expect(world.system.map(({ name }) => name)).to.deep.equal(['bad1', 'bad0']);
  });

  it('remembers a bounded number of names, and keeps nothing of those that nobody waits for', async () => {
    const world = new World();
    for (let i = 0; i <= MAX_REMEMBERED_NAMES; i++) {
      world.ask(`n${i}`);
      await world.answer('system', `n${i}`, '10.0.0.1');
    }
    const [oldest, newest] = [world.ask('n0'), world.ask(`n${MAX_REMEMBERED_NAMES}`)];
    for (let i = 0; i < 100; i++) world.ask(`queued${i}`);
    await world.pass(NAME_LATE_MS);
    expect([oldest.outcome, newest.outcome]).to.deep.equal([undefined, '10.0.0.1']);
    await world.pass(NAME_DEADLINE_MS);
    expect(world.service.waits).to.equal(MAX_LOOKUPS);
  });

  it('the file of hosts gives addresses, in its order', () => {
    const text = [
      '127.0.0.1\tlocalhost # the usual',
      '::1 ip6-localhost localhost',
      '# 10.0.0.9 member',
      '10.0.0.2 Member member.example',
      'nonsense member',
      '10.0.0.3 another#member',
      '',
    ].join('\r\n');
    const of = (name: string): string[] => addressesInHosts(text, name).map(({ address }) => address);
    expect(of('localhost')).to.deep.equal(['127.0.0.1', '::1']);
    expect(of('member')).to.deep.equal(['10.0.0.2']);
    expect(of('MEMBER.example')).to.deep.equal(['10.0.0.2']);
    expect(of('10.0.0.2')).to.deep.equal([]);
    expect(of('example')).to.deep.equal([]);
  });

  describe('of a transport', () => {
    afterEach(stopAll);

    it('a peer is dialled while other peers’ names are never answered', async () => {
      const world = new World();
      const b = await startMember(2n);
      const receiver = new Recorder();
      const a = newTransport(1n, receiver, { lookup: world.service.lookup });
      b.transport.addPeer(1n, ['http://127.0.0.1:1']);
      for (const id of [3n, 4n, 5n]) a.addPeer(id, [`http://gone${id}.test:2380`]);
      a.addPeer(2n, [`http://healthy.test:${b.listener.address.port}`]);
      await eventually('it is looked up', () => world.service.waits === 4);
      await world.pass(NAME_LATE_MS);
      await world.answer('fallback', 'healthy.test', '127.0.0.1');
      await eventually('its streams are open', () => openStreams(b) === 2);
      await world.pass(NAME_DEADLINE_MS);
      const told = 'failed to dial 3 on stream Message (the name service has not answered for gone3.test within 3 s)';
      await eventually('the others’ failure is told', () => receiver.log.some((line) => line.includes(told)));
    });
  });
});
