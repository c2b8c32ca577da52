import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Room, readText, Slots } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { turn } from '../helpers/waiting.js';

class Client extends EventEmitter {
  closed = false;
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
    setImmediate(() => this.close());
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.emit('close');
  }
}

const KiB = 1024;
const LONG = 1_000_000;

describe('the store: memory that is held for clients', () => {
  const clients = (count: number): Client[] => Array.from({ length: count }, () => new Client());
  /** Takes it, and notes when it was given. */
  const taker = (room: Room, given: number[]) => (client: Client, i: number) =>
    room.take(client, 40 * KiB).then((release) => {
      given.push(i);
      return release;
    });

  it('is given at once while there is some, and then in the order in which it was asked for', async () => {
    const room = new Room(100 * KiB, LONG);
    const given: number[] = [];
    const all = clients(5);
    const taking = all.map(taker(room, given));
    await turn();
    expect(given).to.deep.equal([0, 1]);
    (await (taking[1] as (typeof taking)[0]))();
    await turn();
    expect(given).to.deep.equal([0, 1, 2]);
    // Giving back twice, by closing too, counts once.
    all[1]?.close();
    await turn();
    expect(given).to.deep.equal([0, 1, 2]);
    all[0]?.close();
    await turn();
    expect(given).to.deep.equal([0, 1, 2, 3]);
  });

  it('is not asked for by what is small, or gone', async () => {
    const room = new Room(100 * KiB, LONG);
    const [holder, small, gone] = clients(3) as [Client, Client, Client];
    await room.take(holder, 100 * KiB);
    await room.take(small, 16 * KiB);
    gone.close();
    await room.take(gone, 100 * KiB);
  });

  it('one that goes while it waits lets those behind it pass', async () => {
    const room = new Room(100 * KiB, LONG);
    const given: number[] = [];
    const [holder, large, small] = clients(3) as [Client, Client, Client];
    await room.take(holder, 50 * KiB);
    const waiting = room.take(large, 90 * KiB);
    const behind = taker(room, given)(small, 7);
    await turn();
    expect(given).to.deep.equal([]);
    large.close();
    await Promise.all([waiting, behind]);
  });

  it('what is larger than all of it is held alone', async () => {
    const room = new Room(100 * KiB, LONG);
    const [large, other] = clients(2) as [Client, Client];
    await room.take(large, 500 * KiB);
    const given: number[] = [];
    const waiting = taker(room, given)(other, 1);
    await turn();
    expect(given).to.deep.equal([]);
    large.close();
    await waiting;
  });

  it('whoever holds it for longest is cut while others wait, and only then', async () => {
    const room = new Room(100 * KiB, 5);
    const [first, second, third, fourth] = clients(4) as [Client, Client, Client, Client];
    for (const client of [first, second]) await room.take(client, 40 * KiB);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([first.destroyed, second.destroyed]).to.deep.equal([false, false]);
    const cut = once(first, 'close');
    await room.take(third, 40 * KiB);
    await cut;
    expect(second.destroyed).to.equal(false);
    await room.take(fourth, 40 * KiB);
    expect([second.destroyed, third.destroyed]).to.deep.equal([true, false]);
  });
});

describe('the store: a body that comes in pieces', () => {
  const long = 20 * KiB;

  for (const [name, length, headers] of [
    ['small', 300, { 'content-length': '300' }],
    ['large', long, { 'content-length': String(long) }],
    ['of unknown length', 300, { 'transfer-encoding': 'chunked' }],
  ] as const) {
    it(`is copied and none of them kept, if it is ${name}`, async () => {
      const client = Object.assign(new Client(), { headers, socket: null });
      const text = readText(client as unknown as IncomingMessage, long, 'the body');
      const piece = Buffer.alloc(1);
      let expected = '';
      for (let i = 0; i < length; i++) {
        piece[0] = 97 + (i % 26);
        expected += piece.toString();
        // If it were kept, the next one would change it.
        client.emit('data', piece);
      }
      client.emit('end');
      expect((await text) === expected, 'the text as it was sent').to.equal(true);
    });
  }
});

describe('the store: requests that cost milliseconds', () => {
  const response = (destroyed = false): ServerResponse => ({ destroyed }) as ServerResponse;

  it('are worked on a few at a time, in their order; too many are refused, and those of clients that left are not done', async () => {
    const slots = new Slots(2, 3);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const run = (i: number, gone = false): Promise<void> =>
      slots.run(response(gone), () => {
        begun.push(i);
        return new Promise((resolve) => ends.push(resolve));
      });
    const running = [run(1), run(2), run(3), run(4, true), run(5)];
    const refused: unknown = await run(6).catch((error: unknown) => error);
    expect(refused).to.include({ code: 'ERR_KV_BUSY', reason: 'waiting' });
    expect(begun).to.deep.equal([1, 2]);
    for (let i = 0; i < 4; i++) {
      while (ends.length <= i) await turn();
      ends[i]?.();
    }
    await Promise.all(running);
    expect(begun).to.deep.equal([1, 2, 3, 5]);
  });

  it('one that fails makes room for the next', async () => {
    const slots = new Slots(1, 1);
    const failing = slots.run(response(), () => Promise.reject(new Error('no')));
    const next = slots.run(response(), () => {});
    expect(await failing.catch((error: Error) => error.message)).to.equal('no');
    await next;
  });
});
