import { readFileSync } from 'node:fs';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageType } from '@raft-ts/proto';
import { Backoff, FREE_VAIN_REQUESTS, MAX_VAIN_PAUSE_MS, VAIN_PAUSE_MS } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { Authority } from './certificates.js';
import {
  eventually,
  freePort,
  message,
  newTransport,
  openStreams,
  Recorder,
  scratchFolder,
  soon,
  startMember,
  stopAll,
  stopLater,
} from './members.js';
import { VirtualTimers } from './virtual-timers.js';

const local = ['127.0.0.1', 'localhost'];

describe('requests that are in vain', () => {
  const timers = new VirtualTimers();
  let now: number;
  const pass = (ms: number): void => {
    now += ms;
    timers.advance(ms);
  };
  beforeEach(() => {
    now = 0;
    timers.install();
  });
  afterEach(() => timers.uninstall());

  const isOpen = (backoff: Backoff): boolean => {
    try {
      backoff.check();
      return true;
    } catch {
      return false;
    }
  };

  it('are followed by pauses that double up to a bound, once a restart no longer explains them', () => {
    const backoff = new Backoff(() => now);
    for (let i = 0; i < FREE_VAIN_REQUESTS; i++) backoff.note(new Error('early'));
    expect(isOpen(backoff)).to.equal(true);
    for (let ms = VAIN_PAUSE_MS; ms < 4 * MAX_VAIN_PAUSE_MS; ms *= 2) {
      // Several are under way at once, and fail together.
      for (let i = 0; i < 3; i++) backoff.note(new Error('late'));
      pass(Math.min(ms, MAX_VAIN_PAUSE_MS) - 1);
      expect(() => backoff.check(), String(ms)).to.throw('late');
      pass(1);
      expect(isOpen(backoff), String(ms)).to.equal(true);
    }
    backoff.forget();
    for (let i = 0; i < FREE_VAIN_REQUESTS; i++) backoff.note(new Error('again'));
    expect(isOpen(backoff)).to.equal(true);
  });

  it('end no wait later than they must: at the end of the pause, when the member answers, or at a stop', async () => {
    const backoff = new Backoff(() => now);
    for (let i = 0; i <= FREE_VAIN_REQUESTS; i++) backoff.note(new Error('no'));
    const over: string[] = [];
    const stopping = new AbortController();
    const wait = async (name: string, signal = new AbortController().signal): Promise<void> => {
      await backoff.pause(signal);
      over.push(name);
    };
    const stopped = wait('stopped', stopping.signal);
    stopping.abort();
    await stopped;
    const passed = wait('passed');
    pass(VAIN_PAUSE_MS - 1);
    await Promise.resolve();
    expect(over).to.deep.equal(['stopped']);
    pass(1);
    await passed;
    await wait('none');
    backoff.note(new Error('no'));
    const answered = wait('answered');
    backoff.forget();
    await answered;
    expect(over).to.deep.equal(['stopped', 'passed', 'none', 'answered']);
    expect(timers.pending).to.equal(0);
  });
});

describe('a member that TLS keeps apart', () => {
  afterEach(stopAll);

  const SHOWN_MS = 1200;
  /** Two streams and four POSTs in each of the pauses of 200, 400 and 800 ms; a dial every 10 ms would be hundreds. */
  const MOST = FREE_VAIN_REQUESTS + 6 * 4;

  /** A server that counts who connects. */
  async function counting(options: ServerOptions): Promise<{ url: string; count: () => number }> {
    let count = 0;
    const server = createServer(options);
    server.on('connection', () => count++);
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stopLater({ stop: () => new Promise<void>((resolve) => server.close(() => resolve())) });
    return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, count: () => count };
  }

  const read = ({ certFile, keyFile }: { certFile: string; keyFile: string }): ServerOptions => ({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
  });

  for (const [title, isOurs] of [
    ['whose certificate we do not accept', false],
    ['that does not accept our certificate', true],
  ] as const) {
    it(`${title} is dialled less and less often, by streams and messages`, async () => {
      const [ours, theirs] = [new Authority(scratchFolder()), new Authority(scratchFolder(), 'other-ca')];
      const server = isOurs
        ? {
            ...read(ours.issue('two', { cn: '2', hosts: local })),
            ca: readFileSync(theirs.caFile),
            requestCert: true,
          }
        : read(theirs.issue('two', { cn: '2', hosts: local }));
      const { url, count } = await counting(server);
      const receiver = new Recorder();
      const { certFile, keyFile } = ours.issue('one', { cn: '1', hosts: local });
      const a = newTransport(1n, receiver, { tls: { certFile, keyFile, trustedCaFile: ours.caFile } });
      a.addPeer(2n, [url]);
      await eventually('refused', () => count() > FREE_VAIN_REQUESTS);
      let sent = 0;
      for (const end = performance.now() + SHOWN_MS; performance.now() < end; sent++) {
        a.send([message(MessageType.MsgHeartbeat, 1n, 2n)]);
        await sleep(10);
      }
      expect(count()).to.be.at.most(MOST);
      // What is not sent is reported as if it had been.
      await eventually('reported', () => receiver.unreachable.length === sent);
    });
  }

  it('that does not run is dialled as often as ever: it may come back at any moment', async () => {
    const authority = new Authority(scratchFolder());
    const { certFile, keyFile } = authority.issue('one', { cn: '1', hosts: local });
    const receiver = new Recorder();
    const a = newTransport(1n, receiver, { tls: { certFile, keyFile, trustedCaFile: authority.caFile } });
    a.addPeer(2n, [`https://127.0.0.1:${await freePort()}`]);
    const dials = (): number => receiver.log.filter((line) => line.includes('failed to dial')).length;
    expect(await soon(() => dials() > 5 * FREE_VAIN_REQUESTS)).to.equal(true);
  });

  it('is dialled at once when it dials itself, which shows that something has changed', async () => {
    const authority = new Authority(scratchFolder());
    const tls = (name: string, cn: string): { certFile: string; keyFile: string; trustedCaFile: string } => {
      const { certFile, keyFile } = authority.issue(name, { cn, hosts: local });
      return { certFile, keyFile, trustedCaFile: authority.caFile };
    };
    const a = await startMember(1n, { tls: tls('one', '1') });
    const elsewhere = authority.issue('elsewhere', { cn: '2', hosts: ['example.org'] });
    const { certFile: clientCertFile, keyFile: clientKeyFile } = authority.issue('client', { cn: '2' });
    const b = await startMember(2n, {
      tls: { ...elsewhere, clientCertFile, clientKeyFile, trustedCaFile: authority.caFile },
    });
    a.transport.addPeer(2n, [b.listener.url]);
    const { peers } = Reflect.get(a.transport, 'members') as {
      peers: Map<bigint, { readonly links: { readonly backoff: Backoff } }>;
    };
    const backoff = peers.get(2n)?.links.backoff as Backoff;
    const note = backoff.note.bind(backoff);
    let refused = 0;
    backoff.note = (error) => {
      refused++;
      note(error);
    };
    await eventually('refused', () => refused > FREE_VAIN_REQUESTS + 2);
    Reflect.set(backoff, 'until', performance.now() + 1e9);
    // Whoever waits for the end of a pause that is shorter dials once more.
    await sleep(3 * VAIN_PAUSE_MS);
    const before = refused;
    b.transport.addPeer(1n, [a.listener.url]);
    expect(await soon(() => openStreams(a) === 2 && refused > before)).to.equal(true);
  });
});
