import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { EscapeError, withoutHost } from '@raft-ts/sim/node';
import { expect } from 'chai';

describe('what runs without the host', () => {
  const escapes: [what: string, call: () => unknown][] = [
    ['Date.now()', () => Date.now()],
    ['new Date()', () => new Date()],
    ['Math.random()', () => Math.random()],
    ['performance.now()', () => performance.now()],
    ['process.hrtime()', () => process.hrtime()],
    ['setTimeout()', () => setTimeout(() => {}, 1)],
    ['setImmediate()', () => setImmediate(() => {})],
    ['setTimeout() of node:timers/promises', () => wait(1)],
    ['crypto.getRandomValues()', () => crypto.getRandomValues(new Uint8Array(1))],
    ['readFileSync() of node:fs', () => readFileSync('/dev/null')],
  ];
  for (const [what, call] of escapes) {
    it(`throws for ${what}, and names the line`, () => {
      expect(() => withoutHost(call))
        .to.throw(EscapeError, `${what} inside a simulation`)
        .that.satisfies(({ message }: EscapeError) => /host\.test\.(ts|js):\d+/.test(message));
    });

    it(`leaves ${what} to whoever is outside`, () => {
      withoutHost(() => {});
      const result = call();
      if (typeof result === 'object' && result !== null && 'hasRef' in result) clearTimeout(result as NodeJS.Timeout);
    });
  }

  it('may build a date from a number', () => {
    expect(withoutHost(() => new Date(0).getTime())).to.equal(0);
    expect(new Date()).to.be.instanceOf(Date);
    expect(Date.UTC(1970, 0)).to.equal(0);
  });

  it('covers what it waits for, and only that', async () => {
    let outside = 0;
    const inside = withoutHost(async () => {
      await Promise.resolve();
      return Date.now();
    });
    outside = Date.now();
    expect(outside).to.be.above(0);
    const error = await inside.catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(EscapeError);
  });
});
