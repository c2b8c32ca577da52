import { execFileSync } from 'node:child_process';
import { randomFill } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { Socket } from 'node:net';
import { freemem } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
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
    ['process.hrtime.bigint()', () => process.hrtime.bigint()],
    ['process.uptime()', () => process.uptime()],
    ['process.cpuUsage()', () => process.cpuUsage()],
    ['AbortSignal.timeout()', () => AbortSignal.timeout(1)],
    [
      'crypto.subtle.generateKey()',
      () => crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt']),
    ],
    ['randomFill() of node:crypto', () => randomFill(new Uint8Array(1), () => {})],
    ['createSocket() of node:dgram', () => createSocket('udp4').close()],
    ['freemem() of node:os', () => freemem()],
    ['execFileSync() of node:child_process', () => execFileSync(process.execPath, ['--version'])],
  ];
  const ways: [what: string, call: () => unknown][] = [
    ['connect() of node:tls', () => connectTls(1)],
    ['connect() of node:http2', () => connectHttp2('http://127.0.0.1:1')],
    ['lookup() of node:dns/promises', () => lookup('localhost')],
    ['connect() of a socket', () => new Socket().connect(1)],
  ];
  for (const [what, call] of ways) {
    it(`throws for ${what}`, () => {
      expect(() => withoutHost(call)).to.throw(EscapeError, `${what} inside a simulation`);
    });
  }
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
