import { lookup } from 'node:dns';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultTimings, PeerLinks, Prober } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { newTransport, Recorder, soon, startServer, stopAll } from './members.js';
import { VirtualTimers } from './virtual-timers.js';

const timers = new VirtualTimers();
const INTERVAL_MS = 100;
const LOOK_MS = 1000;

describe('the prober, in time that a test lets pass', () => {
  let receiver: Recorder;
  let transport: ReturnType<typeof newTransport>;
  let probes: { res: ServerResponse; closed: boolean }[];
  let respond: (res: ServerResponse, req: IncomingMessage) => void;

  beforeEach(async () => {
    timers.install();
    receiver = new Recorder();
    probes = [];
    respond = () => {};
    const { url } = await startServer((req, res) => {
      if (req.url !== '/raft/probing') {
        res.writeHead(404).end();
        return;
      }
      const probe = { res, closed: false };
      res.on('close', () => {
        probe.closed = !res.writableFinished;
      });
      probes.push(probe);
      respond(res, req);
    });
    transport = newTransport(1n, receiver, {
      timings: {
        probeIntervalMs: INTERVAL_MS,
        probeErrorMs: LOOK_MS,
        probeStatusMs: LOOK_MS,
        dialRetryMs: 1e6,
      },
    });
    transport.addPeer(2n, [url]);
  });
  afterEach(async () => {
    await stopAll();
    timers.uninstall();
  });

  const healthy = (res: ServerResponse, at = Date.now()): void => {
    res.end(JSON.stringify({ OK: true, Now: new Date(at).toISOString() }));
  };
  const told = (text: string): number => receiver.log.filter((line) => line.includes(text)).length;
  /** Lets one interval pass, and what it asks be answered. */
  const ask = async (): Promise<void> => {
    const before = probes.length;
    timers.advance(INTERVAL_MS);
    expect(await soon(() => probes.length >= before + 2)).to.equal(true);
  };
  /** What was asked has been answered, and the prober has read it. */
  const settled = async (): Promise<void> => {
    const { peers } = Reflect.get(transport, 'members') as {
      peers: Map<bigint, { prober: { probes: { asking: boolean }[] } }>;
    };
    expect(await soon(() => peers.get(2n)?.prober.probes.every(({ asking }) => !asking) === true)).to.equal(true);
  };

  it('asks on each way at each interval, but not again before it is answered', async () => {
    await ask();
    timers.advance(INTERVAL_MS);
    timers.advance(INTERVAL_MS);
    await sleep(20);
    expect(probes).to.have.length(2);
    for (const { res } of probes) healthy(res);
    await settled();
    respond = (res) => healthy(res);
    await ask();
    await settled();
    await ask();
    expect(probes).to.have.length(6);
  });

  it('ends with the peer: no timer stays, and what is asked is broken off', async () => {
    await ask();
    transport.removePeer(2n);
    expect(await soon(() => probes.every(({ closed }) => closed))).to.equal(true);
    await transport.stop();
    expect(timers.pending).to.equal(0);
    timers.advance(10 * LOOK_MS);
    await sleep(20);
    expect(probes).to.have.length(2);
    expect(told('prober detected unhealthy')).to.equal(0);
  });

  for (const begun of [false, true]) {
    it(`itself breaks off what it has asked${begun ? ', and what is being answered' : ''}, whoever owns the connections`, async () => {
      const { ctx } = transport as unknown as { ctx: ConstructorParameters<typeof Prober>[0] };
      const links = new PeerLinks(3n, { tls: undefined, lookup }, true);
      const { url } = await startServer((_req, res) => {
        const probe = { res, closed: false };
        res.on('close', () => {
          probe.closed = true;
        });
        probes.push(probe);
        if (begun) res.writeHead(200, { 'Content-Length': 100 }).write('{');
      });
      transport.removePeer(2n);
      const prober = new Prober(ctx, links, [url]);
      try {
        await ask();
        if (begun) await sleep(20);
        prober.stop();
        expect(await soon(() => probes.every(({ closed }) => closed))).to.equal(true);
      } finally {
        links.close();
      }
    });
  }

  it('knows by how much the clocks differ, as long as it is answered', async () => {
    expect(transport.clockDifferenceTo(9n)).to.equal(undefined);
    expect(transport.clockDifferenceTo(2n)).to.equal(undefined);
    respond = (res) => healthy(res, Date.now() - 60_000);
    await ask();
    await settled();
    expect(transport.clockDifferenceTo(2n)).to.be.within(50_000, 70_000);
    respond = (res) => healthy(res, Date.now() + 60_000);
    await ask();
    await settled();
    expect(transport.clockDifferenceTo(2n)).to.be.within(-70_000, -50_000);
    respond = (res) => res.destroy();
    await ask();
    await settled();
    expect(transport.clockDifferenceTo(2n)).to.equal(undefined);
  });

  it('takes no answer that was long on its way for a clock that differs', async () => {
    respond = (res) => void sleep(300).then(() => healthy(res, Date.now() - 250));
    await ask();
    await settled();
    expect(transport.clockDifferenceTo(2n), 'it may have read its clock at any moment since').to.equal(0);
    respond = (res) => void sleep(300).then(() => healthy(res, Date.now() + 400));
    await ask();
    await settled();
    expect(transport.clockDifferenceTo(2n)).to.be.within(-400, -300);
  });

  it('says nothing of a peer before its first probe has ended', async () => {
    timers.advance(INTERVAL_MS);
    timers.advance(LOOK_MS);
    expect(told('prober detected')).to.equal(0);
    expect(await soon(() => probes.length === 2)).to.equal(true);
    for (const { res } of probes) res.destroy();
    await settled();
    timers.advance(LOOK_MS);
    expect(told('prober detected unhealthy')).to.equal(2);
  });

  it('lives on when what answers breaks off after its head', async () => {
    respond = (res) => {
      res.writeHead(200, { 'Content-Length': 100 }).write('{');
      setImmediate(() => res.destroy());
    };
    await ask();
    await settled();
    expect(transport.clockDifferenceTo(2n)).to.equal(undefined);
  });

  it('is not kept by an answer that changes the protocol', async () => {
    respond = (res) =>
      void res.socket?.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n');
    await ask();
    await sleep(20);
    timers.advance(defaultTimings.dialTimeoutMs);
    await settled();
    respond = (res) => healthy(res);
    await ask();
    await settled();
    expect(transport.clockDifferenceTo(2n)).to.be.within(-1000, 1000);
  });

  it('tells each change of health once: what is no answer of a member counts as ill', async () => {
    const answers: ((res: ServerResponse) => void)[] = [
      (res) => {
        res.statusCode = 500;
        healthy(res);
      },
      (res) => healthy(res),
    ];
    for (const [i, answer] of answers.entries()) {
      respond = answer;
      for (let round = 0; round < 2; round++) {
        await settled();
        await ask();
        await settled();
        timers.advance(LOOK_MS);
      }
      expect(told('prober detected unhealthy'), `answer ${i}`).to.equal(2);
      expect(told('prober detected healthy'), `answer ${i}`).to.equal(i === 0 ? 0 : 2);
    }
  });
});
