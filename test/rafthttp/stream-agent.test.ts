import { once } from 'node:events';
import { get, type IncomingMessage, type RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { BusyPoll, StreamAgent } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { startServer, stopAll, stopLater } from './members.js';

describe('BusyPoll', () => {
  const turning = (): boolean => process.getActiveResourcesInfo().includes('Immediate');

  it('keeps the loop turning for a while after each touch, and then lets it sleep', async () => {
    const { now } = performance;
    let time = 0;
    performance.now = () => time;
    try {
      const poll = new BusyPoll(20);
      for (let touches = 0; touches < 2; touches++) {
        poll.touch();
        for (let turns = 0; turns < 100; turns++) await turn();
        expect(turning(), 'before the time is over').to.equal(true);
        time += 20;
        await turn();
        expect(turning(), 'after it').to.equal(false);
      }
    } finally {
      performance.now = now;
    }
  });

  it('does nothing if it is off', () => {
    new BusyPoll(0).touch();
    expect(turning()).to.equal(false);
  });
});

describe('StreamAgent', () => {
  afterEach(stopAll);

  const pattern = (length: number): Buffer =>
    Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

  /** Asks for what this listener answers, over a connection of such an agent. */
  async function ask(listener: RequestListener): Promise<IncomingMessage> {
    const { port } = await startServer(listener);
    const agent = new StreamAgent({ keepAlive: false });
    stopLater({ stop: async () => agent.destroy() });
    const [answer] = (await once(get({ host: '127.0.0.1', port, agent }), 'response')) as [IncomingMessage];
    return answer;
  }

  it('hands on nothing that it writes over later', async () => {
    const sent = pattern(1 << 20);
    const pieces = Array.from({ length: 11 }, (_, i) => sent.subarray(i * 100_000, (i + 1) * 100_000));
    const answer = await ask((_, res) => void Readable.from(pieces).pipe(res));
    const kept: Buffer[] = [];
    // What comes before anybody listens waits in the answer.
    await turn();
    answer.on('data', (chunk: Buffer) => {
      kept.push(chunk);
      if (kept.length !== 3) return;
      answer.pause();
      setImmediate(() => answer.resume());
    });
    await once(answer, 'end');
    expect(Buffer.concat(kept).equals(sent)).to.equal(true);
  });

  it('reads no more while nobody takes what came', async () => {
    const total = 64 << 20;
    const answer = await ask((_, res) => res.end(Buffer.alloc(total)));
    const { socket } = answer;
    let before = -1;
    while (socket.bytesRead !== before) {
      before = socket.bytesRead;
      await sleep(50);
    }
    expect(before).to.be.below(1 << 20);
    let length = 0;
    answer.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    await once(answer, 'end');
    expect(length).to.equal(total);
  });

  it('says that a connection broke', async () => {
    const answer = await ask((req, res) => {
      res.write('x');
      setImmediate(() => req.socket.destroy());
    });
    const broke = once(answer, 'error');
    answer.resume();
    expect(String((await broke)[0])).to.include('aborted');
  });
});
