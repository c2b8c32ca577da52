import { getEventListeners } from 'node:events';
import { withDeadline } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { VirtualTimers } from './virtual-timers.js';

const timers = new VirtualTimers();

describe('withDeadline', () => {
  beforeEach(() => timers.install());
  afterEach(() => timers.uninstall());

  const untilAborted = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cut'))));
  const textOf = (promise: Promise<unknown>): Promise<string> => promise.then(String, (error: Error) => error.message);

  it('leaves neither a timer nor a listener, and does not cut what it returned', async () => {
    const stop = new AbortController();
    let given: AbortSignal | undefined;
    await withDeadline(stop.signal, 1000, async (signal) => {
      given = signal;
    });
    expect(timers.pending).to.equal(0);
    expect(getEventListeners(stop.signal, 'abort')).to.have.length(0);
    stop.abort();
    timers.advance(1000);
    expect(given?.aborted).to.equal(false);
  });

  it('cuts when the time is over, not before, and says so', async () => {
    let signal: AbortSignal | undefined;
    const text = textOf(
      withDeadline(new AbortController().signal, 1000, (given) => {
        signal = given;
        return untilAborted(given);
      }),
    );
    timers.advance(999);
    expect(signal?.aborted).to.equal(false);
    timers.advance(1);
    expect(signal?.aborted).to.equal(true);
    expect(await text).to.equal('timeout');
  });

  it('cuts with the stop, and at once if that came before', async () => {
    const stop = new AbortController();
    const text = textOf(withDeadline(stop.signal, 1000, untilAborted));
    stop.abort();
    expect(await text).to.equal('cut');
    let aborted: boolean | undefined;
    await withDeadline(stop.signal, 1000, async (signal) => {
      aborted = signal.aborted;
    });
    expect(aborted).to.equal(true);
  });
});
