import { getEventListeners } from 'node:events';
import { Pauses } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { VirtualTimers } from './virtual-timers.js';

describe('Pauses', () => {
  const timers = new VirtualTimers();
  let pauses: Pauses;
  let stopping: AbortController;
  let over: string[];

  beforeEach(() => {
    timers.install();
    pauses = new Pauses();
    stopping = new AbortController();
    over = [];
  });
  afterEach(() => timers.uninstall());

  const wait = async (name: string, ms: number, { signal } = stopping): Promise<void> => {
    await pauses.wait(ms, signal);
    over.push(name);
  };
  /** Whoever has been woken goes on in a microtask. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  const listeners = (): number => getEventListeners(stopping.signal, 'abort').length;

  it('end when their time is up, not before', async () => {
    void wait('long', 20);
    void wait('short', 10);
    timers.advance(9);
    await settle();
    expect(over).to.deep.equal([]);
    timers.advance(1);
    await settle();
    expect(over).to.deep.equal(['short']);
    timers.advance(10);
    await settle();
    expect(over).to.deep.equal(['short', 'long']);
  });

  it('end together when they are woken, in the order in which they began, and those that begin later do not', async () => {
    void wait('first', 30);
    void wait('second', 10);
    pauses.wake();
    void wait('third', 20);
    await settle();
    expect(over).to.deep.equal(['first', 'second']);
    pauses.wake();
    await settle();
    expect(over).to.deep.equal(['first', 'second', 'third']);
  });

  it('end when their own signal aborts, and do not begin if it has', async () => {
    const other = new AbortController();
    void wait('stopped', 10);
    void wait('other', 10, other);
    stopping.abort();
    await settle();
    expect(over).to.deep.equal(['stopped']);
    await wait('too late', 10);
    expect(timers.pending).to.equal(1);
    pauses.wake();
    await settle();
    expect(over).to.deep.equal(['stopped', 'too late', 'other']);
  });

  for (const [end, act] of [
    ['time', (): void => timers.advance(10)],
    ['a wake', (): void => pauses.wake()],
    ['an abort', (): void => stopping.abort()],
  ] as const) {
    it(`leave no timer and no listener after ${end}`, async () => {
      void wait('one', 10);
      void wait('two', 10);
      expect([timers.pending, listeners()]).to.deep.equal([2, 2]);
      act();
      await settle();
      expect(over).to.deep.equal(['one', 'two']);
      expect([timers.pending, listeners()]).to.deep.equal([0, 0]);
      // A wake finds nobody, or would end a wait twice.
      pauses.wake();
      await settle();
      expect(over).to.have.length(2);
    });
  }
});
