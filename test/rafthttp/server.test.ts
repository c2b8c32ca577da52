import http, { type ServerOptions } from 'node:http';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEADERS_TIMEOUT_MS, MAX_HEADER_BYTES, TCP_KEEP_ALIVE_MS } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { replaceBuiltin, restoreBuiltins } from '../helpers/builtins.js';
import { requestHead, soon, startMember, stopAll } from './members.js';

describe('the server of a transport', () => {
  afterEach(async () => {
    restoreBuiltins();
    await stopAll();
  });

  it('lets requests last, but not their heads, and asks whether silent connections live', async () => {
    const given: ServerOptions[] = [];
    replaceBuiltin(http, 'createServer', (real) =>
      Object.assign((options: ServerOptions, ...rest: never[]) => {
        given.push(options);
        return (real as (...all: unknown[]) => http.Server)(options, ...rest);
      }, real),
    );
    await startMember(1n);
    expect(given).to.have.length(1);
    expect(given[0]).to.include({
      requestTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      noDelay: true,
    });
  });

  it('outlives a connection that cannot be accepted, and warns of it', async () => {
    const servers: http.Server[] = [];
    replaceBuiltin(http, 'createServer', (real) =>
      Object.assign((...all: unknown[]) => {
        servers.push((real as (...all: unknown[]) => http.Server)(...all));
        return servers[0];
      }, real),
    );
    const { listener, receiver } = await startMember(1n);
    const [server] = servers as [http.Server];
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    const warned = receiver.log.filter((line) => line.startsWith('warn failed to accept a connection'));
    expect(warned).to.have.length(1);
    expect(warned[0]).to.contain('accept EMFILE');
    expect((await fetch(`${listener.url}/raft/probing`)).status).to.equal(200);
  });

  it('closes with its transport, whoever is still connected', async () => {
    const { listener, transport } = await startMember(1n);
    const sockets = ['', requestHead('GET', '/raft/probing', 2n, {}), 'POST /raft HTTP/1.1\r\nHost: x\r\n'].map(
      (text) => {
        const socket = createConnection(listener.address.port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.write(text);
        return socket;
      },
    );
    expect(await soon(() => sockets.every(({ connecting }) => !connecting))).to.equal(true);
    await sleep(20);
    let stopped = false;
    const stop = async (): Promise<void> => {
      await transport.stop();
      stopped = true;
    };
    void stop();
    expect(await soon(() => stopped)).to.equal(true);
    for (const socket of sockets) socket.destroy();
  });
});
