import { once } from 'node:events';
import { get, type IncomingMessage, type RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Message } from '@raft-ts/proto';
import { MessageType, newMessage } from '@raft-ts/proto';
import {
  BusyPoll,
  ByteQueue,
  isCompatible,
  parseId,
  parsePeerUrls,
  QUEUE_BYTES,
  SendQueue,
  StreamAgent,
  supportsStreams,
  UrlPicker,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { startServer, stopAll, stopLater } from './members.js';

describe('UrlPicker', () => {
  const urls = ['http://b:2', 'http://a:1', 'http://c:3'];

  it('stays with the current URL, and moves once for failures at the same one', () => {
    const picker = new UrlPicker(urls);
    expect(picker.pick()).to.equal('http://a:1');
    picker.unreachable('http://b:2');
    expect(picker.pick()).to.equal('http://a:1');
    picker.unreachable('http://a:1');
    picker.unreachable('http://a:1');
    expect(picker.pick()).to.equal('http://b:2');
    picker.unreachable('http://b:2');
    picker.unreachable('http://c:3');
    expect(picker.pick()).to.equal('http://a:1');
  });

  it('begins anew after an update', () => {
    const picker = new UrlPicker(urls);
    picker.unreachable('http://a:1');
    picker.update(['http://y:1', 'http://x:1']);
    expect(picker.pick()).to.equal('http://x:1');
    expect(() => picker.update(['nothing'])).to.throw();
    expect(picker.pick()).to.equal('http://x:1');
  });

  it('knows IPv6 addresses, and a slash at the end', () => {
    expect(parsePeerUrls(['http://[::1]:80/'])).to.deep.equal(['http://[::1]:80']);
  });
});

describe('versions', () => {
  it('only major and minor count, and what cannot be read is not compatible', () => {
    const compatible: [string | undefined, string | undefined][] = [
      ['3.7.1', '3.0.0'],
      ['3.0.0', undefined],
      ['9.9.9', '3.7.99'],
      ['3.0.0-alpha.1+build.5', '3.0.0'],
    ];
    const not: [string | undefined, string | undefined][] = [
      [undefined, undefined],
      ['2.99.99', '3.0.0'],
      ['3.8.0', '3.8.0'],
      ['v3.7.1', '3.0.0'],
      ['3.7', '3.0.0'],
      ['03.7.1', '3.0.0'],
      ['3.7.1', 'abc'],
      ['3.7.1, 3.7.1', '3.0.0'],
      ['', '3.0.0'],
      ['9999999999.0.0', '3.0.0'],
    ];
    for (const [server, min] of compatible) expect(isCompatible(server, min), `${server} ${min}`).to.equal(true);
    for (const [server, min] of not) expect(isCompatible(server, min), `${server} ${min}`).to.equal(false);
  });

  it('streams came with 2.1', () => {
    expect(['2.1.0', '3.8.0', '9.0.0'].map(supportsStreams)).to.deep.equal([true, true, true]);
    expect([undefined, '2.0.9', 'abc'].map(supportsStreams)).to.deep.equal([false, false, false]);
  });
});

describe('ids in headers and paths', () => {
  it('are base 16, in either case, of 64 bits', () => {
    expect(parseId('dead')).to.equal(0xdeadn);
    expect(parseId('00DEAD')).to.equal(0xdeadn);
    expect(parseId('ffffffffffffffff')).to.equal(2n ** 64n - 1n);
    for (const text of [undefined, '', '0x1', '-1', '+1', 'g', ' 1', '10000000000000000', '1_0'])
      expect(parseId(text), String(text)).to.equal(undefined);
  });
});

describe('ByteQueue', () => {
  it('hands out the bytes that went in, however they came', () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
    const sizes = fc.array(fc.nat(30), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(chunks, sizes, (input, wanted) => {
        const queue = new ByteQueue();
        const out: number[] = [];
        let turn = 0;
        for (const chunk of input) {
          queue.push(chunk);
          for (;;) {
            const size = wanted[turn % wanted.length] as number;
            const bytes = queue.take(size);
            if (bytes === undefined) break;
            expect(bytes.length).to.equal(size);
            out.push(...bytes);
            turn++;
            // Only nothing can be had from nothing without an end.
            if (size === 0 && wanted.every((n) => n === 0)) break;
          }
        }
        const all = Buffer.concat(input);
        expect(Buffer.from(out).equals(all.subarray(0, out.length))).to.equal(true);
        if (!wanted.every((n) => n === 0)) expect(out.length + queue.length).to.equal(all.length);
      }),
    );
  });
});

describe('BusyPoll', () => {
  const turning = (): boolean => process.getActiveResourcesInfo().includes('Immediate');

  it('keeps the loop turning for a while after each touch, and then lets it sleep', async () => {
    const poll = new BusyPoll(20);
    poll.touch();
    let turns = 0;
    while (turning()) {
      turns++;
      await sleep(1);
    }
    expect(turns).to.be.at.least(2);
    poll.touch();
    expect(turning()).to.equal(true);
    while (turning()) await sleep(1);
  });

  it('does nothing where it is off', () => {
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

describe('SendQueue', () => {
  const withData = (index: number, length: number): Message => ({
    ...newMessage(MessageType.MsgApp, 2n),
    index,
    entries: [{ type: undefined, term: 1, index: 1, data: { length } as Uint8Array }],
  });

  it('keeps the order, within its capacity', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (pushes) => {
        const queue = new SendQueue(5);
        const model: number[] = [];
        for (const [i, isPush] of pushes.entries()) {
          if (isPush) {
            const taken = queue.push(withData(i, 0));
            expect(taken).to.equal(model.length < 5);
            if (taken) model.push(i);
          } else {
            expect(queue.shift()?.index).to.equal(model.shift());
          }
          expect(queue.length).to.equal(model.length);
        }
        expect(queue.clear().map(({ index }) => index)).to.deep.equal(model);
        expect(queue.length).to.equal(0);
      }),
    );
  });

  it('is bounded in bytes, but takes any message when it is empty', () => {
    const queue = new SendQueue(100);
    expect(queue.push(withData(1, QUEUE_BYTES + 1))).to.equal(true);
    expect(queue.push(withData(2, 1))).to.equal(false);
    queue.shift();
    expect(queue.push(withData(3, QUEUE_BYTES - 1))).to.equal(true);
    expect(queue.push(withData(4, 2))).to.equal(false);
    expect(queue.push(withData(5, 1))).to.equal(true);
  });

  it('lets go of what was taken out, though it never runs empty', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const queue = new SendQueue(100);
    const taken = ((): WeakRef<Message>[] => {
      queue.push(withData(0, 1));
      return Array.from({ length: 50 }, (_, i) => {
        queue.push(withData(i + 1, 1));
        return new WeakRef(queue.shift() as Message);
      });
    })();
    await turn();
    collectGarbage();
    expect(queue.length).to.equal(1);
    expect(taken.filter((message) => message.deref() !== undefined)).to.have.length(0);
  });
});
