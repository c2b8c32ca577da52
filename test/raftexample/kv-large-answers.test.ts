import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { type Answer, ask, type KvCluster, kvCluster } from './kv-cluster.js';

describe('the store: large answers', () => {
  describe('that a client does not take are lost to those that do', () => {
    // More than the sockets of both sides hold.
    const SIZE = 14_000_000;
    // JSON spells this with six.
    const LONG = '\u0001';
    let other: KvCluster;
    let otherPort: number;
    let lease: number;
    const LONG_KEYS = ['a', 'b', 'c', 'd'];
    const reading = JSON.stringify({ do: LONG_KEYS.map((key) => ({ op: 'get', key })) });
    const put = async (path: string, body: string): Promise<void> => {
      expect((await ask(otherPort, 'PUT', path, { body })).status).to.equal(200);
    };

    before(async () => {
      const limits = { maxAnswers: SIZE, patienceMs: 50 };
      other = await kvCluster(1, { maxValue: SIZE, limits });
      [otherPort] = other.ports as [number];
      await put('/kv/big', 'v'.repeat(SIZE));
      for (const key of LONG_KEYS) await put(`/kv/${key}`, LONG.repeat(1_000_000));
      const granted = await ask(otherPort, 'POST', '/leases', { body: '{"ttlMs":86400000}' });
      lease = (JSON.parse(granted.text) as { id: number }).id;
      const key = encodeURIComponent(LONG.repeat(5000));
      for (let i = 0; i < 500; i += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, k) => put(`/kv/${i + k}${key}?lease=${lease}`, '')));
      }
    });

    after(() => other.stop());

    for (const [what, head, body] of [
      ['a value', () => 'GET /kv/big', ''],
      ['a page', () => 'GET /kv?prefix=big', ''],
      ['what a transaction read', () => 'POST /kv', reading],
      ['a lease', () => `GET /leases/${lease}`, ''],
    ] as const) {
      it(`${what}; what they hold at most is bounded`, async () => {
        const face = other.faces[0] as KvCluster['faces'][number];
        const served: Promise<unknown>[] = [];
        const serve = (socket: Socket): void => {
          served.push(new Promise((resolve) => socket.once('close', resolve)));
        };
        face.on('connection', serve);
        const silent = Array.from({ length: 5 }, () =>
          connect(otherPort, '127.0.0.1')
            .on('error', () => {})
            .pause(),
        );
        for (const socket of silent)
          socket.write(`${head()} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        while (served.length < silent.length) await new Promise(setImmediate);
        for (const path of ['/kv/big', '/kv?prefix=big']) {
          // One that comes before they do may take too long for them, on a machine that is busy.
          let taken: Answer | undefined;
          while (taken === undefined) taken = await ask(otherPort, 'GET', path).catch(() => undefined);
          expect(taken.text.length).to.be.at.least(SIZE);
        }
        // They have lost their answers to those after them.
        await Promise.all(served.slice(0, silent.length));
        face.off('connection', serve);
        for (const socket of silent) socket.destroy();
      });
    }
  });

  it('what many transactions read at one moment is written in a turn for each', async () => {
    // A leader keeps its place for a second of being alone, in which all requests should arrive.
    const other = await kvCluster(3, { limits: { patienceMs: 600_000 }, replica: { tickMs: 100 } });
    await ask(other.ports[0] as number, 'PUT', '/kv/long', { body: 'v'.repeat(500_000) });
    const body = '{"do":[{"op":"get","key":"long"}]}';
    const head = `POST /kv HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
    let turn = 0;
    let counting = setImmediate(function count() {
      turn++;
      counting = setImmediate(count);
    });

    /** In which turn each was written; fewer if the leader was not one any more, because this took long. */
    async function turnsOfAnswers(): Promise<number[]> {
      const { id } = await other.group.leader();
      const at = Number(id) - 1;
      const turns: number[] = [];
      let read = 0;
      const watch = (request: IncomingMessage, response: ServerResponse): void => {
        request.once('end', () => read++);
        const { end } = response;
        response.end = (...given: unknown[]) => {
          if (response.statusCode === 200) turns.push(turn);
          return Reflect.apply(end, response, given) as ServerResponse;
        };
      };
      other.faces[at]?.on('request', watch);
      const sockets = Array.from({ length: COUNT }, () => connect(other.ports[at] as number, '127.0.0.1'));
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      // They are proposed while none can be committed, and then all are at once.
      other.group.isolate(id);
      for (const socket of sockets) socket.write(head + body);
      while (read < COUNT) await new Promise(setImmediate);
      other.group.mend();
      await Promise.all(sockets.map(buffer));
      other.faces[at]?.off('request', watch);
      return turns;
    }

    const COUNT = 20;
    let turns = await turnsOfAnswers();
    while (turns.length < COUNT) turns = await turnsOfAnswers();
    clearImmediate(counting);
    expect(new Set(turns).size, turns.join(' ')).to.equal(COUNT);
    await other.stop();
  });
});
